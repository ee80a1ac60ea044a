"""Reads an inventory of computers (CSV): which computer is where, in which segment, and as of which day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from controller.errors import Origin
from controller.importing.cell_values import read_plain_text
from controller.importing.known_names import KnownNames
from controller.importing.source_table import ProblemList
from controller.inputs.input_file import read_input_file
from controller.inputs.text_encodings import TextEncoding
from controller.integration.computers.host_cells import RowReader, read_mac
from controller.integration.computers.host_table import HEADERS, HostColumn, HostRow, parse_host_table
from controller.model.city import City

REQUIRED = (HostColumn.SCHOOL, HostColumn.NAME, HostColumn.MAC, HostColumn.SEGMENT)


@dataclass(frozen=True, slots=True)
class ListedComputer:
    """A computer as the inventory has it: its school and its segment by their ids, and the day of the list."""

    origin: Origin
    school: str
    name: str
    mac: str
    segment: str
    as_of: date
    use: str = ""


@dataclass(frozen=True, slots=True)
class ComputerInventory:
    """An inventory, how it was encoded, and the headers of columns that say nothing here."""

    computers: tuple[ListedComputer, ...]
    encoding: str = ""
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListDay:
    """The day that rows without one are of (None: each row says its own), and today."""

    as_of: date | None
    today: date


def read_computer_inventory(
    path: Path, city: City, day: ListDay, told: TextEncoding | None = None
) -> ComputerInventory:
    """Return the inventory of a file.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused, ImportRefused: as `parse_computer_inventory`.
    """
    return parse_computer_inventory(read_input_file(path), path, city, day, told)


def parse_computer_inventory(
    content: bytes, path: Path, city: City, day: ListDay, told: TextEncoding | None = None
) -> ComputerInventory:
    """Return the inventory that the bytes of a file hold.

    Raises:
        InputRefused, ImportRefused: with all that is wrong, each with file and line: no table, an unknown school or
            segment, a MAC address that is none or stands twice, a row without a day.
    """
    table = parse_host_table(content, path, REQUIRED, told)
    problems = ProblemList()
    reader = _InventoryReader(city, day, problems)
    found = [one for row in table.rows if (one := reader.read_row(row)) is not None]
    first: dict[str, ListedComputer] = {}
    for one in found:
        known = first.setdefault(one.mac, one)
        if known is not one:
            message = f"{one.mac} stands in line {known.origin.line} already ({known.name}); delete one of the rows"
            problems.add(one.origin, HEADERS[HostColumn.MAC][0], message)
    problems.refuse(f"{path}: the inventory cannot be used; nothing was counted:")
    return ComputerInventory(tuple(found), table.encoding, table.ignored)


class _InventoryReader:
    """Reads rows with the schools and the segments of a city."""

    def __init__(self, city: City, day: ListDay, problems: ProblemList) -> None:
        self._schools = KnownNames("school", {one.id: one.name for one in city.schools})
        self._segments = KnownNames("segment", {one.id: one.name for one in city.segments.values()})
        self._day = day
        self._problems = problems

    def read_row(self, row: HostRow) -> ListedComputer | None:
        """Return the computer of a row; None where a cell is of no use, and then there is a problem."""
        reader = RowReader(row, self._problems)
        school = reader.read_cell(HostColumn.SCHOOL, self._schools.find_id)
        name = reader.read_cell(HostColumn.NAME, read_plain_text)
        mac = reader.read_cell(HostColumn.MAC, read_mac)
        segment = reader.read_cell(HostColumn.SEGMENT, self._segments.find_id)
        use = reader.read_cell(HostColumn.USE, read_plain_text) if row.find_cell(HostColumn.USE) else ""
        as_of = self._read_day(row, reader)
        if school is None or name is None or mac is None or segment is None or use is None or as_of is None:
            return None
        return ListedComputer(row.origin, school, name, mac, segment, as_of, use)

    def _read_day(self, row: HostRow, reader: RowReader) -> date | None:
        if row.find_cell(HostColumn.DATE) is not None:
            return reader.read_own_day(self._day.today)
        if self._day.as_of is None:
            header = HEADERS[HostColumn.DATE][0]
            message = f"the row has no day; add a column {header}, or say the day of the whole list: --as-of DATE"
            self._problems.add(row.origin, "", message)
        return self._day.as_of
