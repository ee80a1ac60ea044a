"""A schedule as CSV, as Excel reads it: UTF-8 with a mark, names before ids."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from controller.integration.schedule.build_schedule import ScheduledChange
from controller.messages import Catalogue
from controller.model.city import City

_COLUMNS = ("day", "school-name", "school-id", "ward", "stage", "line", "assumed", "planned")
BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes a table for one in the system's own encoding."""
_FORMULA = tuple("=+-@\t\r")
"""A cell that begins so is a formula to a spreadsheet."""


def write_schedule_table(city: City, changes: Iterable[ScheduledChange], words: Catalogue) -> str:
    """Write the changes as CSV, one a line, with a header in the language of the catalogue."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([words[f"integration.column-{one}"] for one in _COLUMNS])
    wards = {one.id: one.name for one in city.wards}
    for one in changes:
        cells = (
            one.day.isoformat(),
            one.school.name,
            one.school.id,
            wards.get(one.school.ward, one.school.ward),
            words[f"integration.{one.stage}"],
            words[f"assessments.{one.line}"],
            words["integration.yes"] if one.assumed else "",
            words["integration.yes"] if one.planned else "",
        )
        writer.writerow([quote_cell(cell) for cell in cells])
    return f"{BYTE_ORDER_MARK}{text.getvalue()}"


def quote_cell(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    >>> quote_cell("=1+1"), quote_cell("仮・川崎第一小学校")
    ("'=1+1", '仮・川崎第一小学校')
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
