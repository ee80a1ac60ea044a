"""The network part of what-if: sets of packets, before and after, at schools that are alike.

Packets have the real addresses of each policy. Schools are alike where the same rules of both policies are for them
and their own addresses do not change: then one is as good as any other, because nothing else is a school's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from controller.errors import ProofFailed
from controller.model.access.infrastructure_protocols import InfrastructureProtocol
from controller.model.access.rules import CONTROLLER, INTERNET, Rule
from controller.model.access.second_factors import STRICT_CLASSES
from controller.model.city import City
from controller.model.network.packets import Effect, Family, Interval, Protocol, Service, get_bounds, merge_intervals
from controller.model.reference_evaluator import Flow, RuleDecision, evaluate_network, find_opening_protocols
from controller.model.sites.schools import School
from controller.plan.what_if.changes import EVERYWHERE, IMPORTANT, STRANGERS, WIDE, NetworkChange, Way
from controller.prove.engine.diagram import Field, HeaderSpace, Node

_WIDE_PORTS = 100
_MOST_KEPT = 64
"""What a comparison asks for again and again: two cities, their segments, two families. More would keep old cities."""
Pair = tuple[City, City]


def find_network_changes(before: City, after: City) -> list[NetworkChange]:
    """Every way that opens or closes.

    Raises:
        ProofFailed: the reference evaluator does not confirm one; that is a defect of this program.
    """
    found: dict[object, NetworkChange] = {}
    for schools in _alike(before, after):
        for one in _of_school((before, after), schools):
            key = replace(one, schools=(), packet="")
            if key in found:
                one = replace(found[key], schools=(*found[key].schools, *one.schools))  # noqa: PLW2901 joined
            found[key] = one
    joined = (replace(one, schools=tuple(sorted(one.schools))) for one in _families(found.values()))
    return [_surprising((before, after), one) for one in joined]


def _alike(before: City, after: City) -> list[tuple[School, ...]]:
    """The schools of both policies in groups that their rules cannot tell apart; what moved is alone."""
    names = dict.fromkeys((*before.school_by_id, *after.school_by_id))
    shared = [family for family in before.families if family in after.families]
    grouped: dict[object, list[School]] = {}
    for name in names:
        key: list[object] = []
        blocks = []
        for city in (before, after):
            school = city.school_by_id.get(name)
            key.append(school is not None)
            key += [school is not None and city.rule_applies_at(rule, school) for rule in city.rules if rule.schools]
            key += [city.cut_offs.describe(name), city.find_stage(school) if school else None]
            own = school.segments if school else ()
            key.append(frozenset((one.id, family) for one in own for family in Family if one.get_prefix(family)))
            blocks.append(school and _list_own_prefixes(city, school, shared))
        alone = name if blocks[0] and blocks[1] and blocks[0] != blocks[1] else ""
        school = before.school_by_id.get(name) or after.school_by_id[name]
        grouped.setdefault((tuple(key), alone), []).append(school)
    return [tuple(schools) for schools in grouped.values()]


def _list_own_prefixes(city: City, school: School, families: Iterable[Family]) -> list[object]:
    """What is a school's own: its blocks of these families, and the prefixes of segments that no formula gives."""
    own = sorted((one.id, str(one.ipv4), str(one.ipv6)) for one in school.segments if one.ipv4 or one.ipv6)
    return [*(city.addresses.school_prefix(school, family) for family in families), *own]


def _of_school(cities: Pair, schools: Sequence[School]) -> Iterator[NetworkChange]:
    names = tuple(school.id for school in schools)
    sources = dict.fromkeys([*cities[0].segments, *cities[1].segments, CONTROLLER])
    for family in Family:
        space = HeaderSpace([Field("address", 2**family.bits - 1), Field("protocol", 255), Field("port", 65535)])
        for source in sources:
            old, new = (_permitted(space, city, names[0], source, family) for city in cities)
            if old != new:
                sets: tuple[tuple[Way, Node], ...] = (
                    ("opens", space.difference(new, old)),
                    ("closes", space.difference(old, new)),
                )
                for way, changed in sets:
                    yield from _by_application(cities, names, space, (way, source, family, changed))


def _permitted(space: HeaderSpace, city: City, name: str, source: str, family: Family) -> Node:
    school = city.school_by_id.get(name)
    if school is None or source not in {*city.list_segments(school), CONTROLLER} or family not in city.families:
        return space.nothing
    cubes: dict[Effect, list[Node]] = {Effect.PERMIT: [], Effect.FORBID: []}
    for rule in city.rules:
        if source in city.list_askers(rule, school):
            cubes[rule.effect] += [_way(space, city, school, family, rule, name) for name in rule.applications]
    cubes[Effect.PERMIT] += [_packets(space, places, service) for places, service in _beyond(city, source, family)]
    return space.difference(space.union_all(cubes[Effect.PERMIT]), space.union_all(cubes[Effect.FORBID]))


def _way(  # noqa: PLR0913, PLR0917 what names a way
    space: HeaderSpace, city: City, school: School, family: Family, rule: Rule, application: str
) -> Node:
    addresses = city.addresses.destination_addresses(application, school).in_family(family).get_intervals()
    return space.union_all(
        _packets(space, addresses, service) for service in city.get_permitted_services(rule, application)
    )


@lru_cache(_MOST_KEPT)
def _beyond(city: City, source: str, family: Family) -> tuple[tuple[tuple[Interval, ...], Service], ...]:
    """What necessities open beyond the link: filters let it pass as if a rule had said it. The same at each school."""
    return tuple(_find_beyond(city, source, family))


