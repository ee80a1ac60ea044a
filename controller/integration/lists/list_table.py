"""Reads a list (CSV) whose columns are known: every cell with its line, or all that is wrong with it at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import NoReturn, TypeVar

from controller.errors import InputError, InputRefused, Origin, Problem
from controller.importing.column_names import simplify_header
from controller.importing.table_encoding import decode_table
from controller.inputs.csv_rows import CsvRow, split_csv_rows
from controller.inputs.input_file import read_input_file
from controller.inputs.shown_text import HIDDEN, escape_controls, shorten_value
from controller.model.city import City

MOST_ROWS = 20_000
"""Rows of one list: a city has fewer printers, and fewer reservations."""
LONGEST_CELL = 200
_HEADER_WITHIN = 10
_MOST_PROBLEMS = 40
_MAC = re.compile(r"[0-9a-f]{2}([:-]?)[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")
_HIDDEN = re.compile(f"[{HIDDEN}]")
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column of a list: the headers that it may have, and whether it can be left out."""

    name: str
    headers: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list by the names of its columns; "" where nothing stands."""

    origin: Origin
    cells: Mapping[str, str]


class CellRefused(ValueError):
    """A cell does not hold what it must; says what."""


def read_list(
    path: Path, columns: Sequence[ListColumn], build: Callable[[ListRow], Read], key: Callable[[Read], object]
) -> tuple[Read, ...]:
    """Return what the rows of a file say; `key` is what no two rows may share.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused: it is no text, or larger than is read.
        InputError: with all that is wrong with it.
    """
    return parse_list(read_input_file(path), path, columns, build, key)


def parse_list(
    content: bytes,
    path: Path,
    columns: Sequence[ListColumn],
    build: Callable[[ListRow], Read],
    key: Callable[[Read], object],
) -> tuple[Read, ...]:
    """Return what the rows of a text say.

    Raises:
        InputRefused, InputError: as `read_list`.
    """
    text = decode_table(content, path, None, lambda said: _has_header(said, columns)).text
    rows = [row for row in split_csv_rows(text, path) if not row.is_blank]
    if not rows:
        raise InputRefused(path, f"holds no row; write a header, such as {_show_header(columns)}")
    if len(rows) > MOST_ROWS:
        raise InputRefused(path, f"holds more than {MOST_ROWS:,} rows, the most that are read", rows[MOST_ROWS].number)
    places = _find_places(rows[0], columns, path)
    problems: list[Problem] = []
    found: dict[object, tuple[Read, Origin]] = {}
    for row in rows[1:]:
        origin = Origin(str(path), row.number)
        try:
            one = build(ListRow(origin, _read_cells(row, rows[0], places)))
            named = key(one)
            if named in found:
                _refuse_cell(f"stands in line {found[named][1].line}, too; keep one of the rows")
            found[named] = one, origin
        except CellRefused as error:
            problems.append(Problem(origin, "", str(error)))
    if problems:
        message = f"{path}: the list cannot be used:"
        raise InputError(message, problems[:_MOST_PROBLEMS])
    return tuple(one for one, _ in found.values())


def find_listed_school(city: City, text: str) -> str:
    """Find the id of a school that a list names by its id or its name.

    Raises:
        CellRefused: the city has no such school, or several are called so.
    """
    if text in city.school_by_id:
        return text
    meant = [one.id for one in city.schools if one.name == text]
    if len(meant) == 1:
        return meant[0]
    message = f"the city has no school {shorten_value(text)}; write its id or its name"
    if meant:
        message = f"several schools are called {shorten_value(text)} ({', '.join(meant)}); write the id"
    raise CellRefused(message)


def normalise_mac(text: str) -> str:
    """Return a MAC address in one form.

    >>> normalise_mac("00-1B-A9-01-02-03"), normalise_mac("001b.a901.0203")
    ('00:1b:a9:01:02:03', '00:1b:a9:01:02:03')

    Raises:
        CellRefused: it is none of one device.
    """
    plain = text.lower()
    if not _MAC.fullmatch(plain):
        _refuse_cell(f"{shorten_value(text)} is no MAC address; write it as 00:1b:a9:01:02:03")
    digits = re.sub(r"[:.-]", "", plain)
    if int(digits[:2], 16) & 1 or digits == "0" * 12:
        _refuse_cell(f"{shorten_value(text)} is a MAC address of a group or of nobody, not of one device")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def convert_ipv4(text: str) -> IPv4Address:
    """Return an IPv4 address of a cell.

    Raises:
        CellRefused: it is none.
    """
    try:
        return IPv4Address(text)
    except ValueError:
        _refuse_cell(f"{shorten_value(text)} is no IPv4 address; write it as 10.1.2.3")


def convert_count(text: str) -> int:
    """Return a number of a cell; thousands may have their commas.

    >>> convert_count("1,204")
    1204

    Raises:
        CellRefused: it is none, or no sensible one.
    """
    plain = text.replace(",", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) <= 6):  # noqa: PLR2004 fewer than a million
        _refuse_cell(f"{shorten_value(text)} is no number from 0 to 999,999")
    return int(plain)


def _refuse_cell(message: str) -> NoReturn:
    raise CellRefused(message)


def _has_header(text: str, columns: Sequence[ListColumn]) -> bool:
    return any(_count_known(line.split(","), columns) > 1 for line in text.splitlines()[:_HEADER_WITHIN])


def _count_known(cells: Sequence[str], columns: Sequence[ListColumn]) -> int:
    return sum(any(_is_header(cell, one) for one in columns) for cell in cells)


def _is_header(cell: str, column: ListColumn) -> bool:
    return simplify_header(cell) in {simplify_header(one) for one in (column.name, *column.headers)}


def _find_places(header: CsvRow, columns: Sequence[ListColumn], path: Path) -> Mapping[str, int]:
    """Return which column stands where.

    Raises:
        InputRefused: one is missing, or stands there twice.
    """
    places: dict[str, int] = {}
    for column in columns:
        found = [at for at, cell in enumerate(header.cells) if _is_header(cell, column)]
        if len(found) > 1:
            raise InputRefused(path, f"two columns are read as {column.headers[0]}; keep one", header.number)
        if not found and not column.optional:
            message = f"has no column {column.headers[0]}; write a header, such as {_show_header(columns)}"
            raise InputRefused(path, message, header.number)
        places |= dict.fromkeys([column.name], found[0]) if found else {}
    return places


def _read_cells(row: CsvRow, header: CsvRow, places: Mapping[str, int]) -> Mapping[str, str]:
    width = len(header.cells)
    if len(row.cells) < width or any(cell.strip() for cell in row.cells[width:]):
        _refuse_cell(f"has {len(row.cells)} cells, and the header {width}; put a cell that holds a comma in quotes")
    cells = {name: row.cells[at].strip() for name, at in places.items()}
    for name, text in cells.items():
        if len(text) > LONGEST_CELL or _HIDDEN.search(text):
            _refuse_cell(f"{name}: longer than {LONGEST_CELL} characters, or with hidden ones: {escape_controls(text)}")
    return cells


def _show_header(columns: Sequence[ListColumn]) -> str:
    return ",".join(one.headers[0] for one in columns)
