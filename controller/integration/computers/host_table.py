"""Reads a table of hosts (CSV): computers of an inventory, or reservations of a DHCP server; rows with their lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from controller.errors import InputRefused, Origin
from controller.importing.column_names import simplify_header
from controller.importing.csv_table import TableLine, split_table
from controller.importing.source_table import Cell, ProblemList
from controller.importing.table_encoding import decode_table
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_text, shorten_value
from controller.inputs.text_encodings import TextEncoding

MOST_ROWS = 50_000
"""As many hosts as a table may list."""
_HEADER_WITHIN = 10
_ENOUGH = 2
"""Known headers that make a row a header."""


class HostColumn(StrEnum):
    """What a column of a table of hosts says."""

    SCHOOL = "school"
    NAME = "name"
    MAC = "mac"
    SEGMENT = "segment"
    USE = "use"
    DATE = "date"
    ADDRESS = "address"
    DUE = "due"
    ISSUED = "issued"


HEADERS: Mapping[HostColumn, tuple[str, ...]] = MappingProxyType(
    {
        HostColumn.SCHOOL: ("学校", "学校名", "学校名称", "施設名", "school", "school name", "school id", "学校id"),
        HostColumn.NAME: (
            *("端末名", "端末", "コンピュータ名", "コンピューター名", "ホスト名", "機器名", "name"),
            *("host", "host name", "computer", "computer name"),
        ),
        HostColumn.MAC: ("MACアドレス", "mac", "物理アドレス", "mac address", "hardware address"),
        HostColumn.SEGMENT: ("セグメント", "ネットワーク", "segment", "network"),
        HostColumn.USE: ("用途", "利用区分", "use", "purpose"),
        HostColumn.DATE: ("日付", "基準日", "調査日", "確認日", "棚卸日", "date", "as of"),
        HostColumn.ADDRESS: ("アドレス", "IPアドレス", "予約アドレス", "ip", "address", "ip address"),
        HostColumn.DUE: ("対象数", "対象", "expected"),
        HostColumn.ISSUED: ("発行数", "発行済み", "発行済", "issued to"),
    }
)
"""The headers that are known; `docs/integration.md` shows this table."""


@dataclass(frozen=True, slots=True)
class HostRow:
    """A row of a table: what stands in its known columns."""

    origin: Origin
    cells: Mapping[HostColumn, Cell]

    def find_cell(self, column: HostColumn) -> Cell | None:
        """Return the cell of a column; None where there is no such column, or nothing in it."""
        cell = self.cells.get(column)
        return cell if cell is not None and cell.text else None


@dataclass(frozen=True, slots=True)
class HostTable:
    """The rows of a table, how it was encoded, and the headers of columns that say nothing here."""

    rows: tuple[HostRow, ...]
    encoding: str
    ignored: tuple[str, ...]


def find_host_column(header: str) -> HostColumn | None:
    """Return what a header means; None where it says nothing of use here.

    >>> find_host_column("MAC アドレス"), find_host_column("資産番号")
    (<HostColumn.MAC: 'mac'>, None)
    """
    return _BY_HEADER.get(simplify_header(header))


def parse_host_table(
    content: bytes, path: Path, required: Sequence[HostColumn], told: TextEncoding | None = None
) -> HostTable:
    """Return the table that the bytes of a file hold.

    Args:
        content: the bytes.
        path: what messages call the file.
        required: the columns that it must have.
        told: how it is encoded, where the operator says it.

    Raises:
        InputRefused, ImportRefused: it is no such table; each with the line, and what to write.
    """
    decoded = decode_table(content, path, told, _has_header)
    lines = [line for line in split_table(decoded.text, path) if not line.is_blank]
    if not lines:
        raise InputRefused(path, "holds no row; write a header and a row for each host")
    header, rows = lines[0], lines[1:]
    problems = ProblemList()
    columns = _read_header(header, path, required, problems)
    problems.refuse(f"{path}: its columns are not those of a list of hosts; nothing was used:")
    if not rows:
        raise InputRefused(path, "holds a header and no host; write a row for each host", header.number)
    if len(rows) > MOST_ROWS:
        message = f"holds {len(rows):,} rows; at most {MOST_ROWS:,} are read; divide it"
        raise InputRefused(path, message, rows[MOST_ROWS].number)
    found = tuple(_list_rows(rows, header, columns, path, problems))
    problems.refuse(f"{path}: the list of hosts cannot be used; nothing was used of it:")
    ignored = (cell for at, cell in enumerate(header.cells) if at not in columns and cell.strip())
    return HostTable(found, decoded.encoding.value, tuple(map(_show_header, ignored)))


def _has_header(text: str) -> bool:
    lines = text.splitlines()[:_HEADER_WITHIN]
    return any(sum(find_host_column(cell) is not None for cell in line.split(",")) >= _ENOUGH for line in lines)


def _read_header(
    header: TableLine, path: Path, required: Sequence[HostColumn], problems: ProblemList
) -> Mapping[int, HostColumn]:
    """Return which column stands where; what is missing or stands twice becomes a problem."""
    origin = Origin(str(path), header.number)
    found = {at: column for at, cell in enumerate(header.cells) if (column := find_host_column(cell)) is not None}
    first: dict[HostColumn, int] = {}
    for at, column in found.items():
        if column in first:
            both = f"{shorten_value(header.cells[first[column]])} and {shorten_value(header.cells[at])}"
            problems.add(origin, "", f"two columns are read as the {column.value}: {both}; give one another header")
        first.setdefault(column, at)
    for column in required:
        if column not in first:
            one, *others = HEADERS[column]
            unknown = [cell.strip() for at, cell in enumerate(header.cells) if at not in found and cell.strip()]
            near = next((cell for cell in unknown if suggest_names(cell, HEADERS[column])), None)
            meant = f"; is {shorten_value(near)} meant?" if near else ""
            message = f"there is no column for the {column.value}: write the header {one} (also: {', '.join(others)})"
            problems.add(origin, "", message + meant)
    return found


def _list_rows(
    rows: Sequence[TableLine],
    header: TableLine,
    columns: Mapping[int, HostColumn],
    path: Path,
    problems: ProblemList,
) -> Iterator[HostRow]:
    width = len(header.cells)
    for row in rows:
        origin = Origin(str(path), row.number)
        if len(row.cells) < width or any(cell.strip() for cell in row.cells[width:]):
            message = f"this row has {len(row.cells)} cells, and the header {width}: leave no cell out"
            problems.add(origin, "", f'{message}, and put one that holds a comma in quotes ("...")')
            continue
        cells = {
            column: Cell(row.cells[at].strip(), origin, _show_header(header.cells[at]))
            for at, column in columns.items()
        }
        yield HostRow(origin, cells)


def _show_header(cell: str) -> str:
    return shorten_text(" ".join(cell.split()))


_BY_HEADER: Mapping[str, HostColumn] = MappingProxyType(
    {simplify_header(word): column for column, words in HEADERS.items() for word in (column.value, *words)}
)
