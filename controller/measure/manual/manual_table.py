"""Reads a table of records (CSV): each cell with its line; what is wrong is answered by file and line, all at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from controller.errors import InputRefused, Origin, Problem
from controller.importing.cell_values import CellRefused, read_plain_text
from controller.importing.column_names import simplify_header
from controller.importing.csv_table import TableLine, explain_missing_header, split_table
from controller.importing.known_names import KnownNames
from controller.importing.source_table import Cell, ProblemList
from controller.importing.table_encoding import decode_table
from controller.inputs.input_file import read_input_file
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_text, shorten_value
from controller.inputs.text_encodings import TextEncoding
from controller.measure.manual.manual_cells import UNITS, read_moment_of_test, read_rate_mbps
from controller.measure.manual.manual_measurement import ManualMeasurement
from controller.model.city import City

MOST_ROWS = 20_000
_HEADER_WITHIN = 10
_ENOUGH = 2
"""Known headers that make a row a header."""
_UNIT = re.compile(r"([^()\[\]]{1,60})[(\[]([^()\[\]]{1,20})[)\]]")
Read = TypeVar("Read")


class ManualColumn(StrEnum):
    """What a column of a record says."""

    SCHOOL = "school"
    PLACE = "place"
    TIME = "time"
    DEVICE = "device"
    DOWNLOAD = "download"
    UPLOAD = "upload"


HEADERS: Mapping[ManualColumn, tuple[str, ...]] = MappingProxyType(
    {
        ManualColumn.SCHOOL: ("学校", "学校名", "学校名称", "学校ID", "school", "school id", "school name"),
        ManualColumn.PLACE: ("測定場所", "場所", "教室", "place", "room"),
        ManualColumn.TIME: ("測定日時", "日時", "時刻", "time", "measured at"),
        ManualColumn.DEVICE: ("端末", "端末名", "機種", "測定端末", "device"),
        ManualColumn.DOWNLOAD: ("下り", "下り速度", "ダウンロード", "ダウンロード速度", "download"),
        ManualColumn.UPLOAD: ("上り", "上り速度", "アップロード", "アップロード速度", "upload"),
    }
)
"""The headers that are known; `docs/measuring.md` shows this table."""
_BY_HEADER = {simplify_header(word): column for column, words in HEADERS.items() for word in words}


@dataclass(frozen=True, slots=True)
class ManualTable:
    """The records of a file, what is wrong with its other rows, and what a reader may want to look at.

    `rows` is how many stand in the file; a row that cannot be used may have more than one problem.
    """

    rows: int
    records: tuple[ManualMeasurement, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    encoding: str


@dataclass(frozen=True, slots=True)
class _Header:
    """Which column stands where, and the units that headers name."""

    width: int
    columns: Mapping[ManualColumn, int]
    units: Mapping[ManualColumn, str]
    shown: Mapping[ManualColumn, str]
    written: Mapping[int, str]


def read_manual_table(path: Path, city: City, now: datetime, told: TextEncoding | None = None) -> ManualTable:
    """Return the records of a file.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused, ImportRefused: as `parse_manual_table`.
    """
    return parse_manual_table(read_input_file(path), path, city, now, told)


def parse_manual_table(
    content: bytes, path: Path, city: City, now: datetime, told: TextEncoding | None = None
) -> ManualTable:
    """Return the records that the bytes of a file hold; `now` is what no time may be after.

    Raises:
        InputRefused: it is no table, or too large a one; names the line.
        ImportRefused: a column is missing or stands twice.
    """
    decoded = decode_table(content, path, told, _has_header)
    lines = [line for line in split_table(decoded.text, path) if not line.is_blank]
    if not lines:
        raise InputRefused(path, "holds no row; write a header and a row for each test")
    if len(lines) == 1:
        raise InputRefused(path, "holds a header and no test; write a row for each test", lines[0].number)
    if len(lines) - 1 > MOST_ROWS:
        message = f"holds {len(lines) - 1:,} rows; at most {MOST_ROWS:,} are read; divide it"
        raise InputRefused(path, message, lines[MOST_ROWS + 1].number)
    header = _read_header(lines[0], lines[1:], path)
    problems: list[Problem] = []
    reader = _RecordReader(city, now, header, problems)
    found = [(line.number, one) for line in lines[1:] if (one := reader.read_line(line, path)) is not None]
    records = tuple(_leave_out_repeated(found, path, problems))
    problems.sort(key=lambda one: one.origin.line)
    return ManualTable(
        len(lines) - 1, records, tuple(problems), tuple(_list_notes(records, city)), decoded.encoding.value
    )


def _has_header(text: str) -> bool:
    lines = text.splitlines()[:_HEADER_WITHIN]
    return any(sum(map(_is_known, line.split(","))) >= _ENOUGH for line in lines)


def _find_column(header: str) -> tuple[ManualColumn, str | None] | None:
    """Return what a header means, and the unit that it names."""
    plain = unicodedata.normalize("NFKC", header).strip()
    written = _UNIT.fullmatch(plain)
    name, unit = (written[1], written[2].strip()) if written else (plain, None)
    column = _BY_HEADER.get(simplify_header(name))
    return None if column is None else (column, unit)


def _is_known(cell: str) -> bool:
    return _find_column(cell) is not None


def _read_header(line: TableLine, rows: Sequence[TableLine], path: Path) -> _Header:
    problems, origin = ProblemList(), Origin(str(path), line.number)
    if sum(map(_is_known, line.cells)) < _ENOUGH and (wrong := explain_missing_header(line, rows, _is_known)):
        raise InputRefused(path, wrong, line.number)
    columns: dict[ManualColumn, int] = {}
    units: dict[ManualColumn, str] = {}
    for at, cell in enumerate(line.cells):
        found = _find_column(cell)
        if found is None:
            continue
        column, unit = found
        if column in columns:
            both = f"{shorten_value(line.cells[columns[column]])} and {shorten_value(cell)}"
            problems.add(origin, "", f"two columns are read as the {column.value}: {both}; give one another header")
        columns.setdefault(column, at)
        if unit is not None and column in (ManualColumn.DOWNLOAD, ManualColumn.UPLOAD):
            units[column] = unit
            if unit.casefold() not in UNITS:
                message = f"{shorten_value(unit)} is no unit of a rate; write bps, kbps, Mbps or Gbps"
                problems.add(origin, _show(cell), message)
    for column in ManualColumn:
        if column not in columns:
            one, *others = HEADERS[column]
            near = next((cell for cell in line.cells if suggest_names(cell.strip(), HEADERS[column])), None)
            meant = f"; is {shorten_value(near.strip())} meant?" if near else ""
            message = f"there is no column for the {column.value}: write the header {one} (also: {', '.join(others)})"
            problems.add(origin, "", message + meant)
    problems.refuse(f"{path}: its columns are not those of speed tests; nothing was imported:")
    written = {at: line.cells[at].strip() for at in columns.values()}
    return _Header(
        len(line.cells), columns, units, {column: _show(written[at]) for column, at in columns.items()}, written
    )


class _RecordReader:
    """Reads rows with the schools of a city; what is wrong is kept, with line and header."""

    def __init__(self, city: City, now: datetime, header: _Header, problems: list[Problem]) -> None:
        schools = KnownNames("school", {one.id: one.name for one in city.schools})
        self._header = header
        self._problems = problems
        self._school = schools.find_id
        self._time = partial(read_moment_of_test, zone=city.timezone, now=now)

    def read_line(self, line: TableLine, path: Path) -> ManualMeasurement | None:
        """Return the record of a row; None where a cell is of no use, and then there is a problem."""
        origin = Origin(str(path), line.number)
        width = self._header.width
        if len(line.cells) < width or any(cell.strip() for cell in line.cells[width:]):
            message = f"this row has {len(line.cells)} cells, and the header {width}: leave no cell out"
            message = f'{message}, and put one that holds a comma in quotes ("...")'
            self._problems.append(Problem(origin, "", message))
            return None
        if all(line.cells[at].strip() == word for at, word in self._header.written.items()):
            self._problems.append(Problem(origin, "", "the header stands here again; delete this row"))
            return None
        units = self._header.units
        school = self._read(line, origin, ManualColumn.SCHOOL, self._school)
        place = self._read(line, origin, ManualColumn.PLACE, read_plain_text)
        at = self._read(line, origin, ManualColumn.TIME, self._time)
        device = self._read(line, origin, ManualColumn.DEVICE, read_plain_text)
        rates = [
            self._read(line, origin, column, partial(read_rate_mbps, unit=units.get(column)))
            for column in (ManualColumn.DOWNLOAD, ManualColumn.UPLOAD)
        ]
        download, upload = rates
        if school is None or place is None or at is None or device is None or download is None or upload is None:
            return None
        return ManualMeasurement(school, place, at, device, download, upload, f"{path.name}:{line.number}")

    def _read(self, line: TableLine, origin: Origin, column: ManualColumn, kind: Callable[[Cell], Read]) -> Read | None:
        header = self._header.shown[column]
        cell = Cell(line.cells[self._header.columns[column]].strip(), origin, header)
        if not cell.text:
            self._problems.append(Problem(origin, header, f"is empty; write the {column.value}"))
            return None
        try:
            return kind(cell)
        except CellRefused as refused:
            self._problems.append(Problem(origin, header, str(refused)))
            return None


def _leave_out_repeated(
    found: Sequence[tuple[int, ManualMeasurement]], path: Path, problems: list[Problem]
) -> Iterator[ManualMeasurement]:
    """Yield each record once; the same school, place, time and device in a later row is a problem."""
    first: dict[tuple[str, str, datetime, str], ManualMeasurement] = {}
    for line, one in found:
        known = first.setdefault(one.key, one)
        if known is one:
            yield one
            continue
        message = (
            f"{one.school} at {one.place} at this time with this device stands in {known.source} already; "
            "delete one of the rows"
        )
        problems.append(Problem(Origin(str(path), line), "", message))


def _list_notes(records: Sequence[ManualMeasurement], city: City) -> Iterator[str]:
    """Yield what is possible, and still worth a look: more than all lines of the school were ordered with."""
    for one in records:
        ordered = sum(line.mbps for line in city.school_by_id[one.school].lines.by_name.values())
        most = max(one.figures)
        if most > ordered:
            yield (
                f"{one.source}: {most:g} Mbit/s is more than the contracts of {one.school} ({ordered} Mbit/s); "
                "was it measured over another network?"
            )


def _show(cell: str) -> str:
    return shorten_text(" ".join(cell.split()))
