"""Reads a list (CSV) of how many certificates or accounts each school is due, and how many of them were issued."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from controller.errors import Origin
from controller.importing.cell_values import CellRefused, read_plain_text
from controller.importing.known_names import KnownNames
from controller.importing.source_table import Cell, ProblemList
from controller.inputs.input_file import read_input_file
from controller.inputs.shown_text import shorten_value
from controller.inputs.text_encodings import TextEncoding
from controller.integration.computers.host_cells import RowReader
from controller.integration.computers.host_table import HEADERS, HostColumn, parse_host_table
from controller.model.city import City

REQUIRED = (HostColumn.SCHOOL, HostColumn.DUE, HostColumn.ISSUED)
_COUNT = re.compile(r"[0-9]{1,6}|[0-9]{1,3},[0-9]{3}")


@dataclass(frozen=True, slots=True)
class IssuedCount:
    """How many certificates or accounts a school is due, and how many of them were issued; `school` is an id.

    `as_of` is the day that the row says.
    """

    origin: Origin
    school: str
    due: int
    issued: int
    as_of: date | None = None


def read_issued_counts(path: Path, city: City, told: TextEncoding | None = None) -> tuple[IssuedCount, ...]:
    """Return what was issued by a file, one row a school.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused, ImportRefused: as `parse_issued_counts`.
    """
    return parse_issued_counts(read_input_file(path), path, city, told)


def parse_issued_counts(
    content: bytes, path: Path, city: City, told: TextEncoding | None = None
) -> tuple[IssuedCount, ...]:
    """Return what was issued by the bytes of a file.

    Raises:
        InputRefused, ImportRefused: with all that is wrong, each with file and line; a school stands there once.
    """
    table = parse_host_table(content, path, REQUIRED, told)
    problems = ProblemList()
    schools = KnownNames("school", {one.id: one.name for one in city.schools})
    found: dict[str, IssuedCount] = {}
    for row in table.rows:
        reader = RowReader(row, problems)
        school = reader.read_cell(HostColumn.SCHOOL, schools.find_id)
        due, issued = reader.read_cell(HostColumn.DUE, read_count), reader.read_cell(HostColumn.ISSUED, read_count)
        day = reader.read_own_day(city.policy_date)
        if school is None or due is None or issued is None:
            continue
        if issued > due:
            problems.add(row.origin, HEADERS[HostColumn.ISSUED][0], f"more were issued ({issued}) than are due ({due})")
        one = IssuedCount(row.origin, school, due, issued, day)
        if found.setdefault(school, one) is not one:
            message = f"{school} stands in line {found[school].origin.line} already; delete one row"
            problems.add(row.origin, HEADERS[HostColumn.SCHOOL][0], message)
    problems.refuse(f"{path}: the list of what was issued cannot be used:")
    return tuple(found.values())


def read_count(cell: Cell) -> int:
    """Return the number of a cell; thousands may have their comma.

    Raises:
        CellRefused: it is none, or a million and more.
    """
    text = read_plain_text(cell)
    if not _COUNT.fullmatch(text):
        message = f"{shorten_value(text)} is no number from 0 to 999,999"
        raise CellRefused(message)
    return int(text.replace(",", ""))
