"""FRR 8.4 as text: how route policies are written, and what of a running configuration is ours.

Ours are prefix lists and route maps under our prefix, and the lines inside `router bgp` / `address-family` that attach
such a route map to a neighbour. The `router bgp` block itself, its neighbours and everything else are the installer's.

Sources: FRR 8.4 user guide, "Filtering" (prefix lists), "Route Maps", "BGP" (route filtering); the form and the order
are those of `show running-config` of FRR 8.4.4 in Debian 12.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from controller.model.network.device_state import PREFIX, DeviceState
from controller.model.network.packets import Effect, Family, Prefix
from controller.model.network.route_policies import (
    PrefixList,
    PrefixRange,
    RouteClause,
    RoutePolicy,
    RoutePolicyBinding,
)

OURS = f"{PREFIX}-"
LISTS = {Family.V4: "ip prefix-list", Family.V6: "ipv6 prefix-list"}
MATCHES = {Family.V4: "match ip address prefix-list", Family.V6: "match ipv6 address prefix-list"}
FAMILIES = {Family.V4: "ipv4 unicast", Family.V6: "ipv6 unicast"}
EFFECTS = {Effect.PERMIT: "permit", Effect.FORBID: "deny"}
STEP = 10
"""Between the sequence numbers of entries and of clauses."""


def render(state: DeviceState) -> str:
    """Return our part of `show running-config`.

    Raises:
        ValueError: FRR cannot hold the state.
    """
    routing = state.routing
    parts: list[str] = []
    for system, bindings in groupby(routing.bindings, key=lambda one: one.system):
        parts.append("\n".join(_bgp(system, list(bindings))))
    for family in Family:
        lines = [line for one in routing.lists if one.family is family for line in write_prefix_list(one)]
        if lines:
            parts.append("\n".join(lines))
    for policy in routing.policies:
        parts += ["\n".join(lines) for lines in write_route_map(policy)]
    return "".join(f"{part}\n!\n" for part in (*parts, "end"))[:-2] if parts else "end\n"


def _bgp(system: int, bindings: list[RoutePolicyBinding]) -> Iterator[str]:
    yield f"router bgp {system}"
    for family in Family:
        attached = [one for one in bindings if one.family is family]
        if attached:
            yield " !"
            yield f" address-family {FAMILIES[family]}"
            yield from (f"  {write_binding(one)}" for one in attached)
            yield " exit-address-family"
    yield "exit"


def write_binding(one: RoutePolicyBinding) -> str:
    """Write the line that puts a policy in force at a neighbour."""
    return f"neighbor {one.neighbour} route-map {one.policy} {one.direction}"


def write_attachments(bindings: Iterable[RoutePolicyBinding], no: str = "") -> Iterator[str]:
    """Yield the commands, from configuration mode on, that attach policies, or with `no ` detach them."""
    ordered = sorted(bindings, key=lambda one: (one.system, one.family))
    for (system, family), group in groupby(ordered, key=lambda one: (one.system, one.family)):
        yield f"router bgp {system}"
        yield f"address-family {FAMILIES[family]}"
        yield from (f"{no}{write_binding(one)}" for one in group)
        yield "exit-address-family"
        yield "exit"


def write_prefix_list(one: PrefixList) -> Iterator[str]:
    """Yield a prefix list, line by line.

    Raises:
        ValueError: an empty list would be no list at all; or an entry is of another family.
    """
    if not one.entries:
        message = f"prefix list {one.name} has no entry"
        raise ValueError(message)
    for number, entry in enumerate(one.entries, start=1):
        if entry.prefix.version != one.family:
            message = f"prefix list {one.name}: {entry.prefix} is not IPv{int(one.family)}"
            raise ValueError(message)
        yield f"{LISTS[one.family]} {one.name} seq {STEP * number} {EFFECTS[entry.effect]} {_range(entry)}"


def _range(entry: PrefixRange) -> str:
    prefix: Prefix = entry.prefix
    if (prefix.prefixlen, entry.shortest, entry.longest) == (0, 0, prefix.max_prefixlen):
        return "any"
    if not prefix.prefixlen <= entry.shortest <= entry.longest <= prefix.max_prefixlen:
        message = f"{prefix} has no routes of lengths from {entry.shortest} to {entry.longest}"
        raise ValueError(message)
    shortest = f" ge {entry.shortest}" if entry.shortest > prefix.prefixlen else ""
    # Without `le` a prefix means itself only, and `ge` up to the longest there are.
    unsaid = prefix.max_prefixlen if shortest else prefix.prefixlen
    longest = f" le {entry.longest}" if entry.longest != unsaid else ""
    return f"{prefix}{shortest}{longest}"


def write_route_map(policy: RoutePolicy) -> Iterator[list[str]]:
    """Yield a route map: a block of lines for each of its clauses.

    Raises:
        ValueError: a map without clauses would be no map at all.
    """
    if not policy.clauses:
        message = f"route map {policy.name} has no clause"
        raise ValueError(message)
    for number, clause in enumerate(policy.clauses, start=1):
        header = f"route-map {policy.name} {EFFECTS[clause.effect]} {STEP * number}"
        yield [header, *(f" {line}" for line in _clause(policy, clause)), "exit"]


def _clause(policy: RoutePolicy, clause: RouteClause) -> Iterator[str]:
    if clause.prefixes:
        yield f"{MATCHES[policy.family]} {clause.prefixes}"
    if clause.prepend:
        yield f"set as-path prepend {' '.join(map(str, clause.prepend))}"
    if clause.local_preference is not None:
        yield f"set local-preference {clause.local_preference}"
