"""Composition: everything that passes in a school, put together from its filters, is what the policy says.

A packet passes the filter of its segment, the school's router, the load-balancer frontend, and the filter of whoever
is asked.
Single filters can each be right and the path still be wrong: the filter of the one end lets through what that of the
other does not, a segment has no filter at all, the frontend is closed where a rule opens it. So the sets of all
filters of a school are put together to one relation (who reaches whom, with which packets) and compared with
`relation.py`, which is made from the rules without the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from controller.compile.cloud_firewall import find_frontends
from controller.compile.network.intent import FilterIntent
from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.network.device_state import Filter
from controller.model.network.packets import (
    ANY_PORTS,
    AddressSet,
    Direction,
    Effect,
    Family,
    Interval,
    Packet,
    get_bounds,
    merge_intervals,
)
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.prove.check import Check
from controller.prove.engine.diagram import Node
from controller.prove.engine.packets import FilterEntries, Intervals, PacketCube
from controller.prove.filters.equivalence import ReplayError, list_filter_entries, list_intent_entries
from controller.prove.reachability.enforcement_points import (
    EnforcementPoint,
    describe_path,
    find_enforcement_points,
    find_example_packet,
)
from controller.prove.reachability.forwarding import (
    ForwardingRelation,
    PathQuestion,
    SegmentQuestion,
    forwards_as_wanted,
)
from controller.prove.reachability.relation import (
    Conversation,
    SchoolNetwork,
    list_conversations,
    list_cubes,
    list_infrastructure_cubes,
)
from controller.prove.reachability.replay import evaluate_packet

FilterKey = tuple[int, Direction, Family]
"""Where a filter stands: VLAN, direction, family."""


@dataclass(frozen=True, slots=True)
class SchoolFilters:
    """The filters in force at a school, each with the device that holds it, as parsed back from that device's text.

    `segments` are those that the school's devices carry. `assumed` are the filters of which a part is left to a router
    that keeps the state of TCP: the router is assumed to let no new conversation in that the intent does not permit.
    """

    school: School
    segments: tuple[Segment, ...]
    filters: Mapping[FilterKey, tuple[str, Filter]]
    assumed: Mapping[FilterKey, FilterIntent] = field(default_factory=dict)


def prove_school_paths(city: City, here: SchoolFilters, family: Family) -> list[Check]:
    """The checks of one school in one family: paths, isolation from other schools, and who reaches the management.

    >>> here = SchoolFilters(school, (city.segments["staff"],), {})
    >>> prove_school_paths(city, here, Family.V4)[0].differences[0]
    'as-e01: nothing filters staff (VLAN 10) from IPv4; all passes'

    Raises:
        ReplayError: a counterexample of the diagram is none when replayed; a bug in Tsunagu.
    """
    unfiltered = [place for place in _places(here.segments, family) if place not in here.filters]
    if unfiltered:
        names = {segment.vlan: segment.id for segment in here.segments}
        differences = [
            f"{here.school.id}: nothing filters {names[vlan]} (VLAN {vlan}) {direction} IPv{int(family)}; all passes"
            for vlan, direction, _ in unfiltered
        ]
        return [Check("paths", len(unfiltered), tuple(differences))]
    at = SchoolNetwork(city, here.school, family)
    question = _question(at, here.segments, lambda place: list_filter_entries(here.filters[place][1]), here.assumed)
    if forwards_as_wanted(question):
        return count_path_checks(at, here.segments)
    return _PathDifferences(at, here, question).checks()


def prove_intent_paths(
    city: City,
    school: School,
    segments: tuple[Segment, ...],
    intents: Mapping[FilterKey, FilterIntent],
    assumed: Mapping[FilterKey, FilterIntent],
) -> list[Check] | None:
    """The same checks in both families of filters that were proved equal to their intents; None where one differs.

    >>> prove_intent_paths(city, school, (city.segments["staff"],), {}, {}) is None  # a filter without an intent
    True
    """
    found: list[Check] = []
    for family in Family:
        if not all(place in intents for place in _places(segments, family)):
            return None
        at = SchoolNetwork(city, school, family)
        if not forwards_as_wanted(_question(at, segments, lambda place: list_intent_entries(intents[place]), assumed)):
            return None
        found += count_path_checks(at, segments)
    return found


def count_path_checks(at: SchoolNetwork, segments: tuple[Segment, ...]) -> list[Check]:
    """The checks of a school that hold, with how many ways each is about.

    Where a school has several cores, the management is asked about at the one that carries it.

    >>> at = SchoolNetwork(city, school, Family.V4)
    >>> [(one.name, one.examined) for one in count_path_checks(at, (city.segments["staff"],))]
    [('paths', 12), ('school-to-school isolation', 175)]
    """
    carried = any(segment.id == at.city.management_segment for segment in segments)
    return [
        Check(_PATHS, len(segments) * (len(segments) - 1 + len(at.city.applications) + 1)),
        Check(_ISOLATION, len(at.city.schools) - 1),
        *([Check(_MANAGEMENT, len(_devices(at)))] if carried else ()),
    ]


_PATHS, _ISOLATION = "paths", "school-to-school isolation"
_MANAGEMENT = "management from the controller only"


def _places(segments: Iterable[Segment], family: Family) -> Iterator[FilterKey]:
    for segment in segments:
        yield from ((segment.vlan, direction, family) for direction in Direction)


def _question(
    at: SchoolNetwork,
    segments: tuple[Segment, ...],
    entries: Callable[[FilterKey], FilterEntries],
    assumed: Mapping[FilterKey, FilterIntent],
) -> PathQuestion:
    """All that the school's paths depend on, as cubes."""
    city, school, family = at.city, at.school, at.family

    def assumed_at(place: FilterKey) -> FilterEntries | None:
        return list_intent_entries(assumed[place]) if place in assumed else None

    asked: list[SegmentQuestion] = []
    for one in segments:
        out, into = ((one.vlan, direction, family) for direction in Direction)
        needs = (list_infrastructure_cubes(at, one, Direction.FROM), list_infrastructure_cubes(at, one, Direction.TO))
        span = (get_bounds(city.addresses.segment_prefix(school, one, family)),)
        asked.append(SegmentQuestion(span, (entries(out), entries(into)), (assumed_at(out), assumed_at(into)), needs))
    spoken = list_conversations(at)
    management = city.management_segment
    edge, frontends = _edge(city, family)
    return PathQuestion(
        last=2**family.bits - 1,
        block=merge_intervals(map(get_bounds, city.addresses.school_prefixes(school, family))),
        others=city.addresses.other_schools(school, family),
        segments=tuple(asked),
        frontend_addresses=edge,
        frontend_cubes=frontends,
        permits=list_cubes(spoken, Effect.PERMIT),
        forbids=list_cubes(spoken, Effect.FORBID),
        management=next((number for number, one in enumerate(segments) if one.id == management), None),
        controllers=AddressSet(city.controllers).in_family(family).get_intervals(),
        answers=_answered(spoken, management),
        management_cubes=tuple(_ways(at)) if any(one.id == management for one in segments) else (),
    )


