"""What a source says of each school, in the city's own words: its wards, its kinds of schools, its bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from controller.errors import Origin
from controller.importing.cell_values import (
    CellRefused,
    ContractedLine,
    read_line,
    read_plain_text,
    read_rate,
    read_whole_number,
    refuse_unknown,
    simplify_name,
)
from controller.importing.column_names import WARD_COLUMNS
from controller.importing.csv_table import REFUSED
from controller.importing.source_table import Cell, Column, ProblemList, SourceRow, SourceTable
from controller.inputs.shown_text import shorten_value
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES, AccessLineKind, AccessLineName
from controller.model.sites.school_kinds import SchoolKind

Value = TypeVar("Value")
Key = TypeVar("Key")

MOST_PUPILS = 5_000
MOST_NUMBER = 4_095
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")
_LINE_COLUMNS: Mapping[AccessLineName, tuple[Column, Column]] = MappingProxyType(
    {
        "primary": (Column.PRIMARY, Column.PRIMARY_RATE),
        "backup": (Column.BACKUP, Column.BACKUP_RATE),
        "third": (Column.THIRD, Column.THIRD_RATE),
    }
)
_KIND_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "小": "elementary",
        "小学": "elementary",
        "中": "junior-high",
        "中学": "junior-high",
        "高": "high",
        "高校": "high",
        "特別支援": "special-needs",
        "特支": "special-needs",
        "養護学校": "special-needs",
        "義務": "compulsory-education",
        "義務教育": "compulsory-education",
        "幼": "kindergarten",
        "給食": "kitchen",
    }
)
"""Short words for kinds, where the city has the kind."""
_SUMS = frozenset({"計", "合計", "小計", "総計", "total", "sum"})


@dataclass(frozen=True, slots=True)
class KnownWard:
    """A ward that schools can be in."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """A line as a source has it, whole."""

    kind: AccessLineKind
    mbps: int


@dataclass(frozen=True, slots=True)
class SchoolRecord:
    """A school as a source has it; None and a line that is missing: the source does not say.

    `without` are the lines of which the source has a column, and nothing in it.
    """

    origin: Origin
    name: str
    ward: str
    id: str | None
    number: int | None
    kind: str | None
    pupils: int | None
    lot: str | None
    lines: Mapping[AccessLineName, RecordedLine]
    without: tuple[AccessLineName, ...]


def build_school_records(
    table: SourceTable,
    wards: Sequence[KnownWard],
    kinds: Sequence[SchoolKind],
    *,
    ward_from: Column | None = None,
    default_line: RecordedLine | None = None,
) -> tuple[SchoolRecord, ...]:
    """Return what a table says of each school.

    Args:
        table: the source.
        wards: the city's wards.
        kinds: the city's kinds of schools.
        ward_from: which column of NetBox holds the ward; None: the only one that holds anything.
        default_line: the primary line of schools of which the source does not say one.

    Raises:
        ImportRefused: with every cell that cannot be used, and each school that stands there twice.
    """
    problems = ProblemList()
    column = choose_ward_column(table, ward_from, problems)
    problems.refuse(REFUSED)
    reader = _RecordReader(wards, kinds, problems, column, of_netbox=table.of_netbox, default_line=default_line)
    records = [record for row in table.rows if (record := reader.read(row)) is not None]
    _refuse_repeated(records, problems)
    problems.refuse(REFUSED)
    return tuple(records)


def choose_ward_column(table: SourceTable, ward_from: Column | None, problems: ProblemList) -> Column:
    """Return the column that holds the ward; a problem is kept where that cannot be told."""
    if not table.of_netbox:
        return Column.WARD
    filled = [one for one in (Column.WARD, *WARD_COLUMNS) if any(row.get(one) is not None for row in table.rows)]
    if ward_from is not None:
        if ward_from not in filled:
            message = f"no site has a {ward_from}, which --ward-from says holds the ward; name another"
            problems.add(table.header, "", message)
        return ward_from
    if len(filled) == 1 or (filled and filled[0] is Column.WARD):
        return filled[0]
    if filled:
        choices = ", ".join(filled)
        message = f"which of these holds the ward: {choices}? say it, e.g. --ward-from {filled[0]}"
    else:
        message = "no site has a region, a site group or a tenant; one of them must hold the ward"
    problems.add(table.header, "", message)
    return Column.WARD


def find_kind(text: str, kinds: Sequence[SchoolKind]) -> str | None:
    """Return the id of the kind that a word names: by id, by name, in English or as a short word.

    >>> from controller.model.sites.school_kinds import DEFAULT_KINDS
    >>> find_kind("小学校", DEFAULT_KINDS), find_kind("Library", DEFAULT_KINDS), find_kind("高校", DEFAULT_KINDS)
    ('elementary', 'library', 'high')
    """
    asked = simplify_name(text)
    for one in kinds:
        if asked in {simplify_name(word) for word in (one.id, one.name, one.english or one.id)}:
            return one.id
    short = _KIND_WORDS.get(asked)
    return short if short in {one.id for one in kinds} else None


class _RecordReader:
    def __init__(  # noqa: PLR0913 what the city has, and what the operator said
        self,
        wards: Sequence[KnownWard],
        kinds: Sequence[SchoolKind],
        problems: ProblemList,
        ward_column: Column,
        *,
        of_netbox: bool,
        default_line: RecordedLine | None,
    ) -> None:
        self._wards = {word: one.id for one in wards for word in _list_ward_words(one)}
        self._ward_names = {one.id: one.name for one in wards}
        self._kinds = kinds
        self._problems = problems
        self._ward_column = ward_column
        self._of_netbox = of_netbox
        self._default_line = default_line

    def read(self, row: SourceRow) -> SchoolRecord | None:
        """Return the school of a row; None where it cannot be told, and the problems are kept."""
        before = sum(len(one) for one in self._problems.found.values())
        name = self._take(row, Column.NAME, _read_school_name, required=True)
        ward = self._take(row, self._ward_column, self._read_ward, required=True)
        kind = self._take(row, Column.KIND, self._read_kind, required=not self._of_netbox)
        if kind is None and self._of_netbox and name is not None:
            kind = self._find_kind_in_name(name)
        pupils = self._take(row, Column.PUPILS, _read_pupils, required=not self._of_netbox)
        lines = self._read_lines(row)
        school_id = self._take(row, Column.ID, _read_id)
        number = self._take(row, Column.NUMBER, _read_number)
        lot = self._take(row, Column.LOT, _read_id)
        if name is None or ward is None or sum(len(one) for one in self._problems.found.values()) > before:
            return None
        without = tuple(
            line for line, (column, _) in _LINE_COLUMNS.items() if column in row.cells and line not in lines
        )
        return SchoolRecord(row.origin, name, ward, school_id, number, kind, pupils, lot, lines, without)

    def _take(
        self, row: SourceRow, column: Column, read: Callable[[Cell], Value], *, required: bool = False
    ) -> Value | None:
        cell = row.get(column)
        if cell is None:
            if required:
                header = row.cells[column].header if column in row.cells else column.value
                self._problems.add(row.origin, header, self._explain_empty(row, column))
            return None
        try:
            return read(cell)
        except CellRefused as refused:
            self._problems.add(cell.origin, cell.header, str(refused))
            return None

    def _explain_empty(self, row: SourceRow, column: Column) -> str:
        words = {simplify_name(cell.text) for cell in row.cells.values()}
        if words & _SUMS:
            return "is empty; this row looks like a sum: delete it"
        if column in (self._ward_column, Column.KIND):
            return "is empty (of merged cells only the first holds the value); write it in each row, or delete the row"
        return "is empty; write a value, or delete the row"

    def _read_ward(self, cell: Cell) -> str:
        text = read_plain_text(cell)
        found = self._wards.get(simplify_name(text))
        if found is None:
            how = "; a new ward is added to 'wards' in city/city.yaml"
            raise refuse_unknown(cell, "ward", self._ward_names, how)
        return found

    def _read_kind(self, cell: Cell) -> str:
        found = find_kind(read_plain_text(cell), self._kinds)
        if found is None:
            how = "; a new kind is added to 'kinds' in city/city.yaml"
            raise refuse_unknown(cell, "kind of school", {one.id: one.name for one in self._kinds}, how)
        return found

    def _find_kind_in_name(self, name: str) -> str | None:
        plain = simplify_name(name)
        ends = [one for one in self._kinds if plain.endswith(simplify_name(one.name))]
        return max(ends, key=lambda one: len(one.name)).id if ends else None

    def _read_lines(self, row: SourceRow) -> dict[AccessLineName, RecordedLine]:
        lines: dict[AccessLineName, RecordedLine] = {}
        for name in ACCESS_LINE_NAMES:
            of_kind, of_rate = _LINE_COLUMNS[name]
            line = self._take(row, of_kind, read_line)
            rate = self._take(row, of_rate, read_rate)
            if line is not None:
                found = self._join(row.cells[of_kind], line, rate)
                if found is not None:
                    lines[name] = found
            elif rate is not None and row.get(of_kind) is None:
                message = "a rate without the kind of its line; write the kind, too, e.g. 閉域VPN"
                self._problems.add(row.origin, row.cells[of_rate].header, message)
        if "third" in lines and "backup" not in lines:
            self._problems.add(
                row.origin, row.cells[Column.THIRD].header, "a third line, and no backup; write a backup"
            )
        if "primary" not in lines:
            self._take_default(row, lines)
        return lines

    def _take_default(self, row: SourceRow, lines: dict[AccessLineName, RecordedLine]) -> None:
        if row.get(Column.PRIMARY) is not None or row.get(Column.PRIMARY_RATE) is not None:
            return  # what stands there was refused
        if self._default_line is not None:
            lines["primary"] = self._default_line
        elif not self._of_netbox:
            header = row.cells[Column.PRIMARY].header
            why = self._explain_empty(row, Column.PRIMARY)
            message = f"{why}; --line KIND:MBPS gives one to all schools that have none here"
            self._problems.add(row.origin, header, message)

    def _join(self, cell: Cell, line: ContractedLine, rate: int | None) -> RecordedLine | None:
        if line.mbps is not None and rate is not None and line.mbps != rate:
            message = f"{shorten_value(cell.text)} says {line.mbps} Mbit/s, and its column {rate}; write one of them"
            self._problems.add(cell.origin, cell.header, message)
            return None
        mbps = rate if rate is not None else line.mbps
        if mbps is None:
            message = (
                f"{shorten_value(cell.text)} has no rate; write the contract's Mbit/s into a column 回線速度 "
                f"(予備回線速度 for a backup), or behind the kind: '{cell.text[:20]} 100Mbps'"
            )
            self._problems.add(cell.origin, cell.header, message)
            return None
        return RecordedLine(line.kind, mbps)


def read_default_line(text: str) -> RecordedLine:
    """Return the line that an option names, as `closed-vpn:100`.

    >>> read_default_line("closed-vpn:100")
    RecordedLine(kind='closed-vpn', mbps=100)

    Raises:
        CellRefused: it names none.
    """
    line = read_line(Cell(text, Origin("--line", 1), "--line"))
    if line.mbps is None:
        message = f"{shorten_value(text)} has no rate; write KIND:MBPS, e.g. closed-vpn:100"
        raise CellRefused(message)
    return RecordedLine(line.kind, line.mbps)


def _list_ward_words(ward: KnownWard) -> set[str]:
    return {simplify_name(word) for word in (ward.id, ward.name, ward.name.removesuffix("区") or ward.name)}


def _read_school_name(cell: Cell) -> str:
    text = read_plain_text(cell)
    if simplify_name(text) in _SUMS:
        message = f"{shorten_value(text)} is no name of a school; this row looks like a sum: delete it"
        raise CellRefused(message)
    return text


def _read_pupils(cell: Cell) -> int:
    return read_whole_number(cell, 0, MOST_PUPILS, 320)


def _read_number(cell: Cell) -> int:
    return read_whole_number(cell, 1, MOST_NUMBER, 12)


def _read_id(cell: Cell) -> str:
    text = read_plain_text(cell)
    if _ID.fullmatch(text):
        return text
    example = re.sub(r"[^a-z0-9]+", "-", simplify_name(text)).strip("-")[:38] or "kw-e01"
    message = f"{shorten_value(text)} is no id; write lower-case letters, digits and '-', such as {example}"
    raise CellRefused(message)


def _refuse_repeated(records: Sequence[SchoolRecord], problems: ProblemList) -> None:
    by_name: dict[tuple[str, str], Origin] = {}
    by_id: dict[str, Origin] = {}
    by_number: dict[int, Origin] = {}
    for one in records:
        key = (one.ward, simplify_name(one.name))
        # Two schools of one name in one ward are told apart by their ids alone.
        if key in by_name and one.id is None:
            message = f"{shorten_value(one.name)} stands there twice, first at {by_name[key]}; delete one of the rows"
            problems.add(one.origin, "", message)
        by_name.setdefault(key, one.origin)
        _refuse_second(one.origin, "id", one.id, by_id, problems)
        _refuse_second(one.origin, "number", one.number, by_number, problems)


def _refuse_second(
    origin: Origin, what: str, value: Key | None, given: dict[Key, Origin], problems: ProblemList
) -> None:
    if value is None:
        return
    first = given.setdefault(value, origin)
    if first is not origin:
        problems.add(origin, what, f"{value} stands there twice, first at {first}; give one of them another {what}")
