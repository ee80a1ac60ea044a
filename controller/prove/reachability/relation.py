"""The network part of the policy as one relation over a whole school, straight from the rules.

The compiler makes a set for each filter; this makes one for the school, from the rules as they are written, and
shares no code with it. Where the paths of a school equal this relation, no filter, no order of filters and no place
between them has changed what the policy says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from controller.model.access.infrastructure_protocols import GATEWAY, SEGMENT, EndPoint, InfrastructureProtocol
from controller.model.access.rules import Rule, Segment
from controller.model.city import City
from controller.model.network.packets import (
    ANY_PORTS,
    Direction,
    Effect,
    Family,
    Interval,
    Packet,
    Prefix,
    Protocol,
    get_bounds,
    is_in_interval,
    merge_intervals,
    parse_prefix,
)
from controller.model.sites.schools import School
from controller.prove.engine.packets import Intervals, PacketCube

_WHOLE_STATE, _ESTABLISHED = ((0, 1),), ((1, 1),)


@dataclass(frozen=True, slots=True)
class SchoolNetwork:
    """The network of one school in one family."""

    city: City
    school: School
    family: Family


@dataclass(frozen=True, slots=True)
class Conversation:
    """A service that some (`asking`) may open with others (`asked`) by one rule; its answers are turned round."""

    rule: Rule
    family: Family
    protocol: Protocol
    asking: tuple[Interval, ...]
    asked: tuple[Interval, ...]
    ports: Interval

    def cubes(self) -> Iterator[PacketCube]:
        """The packets of whoever asks, and the answers: TCP's are marked as such, UDP's only by their port."""
        protocol, wide = ((int(self.protocol), int(self.protocol)),), (ANY_PORTS,)
        yield (protocol, self.asking, self.asked, wide, (self.ports,), _WHOLE_STATE)
        marked = _ESTABLISHED if self.protocol is Protocol.TCP else _WHOLE_STATE
        yield (protocol, self.asked, self.asking, (self.ports,), wide, marked)

    def holds(self, packet: Packet) -> bool:
        """Tell whether a packet is one of the conversation's, judged by itself: nothing of diagrams is asked."""
        if packet.protocol != self.protocol:
            return False
        if _among(packet.source, self.asking) and _among(packet.destination, self.asked):
            return is_in_interval(packet.destination_port, self.ports)
        back = _among(packet.source, self.asked) and _among(packet.destination, self.asking)
        marked = packet.established or self.protocol is not Protocol.TCP
        return back and marked and is_in_interval(packet.source_port, self.ports)


def list_conversations(at: SchoolNetwork) -> tuple[Conversation, ...]:
    """Every conversation that some rule speaks of at a school; a family without addresses on one side has none.

    >>> one = list_conversations(SchoolNetwork(city, school, Family.V4))[0]
    >>> one.rule.id, one.protocol.name, one.ports
    ('staff-cloud', 'TCP', (443, 443))
    """
    return tuple(_conversations(at))


def _conversations(at: SchoolNetwork) -> Iterator[Conversation]:
    for rule in at.city.rules:
        yield from list_rule_conversations(at, rule, at.city.list_askers(rule, at.school))


def list_rule_conversations(at: SchoolNetwork, rule: Rule, sources: Iterable[str]) -> Iterator[Conversation]:
    """The conversations that a rule speaks of, asked by these segments (or the controller) of a school.

    >>> one, *_ = list_rule_conversations(SchoolNetwork(city, school, Family.V4), city.rules[0], ["staff"])
    >>> one.rule.id, one.ports
    ('staff-cloud', (443, 443))
    """
    city, school, family = at.city, at.school, at.family
    for source, name in product(sources, rule.applications):
        asking = city.addresses.source_addresses_in(source, school, family).get_intervals()
        asked = city.addresses.destination_addresses_in(name, school, family).get_intervals()
        if asking and asked:
            for service in city.get_permitted_services(rule, name):
                yield Conversation(rule, family, service.protocol, asking, asked, service.ports)


