"""Reads a list of printers (CSV): which ones somebody saw at which school, with their addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from controller.importing.known_names import KnownNames
from controller.importing.source_table import ProblemList
from controller.inputs.input_file import read_input_file
from controller.inputs.text_encodings import TextEncoding
from controller.integration.computers.host_cells import ListedHost, RowReader, read_host_row
from controller.integration.computers.host_table import HEADERS, HostColumn, parse_host_table
from controller.model.city import City

REQUIRED = (HostColumn.SCHOOL, HostColumn.NAME, HostColumn.MAC, HostColumn.ADDRESS)


def read_printers(path: Path, city: City, told: TextEncoding | None = None) -> tuple[ListedHost, ...]:
    """Return the printers of a file.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused, ImportRefused: as `parse_printers`.
    """
    return parse_printers(read_input_file(path), path, city, told)


def parse_printers(content: bytes, path: Path, city: City, told: TextEncoding | None = None) -> tuple[ListedHost, ...]:
    """Return the printers that the bytes of a file hold.

    Raises:
        InputRefused, ImportRefused: with all that is wrong, each with file and line; each printer, and each address,
            stands there once.
    """
    table = parse_host_table(content, path, REQUIRED, told)
    problems = ProblemList()
    schools = KnownNames("school", {one.id: one.name for one in city.schools})
    found: dict[str, ListedHost] = {}
    by_address: dict[IPv4Address | IPv6Address, ListedHost] = {}
    for row in table.rows:
        read = read_host_row(row, schools, problems)
        day = RowReader(row, problems).read_own_day(city.policy_date)
        if read is None:
            continue
        one = replace(read, as_of=day)
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