@lru_cache(maxsize=8)
def _edge(city: City, family: Family) -> tuple[Intervals, tuple[PacketCube, ...]]:
    """The addresses of the cloud's load-balancer frontends, and the packets that these take."""
    frontends = [(frontend, frontend.addresses.in_family(family).get_intervals()) for frontend in find_frontends(city)]
    everywhere = ((0, 2**family.bits - 1),)
    taken: list[PacketCube] = [
        (_one(service.protocol), everywhere, addresses, (ANY_PORTS,), (service.ports,), ((0, 1),))
        for frontend, addresses in frontends
        for service in frontend.services
        if addresses
    ]
    return merge_intervals(span for _, addresses in frontends for span in addresses), tuple(taken)


def _answered(spoken: Iterable[Conversation], management: str) -> tuple[PacketCube, ...]:
    """Return the packets that answer the management when it asks somebody, as a rule lets it."""
    asks = [
        one
        for one in spoken
        if one.rule.effect is Effect.PERMIT and one.rule.network and management in one.rule.network.from_
    ]
    return tuple(list(one.cubes())[1] for one in asks)


def _devices(at: SchoolNetwork) -> list[Device]:
    """The school's devices that are managed over this family."""
    return [one for one in at.city.list_devices(at.school) if one.management.version == at.family]


