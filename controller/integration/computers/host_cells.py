"""Reads the cells of a table of hosts: schools and segments by id or name, hardware addresses, dates, addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

from controller.errors import Origin
from controller.importing.cell_values import CellRefused, read_plain_text
from controller.importing.known_names import KnownNames
from controller.importing.source_table import Cell, ProblemList
from controller.inputs.shown_text import shorten_value
from controller.integration.computers.host_table import HEADERS, HostColumn, HostRow
from controller.model.network.mac_addresses import parse_mac_address

_DATE = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})")
_LONGEST_ADDRESS = 45
Read = TypeVar("Read")


def read_mac(cell: Cell) -> str:
    """Return the hardware address of a cell.

    Raises:
        CellRefused: it is none of one host.
    """
    try:
        return parse_mac_address(read_plain_text(cell))
    except CellRefused:
        raise
    except ValueError as error:
        message = f"{shorten_value(cell.text)}: {error}"
        raise CellRefused(message) from None


def read_day(cell: Cell, today: date) -> date:
    """Return the day of a cell, which is not after today.

    Raises:
        CellRefused: it is no day, or one to come.
    """
    return parse_day(read_plain_text(cell), today)


def parse_day(text: str, today: date) -> date:
    """Return a day that is not after today.

    >>> parse_day("2026/4/1", date(2026, 12, 1))
    datetime.date(2026, 4, 1)

    Raises:
        CellRefused: it is no day, or one to come.
    """
    found = _DATE.fullmatch(text)
    try:
        day = date(int(found[1]), int(found[3]), int(found[4])) if found else None
    except ValueError:
        day = None
    if day is None:
        message = f"{shorten_value(text)} is no date; write it as {today.isoformat()}"
        raise CellRefused(message)
    if day > today:
        message = f"{day.isoformat()} is after today ({today.isoformat()}); write the day on which the list was made"
        raise CellRefused(message)
    return day


def read_host_address(cell: Cell) -> IPv4Address | IPv6Address:
    """Return the address of a cell.

    Raises:
        CellRefused: it is none.
    """
    text = read_plain_text(cell)
    # A zone (`fe80::1%eth0`) is a matter of one host, and no part of an address.
    if len(text) <= _LONGEST_ADDRESS and "%" not in text:
        with suppress(ValueError):
            return ip_address(text)
    message = f"{shorten_value(text)} is no address; write that of one host, e.g. 10.1.2.3 or 2001:db8::3"
    raise CellRefused(message)


class RowReader:
    """Reads the cells of one row; what is wrong is kept as a problem, with its line and its header."""

    def __init__(self, row: HostRow, problems: ProblemList) -> None:
        self._row = row
        self._problems = problems

    def read_cell(self, column: HostColumn, kind: Callable[[Cell], Read]) -> Read | None:
        """Return what a cell holds, None where that is nothing of use: then there is a problem."""
        cell = self._row.find_cell(column)
        if cell is None:
            self._problems.add(self._row.origin, HEADERS[column][0], f"is empty; write the {column.value}")
            return None
        try:
            return kind(cell)
        except CellRefused as refused:
            self._problems.add(self._row.origin, cell.header, str(refused))
            return None

    def read_own_day(self, today: date) -> date | None:
        """Return the day of a row that may say one; None where it says none, or one that is of no use."""
        if self._row.find_cell(HostColumn.DATE) is None:
            return None
        return self.read_cell(HostColumn.DATE, partial(read_day, today=today))


@dataclass(frozen=True, slots=True)
class ListedHost:
    """A host of a list: the school (its id), the name, and the addresses; `as_of` is the day of the row."""

    origin: Origin
    school: str
    name: str
    mac: str
    address: IPv4Address | IPv6Address
    as_of: date | None = None


def find_oldest_day(days: Iterable[date | None]) -> date | None:
    """Find the oldest day of a list's rows; None where one of them says none.

    >>> find_oldest_day([date(2026, 12, 1), date(2026, 4, 1)]), find_oldest_day([date(2026, 12, 1), None])
    (datetime.date(2026, 4, 1), None)
    """
    said = [*days]
    known = [one for one in said if one is not None]
    return min(known, default=None) if len(known) == len(said) else None


def read_host_row(row: HostRow, schools: KnownNames, problems: ProblemList) -> ListedHost | None:
    """Return the host of a row; None where something of it cannot be used: then there are problems."""
    reader = RowReader(row, problems)
    school = reader.read_cell(HostColumn.SCHOOL, schools.find_id)
    name = reader.read_cell(HostColumn.NAME, read_plain_text)
    mac = reader.read_cell(HostColumn.MAC, read_mac)
    address = reader.read_cell(HostColumn.ADDRESS, read_host_address)
    if school is None or name is None or mac is None or address is None:
        return None
    return ListedHost(row.origin, school, name, mac, address)
