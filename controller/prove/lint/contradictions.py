"""Rules against one another, compared as sets: what is permitted and forbidden, what changes nothing, what never holds.

The network parts are sets over (source, destination, schools, protocol, port), where schools that no scope tells apart
are one value; the identity parts are sets of people (`controller.prove.identity.people_sets`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from controller.model.access.rules import CONTROLLER, INTERNET, Rule
from controller.model.access.second_factors import STRENGTHS, Strength
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.prove.engine.diagram import Field, HeaderSpace, Interval, Node
from controller.prove.identity.people_sets import PeopleSets
from controller.prove.lint.finding import Finding, make_error, make_warning, name_schools

DEAD_RULE, NEVER_MATCHES = "dead rule", "never matches"
_CLOUD = ("cloud-run", "saas")


def find_contradictions(city: City) -> Iterator[Finding]:
    """Permits that forbids take back, class II without MFA, and rules that change nothing.

    >>> [one.message for one in find_contradictions(drop_rules("web", "computer-room-web"))][:1]
    ["rule 'pupils-no-plain-web' forbids nothing permitted; taking it out changes no answer"]
    """
    flows, people = RuleFlows(city), PeopleSets(city)
    yield from _taken_back(flows)
    yield from _people_taken_back(city, people)
    yield from _without_mfa(city, people)
    yield from _dead(city, flows, people)


class RuleFlows:
    """The network parts as sets."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._sources = [*city.segments, CONTROLLER]
        self._destinations = [*city.applications, INTERNET]
        sizes = {
            "source": len(self._sources),
            "destination": len(self._destinations),
            "schools": len(city.schools_of_equal_scope),
        }
        fields = [Field(name, size - 1) for name, size in sizes.items()]
        self.space = HeaderSpace([*fields, Field("protocol", 255), Field("port", 65535)])
        self.parts = {rule.id: self.collect_flows(rule) for rule in city.rules}

    def collect_flows(self, rule: Rule) -> Node:
        """All flows of a rule."""
        if rule.network is None:
            return self.space.nothing
        pairs = product(rule.network.from_, rule.applications)
        return self.space.union_all(self.flows_between(rule, source, name) for source, name in pairs)

    def flows_between(self, rule: Rule, source: str, name: str) -> Node:
        """The flows of a rule from a segment to an application."""
        # A switch cannot tell an application that belongs to the internet from the rest of it.
        seen = INTERNET if name != INTERNET and self.city.applications[name].belongs_to else name
        ends = (_one(self._sources.index(source)), _one(self._destinations.index(seen)))
        lived = (source, self.city.applications[name].segment if name != INTERNET else None)
        there = tuple(
            (i, i)
            for i, alike in enumerate(self.city.schools_of_equal_scope)
            if self.city.rule_applies_at(rule, alike[0])
            and all(name not in self.city.segments or name in self.city.list_segments(alike[0]) for name in lived)
        )
        services = self.city.get_permitted_services(rule, name)
        return self.space.union_all(self.space.cube((*ends, there, _one(s.protocol), (s.ports,))) for s in services)

    def flows_at(self, index: int) -> Node:
        """Everything at one group of schools."""
        everywhere = [((0, field.maximum),) for field in self.space.fields]
        return self.space.cube([_one(index) if i == 2 else full for i, full in enumerate(everywhere)])  # noqa: PLR2004 the third field is the schools

    def find_schools(self, node: Node) -> tuple[str, ...]:
        """The schools at which a set holds something."""
        held = (
            i
            for i in range(len(self.city.schools_of_equal_scope))
            if node != self.space.difference(node, self.flows_at(i))
        )
        return tuple(sorted(school.id for index in held for school in self.city.schools_of_equal_scope[index]))


def _one(index: int) -> tuple[Interval, ...]:
    return ((index, index),)


def _taken_back(flows: RuleFlows) -> Iterator[Finding]:
    city, space = flows.city, flows.space
    forbids = [rule for rule in city.rules if rule.effect is Effect.FORBID and rule.network]
    for rule in city.rules:
        if rule.effect is Effect.FORBID or rule.network is None:
            continue
        for source, name in product(rule.network.from_, rule.applications):
            flow = flows.flows_between(rule, source, name)
            taking = [f for f in forbids if not space.is_empty(space.intersection(flow, flows.parts[f.id]))]
            left = space.difference(flow, space.union_all(flows.parts[forbid.id] for forbid in taking))
            kept = set(flows.find_schools(left))
            void = tuple(school for school in flows.find_schools(flow) if school not in kept)
            if void:
                where = "" if space.is_empty(left) else f" at {name_schools(void)}"
                names = ", ".join(f"{forbid.id!r} ({forbid.origin})" for forbid in taking)
                message = (
                    f"rule {rule.id!r} permits {source} -> {name}, but {names} forbids all of it{where}, "
                    "and a forbid wins"
                )
                yield make_error("contradiction", rule.origin, message)


def _people_taken_back(city: City, people: PeopleSets) -> Iterator[Finding]:
    forbids = [rule for rule in city.rules if rule.effect is Effect.FORBID and rule.identity]
    forbidden = people.space.union_all(people.select_rule(city, rule) for rule in forbids)
    for rule in city.rules:
        if rule.effect is Effect.FORBID or rule.identity is None:
            continue
        part = people.select_rule(city, rule)
        if not people.space.is_empty(part) and people.space.covers(forbidden, part):
            names = ", ".join(f"{forbid.id!r} ({forbid.origin})" for forbid in forbids)
            message = f"everything that rule {rule.id!r} lets people do is forbidden by {names}, and a forbid wins"
            yield make_error("contradiction", rule.origin, message)


