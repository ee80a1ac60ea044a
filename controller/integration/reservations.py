"""Carries the reservations of DHCP over to the segments that there are in the next stage; none is lost in silence."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from controller.errors import InputError, Problem
from controller.integration.lists.brought_lists import Reservation
from controller.integration.mixed_states import CityPair
from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.network.device_state import PortMode
from controller.model.network.packets import Family
from controller.model.sites.devices import Device

_REFUSED = "These reservations cannot be carried over; nothing was written:"
_HEADER = ("school", "name", "mac", "address", "new-address", "segment", "new-segment")


@dataclass(frozen=True, slots=True)
class CarriedReservation:
    """A reservation and its address in the next stage: the same one where its segment stays."""

    reservation: Reservation
    address: IPv4Address
    segment: str
    new_segment: str


def carry_reservations(
    cities: CityPair, schools: Sequence[str], listed: Iterable[Reservation]
) -> tuple[CarriedReservation, ...]:
    """Return every reservation of some schools with its address in the next stage.

    What moves keeps its place in the segment where that is free, else it takes the next free one.

    Raises:
        InputError: names each that cannot be carried over, and why.
    """
    problems: list[Problem] = []
    carried: list[CarriedReservation] = []
    for school in schools:
        mine = [one for one in listed if one.school == school]
        places = [(one, _find_segment(cities[0], school, one.address)) for one in mine]
        moves = _find_moves(cities, school)
        staying = [(one, held) for one, held in places if held not in moves and held and not _names_other(one, held)]
        carried += [CarriedReservation(one, one.address, segment, segment) for one, segment in staying]
        taken = {one.address for one, _ in staying}
        for one, segment in places:
            if segment in moves or not segment or _names_other(one, segment):
                found = _carry(cities[1], one, segment, (moves.get(segment, ()), taken))
                if isinstance(found, CarriedReservation):
                    carried.append(found)
                    taken.add(found.address)
                else:
                    problems.append(Problem(one.origin, "", f"{one.name or one.mac} ({one.address}): {found}"))
    if problems:
        raise InputError(_REFUSED, problems)
    return tuple(carried)


def _names_other(one: Reservation, segment: str) -> bool:
    return one.new_segment not in ("", segment)


def write_reservation_table(carried: Iterable[CarriedReservation]) -> str:
    """Return the list as CSV: the old and the new address of each reservation."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for one in carried:
        said = one.reservation
        writer.writerow(
            (said.school, said.name, said.mac, str(said.address), str(one.address), one.segment, one.new_segment)
        )
    return text.getvalue()


def _find_moves(cities: CityPair, school: str) -> Mapping[str, tuple[str, ...]]:
    """Find the segments that lose their last seat at a school, each with those that its seats become."""
    before, after = ({(d.id, name): s for d, name, s in _list_seats(city, school)} for city in cities)
    left = set(before.values()) - set(after.values())
    return {
        segment: tuple(
            dict.fromkeys(after[place] for place, held in before.items() if held == segment and place in after)
        )
        for segment in left
    }


def _list_seats(city: City, school: str) -> Iterator[tuple[Device, str, str]]:
    for device in city.list_devices(city.school_by_id[school]):
        yield from (
            (device, port.name, one) for port in device.ports if port.mode is PortMode.ACCESS for one in port.segments
        )
        yield from ((device, one.ssid, one.segment) for one in device.networks)


def _find_segment(city: City, school: str, address: IPv4Address) -> str:
    here = city.school_by_id[school]
    for segment in city.list_segments(here).values():
        if Family.V4 in city.families and address in _find_network(city, school, segment):
            return segment.id
    return ""


def _find_network(city: City, school: str, segment: Segment) -> IPv4Network:
    found = city.addresses.segment_prefix(city.school_by_id[school], segment, Family.V4)
    return IPv4Network(str(found))


def _carry(
    after: City, one: Reservation, segment: str, choice: tuple[tuple[str, ...], set[IPv4Address]]
) -> CarriedReservation | str:
    """Return a reservation at its new address, or why it has none."""
    targets, taken = choice
    if not segment:
        return f"is in no segment of {one.school}; correct the address"
    there = after.list_segments(after.school_by_id[one.school])
    if one.new_segment:
        targets = (one.new_segment,)
    if len(targets) != 1 or targets[0] not in there:
        known = ", ".join(targets) or "nothing"
        return f"the seats of {segment} become {known}; write its segment into the column new-segment"
    network = _find_network(after, one.school, there[targets[0]])
    old = _find_network(after, one.school, after.segments[segment])
    address = _find_free_address(network, int(one.address) - int(old.network_address), taken)
    if address is None:
        return f"no address of {targets[0]} ({network}) is free"
    return CarriedReservation(one, address, segment, targets[0])


def _find_free_address(network: IPv4Network, offset: int, taken: set[IPv4Address]) -> IPv4Address | None:
    """Return the address at an offset of a network where it is free, else the next free one behind it, then before.

    The first is the gateway's.

    >>> network = IPv4Network("10.0.0.0/29")
    >>> print(_find_free_address(network, 3, set()), _find_free_address(network, 3, {IPv4Address("10.0.0.3")}))
    10.0.0.3 10.0.0.4
    """
    first, last = 2, network.num_addresses - 2
    begin = offset if first <= offset <= last else first
    for at in (*range(begin, last + 1), *range(first, begin)):
        if network[at] not in taken:
            return network[at]
    return None