def _ways(at: SchoolNetwork) -> Iterator[PacketCube]:
    """The controller's way to the school's devices, one cube a port of SSH."""
    by_port: dict[int, list[Interval]] = {}
    for one in _devices(at):
        by_port.setdefault(one.ssh_port, []).append((int(one.management), int(one.management)))
    for port, addresses in by_port.items():
        yield _way(at, merge_intervals(addresses), port)


def _way(at: SchoolNetwork, addresses: Intervals, port: int) -> PacketCube:
    controllers = AddressSet(at.city.controllers).in_family(at.family).get_intervals()
    return (((6, 6),), controllers, addresses, (ANY_PORTS,), _one(port), ((0, 1),))


class _PathDifferences:
    """The differences of a school's paths in one family, each with a packet."""

    def __init__(self, at: SchoolNetwork, here: SchoolFilters, question: PathQuestion) -> None:
        self.at, self.city, self.here = at, at.city, here
        self.relation = ForwardingRelation(question)

    def checks(self) -> list[Check]:
        """The checks, with every kind of difference that was found."""
        paths, isolation, *management = count_path_checks(self.at, self.here.segments)
        relation = self.relation
        wrong = [
            *self._told(relation.excess, "passes", wanted=False),
            *self._told(relation.lacking, "does not pass", wanted=True),
            *self._pretended(),
        ]
        meeting = tuple(self._told(relation.to_other_schools, "leaves for another school", wanted=None))
        return [
            Check(paths.name, paths.examined, tuple(wrong)),
            Check(isolation.name, isolation.examined, meeting),
            *(Check(one.name, one.examined, tuple(self._reached())) for one in management),
        ]

    def _reached(self) -> Iterator[str]:
        yield from self._told(self.relation.to_management, "reaches the management", wanted=None)
        yield from self._unreached()

    def _pretended(self) -> Iterator[str]:
        """Packets with an address of elsewhere at the segment's own end, beyond what the network needs to live."""
        for number, direction, node in self.relation.spoofed():
            packet = find_example_packet(self.relation.space, node, self._liked())
            if packet is not None:
                segment = self.here.segments[number]
                device, one = self.here.filters[segment.vlan, direction, self.at.family]
                end = "source" if direction is Direction.FROM else "destination"
                passing = f"{device} {one.name}: {packet} passes {direction} {segment.id}"
                yield f"{passing}, but its {end} is not of the segment"

    def _unreached(self) -> Iterator[str]:
        for device in _devices(self.at):
            address = int(device.management)
            lacking = self.relation.cut_from_controllers(_way(self.at, ((address, address),), device.ssh_port))
            packet = find_example_packet(self.relation.space, lacking, self._liked())
            if packet is not None:
                yield f"{device.id}: the controller does not reach it at {device.management}: {packet}"

    def _liked(self) -> list[int]:
        """A host of every segment, and an address in everything that applications name."""
        named = [
            span
            for name in self.city.applications
            for span in self.city.addresses.destination_addresses_in(
                name, self.here.school, self.at.family
            ).get_intervals()[:1]
        ]
        spans = [one.span[0] for one in self.relation.question.segments]
        return [min(low + 10, high) for low, high in (*spans, *named)]

    def _told(self, wrong: Node, deed: str, *, wanted: bool | None) -> Iterator[str]:
        """A packet of the set in words, replayed first: by the filters' entries one by one, and by the reference."""
        packet = find_example_packet(self.relation.space, wrong, self._liked())
        if packet is None:
            return
        passed = list(find_enforcement_points(self.city, self.here.school, self.here.filters, packet))
        _replay(self.city, self.here.school, packet, passed, wanted=wanted)
        yield describe_path(self.city, self.here.school, packet, passed, deed)


def _replay(
    city: City, school: School, packet: Packet, passed: Iterable[EnforcementPoint], *, wanted: bool | None
) -> None:
    if wanted is None:
        return
    passes = all(point.permits for point in passed)
    if evaluate_packet(city, school, packet) != wanted or passes == wanted:
        message = f"{school.id}: the proof shows {packet}, but replayed it makes no difference"
        raise ReplayError(message)


def _one(value: int) -> tuple[Interval, ...]:
    return ((value, value),)
