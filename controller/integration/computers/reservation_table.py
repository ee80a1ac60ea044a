"""Reads the reservations of a DHCP server (CSV), and writes those that are carried over to other addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from controller.importing.known_names import KnownNames
from controller.importing.source_table import ProblemList
from controller.inputs.input_file import read_input_file
from controller.inputs.text_encodings import TextEncoding
from controller.integration.computers.host_cells import ListedHost, read_host_row
from controller.integration.computers.host_table import HEADERS, HostColumn, parse_host_table
from controller.model.city import City

REQUIRED = (HostColumn.SCHOOL, HostColumn.NAME, HostColumn.MAC, HostColumn.ADDRESS)


@dataclass(frozen=True, slots=True)
class ReservationTable:
    """The reservations of a file, how it was encoded, and the headers of columns that say nothing here."""

    reservations: tuple[ListedHost, ...]
    encoding: str = ""
    ignored: tuple[str, ...] = ()


def read_reservations(path: Path, city: City, told: TextEncoding | None = None) -> ReservationTable:
    """Return the reservations of a file.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused, ImportRefused: as `parse_reservations`.
    """
    return parse_reservations(read_input_file(path), path, city, told)


def parse_reservations(content: bytes, path: Path, city: City, told: TextEncoding | None = None) -> ReservationTable:
    """Return the reservations that the bytes of a file hold.

    Raises:
        InputRefused, ImportRefused: with all that is wrong, each with file and line: no table, an unknown school, an
            address that is none, an address or a host's reservation that stands twice.
    """
    table = parse_host_table(content, path, REQUIRED, told)
    problems = ProblemList()
    schools = KnownNames("school", {one.id: one.name for one in city.schools})
    found = [one for row in table.rows if (one := read_host_row(row, schools, problems)) is not None]
    _refuse_repeated(found, problems)
    problems.refuse(f"{path}: the reservations cannot be used; nothing was carried over:")
    return ReservationTable(tuple(found), table.encoding, table.ignored)


def _refuse_repeated(found: list[ListedHost], problems: ProblemList) -> None:
    """Refuse an address for two hosts, and two addresses of one family for a host at one school."""
    by_address: dict[IPv4Address | IPv6Address, ListedHost] = {}
    by_host: dict[tuple[str, str, int], ListedHost] = {}
    for one in found:
        other = by_address.setdefault(one.address, one)
        if other is not one:
            message = f"{one.address} is that of {other.name} in line {other.origin.line} already; delete one row"
            problems.add(one.origin, HEADERS[HostColumn.ADDRESS][0], message)
        other = by_host.setdefault((one.school, one.mac, one.address.version), one)
        if other is not one:
            message = f"{one.mac} has {other.address} by line {other.origin.line} already; delete one row"
            problems.add(one.origin, HEADERS[HostColumn.MAC][0], message)