def list_cubes(spoken: Iterable[Conversation], effect: Effect) -> tuple[PacketCube, ...]:
    """The packets of all conversations that a permit (or a forbid) speaks of.

    >>> spoken = list_conversations(SchoolNetwork(city, school, Family.V4))[:1]
    >>> len(list_cubes(spoken, Effect.PERMIT)), list_cubes(spoken, Effect.FORBID)
    (2, ())
    """
    return tuple(cube for one in spoken if one.rule.effect is effect for cube in one.cubes())


def find_covering_rules(spoken: Iterable[Conversation], packet: Packet) -> tuple[Rule, ...]:
    """The rules that decide about a packet: the forbids that cover it, else the permits, else none.

    >>> spoken = list_conversations(SchoolNetwork(city, school, Family.V4))
    >>> asked = packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 443")
    >>> [rule.id for rule in find_covering_rules(spoken, asked)]
    ['staff-cloud']
    """
    covering = [one.rule for one in spoken if one.holds(packet)]
    return tuple(dict.fromkeys([rule for rule in covering if rule.effect is Effect.FORBID] or covering))


def list_infrastructure_cubes(at: SchoolNetwork, segment: Segment, direction: Direction) -> tuple[PacketCube, ...]:
    """The packets that a network needs to live at a segment, in one direction (`necessities.yaml`).

    >>> at = SchoolNetwork(city, school, Family.V4)
    >>> len(list_infrastructure_cubes(at, city.segments["staff"], Direction.FROM))
    5
    """
    gateway = parse_prefix(at.family.format_address(at.city.addresses.gateway_address(at.school, segment, at.family)))
    own = at.city.addresses.segment_prefix(at.school, segment, at.family)
    words: dict[str, Prefix] = {SEGMENT: own, GATEWAY: gateway}
    alone: dict[str, Intervals] = {name: (get_bounds(place),) for name, place in words.items()}

    def ends(need: _Ends) -> Intervals:
        if need.anywhere:
            return need.anywhere
        only = need.named[0]
        if len(need.named) == 1 and isinstance(only, str):
            return alone[only]
        return merge_intervals(get_bounds(words[end] if isinstance(end, str) else end) for end in need.named)

    needs = _needs(at.city, at.family, direction)
    return tuple(
        [
            (need.protocol, ends(need.source), ends(need.destination), *need.rest)
            for need in needs
            if need.is_for(segment)
        ]
    )


class _Ends(NamedTuple):
    """One side of a necessity; `anywhere` are its addresses where they are the same at every segment."""

    named: tuple[EndPoint, ...]
    anywhere: Intervals


class _Need(NamedTuple):
    """A necessity, with all that is the same at every segment worked out; `segments` empty: it is for every one."""

    segments: tuple[str, ...]
    protocol: Intervals
    source: _Ends
    destination: _Ends
    rest: tuple[Intervals, Intervals, Intervals]

    def is_for(self, segment: Segment) -> bool:
        """Tell whether a segment needs it."""
        return not self.segments or segment.id in self.segments


@lru_cache(maxsize=16)
def _needs(city: City, family: Family, direction: Direction) -> tuple[_Need, ...]:
    return tuple(
        _need(one) for one in city.infrastructure_protocols if one.family == family and one.direction is direction
    )


def _need(one: InfrastructureProtocol) -> _Need:
    protocol = int(Protocol[one.protocol.upper()])
    source_ports = ANY_PORTS if one.source_port is None else (one.source_port, one.source_port)
    rest = (source_ports,), (one.ports,), _ESTABLISHED if one.established else _WHOLE_STATE
    return _Need(one.segments, ((protocol, protocol),), _ends(one.source), _ends(one.destination), rest)


def _ends(named: tuple[EndPoint, ...]) -> _Ends:
    fixed = [end for end in named if not isinstance(end, str)]
    return _Ends(named, merge_intervals(map(get_bounds, fixed)) if len(fixed) == len(named) else ())


def _among(value: int, intervals: Iterable[Interval]) -> bool:
    return any(is_in_interval(value, interval) for interval in intervals)
