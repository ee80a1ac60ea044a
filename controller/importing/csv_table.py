"""Reads a table of schools (CSV): every cell with its line, or what is wrong with the table, all at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.errors import InputRefused, Origin
from controller.importing.column_names import (
    HEADERS,
    REQUIRED,
    WARD_COLUMNS,
    NamedColumn,
    describe_headers,
    find_column,
)
from controller.importing.source_table import Cell, Column, ProblemList, SourceRow, SourceTable
from controller.importing.table_encoding import decode_table
from controller.inputs.input_file import read_input_file
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_text, shorten_value
from controller.inputs.text_encodings import TextEncoding

MOST_ROWS = 4_095
"""As many schools as a city can have."""
MOST_COLUMNS = 200
_HEADER_WITHIN = 10
"""Rows in which the header is looked for, to say where it stands."""
_ENOUGH = 2
"""Known headers that make a row a header."""
_WRONG = {
    "\t": "tabs",
    ";": "semicolons",
    "\N{FULLWIDTH COMMA}": "full-width commas",
    "\N{IDEOGRAPHIC COMMA}": "Japanese commas",
    "|": "upright lines",
}
REFUSED = "The table of schools cannot be used; nothing was written:"


@dataclass(frozen=True, slots=True)
class TableLine:
    """The cells of a row, and the line that it begins at."""

    number: int
    cells: Sequence[str]

    @property
    def is_blank(self) -> bool:
        """Whether nothing stands in it."""
        return not any(cell.strip() for cell in self.cells)


def read_school_table(path: Path, told: TextEncoding | None = None, *, needs_line: bool = True) -> SourceTable:
    """Return the table of a file.

    Args:
        path: the file.
        told: what the operator says of its encoding.
        needs_line: it must have a column for the primary line.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused: it is no text, or larger than is read.
        ImportRefused: with all that is wrong with it as a table.
    """
    return parse_school_table(read_input_file(path), path, told, needs_line=needs_line)


def parse_school_table(
    content: bytes, path: Path, told: TextEncoding | None = None, *, needs_line: bool = True
) -> SourceTable:
    """Return the table that the bytes of a file hold.

    Raises:
        InputRefused, ImportRefused: as `read_school_table`.
    """
    decoded = decode_table(content, path, told, _has_header)
    lines = [line for line in split_table(decoded.text, path) if not line.is_blank]
    if not lines:
        raise InputRefused(path, "holds no row; write a header and a row for each school")
    problems = ProblemList()
    header, rows = lines[0], lines[1:]
    columns, ignored = _read_header(header, rows, path, problems)
    there = {column for column, _ in columns.values()}
    if not problems.found:
        _refuse_missing(header, columns, Origin(str(path), header.number), problems, needs_line=needs_line)
    problems.refuse(REFUSED)
    if not rows:
        raise InputRefused(path, "holds a header and no school; write a row for each school", header.number)
    if len(rows) > MOST_ROWS:
        message = f"holds {len(rows):,} rows; a city has at most {MOST_ROWS:,} schools"
        raise InputRefused(path, message, rows[MOST_ROWS].number)
    found = tuple(_read_rows(rows, header, columns, path, problems))
    problems.refuse(REFUSED)
    return SourceTable(
        name=str(path),
        header=Origin(str(path), header.number),
        rows=found,
        encoding=decoded.encoding.value,
        ignored=ignored,
        of_netbox=Column.WARD not in there and not there.isdisjoint(WARD_COLUMNS),
    )


def _has_header(text: str) -> bool:
    """Tell if one of the first lines of a text holds names of columns that are known."""
    lines = text.splitlines()[:_HEADER_WITHIN]
    return any(sum(find_column(cell) is not None for cell in line.split(",")) >= _ENOUGH for line in lines)


def _is_known(cell: str) -> bool:
    return find_column(cell) is not None


def split_table(text: str, path: Path) -> Iterator[TableLine]:
    """Yield the rows of a CSV text, blank ones too.

    Raises:
        InputRefused: it is none, or has too many columns; names the line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputRefused(path, _explain_csv_error(str(error)), begins) from None
        if cells is None:
            return
        if len(cells) > MOST_COLUMNS:
            raise InputRefused(path, f"has more than {MOST_COLUMNS} columns, the most that are read", begins)
        yield TableLine(begins, cells)
        begins = reader.line_num + 1


