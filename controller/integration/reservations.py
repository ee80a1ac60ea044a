"""Carries the reservations of a DHCP server over a change of stage: which host gets which address, and which cannot.

A reservation moves where its segment ends at its school, or has another prefix there. The new segment is the one that
is named for the old one, or the one in which the inventory lists the host, or the one that all the old one's ports
become. The host keeps its number within the segment where that is free; else it gets the next free one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from controller.integration.computers.host_cells import ListedHost
from controller.integration.computers.host_table import HEADERS, HostColumn
from controller.integration.computers.inventory_table import ListedComputer
from controller.integration.computers.school_networks import Address, SchoolNetworks, is_host_address
from controller.model.city import City
from controller.model.network.device_state import PortMode
from controller.model.network.packets import Family, Prefix
from controller.storage.csv_text import write_csv_text


class LeftReason(StrEnum):
    """Why a reservation cannot be carried over."""

    NO_SEGMENT = "no-segment"
    """Its address is in no segment of its school."""
    NO_SUCCESSOR = "no-successor"
    """Nothing says which segment comes in the place of its own."""
    SEVERAL_SUCCESSORS = "several-successors"
    """The ports of its segment become ports of several ones."""
    UNKNOWN_SUCCESSOR = "unknown-successor"
    """The segment that is named for its own is not there in the target stage."""
    FULL = "full"
    """The new segment has no free address."""


@dataclass(frozen=True, slots=True)
class SegmentChoice:
    """What decides on new segments and addresses beside the reservations.

    `named` has the new segment by the old one, `inventory` says where hosts are. `present` are hosts that have their
    addresses without a reservation (printers): nobody else gets those.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    inventory: Sequence[ListedComputer] = ()
    present: Collection[ListedHost] = ()


@dataclass(frozen=True, slots=True)
class CarriedReservation:
    """A reservation with its new segment and address; `keeps_number`: its number within the segment is the old one."""

    reservation: ListedHost
    segment_before: str
    segment: str
    address: Address
    keeps_number: bool


@dataclass(frozen=True, slots=True)
class LeftReservation:
    """A reservation that cannot be carried over, and why; `segments` are those that could be meant."""

    reservation: ListedHost
    reason: LeftReason
    segment_before: str = ""
    segments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CarriedReservations:
    """What becomes of reservations: those that move, those that stay as they are, and those that are left.

    `others` are of schools that do not change: they are written again as they are, so that none is lost.
    """

    carried: tuple[CarriedReservation, ...]
    unchanged: tuple[ListedHost, ...]
    left: tuple[LeftReservation, ...]
    others: tuple[ListedHost, ...] = ()


def carry_reservations(
    before: City, after: City, reservations: Iterable[ListedHost], choice: SegmentChoice | None = None
) -> CarriedReservations:
    """Return what becomes of reservations when the schools change from one city to the other; nothing is written."""
    by_school: dict[str, list[ListedHost]] = {}
    for one in reservations:
        by_school.setdefault(one.school, []).append(one)
    chosen = choice or SegmentChoice()
    parts = [_SchoolCarrier(before, after, school, chosen).carry_all(own) for school, own in by_school.items()]
    return CarriedReservations(
        tuple(one for part in parts for one in part.carried),
        tuple(one for part in parts for one in part.unchanged),
        tuple(one for part in parts for one in part.left),
    )


@dataclass(frozen=True, slots=True)
class _Move:
    """A reservation that moves, with the segments and prefixes of both sides."""

    reservation: ListedHost
    old: str
    old_prefix: Prefix
    new: str
    new_prefix: Prefix