def _find_beyond(city: City, source: str, family: Family) -> Iterator[tuple[tuple[Interval, ...], Service]]:
    for one in city.infrastructure_protocols:
        protocol = Protocol[one.protocol.upper()]
        if one.opens_towards(source, family, protocol):
            beyond = one.list_places_beyond(city.admission_servers)
            places = merge_intervals(get_bounds(end) for end in beyond if end in one.destination)
            if places:
                yield places, Service(protocol, one.ports)


def _packets(space: HeaderSpace, addresses: tuple[Interval, ...], service: Service) -> Node:
    return space.cube((addresses, ((service.protocol, service.protocol),), (service.ports,)))


def _by_application(
    cities: Pair, names: tuple[str, ...], space: HeaderSpace, changed: tuple[Way, str, Family, Node]
) -> Iterator[NetworkChange]:
    way, source, family, node = changed
    for application in dict.fromkeys([*cities[0].applications, *cities[1].applications, INTERNET]):
        addresses = _addresses(cities, names[0], application, family)
        touched, partly, example = [], False, None
        for service in _services(cities, application, source, family):
            whole = _packets(space, addresses, service)
            mine = space.intersection(node, whole)
            if not space.is_empty(mine):
                touched.append(service)
                partly = partly or mine != whole
                example = example or space.example(mine)
        if example is not None:
            flow = Flow(
                cities[0].school_by_id.get(names[0]) or cities[1].school_by_id[names[0]],
                source,
                family,
                Protocol(example[1]),
                example[0],
                example[2],
            )
            rules = _confirmed(cities, way, names[0], flow)
            target = f"{family.format_address(flow.destination)} port {flow.port}"
            shown = f"{flow.protocol.name.lower()} {source} of {names[0]} -> {target}"
            services = tuple(dict.fromkeys(map(str, touched)))
            yield NetworkChange(way, names, source, application, services, (int(family),), partly, shown, rules, ())


def _addresses(cities: Pair, name: str, application: str, family: Family) -> tuple[Interval, ...]:
    """Return an application's addresses, in either policy."""
    found: list[Interval] = []
    for city in cities:
        school = city.school_by_id.get(name)
        if school is not None and (application == INTERNET or application in city.applications):
            found += city.addresses.destination_addresses(application, school).in_family(family).get_intervals()
    return merge_intervals(found)


def _services(cities: Pair, application: str, source: str, family: Family) -> list[Service]:
    """The services of an application, then those of necessities: they may be others."""
    needed = [service for city in cities for _, service in _beyond(city, source, family)]
    return list(dict.fromkeys((*_list_own_services(cities, application), *needed)))


def _list_own_services(cities: Pair, application: str) -> list[Service]:
    if application != INTERNET:
        return list(
            dict.fromkeys(
                s for c in cities if application in c.applications for s in c.applications[application].services
            )
        )
    named = (r.network.services for c in cities for r in c.rules if r.network and INTERNET in r.applications)
    return list(dict.fromkeys(service for services in named for service in services))


def _confirmed(cities: Pair, way: Way, name: str, flow: Flow) -> tuple[str, ...]:
    """The rules that decide a packet where it is permitted, or that took it back; the reference must say the same.

    Where no rule speaks of it, the necessities do.
    """
    answers: list[RuleDecision | None] = []
    needed: list[tuple[InfrastructureProtocol, ...]] = []
    for city in cities:
        school = city.school_by_id.get(name)
        known = school is not None and flow.source in {*city.segments, CONTROLLER}
        answer = evaluate_network(city, replace(flow, school=school)) if known and school else None
        answers.append(answer)
        silent = answer is not None and not answer.rules
        needed.append(find_opening_protocols(city, flow) if silent else ())
    said = [
        (answer is not None and answer.permitted) or bool(needs) for answer, needs in zip(answers, needed, strict=True)
    ]
    if said != [way == "closes", way == "opens"]:
        message = (
            f"what-if says that {flow} {way}, but the reference evaluator says {said[0]} before and {said[1]} after"
        )
        raise ProofFailed(message)
    deciding = answers[1] if way == "opens" or (answers[1] and answers[1].rules) else answers[0]
    named = tuple(f"{rule.id} ({rule.origin})" for rule in deciding.rules) if deciding else ()
    return named or tuple(f"necessity {one.id} ({one.origin})" for needs in needed for one in needs)


def _families(changes: Iterable[NetworkChange]) -> list[NetworkChange]:
    """Changes that are the same in both families, as one."""
    joined: dict[object, NetworkChange] = {}
    for one in changes:
        key = (one.way, one.schools, one.segment, one.application, one.services, one.partly, one.rules)
        if key in joined:
            joined[key] = replace(joined[key], families=tuple(sorted({*joined[key].families, *one.families})))
        else:
            joined[key] = one
    return list(joined.values())


def _surprising(cities: Pair, one: NetworkChange) -> NetworkChange:
    city = cities[1] if one.way == "opens" else cities[0]
    application = city.applications.get(one.application)
    found = []
    if one.way == "opens":
        if application and application.importance in STRICT_CLASSES:
            found.append(IMPORTANT)
        if one.segment != CONTROLLER and not _staffed(city, one.segment):
            found.append(STRANGERS)
        if one.application == INTERNET or (application and application.belongs_to) or _many(one.services):
            found.append(WIDE)
    elif len(one.schools) == len(cities[0].schools):
        found.append(EVERYWHERE)
    return replace(one, surprises=tuple(found))


def _staffed(city: City, segment: str) -> bool:
    """Tell if 802.1X admits somebody of the staff to a segment."""
    staff = {role.id for role in city.people.roles if role.audience == "staff"}
    return any(staff & set(a.roles) for a in city.admissions if a.segment == segment)


def _many(services: Iterable[str]) -> bool:
    ports = (service.partition("/")[2].partition("-") for service in services)
    return any(int(last) - int(first) >= _WIDE_PORTS for first, dash, last in ports if dash)
