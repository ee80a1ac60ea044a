"""What no state in between may have: a way from a seat of others than the staff to the data of school affairs.

While a school changes its stage its devices are not all in the same one: the core may filter for the new stage while a
floor switch still puts its sockets into the VLANs of the old one. So a seat is judged by what its own device holds, and
a packet by what the core holds then: a VLAN number that means one segment here and another one there joins the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controller.compile.network.wanted_device_state import FILTERING_ROLE
from controller.model.access.second_factors import STRICT_CLASSES
from controller.model.city import City
from controller.model.network.device_state import DeviceState, Filter
from controller.model.network.packets import Direction, Family, Packet
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.platforms.registry import load_platform_of
from controller.prove.engine.diagram import HeaderSpace, Node
from controller.prove.filters.equivalence import build_filter_set, make_packet_space
from controller.prove.filters.transition import PermittedPackets, VlanFlow, find_permitted_flows
from controller.prove.identity.host_seats import SeatName, list_host_seats
from controller.prove.identity.segment_people import find_outsiders, find_staff_segments
from controller.prove.reachability.enforcement_points import find_example_packet

CityPair = tuple[City, City]
"""The city before and after a change of stage."""
States = Mapping[str, DeviceState]
"""What each device of a school holds."""
Meaning = dict[SeatName, dict[str, int | None]]
"""The sockets and wireless networks of a device: the segments that the stages mean by each, and their VLANs; None where
the segment is none of the school's."""
_ANY_PORT, _ANY_STATE = ((0, 65535),), ((0, 1),)


@dataclass(frozen=True, slots=True)
class Seat:
    """A socket or a wireless network, the segment that its device means by it, and the VLAN that it is in now."""

    device: str
    name: str
    segment: str
    vlan: int

    def __str__(self) -> str:
        return f"{self.segment} at {self.device} {self.name}"


