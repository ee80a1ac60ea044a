"""Hypothesis strategies for what a router can hold of ours, and the example that people can read."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import strategies as st

from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.network.packets import Effect, Family
from controller.model.network.route_policies import (
    PrefixList,
    PrefixRange,
    RouteClause,
    RouteDirection,
    RoutePolicy,
    RoutePolicyBinding,
    build_prefix_list,
    build_route_policy,
    build_routing,
)
from tests.platforms.states import prefixes

SYSTEM = 4_200_000_004
NEIGHBOURS = ("100.64.0.1", "100.64.0.2", "100.64.32.1", "fd74:736e:0:1::1", "fd74:736e:0:2::1")


@st.composite
def prefix_ranges(draw: st.DrawFn, family: Family) -> PrefixRange:
    """Any entry of a prefix list."""
    held = draw(prefixes(family))
    shortest = draw(st.integers(held.prefixlen, family.bits))
    longest = draw(st.sampled_from((shortest, family.bits, draw(st.integers(shortest, family.bits)))))
    return PrefixRange(draw(st.sampled_from(Effect)), held, shortest, longest)


@st.composite
def prefix_lists(draw: st.DrawFn, family: Family) -> PrefixList:
    """A list with at least one entry."""
    entries = draw(st.lists(prefix_ranges(family), min_size=1, max_size=4))
    return build_prefix_list(f"TSN-{draw(st.sampled_from(('own', 'inside')))}-{int(family)}", family, entries)


@st.composite
def route_policies(draw: st.DrawFn, family: Family, lists: list[PrefixList]) -> RoutePolicy:
    """A policy that matches some of the lists."""
    names = st.sampled_from(["", *(one.name for one in lists if one.family is family)])
    clauses = st.builds(
        RouteClause,
        st.sampled_from(Effect),
        names,
        st.one_of(st.none(), st.integers(0, 4_294_967_295)),
        st.lists(st.integers(1, 4_294_967_295), max_size=3).map(tuple),
    )
    name = f"TSN-{draw(st.sampled_from(('in', 'out')))}-{int(family)}-primary-tokyo"
    return build_route_policy(name, family, draw(st.lists(clauses, min_size=1, max_size=3)))


@st.composite
def frr_states(draw: st.DrawFn) -> DeviceState:
    """States that FRR can hold: also what is attached nowhere, was edited by hand, or is attached and gone."""
    lists = [one for family in Family for one in draw(st.lists(prefix_lists(family), max_size=2))]
    lists = list({one.name: one for one in lists}.values())
    policies = [one for family in Family for one in draw(st.lists(route_policies(family, lists), max_size=3))]
    policies = list({one.name: one for one in policies}.values())
    bindings: list[RoutePolicyBinding] = []
    for neighbour in NEIGHBOURS:
        address: IPv4Address | IPv6Address = ip_address(neighbour)
        family = Family(address.version)
        for direction in RouteDirection:
            usable = [one.name for one in policies if one.family is family]
            name = draw(st.sampled_from([None, *usable]))
            if name is not None:
                bindings.append(RoutePolicyBinding(SYSTEM, address, family, direction, name))
    # An edit by hand, and an object that somebody removed.
    lists = [replace(one, entries=one.entries[:1]) if draw(st.integers(0, 5)) == 0 else one for one in lists]
    lists = [one for one in lists if draw(st.integers(0, 6))]
    policies = [replace(one, clauses=one.clauses[:1]) if draw(st.integers(0, 5)) == 0 else one for one in policies]
    policies = [one for one in policies if draw(st.integers(0, 6))]
    return build_device_state(routing=build_routing(lists, policies, bindings))
