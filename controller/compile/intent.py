"""The network part of the policy, per device, segment, direction and family: sets of packets, not yet a filter.

A filter stands at a segment of a school and sees the packets `from` the segment's hosts or `to` them.
It permits what some permit clause covers and no forbid clause covers. Every conversation that a rule speaks of
gives a clause for its packets there, and one for their way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from controller.errors import Origin
from controller.model.access import INTERNET, Rule, Segment
from controller.model.city import City
from controller.model.flow import (
    ANY_PORTS,
    AddressSet,
    Direction,
    Effect,
    Family,
    Ports,
    Prefix,
    Protocol,
    Service,
    prefix,
)
from controller.model.necessities import ADMISSION, GATEWAY, SEGMENT, EndPoint, Necessity
from controller.model.schools import School


@dataclass(frozen=True, slots=True)
class Clause:
    """A set of packets of one family, and the rule or necessity that permits or forbids them."""

    effect: Effect
    rule: str
    origin: Origin
    family: Family
    protocol: int
    sources: AddressSet
    destinations: AddressSet
    source_ports: Ports
    destination_ports: Ports
    established: bool


@dataclass(frozen=True, slots=True)
class FilterIntent:
    """What one filter must permit: the union of its permit clauses without the union of its forbid clauses."""

    device: str
    segment: str
    vlan: int
    direction: Direction
    family: Family
    clauses: tuple[Clause, ...]


def filter_intents(city: City, school: School, device: str, segments: Iterable[str]) -> Iterator[FilterIntent]:
    """The intents of all filters of a device that serves these segments of a school."""
    for name in segments:
        segment = city.segments[name]
        for direction in Direction:
            for family in Family:
                clauses = (*_rules(city, school, segment, direction, family),)
                clauses += (*_necessities(city, school, segment, direction, family),)
                yield FilterIntent(device, name, segment.vlan, direction, family, clauses)


def _rules(city: City, school: School, segment: Segment, direction: Direction, family: Family) -> Iterator[Clause]:
    for rule in city.rules:
        if rule.network is None or not city.is_for(rule, school):
            continue
        for application in rule.applications:
            here = application != INTERNET and city.applications[application].segment == segment.id
            sends = segment.id in rule.network.from_
            for service in city.services(rule, application):
                if sends:
                    clause = _conversation(city, school, rule, segment.id, application, service, family)
                    yield from _seen(clause, asks=True, direction=direction)
                if here:
                    for source in rule.network.from_:
                        clause = _conversation(city, school, rule, source, application, service, family)
                        yield from _seen(clause, asks=False, direction=direction)


def _conversation(  # noqa: PLR0913, PLR0917 what names a conversation
    city: City, school: School, rule: Rule, source: str, application: str, service: Service, family: Family
) -> Clause:
    return Clause(
        effect=rule.effect,
        rule=rule.id,
        origin=rule.origin,
        family=family,
        protocol=service.protocol,
        sources=city.source(source, school).of(family),
        destinations=city.destination(application, school).of(family),
        source_ports=ANY_PORTS,
        destination_ports=service.ports,
        established=False,
    )


def _seen(clause: Clause, *, asks: bool, direction: Direction) -> Iterator[Clause]:
    """The packets of a conversation that pass a segment which asks, or which is asked, in one direction.

    A family without addresses on either side has no packets: the clause falls away, it never becomes "any".
    """
    if not clause.sources.included or not clause.destinations.included:
        return
    if asks == (direction is Direction.FROM):
        yield clause
    else:
        yield _way_back(clause)


def _way_back(clause: Clause) -> Clause:
    """Answers: TCP only once the conversation stands; UDP has no such mark, so the whole port answers."""
    return replace(
        clause,
        sources=clause.destinations,
        destinations=clause.sources,
        source_ports=clause.destination_ports,
        destination_ports=clause.source_ports,
        established=clause.protocol == Protocol.TCP,
    )


def _necessities(
    city: City, school: School, segment: Segment, direction: Direction, family: Family
) -> Iterator[Clause]:
    for necessity in city.necessities:
        if necessity.family == family and necessity.direction is direction and necessity.is_for(segment.id):
            clause = _necessity(city, school, segment, necessity)
            # A family without addresses on either side has no packets.
            if clause.sources.included and clause.destinations.included:
                yield clause


def _necessity(city: City, school: School, segment: Segment, necessity: Necessity) -> Clause:
    family = Family(necessity.family)

    def ends(named: Iterable[EndPoint]) -> AddressSet:
        return AddressSet(tuple(one for end in named for one in _end(city, school, segment, family, end)))

    source_port = necessity.source_port
    return Clause(
        effect=Effect.PERMIT,
        rule=necessity.id,
        origin=necessity.origin,
        family=family,
        protocol=Protocol[necessity.protocol.upper()],
        sources=ends(necessity.source),
        destinations=ends(necessity.destination),
        source_ports=ANY_PORTS if source_port is None else (source_port, source_port),
        destination_ports=necessity.ports,
        established=necessity.established,
    )


def _end(city: City, school: School, segment: Segment, family: Family, end: EndPoint) -> tuple[Prefix, ...]:
    if end == SEGMENT:
        return (city.segment_prefix(school, segment, family),)
    if end == GATEWAY:
        return (prefix(family.address(city.gateway(school, segment, family))),)
    if end == ADMISSION:
        return tuple(prefix(str(one)) for one in city.admission_servers if one.version == family)
    assert not isinstance(end, str)  # noqa: S101 the model knows no fourth word
    return (end,)
