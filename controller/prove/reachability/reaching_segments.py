"""Which segments of a school reach an application, and by which rules, as sets of destinations and services."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.errors import Origin
from controller.model.access.rules import Application, Rule
from controller.model.city import City
from controller.model.network.packets import Effect, Interval, Protocol, get_bounds, merge_intervals
from controller.model.sites.schools import School
from controller.prove.engine.diagram import Field, HeaderSpace, Node
from controller.prove.reachability.relation import SchoolNetwork, list_rule_conversations

_Way = tuple[tuple[Interval, ...], Protocol, Interval]
"""Destinations, and the protocol and ports there."""


@dataclass(frozen=True, slots=True)
class SegmentWay:
    """A way from a segment to an application: an example in words, and what opens it (a rule's id or a necessity's)."""

    source: str
    example: str
    opened_by: tuple[tuple[str, Origin], ...]

    @property
    def openers(self) -> str:
        """What opens it, with file and line."""
        return ", ".join(f"{name} ({origin})" for name, origin in self.opened_by)


def find_ways(city: City, school: School, application: Application) -> list[SegmentWay]:
    """Return the segments of a school whose hosts reach an application at its services, in its stage of integration.

    >>> [(one.source, one.opened_by[0][0]) for one in find_ways(city, school, city.applications["affairs"])]
    [('staff', 'staff-cloud')]
    """
    found = []
    for source in city.list_segments(school):
        for family in city.families:
            way = _find_way(SchoolNetwork(city, school, family), source, application)
            if way is not None:
                found.append(way)
                break
    return found


def _find_way(at: SchoolNetwork, source: str, application: Application) -> SegmentWay | None:
    addresses = at.city.addresses.destination_addresses_in(application.id, at.school, at.family).get_intervals()
    if not addresses:
        return None
    space = HeaderSpace([Field("address", 2**at.family.bits - 1), Field("protocol", 255), Field("port", 65535)])
    target = _collect(space, ((addresses, one.protocol, one.ports) for one in application.services))
    opening = dict(_list_openers(at, source))
    nodes = {opener: space.intersection(target, _collect(space, ways)) for opener, ways in opening.items()}
    forbidden = _collect(space, _list_rules(at, source, Effect.FORBID))
    open_now = space.difference(space.union_all(nodes.values()), forbidden)
    example = space.example(open_now)
    if example is None:
        return None
    address, protocol, port = example
    target_text = f"{at.family.format_address(address)} port {port}"
    text = f"{Protocol(protocol).name.lower()} {source} of {at.school.id} -> {target_text}"
    openers = tuple(opener for opener, node in nodes.items() if not space.is_empty(space.intersection(node, open_now)))
    return SegmentWay(source, text, openers)


def _collect(space: HeaderSpace, ways: Iterable[_Way]) -> Node:
    return space.union_all(
        space.cube((addresses, ((int(protocol), int(protocol)),), (ports,))) for addresses, protocol, ports in ways
    )


def _list_openers(at: SchoolNetwork, source: str) -> Iterator[tuple[tuple[str, Origin], list[_Way]]]:
    for rule in at.city.rules:
        if rule.effect is Effect.PERMIT:
            yield (rule.id, rule.origin), list(_list_ways(at, rule, source))
    for one in at.city.infrastructure_protocols:
        protocol = Protocol[one.protocol.upper()]
        if one.opens_towards(source, at.family, protocol):
            beyond = one.list_places_beyond(at.city.admission_servers)
            places = merge_intervals(get_bounds(end) for end in beyond if end in one.destination)
            yield (one.id, one.origin), [(places, protocol, one.ports)] if places else []


def _list_rules(at: SchoolNetwork, source: str, effect: Effect) -> Iterator[_Way]:
    for rule in at.city.rules:
        if rule.effect is effect:
            yield from _list_ways(at, rule, source)


def _list_ways(at: SchoolNetwork, rule: Rule, source: str) -> Iterator[_Way]:
    if source in at.city.list_askers(rule, at.school):
        for one in list_rule_conversations(at, rule, [source]):
            yield one.asked, one.protocol, one.ports