def _without_mfa(city: City, people: PeopleSets) -> Iterator[Finding]:
    for rule in city.rules:
        if rule.effect is Effect.FORBID or rule.identity is None:
            continue
        weak = []
        for name in rule.applications:
            if name == INTERNET or city.applications[name].hosting not in _CLOUD:
                continue
            least = city.people.mfa.get_minimum(city.applications[name].importance)
            below = [strength for strength in Strength if strength < STRENGTHS[least.strength]]
            let_in = people.space.intersection(
                people.select_rule_at(city, rule, name), people.select_where(factor=below)
            )
            if least.required and not people.space.is_empty(let_in):
                weak.append(name)
        if weak:
            message = (
                f"rule {rule.id!r} lets people reach {', '.join(weak)} without MFA; class II and above on a "
                "public cloud needs strong access control with MFA (guideline 3.2(5)): add `mfa: true`"
            )
            yield make_error("guideline", rule.origin, message)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The answers that taking a rule out would change, of each part."""

    flows: Node
    people: Node


def _dead(city: City, flows: RuleFlows, people: PeopleSets) -> Iterator[Finding]:
    """Rules that could be taken out without any answer changing, everywhere or at some of their schools."""
    parts = {rule.id: people.select_rule(city, rule) for rule in city.rules}
    for rule in city.rules:
        kept = _Kept(_changed(city, rule, flows.space, flows.parts), _changed(city, rule, people.space, parts))
        why = "permits nothing that others do not" if rule.effect is Effect.PERMIT else "forbids nothing permitted"
        if flows.space.is_empty(kept.flows) and people.space.is_empty(kept.people):
            message = f"rule {rule.id!r} {why}; taking it out changes no answer"
            yield make_warning(DEAD_RULE, rule.origin, message)
        elif rule.schools is not None:
            idle = tuple(_idle(city, rule, flows, people, kept))
            if idle:
                yield make_warning(
                    DEAD_RULE, rule.origin, f"rule {rule.id!r} {why} at {name_schools(idle)}; narrow its `schools`"
                )


def _changed(city: City, rule: Rule, space: HeaderSpace, parts: dict[str, Node]) -> Node:
    """Return what a rule adds to the answers of all others, or takes from them."""
    others = [other for other in city.rules if other is not rule]
    permitted = space.union_all(parts[other.id] for other in others if other.effect is Effect.PERMIT)
    forbidden = space.union_all(parts[other.id] for other in others if other.effect is Effect.FORBID)
    if rule.effect is Effect.FORBID:
        return space.intersection(space.difference(permitted, forbidden), parts[rule.id])
    return space.difference(space.difference(parts[rule.id], forbidden), permitted)


def _idle(city: City, rule: Rule, flows: RuleFlows, people: PeopleSets, kept: _Kept) -> Iterator[str]:
    """The schools of a rule at which it changes nothing."""
    used = set(flows.find_schools(kept.flows))
    for index, alike in enumerate(people.registrations):
        there = people.space.intersection(kept.people, people.select_where(registered=[index]))
        if not people.space.is_empty(there):
            used |= set(alike)
    yield from sorted(city.list_schools_in_scope(rule) - used)


def find_unmatchable_rules(city: City) -> Iterator[Finding]:
    """Rules with a condition that nothing fulfils.

    >>> [one.message for one in find_unmatchable_rules(later)][:1]
    ["rule 'exam-marking' never matches: the calendar has no exam-days from 2028-12-01 on"]
    """
    for rule in city.rules:
        for why in _reasons(city, rule):
            yield make_warning(NEVER_MATCHES, rule.origin, f"rule {rule.id!r} never matches: {why}")


def _reasons(city: City, rule: Rule) -> Iterator[str]:
    scope = city.list_schools_in_scope(rule)
    if not scope:
        yield "no school is in its `schools`"
        return
    if rule.network and rule.effect is Effect.PERMIT:
        for name in rule.applications:
            lives = name != INTERNET and city.applications[name].segment
            # In a school's segment it has an address wherever the school has the segment.
            if not lives and not city.addresses.destination_addresses(name, city.schools[0]).included:
                yield f"{name} has no address yet; deploy the stack {city.outputs.stack!r}"
    identity = rule.identity
    if identity is None or "proxy" not in identity.enforced_by:
        return
    if identity.hours and identity.hours.day_kinds and city.calendar:
        left = (day for day in city.calendar.list_days() if day >= city.policy_date)
        if not any(city.calendar.find_day_kind(day) in identity.hours.day_kinds for day in left):
            yield f"the calendar has no {identity.hours.days} from {city.policy_date} on"
    lost = [place for place in identity.places if not _provable(city, place, scope)]
    if identity.places and len(lost) == len(identity.places):
        yield f"no address proves {' or '.join(lost)}: no `egress` there"


def _provable(city: City, place: str, scope: Iterable[str]) -> bool:
    """Tell whether the proxy can ever find somebody at a place."""
    if place == "board-office":
        return any(office.egress for office in city.offices)
    if place not in {"own-school", "other-school"}:
        return True
    schools = [city.school_by_id[name] for name in scope] if place == "own-school" else city.schools
    return any(school.lines.egress for school in schools)
