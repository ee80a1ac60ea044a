"""The proof about routes: only the school's own prefixes leave, and the preferred path is preferred.

Every answer names a route that shows it, the neighbour, what decides it there, and where the policy wants otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from controller.compile.network.route_policies import RegionNeighbour, RoutingIntent
from controller.model.network.packets import Family, Prefix
from controller.model.network.route_policies import (
    RouteClause,
    RouteDirection,
    RoutePolicyBinding,
    Routing,
    build_routing,
)
from controller.prove.routes.route_sets import (
    RouteDecision,
    Routes,
    find_shortest_route,
    intersect_routes,
    make_all_routes,
    make_exact_routes,
    make_inner_routes,
    split_by_policy,
    subtract_routes,
)

DEFAULT_LOCAL_PREFERENCE = 100
"""What FRR, like most, gives a route whose policy sets none."""


def find_routing_differences(intent: RoutingIntent, state: Routing) -> Iterator[str]:
    """Yield each difference of the routing in force on a router to what the policy wants; none: proved.

    >>> routing_intent = compile_routing_intent(city, router)
    >>> list(find_routing_differences(routing_intent, build_wanted_routing(routing_intent)))
    []
    >>> next(find_routing_differences(routing_intent, Routing()))[:62]
    'as-e01-rt1 neighbour 100.64.0.1 (primary to tokyo) IPv4 out: n'
    """
    seen = _Seen(intent, state)
    for one in intent.neighbours:
        yield from seen.leaving(one)
        yield from seen.arriving(one)
    for family in Family:
        for first, second in pairwise(intent.used(family)):
            yield from seen.order(first, second)
    known = {(one.address, one.family) for one in intent.neighbours}
    for binding in state.bindings:
        if binding.system != intent.system or (binding.neighbour, binding.family) not in known:
            where = f"{binding.neighbour} in AS {binding.system}"
            yield f"{intent.device}: policy {binding.policy} stands at neighbour {where}, which the city does not know"


def find_transition_differences(
    intent: RoutingIntent, before: Routing, states: Iterable[tuple[str, Routing]]
) -> Iterator[str]:
    """Yield each state on the way that lets out what may not leave and did not before, or leaves no line usable.

    `states` are the states after each step, with the step's title. Inside a step neighbours change one after the other,
    so the states between these are looked at too.

    >>> routing_intent = compile_routing_intent(city, router)
    >>> wanted = build_wanted_routing(routing_intent)
    >>> list(find_transition_differences(routing_intent, wanted, [("nothing changes", wanted)]))
    []
    """
    old = _Seen(intent, before)
    now = before
    for title, state in states:
        found = (text for between in _one_by_one(now, state) for text in _worse(intent, old, _Seen(intent, between)))
        for text in dict.fromkeys(found):
            yield f"{intent.device}, in {title!r}: {text}"
        now = state


def _worse(intent: RoutingIntent, old: _Seen, seen: _Seen) -> Iterator[str]:
    for one in intent.neighbours:
        leaks = subtract_routes(seen.passing(one, RouteDirection.OUT), make_exact_routes(intent.own[one.family]))
        new = find_shortest_route(subtract_routes(leaks, old.passing(one, RouteDirection.OUT)), one.family)
        if new is not None:
            yield f"{seen.told(one, RouteDirection.OUT, new)} lets {new} out"
    for family in intent.own:
        if old.usable(family) and not seen.usable(family):
            yield f"no line carries IPv{int(family)}"


def _one_by_one(now: Routing, after: Routing) -> Iterator[Routing]:
    """The routings between two, with their bindings changed one after the other; the last is `after`."""
    bound = {one.position: one for one in now.bindings}
    wanted = {one.position: one for one in after.bindings}
    lists, policies = {*now.lists, *after.lists}, {*now.policies, *after.policies}
    for place in sorted(bound.keys() | wanted.keys()):
        if bound.get(place) == wanted.get(place):
            continue
        bound.pop(place, None)
        bound |= {place: wanted[place]} if place in wanted else {}
        yield build_routing(lists, policies, bound.values())
    yield after


class _Seen:
    """The policies in force at the neighbours of an intent."""

    def __init__(self, intent: RoutingIntent, state: Routing) -> None:
        self._intent = intent
        self._bound: dict[tuple[object, Family, RouteDirection], RoutePolicyBinding] = {
            (one.neighbour, one.family, one.direction): one for one in state.bindings if one.system == intent.system
        }
        self._state = state
        self._pieces: dict[tuple[str | None, Family], list[RouteDecision]] = {}

    def pieces(self, one: RegionNeighbour, direction: RouteDirection) -> list[RouteDecision]:
        """Return what the policy at a neighbour does with all routes."""
        binding = self._bound.get((one.address, one.family, direction))
        key = binding.policy if binding else None, one.family
        if key not in self._pieces:
            self._pieces[key] = split_by_policy(self._state, *key)
        return self._pieces[key]

    def passing(self, one: RegionNeighbour, direction: RouteDirection) -> Routes:
        """The routes that go through."""
        return tuple(cube for piece in self.pieces(one, direction) if piece.passes for cube in piece.routes)

    def usable(self, family: Family) -> bool:
        """Tell whether some line takes everything but the school's own routes, and announces the school."""
        own = self._intent.own[family]
        others = subtract_routes(make_all_routes(family), make_inner_routes(own))
        return any(
            not subtract_routes(others, self.passing(one, RouteDirection.IN))
            and not subtract_routes(make_exact_routes(own), self.passing(one, RouteDirection.OUT))
            for one in self._intent.neighbours
            if one.family is family
        )

    def leaving(self, one: RegionNeighbour) -> Iterator[str]:
        """Yield a route that leaves and may not, and one that must leave and does not."""
        passing = self.passing(one, RouteDirection.OUT)
        own = make_exact_routes(self._intent.own[one.family])
        allowed = own if one.rank is not None else ()
        leak, missing = (
            find_shortest_route(subtract_routes(passing, allowed), one.family),
            find_shortest_route(subtract_routes(own, passing), one.family),
        )
        shown = ", ".join(map(str, self._intent.own[one.family]))
        if leak is not None:
            why = f"only the school's own prefixes ({shown}) may leave" if one.rank is not None else _unused(one)
            yield self._say(one, RouteDirection.OUT, leak, f"lets {leak} out, but {why}")
        if missing is not None and one.rank is not None:
            yield self._say(
                one, RouteDirection.OUT, missing, f"keeps {missing} back, which is the school's ({one.rule})"
            )

    def arriving(self, one: RegionNeighbour) -> Iterator[str]:
        """Yield a route that is taken and may not be, and one that is wanted and not taken."""
        passing = self.passing(one, RouteDirection.IN)
        own = make_inner_routes(self._intent.own[one.family])
        wanted = subtract_routes(make_all_routes(one.family), own) if one.rank is not None else ()
        refused = find_shortest_route(subtract_routes(wanted, passing), one.family)
        taken = find_shortest_route(subtract_routes(passing, wanted), one.family)
        if taken is not None:
            why = "it lies in the school's own prefixes" if one.rank is not None else _unused(one)
            yield self._say(one, RouteDirection.IN, taken, f"takes {taken}, but {why}")
        if refused is not None:
            yield self._say(
                one, RouteDirection.IN, refused, f"refuses {refused}, which the path must carry ({one.rule})"
            )

    def order(self, first: RegionNeighbour, second: RegionNeighbour) -> Iterator[str]:
        """Yield a path that does not go before the next: by local preference here, by the path's length elsewhere."""
        found = self._compared(first, second, RouteDirection.IN)
        if found is not None:
            route, here, there = found
            values = f"{_preference(here)}, and over {second.path} {_preference(there)}"
            wanted = f"{first.path} must go before {second.path} ({first.rule})"
            text = f"gives {route} local preference {values}, but {wanted}"
            yield self._say(first, RouteDirection.IN, route, text)
        found = self._compared(first, second, RouteDirection.OUT)
        if found is not None:
            route, here, there = found
            counts = f"{len(here.prepend)} times, and over {second.path} {len(there.prepend)} times"
            wanted = f"{first.path} must go before {second.path} ({first.rule})"
            yield self._say(first, RouteDirection.OUT, route, f"prepends for {route} {counts}, but {wanted}")

    def _compared(
        self, first: RegionNeighbour, second: RegionNeighbour, direction: RouteDirection
    ) -> tuple[Prefix, RouteClause, RouteClause] | None:
        """A route on which two paths are not in order, and the clauses that it meets on them."""
        for one in self.pieces(first, direction):
            for other in self.pieces(second, direction):
                if one.clause is None or other.clause is None or not (one.passes and other.passes):
                    continue
                if _before(one.clause, other.clause, direction):
                    continue
                route = find_shortest_route(intersect_routes(one.routes, other.routes), first.family)
                if route is not None:
                    return route, one.clause, other.clause
        return None

    def told(self, one: RegionNeighbour, direction: RouteDirection, route: Prefix) -> str:
        """The place, and what decides a route there."""
        binding = self._bound.get((one.address, one.family, direction))
        place = f"{one} IPv{int(one.family)} {direction}"
        if binding is None:
            return f"{place}: no policy is in force, which"
        known = any(policy.name == binding.policy for policy in self._state.policies)
        lines = ", ".join(_lines(self.pieces(one, direction), route, one.family))
        decides = (f" {lines}" if lines else "") if known else ", which does not exist,"
        return f"{place}: {binding.policy}{decides}"

    def _say(self, one: RegionNeighbour, direction: RouteDirection, route: Prefix, what: str) -> str:
        return f"{self._intent.device} {self.told(one, direction, route)} {what}"


def _before(first: RouteClause, second: RouteClause, direction: RouteDirection) -> bool:
    if direction is RouteDirection.IN:
        return _preference(first) > _preference(second)
    return len(first.prepend) < len(second.prepend)


def _preference(clause: RouteClause) -> int:
    return DEFAULT_LOCAL_PREFERENCE if clause.local_preference is None else clause.local_preference


def _unused(one: RegionNeighbour) -> str:
    return f"the preference ({one.rule}) leaves this path out"


def _lines(pieces: Iterable[RouteDecision], route: Prefix, family: Family) -> Iterator[str]:
    for piece in pieces:
        if find_shortest_route(intersect_routes(piece.routes, make_exact_routes((route,))), family) is not None:
            origin = piece.clause.origin if piece.clause else ""
            yield "(no clause)" if piece.clause is None else f"line {origin}" if origin.isdigit() else origin
