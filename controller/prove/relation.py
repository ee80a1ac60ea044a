"""The network part of the policy as one relation over a whole school, straight from the rules.

The compiler makes a set for each filter; this makes one for the school, from the rules as they are written, and
shares no code with it. Where the paths of a school equal this relation, no filter, no order of filters and no place
between them has changed what the policy says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from controller.model.access import Rule, Segment
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
    prefix,
    within,
)
from controller.model.necessities import ADMISSION, GATEWAY, SEGMENT, Necessity
from controller.model.schools import School
from controller.prove.diagram import Box, Node, Space

_WHOLE_STATE, _ESTABLISHED = ((0, 1),), ((1, 1),)


@dataclass(frozen=True, slots=True)
class SchoolNetwork:
    """The network of one school in one family."""

    city: City
    school: School
    family: Family


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who may ask (`asking`) whom (`asked`) for what, by one rule. Its answers are the same, turned round."""

    rule: Rule
    family: Family
    protocol: Protocol
    asking: tuple[Interval, ...]
    asked: tuple[Interval, ...]
    ports: Interval

    def boxes(self) -> Iterator[Box]:
        """The packets of whoever asks, and the answers: TCP's are marked as such, UDP's only by their port."""
        protocol, wide = ((int(self.protocol), int(self.protocol)),), (ANY_PORTS,)
        yield (protocol, self.asking, self.asked, wide, (self.ports,), _WHOLE_STATE)
        marked = _ESTABLISHED if self.protocol is Protocol.TCP else _WHOLE_STATE
        yield (protocol, self.asked, self.asking, (self.ports,), wide, marked)

    def holds(self, packet: Packet) -> bool:
        """Whether a packet is one of the conversation's, judged by itself: nothing of diagrams is asked."""
        if packet.protocol != self.protocol:
            return False
        if _among(packet.source, self.asking) and _among(packet.destination, self.asked):
            return within(packet.destination_port, self.ports)
        back = _among(packet.source, self.asked) and _among(packet.destination, self.asking)
        marked = packet.established or self.protocol is not Protocol.TCP
        return back and marked and within(packet.source_port, self.ports)


def conversations(at: SchoolNetwork) -> tuple[Conversation, ...]:
    """Every conversation that some rule speaks of at a school; a family without addresses on one side has none."""
    return tuple(_conversations(at))


def _conversations(at: SchoolNetwork) -> Iterator[Conversation]:
    city, school, family = at.city, at.school, at.family
    for rule in city.rules:
        if rule.network is None or not city.is_for(rule, school):
            continue
        for source, name in product(rule.network.from_, rule.applications):
            asking = city.source(source, school).of(family).intervals()
            asked = city.destination(name, school).of(family).intervals()
            if asking and asked:
                for service in city.services(rule, name):
                    yield Conversation(rule, family, service.protocol, asking, asked, service.ports)


def permitted_and_forbidden(space: Space, spoken: Iterable[Conversation]) -> tuple[Node, Node]:
    """The packets that some permit covers and no forbid does, and those that a forbid covers."""
    boxes: dict[Effect, list[Node]] = {effect: [] for effect in Effect}
    for one in spoken:
        boxes[one.rule.effect] += map(space.box, one.boxes())
    forbidden = space.union_all(boxes[Effect.FORBID])
    return space.difference(space.union_all(boxes[Effect.PERMIT]), forbidden), forbidden


def deciding(spoken: Iterable[Conversation], packet: Packet) -> tuple[Rule, ...]:
    """The rules that decide about a packet: the forbids that cover it, else the permits, else none."""
    covering = [one.rule for one in spoken if one.holds(packet)]
    return tuple(dict.fromkeys([rule for rule in covering if rule.effect is Effect.FORBID] or covering))


def needed(space: Space, at: SchoolNetwork, segment: Segment, direction: Direction) -> Node:
    """The packets that a network needs to live at a segment, in one direction (`necessities.yaml`)."""
    return space.union_all(
        space.box(_necessity(at, segment, one))
        for one in at.city.necessities
        if one.family == at.family and one.direction is direction and one.is_for(segment.id)
    )


def _necessity(at: SchoolNetwork, segment: Segment, one: Necessity) -> Box:
    protocol = int(Protocol[one.protocol.upper()])
    source_ports = ANY_PORTS if one.source_port is None else (one.source_port, one.source_port)
    own = at.city.segment_prefix(at.school, segment, at.family)
    gateway = prefix(at.family.address(at.city.gateway(at.school, segment, at.family)))
    servers = [prefix(str(one)) for one in at.city.admission_servers if one.version == at.family]
    words = {SEGMENT: [own], GATEWAY: [gateway], ADMISSION: servers}
    source, destination = (
        AddressSet(tuple(one for end in named for one in (words[end] if isinstance(end, str) else [end]))).intervals()
        for named in (one.source, one.destination)
    )
    state = _ESTABLISHED if one.established else _WHOLE_STATE
    return (((protocol, protocol),), source, destination, (source_ports,), (one.ports,), state)


def _among(value: int, intervals: Iterable[Interval]) -> bool:
    return any(within(value, interval) for interval in intervals)
