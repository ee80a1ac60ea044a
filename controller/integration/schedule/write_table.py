"""A schedule as CSV: names before ids."""

from __future__ import annotations

from collections.abc import Iterable

from controller.integration.schedule.build_schedule import ScheduledChange
from controller.messages import Catalogue
from controller.model.city import City
from controller.storage.csv_text import quote_cell, write_csv_text

_COLUMNS = ("day", "school-name", "school-id", "ward", "stage", "line", "assumed", "planned")


def write_schedule_table(city: City, changes: Iterable[ScheduledChange], words: Catalogue) -> str:
    """Write the changes as CSV, one a line, with a header in the language of the catalogue."""
    rows = [[words[f"integration.column-{one}"] for one in _COLUMNS]]
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
        rows.append([quote_cell(cell) for cell in cells])
    return write_csv_text(rows)
