"""A change of routes in words: who is preferred, and at which neighbour what passes, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.compile.network.route_policies import RoutingIntent
from controller.model.network.packets import Effect, Family
from controller.model.network.route_policies import (
    PrefixList,
    PrefixRange,
    RouteClause,
    RouteDirection,
    RoutePolicy,
    Routing,
)
from controller.prove.routes.policies import DEFAULT_LOCAL_PREFERENCE
from controller.prove.routes.route_sets import find_deciding_clause

Ways = Mapping[str, str]
"""What a neighbour's address stands for, in words."""


def describe_routes(now: Routing, wanted: Routing, ways: Ways | None = None) -> Iterator[str]:
    """The difference of two routings, one line a change; nothing when they are equal."""
    names = ways or {}
    before = {one.position: one for one in now.bindings}
    after = {one.position: one for one in wanted.bindings}
    for place in sorted(before.keys() | after.keys()):
        old, new = before.get(place), after.get(place)
        one = new or old
        assert one is not None  # noqa: S101 the place is in one of the two
        was = _words(now, old.policy) if old else []
        becomes = _words(wanted, new.policy) if new else []
        if (old and old.policy, was) == (new and new.policy, becomes):
            continue
        address = str(one.neighbour)
        way = f" ({names[address]})" if address in names else ""
        title = f"neighbour {address}{way} IPv{int(one.family)} {one.direction}"
        if old is None:
            yield f"+ {title}: {'; '.join(becomes)}"
        elif new is None:
            yield f"- {title}: {'; '.join(was)}"
        else:
            yield f"~ {title}"
            yield from (f"    - {line}" for line in was if line not in becomes)
            yield from (f"    + {line}" for line in becomes if line not in was)
    yield from _leftovers(now, wanted)


def describe_preference(intent: RoutingIntent, now: Routing, wanted: Routing) -> Iterator[str]:
    """The order of the ways, where it changes: the answer that the rest of the change is for."""
    for family in Family:
        was, becomes = _order(intent, now, family), _order(intent, wanted, family)
        if was != becomes:
            yield f"~ IPv{int(family)} lines: {becomes} (now: {was})"


def _order(intent: RoutingIntent, state: Routing, family: Family) -> str:
    """The ways that carry the default route, the preferred first; `=` between those that are alike."""
    ranked: dict[int, list[str]] = {}
    bound = {(b.neighbour, b.family): b.policy for b in state.bindings if b.direction is RouteDirection.IN}
    policies = {one.name: one for one in state.policies}
    for one in intent.neighbours:
        if one.family is not family:
            continue
        clause: RouteClause | None = RouteClause(Effect.PERMIT)
        if (name := bound.get((one.address, family))) is not None:
            clause = find_deciding_clause(state, policies[name], family.everything) if name in policies else None
        if clause is not None and clause.effect is Effect.PERMIT:
            preference = clause.local_preference
            value = DEFAULT_LOCAL_PREFERENCE if preference is None else preference
            ranked.setdefault(value, []).append(one.path)
    return ", then ".join(" = ".join(ranked[value]) for value in sorted(ranked, reverse=True)) or "none"


def _leftovers(now: Routing, wanted: Routing) -> Iterator[str]:
    bound = {one.policy for one in now.bindings}
    kept = {one.name for one in wanted.policies}
    for policy in now.policies:
        if policy.name not in bound and policy.name not in kept:
            yield f"- route policy {policy.name}, which is not in force"
    used = {clause.prefixes for policy in now.policies for clause in policy.clauses}
    known = {one.name for one in wanted.lists}
    for one in now.lists:
        if one.name not in used and one.name not in known:
            yield f"- prefix list {one.name}, which no policy names"


def _words(state: Routing, name: str) -> list[str]:
    policy = next((one for one in state.policies if one.name == name), None)
    if policy is None:
        return [f"policy {name}, which does not exist: refuse everything"]
    return [*_clauses(state, policy)]


def _clauses(state: Routing, policy: RoutePolicy) -> Iterator[str]:
    lists = {one.name: one for one in state.lists if one.family is policy.family}
    for number, clause in enumerate(policy.clauses):
        if not clause.prefixes:
            what = "everything else" if number else "everything"
        elif clause.prefixes in lists:
            what = _listed(lists[clause.prefixes])
        else:
            what = f"nothing (list {clause.prefixes} does not exist)"
        yield f"{'pass' if clause.effect is Effect.PERMIT else 'refuse'} {what}{_settings(clause)}"


def _settings(clause: RouteClause) -> str:
    preference = f", local preference {clause.local_preference}" if clause.local_preference is not None else ""
    prepend = f", with AS {' '.join(map(str, clause.prepend))} before the path" if clause.prepend else ""
    return preference + prepend


def _listed(one: PrefixList) -> str:
    return ", ".join(f"{'' if entry.effect is Effect.PERMIT else 'not '}{_range(entry)}" for entry in one.entries)


def _range(entry: PrefixRange) -> str:
    if entry.shortest == entry.longest == entry.prefix.prefixlen:
        return str(entry.prefix)
    if (entry.shortest, entry.longest) == (entry.prefix.prefixlen, entry.prefix.max_prefixlen):
        return f"{entry.prefix} and all inside"
    return f"{entry.prefix} of lengths {entry.shortest} to {entry.longest}"
