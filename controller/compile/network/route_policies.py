"""Lines and their preference -> the route policies of a school's router.

In: what comes over a path gets a local preference by its rank, so the router's own choice follows the policy; the
school's own prefixes are not taken back. Out: only the school's own prefixes leave, and the lower the rank, the more
often the school's system stands in the path, so the choice of the others follows too. A path that the preference leaves
out carries nothing in either direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from controller.model.city import City
from controller.model.network.device_state import PREFIX
from controller.model.network.packets import Effect, Family, Prefix
from controller.model.network.route_policies import (
    PrefixList,
    PrefixRange,
    RouteClause,
    RouteDirection,
    RoutePolicy,
    RoutePolicyBinding,
    Routing,
    build_prefix_list,
    build_route_policy,
    build_routing,
)
from controller.model.sites.access_lines import AccessLineName
from controller.model.sites.devices import Device
from controller.model.sites.schools import School

LOCAL_PREFERENCE_STEP = 100
"""Between two ranks; the last rank stands one step above what routers give by default (100)."""


@dataclass(frozen=True, slots=True)
class RegionNeighbour:
    """A region's router as a school's router sees it on one line, in one family.

    `rank` counts from 0, the preferred path; None: the preference leaves it out. `rule` is where the policy says so.
    """

    line: AccessLineName
    region: str
    family: Family
    address: IPv4Address | IPv6Address
    rank: int | None
    rule: str

    @property
    def path(self) -> str:
        """The path in words."""
        return f"{self.line} to {self.region}"

    def __str__(self) -> str:
        return f"neighbour {self.address} ({self.path})"


@dataclass(frozen=True, slots=True)
class RoutingIntent:
    """The wanted routing of a school's router: its neighbours in the order of families, lines and regions."""

    device: str
    system: int
    own: Mapping[Family, tuple[Prefix, ...]]
    neighbours: tuple[RegionNeighbour, ...]

    def used(self, family: Family) -> list[RegionNeighbour]:
        """The neighbours of one family that the preference names, the preferred one first."""
        return sorted(
            (one for one in self.neighbours if one.family is family and one.rank is not None),
            key=lambda one: one.rank or 0,
        )


def compile_routing_intent(city: City, device: Device) -> RoutingIntent:
    """Compile what the policy wants of a school's router: its neighbours with their ranks, and its own prefixes.

    >>> routing_intent = compile_routing_intent(city, router)
    >>> [(one.path, one.rank) for one in routing_intent.neighbours if one.family is Family.V4]
    [('primary to tokyo', 0), ('primary to osaka', 1), ('backup to tokyo', 2), ('backup to osaka', 3)]
    """
    school = device.school
    return RoutingIntent(
        device=device.id,
        system=city.lines.get_asn(school),
        own={family: find_own_prefixes(city, school, family) for family in Family},
        neighbours=tuple(_neighbours(city, school)),
    )


def find_own_prefixes(city: City, school: School, family: Family) -> tuple[Prefix, ...]:
    """Find the prefixes that a school may announce: its own, and the addresses of its lines in the internet.

    >>> [str(one) for one in find_own_prefixes(city, school, Family.V6)]
    ['2001:db8:809a::/48']
    """
    lines = (school.lines.primary, school.lines.backup)
    egress = (one for line in lines for one in line.egress if one.version == family)
    return tuple(dict.fromkeys((*city.addresses.school_prefixes(school, family), *egress)))


def build_wanted_routing(intent: RoutingIntent) -> Routing:
    """The lists, policies and bindings that do what is wanted.

    >>> wanted = build_wanted_routing(compile_routing_intent(city, router))
    >>> [one.name for one in wanted.policies][:2]
    ['TSN-in-4-backup-osaka-...', 'TSN-in-4-backup-tokyo-...']
    """
    own = {family: _list("own", family, prefixes, exact=True) for family, prefixes in intent.own.items()}
    inside = {family: _list("inside", family, prefixes, exact=False) for family, prefixes in intent.own.items()}
    policies: list[RoutePolicy] = []
    bindings: list[RoutePolicyBinding] = []
    for one in intent.neighbours:
        ranks = len(intent.used(one.family))
        made = {
            RouteDirection.IN: list(_in(one, inside[one.family], ranks)),
            RouteDirection.OUT: list(_out(one, own[one.family], intent.system)),
        }
        for direction, clauses in made.items():
            name = f"{PREFIX}-{direction}-{int(one.family)}-{one.line}-{one.region}"
            policy = build_route_policy(name, one.family, clauses)
            policies.append(policy)
            bindings.append(
                RoutePolicyBinding(intent.system, one.address, one.family, direction, policy.name, one.rule)
            )
    named = {clause.prefixes for policy in policies for clause in policy.clauses}
    lists = [one for one in (*own.values(), *inside.values()) if one.name in named]
    return build_routing(lists, policies, bindings)


def _neighbours(city: City, school: School) -> Iterator[RegionNeighbour]:
    preference = city.lines.get_preference(school)
    ranks = {way.pair: rank for rank, way in enumerate(preference)}
    for family in Family:
        for line, region in city.lines.list_paths():
            rank = ranks.get((line, region.id))
            rule = str(preference[0 if rank is None else rank].origin)
            address = city.lines.region_address(region, line, family)
            yield RegionNeighbour(line, region.id, family, address, rank, rule)


def _list(what: str, family: Family, prefixes: tuple[Prefix, ...], *, exact: bool) -> PrefixList:
    entries = (
        PrefixRange(Effect.PERMIT, one, one.prefixlen, one.prefixlen if exact else family.bits) for one in prefixes
    )
    return build_prefix_list(f"{PREFIX}-{what}-{int(family)}", family, entries)


def _in(one: RegionNeighbour, inside: PrefixList, ranks: int) -> Iterator[RouteClause]:
    if one.rank is not None:
        yield RouteClause(Effect.FORBID, inside.name, origin=one.rule)
        preference = LOCAL_PREFERENCE_STEP * (ranks - one.rank + 1)
        yield RouteClause(Effect.PERMIT, local_preference=preference, origin=one.rule)
    else:
        yield RouteClause(Effect.FORBID, origin=one.rule)


def _out(one: RegionNeighbour, own: PrefixList, system: int) -> Iterator[RouteClause]:
    if one.rank is not None:
        yield RouteClause(Effect.PERMIT, own.name, prepend=(system,) * one.rank, origin=one.rule)
    yield RouteClause(Effect.FORBID, origin=one.rule)
