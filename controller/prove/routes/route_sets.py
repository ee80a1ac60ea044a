"""Sets of routes, and what a route policy does with them.

A route is a prefix: an address and a length. A set of routes is a union of boxes, each an interval of addresses and one
of lengths. An entry of a prefix list is one box, because a prefix of at least its length lies inside it exactly when
its address does; so all sets here are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.model.network.packets import Effect, Family, Prefix, build_prefix, get_bounds
from controller.model.network.route_policies import PrefixList, PrefixRange, RouteClause, RoutePolicy, Routing


@dataclass(frozen=True, slots=True)
class RouteBox:
    """Routes whose address and whose length lie in intervals, ends included."""

    low: int
    high: int
    shortest: int
    longest: int


Routes = tuple[RouteBox, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Routes that one clause decides; without a clause nothing decided, and the route is refused."""

    routes: Routes
    clause: RouteClause | None

    @property
    def passes(self) -> bool:
        """Whether the routes go through."""
        return self.clause is not None and self.clause.effect is Effect.PERMIT


def every_route(family: Family) -> Routes:
    """All routes of a family, the default route among them."""
    return (RouteBox(0, 2**family.bits - 1, 0, family.bits),)


def exactly(prefixes: Iterable[Prefix]) -> Routes:
    """These prefixes, and nothing inside them."""
    return tuple(RouteBox(*get_bounds(one), one.prefixlen, one.prefixlen) for one in prefixes)


def inside(prefixes: Iterable[Prefix]) -> Routes:
    """These prefixes and everything inside them."""
    return tuple(RouteBox(*get_bounds(one), one.prefixlen, one.max_prefixlen) for one in prefixes)


def without(routes: Routes, taken: Routes) -> Routes:
    """The routes of the first set that are not in the second."""
    left = routes
    for one in taken:
        left = tuple(part for box in left for part in _cut(box, one))
    return left


def common(one: Routes, other: Routes) -> Routes:
    """The routes of both sets."""
    found = (_overlap(a, b) for a in one for b in other)
    return tuple(box for box in found if box is not None)


def example(routes: Routes, family: Family) -> Prefix | None:
    """The shortest route of a set, None when it is empty."""
    found = [one for box in routes if (one := _shortest(box, family)) is not None]
    return min(found, key=lambda one: (one.prefixlen, int(one.network_address)), default=None)


def listed(one: PrefixList) -> Routes:
    """The routes that a list holds."""
    held: Routes = ()
    left = every_route(one.family)
    for entry in one.entries:
        reached = (_box(entry),)
        if entry.effect is Effect.PERMIT:
            held += common(left, reached)
        left = without(left, reached)
    return held


def decided(state: Routing, name: str | None, family: Family) -> list[Piece]:
    """What a policy does with all routes of a family, in pieces; without a policy (None) everything passes.

    A policy that does not exist refuses everything, a list that does not exist holds nothing: so does FRR.
    """
    everything = every_route(family)
    if name is None:
        return [Piece(everything, RouteClause(Effect.PERMIT))]
    policy = next((one for one in state.policies if one.name == name), None)
    return list(_pieces(state, policy, everything)) if policy else [Piece(everything, None)]


def _pieces(state: Routing, policy: RoutePolicy, everything: Routes) -> Iterator[Piece]:
    lists = {one.name: one for one in state.lists if one.family is policy.family}
    left = everything
    for clause in policy.clauses:
        reached = left
        if clause.prefixes:
            reached = common(left, listed(lists[clause.prefixes]) if clause.prefixes in lists else ())
        yield Piece(reached, clause)
        left = without(left, reached)
    yield Piece(left, None)


def deciding(state: Routing, policy: RoutePolicy, route: Prefix) -> RouteClause | None:
    """The clause that decides one route, by going through it as a router does; it shares nothing with the sets."""
    lists = {one.name: one for one in state.lists if one.family is policy.family}
    for clause in policy.clauses:
        if not clause.prefixes or _holds(lists.get(clause.prefixes), route):
            return clause
    return None


def _holds(one: PrefixList | None, route: Prefix) -> bool:
    for entry in one.entries if one else ():
        low, high = get_bounds(entry.prefix)
        first, last = get_bounds(route)
        if low <= first and last <= high and entry.shortest <= route.prefixlen <= entry.longest:
            return entry.effect is Effect.PERMIT
    return False


def _box(entry: PrefixRange) -> RouteBox:
    return RouteBox(*get_bounds(entry.prefix), max(entry.shortest, entry.prefix.prefixlen), entry.longest)


def _overlap(one: RouteBox, other: RouteBox) -> RouteBox | None:
    low, high = max(one.low, other.low), min(one.high, other.high)
    shortest, longest = max(one.shortest, other.shortest), min(one.longest, other.longest)
    return RouteBox(low, high, shortest, longest) if low <= high and shortest <= longest else None


def _cut(box: RouteBox, taken: RouteBox) -> Iterator[RouteBox]:
    """What is left of a box, in boxes that do not overlap."""
    both = _overlap(box, taken)
    if both is None:
        yield box
        return
    if box.low < both.low:
        yield RouteBox(box.low, both.low - 1, box.shortest, box.longest)
    if both.high < box.high:
        yield RouteBox(both.high + 1, box.high, box.shortest, box.longest)
    if box.shortest < both.shortest:
        yield RouteBox(both.low, both.high, box.shortest, both.shortest - 1)
    if both.longest < box.longest:
        yield RouteBox(both.low, both.high, both.longest + 1, box.longest)


def _shortest(box: RouteBox, family: Family) -> Prefix | None:
    """The shortest prefix in a box: only every 2^(bits - length)-th address begins a prefix of a length."""
    for length in range(box.shortest, box.longest + 1):
        step = 1 << (family.bits - length)
        first = -(-box.low // step) * step
        if first <= box.high:
            return build_prefix(family, first, length)
    return None