@dataclass(slots=True)
class MixedStates:
    """Judges the states that one school can be in between two stages."""

    cities: CityPair
    school: str
    _permitted: dict[tuple[str, Family], Node] = field(default_factory=dict)
    """The packets of a filter, by its name: the name holds a digest of its entries."""
    _spaces: dict[Family, HeaderSpace] = field(default_factory=lambda: {one: make_packet_space(one) for one in Family})
    _targets: dict[Family, Node] = field(default_factory=dict)

    def find_leaks(self, states: States) -> Iterator[str]:
        """Yield each way to affairs data that a state opens to a seat of others than the staff, in words.

        `states` must hold every device of the school: of one that is not there nothing is judged.
        """
        flows = {
            one.id: find_permitted_flows(states[one.id], load_platform_of(one).capabilities)
            for one in self._filtering
            if one.id in states
        }
        by_vlan: dict[int, list[Seat]] = {}
        for one in self._list_seats(states):
            by_vlan.setdefault(one.vlan, []).append(one)
        for vlan, seats in by_vlan.items():
            yield from self._find_joined(vlan, seats)
            for segment in dict.fromkeys(one.segment for one in seats):
                if segment in self.outsiders:
                    seat = next(one for one in seats if one.segment == segment)
                    yield from self._find_open_ways(seat, flows)

    @property
    def schools(self) -> tuple[School, School]:
        """The school before and after."""
        return self.cities[0].school_by_id[self.school], self.cities[1].school_by_id[self.school]

    @property
    def outsiders(self) -> frozenset[str]:
        """The segments into which somebody comes who is not of the staff; see `find_outsiders`."""
        return find_outsiders(self.cities)

    def _list_seats(self, states: States) -> Iterator[Seat]:
        meanings: dict[str, Meaning] = {}
        devices: dict[str, Device] = {}
        for city, school in zip(self.cities, self.schools, strict=True):
            numbers = {name: one.vlan for name, one in city.list_segments(school).items()}
            for device in city.list_devices(school):
                devices[device.id] = device
                _add_meaning(meanings.setdefault(device.id, {}), device, numbers)
        for name, meaning in meanings.items():
            if name in states:
                yield from _list_device_seats(devices[name], meaning, states[name])

    def _find_joined(self, vlan: int, seats: Sequence[Seat]) -> Iterator[str]:
        """Yield where a VLAN is of an outsiders' segment at one seat, and of a staff's at another."""
        outside = next((one for one in seats if one.segment in self.outsiders), None)
        inside = next((one for one in seats if one.segment in find_staff_segments(self.cities)), None)
        if outside is not None and inside is not None:
            yield f"VLAN {vlan} joins {outside} and {inside}"

    def _find_open_ways(self, seat: Seat, flows: Mapping[str, Mapping[VlanFlow, PermittedPackets]]) -> Iterator[str]:
        for device, permitted_by in flows.items():
            for family in self.cities[0].families:
                permitted = permitted_by.get(VlanFlow(seat.vlan, Direction.FROM, family), False)
                packet = self._find_packet(family, permitted)
                if packet is not None:
                    yield f"{seat} reaches affairs data by {device}: {packet}"

    @property
    def _filtering(self) -> Iterable[Device]:
        school = self.schools[0]
        return (one for one in self.cities[0].list_devices(school) if one.role == FILTERING_ROLE)

    def _find_packet(self, family: Family, permitted: PermittedPackets) -> Packet | None:
        if permitted is False:
            return None
        space = self._spaces[family]
        open_ = space.intersection(self._find_passing(space, family, permitted), self._find_targets(family))
        return None if space.is_empty(open_) else find_example_packet(space, open_, ())

    def _find_passing(self, space: HeaderSpace, family: Family, permitted: PermittedPackets) -> Node:
        if not isinstance(permitted, Filter):
            return space.everything
        key = permitted.name, family
        if key not in self._permitted:
            self._permitted[key] = build_filter_set(space, permitted)
        return self._permitted[key]

    def _find_targets(self, family: Family) -> Node:
        """The packets that begin something with affairs data.

        No rule excuses one: whoever may be in an outsiders' segment is not of the staff, whatever names the segment.
        """
        if family not in self._targets:
            space = self._spaces[family]
            cubes = [cube for city in self.cities for cube in self._list_target_cubes(space, city, family)]
            self._targets[family] = space.union_all(cubes)
        return self._targets[family]

    def _list_target_cubes(self, space: HeaderSpace, city: City, family: Family) -> Iterator[Node]:
        school = city.school_by_id[self.school]
        for name, application in city.applications.items():
            if application.importance not in STRICT_CLASSES:
                continue
            there = city.addresses.destination_addresses_in(name, school, family).get_intervals()
            for service in application.services:
                protocol = ((int(service.protocol), int(service.protocol)),)
                ends = (((0, 2**family.bits - 1),), there)
                yield space.cube((protocol, *ends, _ANY_PORT, (service.ports,), _ANY_STATE))


def _list_device_seats(device: Device, meaning: Meaning, state: DeviceState) -> Iterator[Seat]:
    """Yield the seats of a device, each in the VLANs that it is in now.

    Where that is what a stage means by the seat, who sits there is whom that stage means. Where it is what no stage
    means, those whom any stage means may sit there.
    """
    now = {SeatName(one.name): one.vlans for one in state.ports}
    now |= {SeatName(one.ssid, is_network=True): (one.vlan,) for one in state.networks}
    for seat, meant in meaning.items():
        found = now.get(seat, ())
        right = {segment: number for segment, number in meant.items() if found == (number,)}
        for segment in right or meant:
            yield from (Seat(device.id, seat.name, segment, vlan) for vlan in found if vlan is not None)


def _add_meaning(meaning: Meaning, device: Device, numbers: Mapping[str, int]) -> None:
    """Add what a stage means by the seats of a device: a segment, and its VLAN there; on a trunk a tag says it."""
    for seat, behind in list_host_seats(device).items():
        for segment in () if behind.tagged else behind.segments:
            meaning.setdefault(seat, {})[segment] = numbers.get(segment)
