"""Reads a list of printers (CSV): which ones somebody saw at which school, with their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from controller.errors import Origin
from controller.importing.cell_values import read_plain_text
from controller.importing.source_table import ProblemList
from controller.inputs.input_file import read_input_file
from controller.inputs.text_encodings import TextEncoding
from controller.integration.computers.host_cells import KnownNames, RowReader, read_host_address, read_mac
from controller.integration.computers.host_table import HEADERS, HostColumn, HostRow, parse_host_table
from controller.model.city import City

REQUIRED = (HostColumn.SCHOOL, HostColumn.NAME, HostColumn.MAC, HostColumn.ADDRESS)


@dataclass(frozen=True, slots=True)
class ListedPrinter:
    """A printer that somebody saw at a school; `school` is an id."""

    origin: Origin
    school: str
    name: str
    mac: str
    address: IPv4Address | IPv6Address


def read_printers(path: Path, city: City, told: TextEncoding | None = None) -> tuple[ListedPrinter, ...]:
    """Return the printers of a file.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused, ImportRefused: as `parse_printers`.
    """
    return parse_printers(read_input_file(path), path, city, told)


def parse_printers(
    content: bytes, path: Path, city: City, told: TextEncoding | None = None
) -> tuple[ListedPrinter, ...]:
    """Return the printers that the bytes of a file hold.

    Raises:
        InputRefused, ImportRefused: with all that is wrong, each with file and line; each printer, and each address,
            stands there once.
    """
    table = parse_host_table(content, path, REQUIRED, told)
    problems = ProblemList()
    schools = KnownNames("school", {one.id: one.name for one in city.schools})
    found: dict[str, ListedPrinter] = {}
    by_address: dict[IPv4Address | IPv6Address, ListedPrinter] = {}
    for row in table.rows:
        one = _read_row(row, schools, problems)
        if one is None:
            continue
        if found.setdefault(one.mac, one) is not one:
            other = found[one.mac]
            message = f"{one.mac} is that of {other.name} in line {other.origin.line} already; delete one row"
            problems.add(one.origin, HEADERS[HostColumn.MAC][0], message)
        elif by_address.setdefault(one.address, one) is not one:
            other = by_address[one.address]
            message = f"{one.address} is that of {other.name} in line {other.origin.line} already; correct one of both"
            problems.add(one.origin, HEADERS[HostColumn.ADDRESS][0], message)
    problems.refuse(f"{path}: the list of printers cannot be used:")
    return tuple(found.values())


def _read_row(row: HostRow, schools: KnownNames, problems: ProblemList) -> ListedPrinter | None:
    reader = RowReader(row, problems)
    school = reader.read(HostColumn.SCHOOL, schools.find_id)
    name = reader.read(HostColumn.NAME, read_plain_text)
    mac = reader.read(HostColumn.MAC, read_mac)
    address = reader.read(HostColumn.ADDRESS, read_host_address)
    if school is None or name is None or mac is None or address is None:
        return None
    return ListedPrinter(row.origin, school, name, mac, address)
