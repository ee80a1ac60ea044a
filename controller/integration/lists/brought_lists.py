"""What people bring to a change of stage: the printers, what was issued to whom, and the reservations of DHCP."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from controller.errors import Origin
from controller.integration.lists.list_table import (
    CellRefused,
    ListColumn,
    ListRow,
    convert_count,
    convert_ipv4,
    find_listed_school,
    normalise_mac,
    read_list,
)
from controller.model.city import City

_SCHOOL = ListColumn("school", ("学校", "学校名", "school name"))
_NAME = ListColumn("name", ("名前", "名称", "機器名", "device"))
_MAC = ListColumn("mac", ("MACアドレス", "mac address"))
_ADDRESS = ListColumn("address", ("IPアドレス", "ip", "ip address", "ipv4"))
_DUE = ListColumn("due", ("対象数", "対象", "expected"))
_ISSUED = ListColumn("issued", ("発行数", "発行済み", "発行済"))
_NEW_SEGMENT = ListColumn("new-segment", ("移行先セグメント", "新セグメント", "new segment"), optional=True)


@dataclass(frozen=True, slots=True)
class ListedPrinter:
    """A printer that somebody saw at a school."""

    origin: Origin
    school: str
    name: str
    mac: str
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class IssuedCount:
    """How many certificates or accounts a school is due, and how many of them were issued."""

    origin: Origin
    school: str
    due: int
    issued: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """An address that DHCP keeps for one device; `new_segment` is where it moves to, "" where the policy tells."""

    origin: Origin
    school: str
    name: str
    mac: str
    address: IPv4Address
    new_segment: str = ""


def read_printers(path: Path, city: City) -> tuple[ListedPrinter, ...]:
    """Return the printers of a list (CSV).

    Raises:
        FileNotFoundError: there is no such file.
        InputError, InputRefused: with all that is wrong with it.
    """

    def build(row: ListRow) -> ListedPrinter:
        return ListedPrinter(row.origin, *_read_host(row, city))

    return read_list(path, (_SCHOOL, _NAME, _MAC, _ADDRESS), build, lambda one: one.mac)


def read_issued_counts(path: Path, city: City) -> tuple[IssuedCount, ...]:
    """Return what was issued (certificates or accounts) by a list (CSV), one row a school.

    Raises:
        FileNotFoundError: there is no such file.
        InputError, InputRefused: with all that is wrong with it.
    """

    def build(row: ListRow) -> IssuedCount:
        due, issued = convert_count(row.cells["due"]), convert_count(row.cells["issued"])
        if issued > due:
            message = f"more were issued ({issued}) than are due ({due})"
            raise CellRefused(message)
        return IssuedCount(row.origin, find_listed_school(city, row.cells["school"]), due, issued)

    return read_list(path, (_SCHOOL, _DUE, _ISSUED), build, lambda one: one.school)


def read_reservations(path: Path, city: City) -> tuple[Reservation, ...]:
    """Return the reservations of a list (CSV), one row an address.

    Raises:
        FileNotFoundError: there is no such file.
        InputError, InputRefused: with all that is wrong with it.
    """

    def build(row: ListRow) -> Reservation:
        segment = row.cells.get("new-segment", "")
        if segment and segment not in city.segments:
            message = f"the city has no segment {segment!r}; there are: {', '.join(city.segments)}"
            raise CellRefused(message)
        return Reservation(row.origin, *_read_host(row, city), segment)

    columns = (_SCHOOL, _NAME, _MAC, _ADDRESS, _NEW_SEGMENT)
    return read_list(path, columns, build, lambda one: (one.school, one.address))


def _read_host(row: ListRow, city: City) -> tuple[str, str, str, IPv4Address]:
    school = find_listed_school(city, row.cells["school"])
    return school, row.cells["name"], normalise_mac(row.cells["mac"]), convert_ipv4(row.cells["address"])
