"""Composition: everything that passes in a school, put together from its filters, is what the policy says.

A packet passes the filter of its segment, the school's router, the cloud's edge, and the filter of whoever is asked.
Single filters can each be right and the path still be wrong: the filter of the one end lets through what that of the
other does not, a segment has no filter at all, the cloud's edge is closed where a rule opens it. So the sets of all
filters of a school are put together to one relation (who reaches whom, with which packets) and compared with
`relation.py`, which is made from the rules without the compiler.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from controller.compile.firewall import front_doors
from controller.compile.intent import FilterIntent
from controller.model.access import Segment
from controller.model.city import City
from controller.model.flow import (
    ANY_PORTS,
    AddressSet,
    Direction,
    Effect,
    Family,
    Interval,
    Packet,
    Protocol,
    merged,
    without,
)
from controller.model.schools import School
from controller.model.state import Filter
from controller.prove.check import Check
from controller.prove.diagram import Node
from controller.prove.equivalence import ReplayError, packet_space, permitted_by_filter, permitted_by_policy
from controller.prove.hops import Hop, example, hops, told
from controller.prove.relation import SchoolNetwork, conversations, needed, permitted_and_forbidden
from controller.prove.replay import wanted_packet

Place = tuple[int, Direction, Family]
"""Where a filter stands: VLAN, direction, family."""


@dataclass(frozen=True, slots=True)
class SchoolFilters:
    """The filters in force at a school, each with the device that holds it, as parsed back from that device's text.

    `segments` are those that the school's devices carry. `believed` are the filters of which a part is left to a router
    that keeps the state of TCP: the router is believed to let no new conversation in that the intent does not permit.
    """

    school: School
    segments: tuple[Segment, ...]
    filters: Mapping[Place, tuple[str, Filter]]
    believed: Mapping[Place, FilterIntent] = field(default_factory=dict)


def compose(city: City, here: SchoolFilters, family: Family) -> list[Check]:
    """The checks of one school in one family: paths, isolation from other schools, and who reaches the management.

    Raises:
        ReplayError: a counterexample of the diagram is none when replayed; a bug in Tsunagu.
    """
    unfiltered = [place for place in _places(here, family) if place not in here.filters]
    if unfiltered:
        names = {segment.vlan: segment.id for segment in here.segments}
        differences = [
            f"{here.school.id}: nothing filters {names[vlan]} (VLAN {vlan}) {direction} IPv{int(family)}; all passes"
            for vlan, direction, _ in unfiltered
        ]
        return [Check("paths", len(unfiltered), tuple(differences))]
    composed = _Composed(city, here, family)
    # Where a school has several cores, the management is asked about at the one that carries it.
    carries = any(segment.id == city.file.management_segment for segment in here.segments)
    return [composed.paths(), composed.isolation(), *([composed.management()] if carries else ())]


def _places(here: SchoolFilters, family: Family) -> Iterator[Place]:
    for segment in here.segments:
        yield from ((segment.vlan, direction, family) for direction in Direction)


class _Composed:
    """The relation of one school in one family, and the questions that are asked of it."""

    def __init__(self, city: City, here: SchoolFilters, family: Family) -> None:
        self.city, self.here, self.family = city, here, family
        self.at = SchoolNetwork(city, here.school, family)
        self.space = packet_space(family)
        self.segments = here.segments
        self.spans = {one.id: city.segment_prefix(here.school, one, family) for one in self.segments}
        self.carried = AddressSet(tuple(self.spans.values())).intervals()
        self.block = AddressSet((city.school_prefix(here.school, family),)).intervals()
        self.sent, self.received = self._ends(Direction.FROM), self._ends(Direction.TO)
        self.through = self._through()

    def _ends(self, direction: Direction) -> Node:
        """The packets that the segments' filters let through in one direction, the segment at its own end only."""
        kept = []
        for segment in self.segments:
            own = self._ended(direction, AddressSet((self.spans[segment.id],)).intervals())
            kept.append(self.space.intersection(own, self._let_through(segment, direction)))
        return self.space.union_all(kept)

    def _let_through(self, segment: Segment, direction: Direction) -> Node:
        """What the filter at a segment permits, and a router that is believed to keep state beside it."""
        place = (segment.vlan, direction, self.family)
        permitted_there = permitted_by_filter(self.space, self.here.filters[place][1])
        intent = self.here.believed.get(place)
        if intent is None:
            return permitted_there
        new = self.space.box((_one(int(Protocol.TCP)), *self._anywhere(), (ANY_PORTS,), (ANY_PORTS,), ((0, 0),)))
        refused = self.space.difference(new, permitted_by_policy(self.space, intent))
        return self.space.difference(permitted_there, refused)

    def _through(self) -> Node:
        """Everything that passes: out of the school, into it, and between two of its segments."""
        space = self.space
        out = space.difference(self._leaving(self.sent), self._closed())
        return space.union_all([out, self._arriving(self.received), self._inside(self.sent, self.received)])

    def _leaving(self, node: Node) -> Node:
        return self.space.difference(node, self._ended(Direction.TO, self.block))

    def _arriving(self, node: Node) -> Node:
        return self.space.difference(node, self._ended(Direction.FROM, self.block))

    def _inside(self, sent: Node, received: Node) -> Node:
        """Between two segments; what stays in one is switched, and no routed filter sees it."""
        both = self.space.intersection(sent, received)
        same = self.space.union_all(
            self._pair(span, span) for span in (AddressSet((one,)).intervals() for one in self.spans.values())
        )
        return self.space.difference(self.space.intersection(both, self._pair(self.carried, self.carried)), same)

    def _closed(self) -> Node:
        """What the cloud's edge does not take: every packet to its addresses but those of an open front door."""
        doors = front_doors(self.city)
        every = merged(span for door in doors for span in door.addresses.of(self.family).intervals())
        open_doors = self.space.union_all(
            self.space.box(
                (_one(service.protocol), self._everywhere, addresses, (ANY_PORTS,), (service.ports,), ((0, 1),))
            )
            for door in doors
            for service in door.services
            if (addresses := door.addresses.of(self.family).intervals())
        )
        return self.space.difference(self._ended(Direction.TO, every), open_doors)

    @property
    def _everywhere(self) -> tuple[Interval, ...]:
        return ((0, 2**self.family.bits - 1),)

    def _anywhere(self) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
        return self._everywhere, self._everywhere

    def paths(self) -> Check:
        """Whether exactly what the policy says passes, and nothing that pretends to come from, or go, elsewhere."""
        space = self.space
        rules, forbidden = permitted_and_forbidden(space, conversations(self.at))
        # A forbid wins over what the network needs, too.
        needs = {
            direction: [space.difference(needed(space, self.at, one, direction), forbidden) for one in self.segments]
            for direction in Direction
        }
        asked = {
            direction: space.union(rules, self._at_their_ends(direction, needs[direction])) for direction in Direction
        }
        inside = self._inside(asked[Direction.FROM], asked[Direction.TO])
        # Two necessities that meet are no rule of both ends: only what each end needs by itself passes both.
        own = space.intersection(asked[Direction.FROM], self._ended(Direction.FROM, self.carried))
        into = space.intersection(asked[Direction.TO], self._ended(Direction.TO, self.carried))
        expected = space.union_all([self._leaving(own), self._arriving(into), inside])
        found = [
            *self._told(space.difference(self.through, expected), "passes", wanted=False),
            *self._told(space.difference(expected, self.through), "does not pass", wanted=True),
            *self._pretended(needs),
        ]
        pairs = len(self.segments) * (len(self.segments) - 1 + len(self.city.applications) + 1)
        return Check("paths", pairs, tuple(found))

    def _at_their_ends(self, direction: Direction, needs: Iterable[Node]) -> Node:
        kept = [
            self.space.intersection(self._ended(direction, AddressSet((self.spans[one.id],)).intervals()), need)
            for one, need in zip(self.segments, needs, strict=True)
        ]
        return self.space.union_all(kept)

    def _pretended(self, needs: Mapping[Direction, Iterable[Node]]) -> Iterator[str]:
        """Packets with an address of elsewhere at the segment's own end, beyond what the network needs to live."""
        for direction in Direction:
            for segment, need in zip(self.segments, needs[direction], strict=True):
                device, one = self.here.filters[segment.vlan, direction, self.family]
                span = AddressSet((self.spans[segment.id],)).intervals()
                let_through = self._let_through(segment, direction)
                strange = self.space.difference(let_through, self._ended(direction, span))
                packet = example(self.space, self.space.difference(strange, need), self._liked())
                if packet is not None:
                    end = "source" if direction is Direction.FROM else "destination"
                    passing = f"{device} {one.name}: {packet} passes {direction} {segment.id}"
                    yield f"{passing}, but its {end} is not of the segment"

    def isolation(self) -> Check:
        """Whether nothing leaves this school for another one's addresses: where that holds at all, no two meet."""
        # No two schools' blocks overlap; loading the policy refuses that.
        others = without(self.city.school_spans[self.family], *self.block[0])
        meeting = self.space.intersection(self.through, self._pair(self.block, others))
        found = self._told(meeting, "leaves for another school", wanted=None)
        return Check("school-to-school isolation", len(self.city.schools) - 1, tuple(found))

    def management(self) -> Check:
        """Whether only the controller opens anything at the school's own devices, and whether it can."""
        segment = self.city.segments[self.city.file.management_segment]
        span = AddressSet((self.spans[segment.id],)).intervals()
        controllers = AddressSet(self.city.file.controllers).of(self.family).intervals()
        reaching = self.space.intersection(self.through, self._ended(Direction.TO, span))
        strangers = self.space.difference(reaching, self._ended(Direction.FROM, controllers))
        unasked = self.space.difference(strangers, self._answered(segment))
        found = list(self._told(unasked, "reaches the management", wanted=None))
        devices = [one for one in self.city.devices(self.here.school) if one.management.version == self.family]
        for device in devices:
            way = (
                ((6, 6),),
                controllers,
                _one(int(device.management)),
                (ANY_PORTS,),
                _one(device.access.port),
                ((0, 1),),
            )
            lacking = self.space.difference(self.space.box(way), self.through)
            if controllers and not self.space.is_empty(lacking):
                found.append(
                    f"{device.id}: the controller does not reach it at {device.management}: {self._shown(lacking)}"
                )
        return Check("management from the controller only", len(devices), tuple(found))

    def _answered(self, segment: Segment) -> Node:
        """What may come to the management unasked by the controller: answers, and what the network needs."""
        asks = [
            one
            for one in conversations(self.at)
            if one.rule.effect is Effect.PERMIT and one.rule.network and segment.id in one.rule.network.from_
        ]
        needs = needed(self.space, self.at, segment, Direction.TO)
        return self.space.union_all([needs, *(self.space.box(list(one.boxes())[1]) for one in asks)])

    def _ended(self, direction: Direction, addresses: tuple[Interval, ...]) -> Node:
        """The packets from (or to) some addresses."""
        ends = (addresses, self._everywhere) if direction is Direction.FROM else (self._everywhere, addresses)
        return self.space.box((((0, 255),), *ends, (ANY_PORTS,), (ANY_PORTS,), ((0, 1),)))

    def _pair(self, sources: tuple[Interval, ...], destinations: tuple[Interval, ...]) -> Node:
        return self.space.box((((0, 255),), sources, destinations, (ANY_PORTS,), (ANY_PORTS,), ((0, 1),)))

    def _liked(self) -> list[int]:
        """A host of every segment, and an address in everything that applications name."""
        named = [
            span
            for name in self.city.applications
            for span in self.city.destination(name, self.here.school).of(self.family).intervals()[:1]
        ]
        spans = [AddressSet((one,)).intervals()[0] for one in self.spans.values()]
        return [min(low + 10, high) for low, high in (*spans, *named)]

    def _shown(self, node: Node) -> str:
        return str(example(self.space, node, self._liked()))

    def _told(self, wrong: Node, deed: str, *, wanted: bool | None) -> Iterator[str]:
        """A packet of the set in words, replayed first: by the filters' entries one by one, and by the reference."""
        packet = example(self.space, wrong, self._liked())
        if packet is None:
            return
        passed = list(hops(self.city, self.here.school, self.here.filters, packet))
        _replay(self.city, self.here.school, packet, passed, wanted=wanted)
        yield told(self.city, self.here.school, packet, passed, deed)


def _replay(city: City, school: School, packet: Packet, passed: Iterable[Hop], *, wanted: bool | None) -> None:
    if wanted is None:
        return
    passes = all(hop.permits for hop in passed)
    if wanted_packet(city, school, packet) != wanted or passes == wanted:
        message = f"{school.id}: the proof shows {packet}, but replayed it makes no difference"
        raise ReplayError(message)


def _one(value: int) -> tuple[Interval, ...]:
    return ((value, value),)
