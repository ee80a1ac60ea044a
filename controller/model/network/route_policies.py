"""Which routes a router takes and gives, free of any vendor's words: prefix lists, route policies, where they stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from controller.model.network.packets import Effect, Family, Prefix, format_prefix


class RouteDirection(StrEnum):
    """Seen from the router: routes that come `in` from a neighbour, or go `out` to it."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class PrefixRange:
    """The routes inside a prefix whose length lies between two bounds, both included.

    `origin` tells where it comes from (the line when read) and does not count in comparisons.
    """

    effect: Effect
    prefix: Prefix
    shortest: int
    longest: int
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PrefixList:
    """An ordered list of one family: the first entry that holds a route decides; none: it is not in the list."""

    name: str
    family: Family
    entries: tuple[PrefixRange, ...]


@dataclass(frozen=True, slots=True)
class RouteClause:
    """One clause of a route policy: for routes in the list (all routes without one), pass and set, or refuse.

    `local_preference`: the higher is preferred (RFC 4271, 5.1.5); None leaves it. `prepend`: systems to be put before
    the path. `origin` as in `PrefixRange`.
    """

    effect: Effect
    prefixes: str = ""
    local_preference: int | None = None
    prepend: tuple[int, ...] = ()
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """An ordered policy of one family: the first clause that matches a route decides; none: the route is refused."""

    name: str
    family: Family
    clauses: tuple[RouteClause, ...]


@dataclass(frozen=True, slots=True)
class RoutePolicyBinding:
    """A policy in force for the routes of one neighbour; `system` is the router's own autonomous system there."""

    system: int
    neighbour: IPv4Address | IPv6Address
    family: Family
    direction: RouteDirection
    policy: str
    origin: str = field(default="", compare=False)

    @property
    def position(self) -> tuple[int, int, str, Family, RouteDirection]:
        """Where it stands, in a form that can be sorted; a router binds at most one policy there."""
        return self.system, self.neighbour.version, f"{int(self.neighbour):040d}", self.family, self.direction


@dataclass(frozen=True, slots=True)
class Routing:
    """All that we own of a router's routing. Build it with `build_routing`, which puts it in canonical order."""

    lists: tuple[PrefixList, ...] = ()
    policies: tuple[RoutePolicy, ...] = ()
    bindings: tuple[RoutePolicyBinding, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lists or self.policies or self.bindings)

    def get_digest_text(self) -> str:
        """All that counts, as text; equal exactly when the routings are equal."""
        bound = (f"{one.position} {one.policy}" for one in self.bindings)
        return "\n".join((*map(_list_text, self.lists), *map(_policy_text, self.policies), *bound))


NO_ROUTING = Routing()
"""What a switch has."""


def build_routing(
    lists: Iterable[PrefixList] = (),
    policies: Iterable[RoutePolicy] = (),
    bindings: Iterable[RoutePolicyBinding] = (),
) -> Routing:
    """A routing in canonical order."""
    return Routing(
        tuple(sorted(lists, key=lambda one: (one.family, one.name))),
        tuple(sorted(policies, key=lambda one: one.name)),
        tuple(sorted(bindings, key=lambda one: one.position)),
    )


def build_prefix_list(prefix_name: str, family: Family, entries: Iterable[PrefixRange]) -> PrefixList:
    """A prefix list under a name that ends in a digest of its entries: a changed list is a new object."""
    made = PrefixList(prefix_name, family, tuple(entries))
    return PrefixList(f"{prefix_name}-{_digest(_list_text(made))}", family, made.entries)


def build_route_policy(prefix_name: str, family: Family, clauses: Iterable[RouteClause]) -> RoutePolicy:
    """A route policy under a name that ends in a digest of its clauses, and with them of the lists that they name."""
    made = RoutePolicy(prefix_name, family, tuple(clauses))
    return RoutePolicy(f"{prefix_name}-{_digest(_policy_text(made))}", family, made.clauses)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def _list_text(one: PrefixList) -> str:
    entries = (f"{e.effect} {format_prefix(e.prefix)} {e.shortest} {e.longest}" for e in one.entries)
    return f"{one.name}|{int(one.family)}|" + ";".join(entries)


def _policy_text(one: RoutePolicy) -> str:
    clauses = (f"{c.effect} {c.prefixes} {c.local_preference} {c.prepend}" for c in one.clauses)
    return f"{one.name}|{int(one.family)}|" + ";".join(clauses)