class _SchoolCarrier:
    """Carries the reservations of one school."""

    def __init__(self, before: City, after: City, school: str, choice: SegmentChoice) -> None:
        self._old, self._new = SchoolNetworks(before, school), SchoolNetworks(after, school)
        self._named = choice.named
        self._listed = {one.mac: one.segment for one in choice.inventory if one.school == school}
        self._present = [one for one in choice.present if one.school == school]
        self._successors = _find_port_successors(before, after, school)

    def carry_all(self, reservations: Sequence[ListedHost]) -> CarriedReservations:
        """Return what becomes of them; who can keep its number comes before who cannot."""
        unchanged: list[ListedHost] = []
        moves: list[_Move] = []
        left: list[LeftReservation] = []
        for one in reservations:
            found = self._place(one)
            match found:
                case None:
                    unchanged.append(one)
                case _Move():
                    moves.append(found)
                case LeftReservation():
                    left.append(found)
        reserved = {one.mac for one in reservations}
        present = (one.address for one in self._present if one.mac not in reserved)
        taken = {*self._new.list_own_addresses(), *(one.address for one in unchanged), *present}
        carried: dict[ListedHost, CarriedReservation] = {}
        for move in moves:
            same = _shift(move)
            if same is not None and same not in taken:
                taken.add(same)
                carried[move.reservation] = _carry(move, same, keeps_number=True)
        for move in moves:
            if move.reservation in carried:
                continue
            free = _find_free(move, taken)
            if free is None:
                left.append(LeftReservation(move.reservation, LeftReason.FULL, move.old, (move.new,)))
                continue
            taken.add(free)
            carried[move.reservation] = _carry(move, free, keeps_number=False)
        in_order = (carried[move.reservation] for move in moves if move.reservation in carried)
        return CarriedReservations(tuple(in_order), tuple(unchanged), tuple(left))

    def _place(self, one: ListedHost) -> _Move | LeftReservation | None:
        """Return the move of a reservation, why there is none, or None: nothing changes for it."""
        family = Family(one.address.version)
        old = self._old.find_segment(one.address)
        if old is None:
            return LeftReservation(one, LeftReason.NO_SEGMENT)
        old_prefix = self._old.prefixes[old, family]
        stays = self._new.prefixes.get((old, family))
        if stays is not None:
            return None if stays == old_prefix else _Move(one, old, old_prefix, old, stays)
        meant = self._list_successors(old, one)
        there = [name for name in meant if (name, family) in self._new.prefixes]
        if len(there) == 1:
            return _Move(one, old, old_prefix, there[0], self._new.prefixes[there[0], family])
        if there:
            return LeftReservation(one, LeftReason.SEVERAL_SUCCESSORS, old, tuple(there))
        reason = LeftReason.UNKNOWN_SUCCESSOR if meant else LeftReason.NO_SUCCESSOR
        return LeftReservation(one, reason, old, tuple(meant))

    def _list_successors(self, old: str, one: ListedHost) -> tuple[str, ...]:
        if old in self._named:
            return (self._named[old],)
        listed = self._listed.get(one.mac)
        if listed is not None and listed != old:
            return (listed,)
        return self._successors.get(old, ())


def _find_port_successors(before: City, after: City, school: str) -> Mapping[str, tuple[str, ...]]:
    """Find, by old segment, the segments that its access ports become, in the order of the ports."""
    new = dict(_list_access_ports(after, school))
    found: dict[str, dict[str, None]] = {}
    for port, segment in _list_access_ports(before, school):
        if port in new and new[port] != segment:
            found.setdefault(segment, {})[new[port]] = None
    return {segment: tuple(names) for segment, names in found.items()}


def _list_access_ports(city: City, school: str) -> Iterator[tuple[tuple[str, str], str]]:
    for device in city.list_devices(city.school_by_id[school]):
        for port in device.ports:
            if port.mode is PortMode.ACCESS:
                yield (device.id, port.name), port.segments[0]


def _carry(move: _Move, address: Address, *, keeps_number: bool) -> CarriedReservation:
    return CarriedReservation(move.reservation, move.old, move.new, address, keeps_number)


def _shift(move: _Move) -> Address | None:
    """Return the address with the same number within the new segment; None where that is outside of it."""
    number = int(move.reservation.address) - int(move.old_prefix.network_address)
    return _pick(move.new_prefix, number)


def _find_free(move: _Move, taken: set[Address]) -> Address | None:
    """Return the next free address behind the old number, else the first free one of the new segment."""
    size = move.new_prefix.num_addresses
    begin = (int(move.reservation.address) - int(move.old_prefix.network_address)) % size
    # Of so many numbers one is free, or all usable ones are taken.
    for step in range(min(size, len(taken) + 3)):
        address = _pick(move.new_prefix, (begin + step) % size)
        if address is not None and address not in taken:
            return address
    return None


def _pick(prefix: Prefix, number: int) -> Address | None:
    """Return the address of a number in a prefix that a host can have: neither the first, nor IPv4's last."""
    address = prefix[number] if 0 < number < prefix.num_addresses else None
    return address if address is not None and is_host_address(prefix, address) else None


def write_reservations(result: CarriedReservations) -> str:
    """Return what becomes of reservations as CSV: those that move and those that stay, with the address to reserve.

    It can be read again as a list of reservations: of the columns, the two old ones say nothing there. Names stay as
    they are, also one that a spreadsheet would take for a formula.
    """
    columns = (HostColumn.SCHOOL, HostColumn.NAME, HostColumn.MAC, HostColumn.ADDRESS)
    rows = [[*(HEADERS[one][0] for one in columns), HEADERS[HostColumn.SEGMENT][0], "旧アドレス", "旧セグメント"]]
    for carried in result.carried:
        one = carried.reservation
        old = (str(one.address), carried.segment_before)
        rows.append([one.school, one.name, one.mac, str(carried.address), carried.segment, *old])
    rest = (*result.unchanged, *result.others)
    rows += ([one.school, one.name, one.mac, str(one.address), "", "", ""] for one in rest)
    return write_csv_text(rows)
