"""Sets of routes, and what a route policy does with them.

A route is a prefix: an address and a length. A set of routes is a union of cubes, each an interval of addresses and one
of lengths. An entry of a prefix list is one cube, because a prefix of at least its length lies inside it exactly when
its address does; so all sets here are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.model.network.packets import Effect, Family, Prefix, build_prefix, get_bounds
from controller.model.network.route_policies import PrefixList, PrefixRange, RouteClause, RoutePolicy, Routing


@dataclass(frozen=True, slots=True)
class RouteCube:
    """Routes whose address and whose length lie in intervals, ends included."""

    low: int
    high: int
    shortest: int
    longest: int


Routes = tuple[RouteCube, ...]


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """Routes that one clause decides; without a clause nothing decided, and the route is refused."""

    routes: Routes
    clause: RouteClause | None

    @property
    def passes(self) -> bool:
        """Tell whether the routes go through."""
        return self.clause is not None and self.clause.effect is Effect.PERMIT


def make_all_routes(family: Family) -> Routes:
    """All routes of a family, the default route among them.

    >>> make_all_routes(Family.V4)
    (RouteCube(low=0, high=4294967295, shortest=0, longest=32),)
    """
    return (RouteCube(0, 2**family.bits - 1, 0, family.bits),)


def make_exact_routes(prefixes: Iterable[Prefix]) -> Routes:
    """These prefixes, and nothing inside them.

    >>> make_exact_routes([parse_prefix("10.0.0.0/8")])
    (RouteCube(low=167772160, high=184549375, shortest=8, longest=8),)
    """
    return tuple(RouteCube(*get_bounds(one), one.prefixlen, one.prefixlen) for one in prefixes)


def make_inner_routes(prefixes: Iterable[Prefix]) -> Routes:
    """These prefixes and everything inside them.

    >>> make_inner_routes([parse_prefix("10.0.0.0/8")])
    (RouteCube(low=167772160, high=184549375, shortest=8, longest=32),)
    """
    return tuple(RouteCube(*get_bounds(one), one.prefixlen, one.max_prefixlen) for one in prefixes)


def subtract_routes(routes: Routes, taken: Routes) -> Routes:
    """The routes of the first set that are not in the second.

    >>> left = subtract_routes(make_all_routes(Family.V4), make_inner_routes([parse_prefix("0.0.0.0/1")]))
    >>> [str(find_shortest_route((one,), Family.V4)) for one in left]
    ['128.0.0.0/1', '0.0.0.0/0']
    """
    left = routes
    for one in taken:
        left = tuple(part for cube in left for part in _cut(cube, one))
    return left


def intersect_routes(one: Routes, other: Routes) -> Routes:
    """The routes of both sets.

    >>> inner = make_inner_routes([parse_prefix("10.0.0.0/8")])
    >>> intersect_routes(inner, make_exact_routes([parse_prefix("10.1.0.0/16"), parse_prefix("192.0.2.0/24")]))
    (RouteCube(low=167837696, high=167903231, shortest=16, longest=16),)
    """
    found = (_overlap(a, b) for a in one for b in other)
    return tuple(cube for cube in found if cube is not None)


def find_shortest_route(routes: Routes, family: Family) -> Prefix | None:
    """The shortest route of a set, None when it is empty.

    >>> find_shortest_route(make_inner_routes([parse_prefix("10.0.0.0/8")]), Family.V4)
    IPv4Network('10.0.0.0/8')
    """
    found = [one for cube in routes if (one := _shortest(cube, family)) is not None]
    return min(found, key=lambda one: (one.prefixlen, int(one.network_address)), default=None)


def expand_prefix_list(one: PrefixList) -> Routes:
    """The routes that a list holds.

    >>> entry = PrefixRange(Effect.PERMIT, parse_prefix("10.0.0.0/8"), 8, 16)
    >>> expand_prefix_list(PrefixList("OWN", Family.V4, (entry,)))[0].longest
    16
    """
    held: Routes = ()
    left = make_all_routes(one.family)
    for entry in one.entries:
        reached = (_cube(entry),)
        if entry.effect is Effect.PERMIT:
            held += intersect_routes(left, reached)
        left = subtract_routes(left, reached)
    return held


def split_by_policy(state: Routing, name: str | None, family: Family) -> list[RouteDecision]:
    """Split all routes of a family by the clause that decides them; without a policy (None) everything passes.

    A policy that does not exist refuses everything, a list that does not exist holds nothing: so does FRR.

    >>> [one.passes for one in split_by_policy(Routing(), None, Family.V4)]
    [True]
    >>> [one.passes for one in split_by_policy(Routing(), "a policy that is not there", Family.V4)]
    [False]
    """
    everything = make_all_routes(family)
    if name is None:
        return [RouteDecision(everything, RouteClause(Effect.PERMIT))]
    policy = next((one for one in state.policies if one.name == name), None)
    return list(_pieces(state, policy, everything)) if policy else [RouteDecision(everything, None)]


def _pieces(state: Routing, policy: RoutePolicy, everything: Routes) -> Iterator[RouteDecision]:
    lists = {one.name: one for one in state.lists if one.family is policy.family}
    left = everything
    for clause in policy.clauses:
        reached = left
        if clause.prefixes:
            reached = intersect_routes(
                left, expand_prefix_list(lists[clause.prefixes]) if clause.prefixes in lists else ()
            )
        yield RouteDecision(reached, clause)
        left = subtract_routes(left, reached)
    yield RouteDecision(left, None)


def find_deciding_clause(state: Routing, policy: RoutePolicy, route: Prefix) -> RouteClause | None:
    """The clause that decides one route, by going through it as a router does; it shares nothing with the sets.

    >>> refuse = RouteClause(Effect.FORBID, origin="10")
    >>> policy = RoutePolicy("OUT", Family.V4, (refuse,))
    >>> find_deciding_clause(Routing(), policy, parse_prefix("10.0.0.0/8")) is refuse
    True
    """
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


def _cube(entry: PrefixRange) -> RouteCube:
    return RouteCube(*get_bounds(entry.prefix), max(entry.shortest, entry.prefix.prefixlen), entry.longest)


def _overlap(one: RouteCube, other: RouteCube) -> RouteCube | None:
    low, high = max(one.low, other.low), min(one.high, other.high)
    shortest, longest = max(one.shortest, other.shortest), min(one.longest, other.longest)
    return RouteCube(low, high, shortest, longest) if low <= high and shortest <= longest else None


def _cut(cube: RouteCube, taken: RouteCube) -> Iterator[RouteCube]:
    """Yield the rest of a cube, in cubes that do not overlap."""
    both = _overlap(cube, taken)
    if both is None:
        yield cube
        return
    if cube.low < both.low:
        yield RouteCube(cube.low, both.low - 1, cube.shortest, cube.longest)
    if both.high < cube.high:
        yield RouteCube(both.high + 1, cube.high, cube.shortest, cube.longest)
    if cube.shortest < both.shortest:
        yield RouteCube(both.low, both.high, cube.shortest, both.shortest - 1)
    if both.longest < cube.longest:
        yield RouteCube(both.low, both.high, both.longest + 1, cube.longest)


def _shortest(cube: RouteCube, family: Family) -> Prefix | None:
    """The shortest prefix in a cube: only every 2^(bits - length)-th address begins a prefix of a length."""
    for length in range(cube.shortest, cube.longest + 1):
        step = 1 << (family.bits - length)
        first = -(-cube.low // step) * step
        if first <= cube.high:
            return build_prefix(family, first, length)
    return None