def _explain_csv_error(said: str) -> str:
    if "end of data" in said:
        return 'a quote (") that begins in this row is never closed; close it, or write it twice inside a cell'
    if "expected after" in said:
        return 'something stands behind a closing quote ("); inside a quoted cell write a quote twice'
    if "field larger" in said:
        return 'a cell is larger than is read; is a quote (") not closed?'
    return "cannot be read as comma-separated values; save the table as CSV anew"


def _read_header(
    header: TableLine, rows: Sequence[TableLine], path: Path, problems: ProblemList
) -> tuple[dict[int, NamedColumn], tuple[str, ...]]:
    """Return which column stands where, and the headers that say nothing here."""
    origin = Origin(str(path), header.number)
    found = {at: named for at, cell in enumerate(header.cells) if (named := find_column(cell)) is not None}
    if len(found) < _ENOUGH and (wrong := explain_missing_header(header, rows, _is_known)) is not None:
        problems.add(origin, "", wrong)
        return found, ()
    first: dict[Column, int] = {}
    for at, (column, _) in found.items():
        if column in first:
            both = f"{shorten_value(header.cells[first[column]])} and {shorten_value(header.cells[at])}"
            message = f"two columns are read as the {column.value}: {both}; delete one, or give it another header"
            problems.add(origin, "", message)
        first.setdefault(column, at)
    ignored = tuple(_show_header(cell) for at, cell in enumerate(header.cells) if at not in found and cell.strip())
    return found, ignored


def _refuse_missing(
    header: TableLine, columns: dict[int, NamedColumn], origin: Origin, problems: ProblemList, *, needs_line: bool
) -> None:
    """Keep what a table of schools must say and does not; an export of NetBox says its own."""
    there = {column for column, _ in columns.values()}
    if not there:
        example = ",".join(HEADERS[column][0] for column in (*REQUIRED, Column.PRIMARY_RATE))
        problems.add(origin, "", f"is no header of a table of schools; write one, such as {example}")
        return
    of_netbox = not there.isdisjoint(WARD_COLUMNS)
    for column in REQUIRED:
        if column in there or (of_netbox and column is not Column.NAME):
            continue
        if column is Column.PRIMARY and not needs_line:
            continue
        message = f"there is no column for the {column.value}: add one with the header {describe_headers(column)}"
        other = "; or give all schools one: --line closed-vpn:100" if column is Column.PRIMARY else ""
        problems.add(origin, "", f"{message}{other}{_suggest_header(column, header.cells, columns)}")


def _suggest_header(column: Column, cells: Sequence[str], found: dict[int, NamedColumn]) -> str:
    """Say which of the unknown headers may have been meant."""
    for at, cell in enumerate(cells):
        if at not in found and cell.strip() and suggest_names(cell.strip(), HEADERS[column]):
            return f"; is {shorten_value(cell)} meant?"
    return ""


def explain_missing_header(header: TableLine, rows: Sequence[TableLine], is_known: Callable[[str], bool]) -> str | None:
    """Say why a first row is no header, where that is seen: another sign between the cells, or lines above it.

    >>> explain_missing_header(TableLine(1, ["a;b"]), [], {"a", "b"}.__contains__)
    "the cells stand between semicolons; save the table as CSV, with commas (in Excel: 'CSV UTF-8')"
    """
    text = "".join(header.cells)
    for sign, name in _WRONG.items():
        if sum(is_known(part) for part in text.split(sign)) >= _ENOUGH:
            return f"the cells stand between {name}; save the table as CSV, with commas (in Excel: 'CSV UTF-8')"
    for row in rows[:_HEADER_WITHIN]:
        if sum(map(is_known, row.cells)) >= _ENOUGH:
            return f"the header stands in line {row.number}; delete the lines above it"
    return None


def _read_rows(
    rows: Sequence[TableLine], header: TableLine, columns: dict[int, NamedColumn], path: Path, problems: ProblemList
) -> Iterator[SourceRow]:
    width = len(header.cells)
    for row in rows:
        origin = Origin(str(path), row.number)
        if len(row.cells) < width or any(cell.strip() for cell in row.cells[width:]):
            message = (
                f"this row has {len(row.cells)} cells, and the header {width}: "
                'put a cell that holds a comma in quotes ("..."), and leave no cell out'
            )
            problems.add(origin, "", message)
            continue
        if list(row.cells[:width]) == list(header.cells):
            problems.add(origin, "", "the header stands here again; delete this row")
            continue
        yield SourceRow(
            origin,
            {
                column: Cell(row.cells[at].strip(), origin, _show_header(header.cells[at]), unit)
                for at, (column, unit) in columns.items()
            },
        )


def _show_header(cell: str) -> str:
    return shorten_text(" ".join(cell.split()))
