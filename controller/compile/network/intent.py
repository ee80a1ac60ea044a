"""The network part of the policy, per device, segment, direction and family: sets of packets, not yet a filter.

A filter stands at a segment of a school and sees the packets `from` the segment's hosts or `to` them.
It permits what some permit clause covers and no forbid clause covers. Every conversation that a rule speaks of
gives a clause for its packets there, and one for their way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from controller.errors import Origin
from controller.model.access.infrastructure_protocols import GATEWAY, SEGMENT, EndPoint
from controller.model.access.rules import CONTROLLER, INTERNET, Rule, Segment
from controller.model.city import City
from controller.model.network.packets import (
    ANY_PORTS,
    AddressSet,
    Direction,
    Effect,
    Family,
    Ports,
    Prefix,
    Protocol,
    Service,
    parse_prefix,
)
from controller.model.sites.schools import School


class FilterClause(NamedTuple):
    """A set of packets of one family, and the rule or necessity that permits or forbids them.

    A tuple, because a city is made of some ten thousand and each change of a rule makes them anew.
    """

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
    """The packets that one filter must permit: the union of its permit clauses without that of its forbid clauses."""

    device: str
    segment: str
    vlan: int
    direction: Direction
    family: Family
    clauses: tuple[FilterClause, ...]

    @property
    def key(self) -> tuple[int, Direction, Family]:
        """The VLAN, direction and family that the filter is for."""
        return self.vlan, self.direction, self.family


def compile_filter_intents(city: City, school: School, device: str, segments: Iterable[str]) -> Iterator[FilterIntent]:
    """The intents of all filters of a device that serves these segments of a school.

    >>> intents = list(compile_filter_intents(city, school, core.id, ["staff"]))
    >>> [(one.vlan, one.direction.value, int(one.family)) for one in intents]
    [(10, 'from', 4), (10, 'from', 6), (10, 'to', 4), (10, 'to', 6)]
    >>> intents[0].clauses[0].rule, str(intents[0].clauses[0].sources.included[0])
    ('staff-cloud', '10.154.0.0/22')
    """
    spoken = {family: _by_place(city, school, family) for family in city.families}
    for name in segments:
        segment = city.list_segments(school)[name]
        needed = {family: _necessities(city, school, segment, family) for family in city.families}
        for direction in Direction:
            for family in city.families:
                clauses = (*spoken[family].get((name, direction), ()), *needed[family][direction])
                yield FilterIntent(device, name, segment.vlan, direction, family, clauses)


def _by_place(city: City, school: School, family: Family) -> dict[tuple[str, Direction], list[FilterClause]]:
    """Return the clauses of the rules at each segment and direction, in the order of the rules; a clause is made once.

    A family without addresses on either side has no packets: the clause falls away, it never becomes "any".
    """
    found: dict[tuple[str, Direction], list[FilterClause]] = {}
    ends = {name: city.addresses.source_addresses_in(name, school, family) for name in (*city.segments, CONTROLLER)}
    for rule in city.rules:
        askers = city.list_askers(rule, school)
        for application in rule.applications:
            asked = city.addresses.destination_addresses_in(application, school, family)
            sources = [name for name in askers if ends[name].included and asked.included]
            for service in city.get_permitted_services(rule, application):
                spoken = {name: _conversation(rule, service, family, ends[name], asked) for name in sources}
                for name, (there, back) in spoken.items():
                    found.setdefault((name, Direction.FROM), []).append(there)
                    found.setdefault((name, Direction.TO), []).append(back)
                here = None if application == INTERNET else city.applications[application].segment
                if here is not None:
                    found.setdefault((here, Direction.TO), []).extend(there for there, _ in spoken.values())
                    found.setdefault((here, Direction.FROM), []).extend(back for _, back in spoken.values())
    return found


def _conversation(
    rule: Rule, service: Service, family: Family, asking: AddressSet, asked: AddressSet
) -> tuple[FilterClause, FilterClause]:
    """Return the clauses of question and answer: TCP's answer only once the conversation stands, UDP's by its port."""
    named = (rule.effect, rule.id, rule.origin, family, service.protocol)
    there = FilterClause(*named, asking, asked, ANY_PORTS, service.ports, established=False)
    back = FilterClause(*named, asked, asking, service.ports, ANY_PORTS, established=service.protocol is Protocol.TCP)
    return there, back


def _necessities(city: City, school: School, segment: Segment, family: Family) -> dict[Direction, list[FilterClause]]:
    gateway = parse_prefix(family.format_address(city.addresses.gateway_address(school, segment, family)))
    words: dict[str, Prefix] = {SEGMENT: city.addresses.segment_prefix(school, segment, family), GATEWAY: gateway}
    own: dict[str, AddressSet] = {name: AddressSet((place,)) for name, place in words.items()}

    def ends(named: tuple[EndPoint, ...]) -> AddressSet:
        if len(named) == 1 and isinstance(named[0], str):
            return own[named[0]]
        if not any(isinstance(end, str) for end in named):
            return _anywhere(named)
        return AddressSet(tuple(words[end] if isinstance(end, str) else end for end in named))

    found: dict[Direction, list[FilterClause]] = {direction: [] for direction in Direction}
    for one in city.infrastructure_protocols:
        if one.family == family and one.is_needed_in(segment.id):
            ports = ANY_PORTS if one.source_port is None else (one.source_port, one.source_port)
            named = (Effect.PERMIT, one.id, one.origin, family, Protocol[one.protocol.upper()])
            clause = FilterClause(*named, ends(one.source), ends(one.destination), ports, one.ports, one.established)
            found[one.direction].append(clause)
    return found


@lru_cache(maxsize=256)
def _anywhere(named: tuple[EndPoint, ...]) -> AddressSet:
    """Addresses that are the same at every segment, as one object."""
    return AddressSet(tuple(end for end in named if not isinstance(end, str)))
