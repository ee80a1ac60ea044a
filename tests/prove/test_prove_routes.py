"""Sets of routes against going through a policy route by route."""

from __future__ import annotations

from ipaddress import IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.network.packets import Effect, Family, Prefix, parse_prefix
from controller.model.network.route_policies import PrefixList, PrefixRange, RouteClause, RoutePolicy, build_routing
from controller.prove.routes.route_sets import (
    expand_prefix_list,
    find_deciding_clause,
    find_shortest_route,
    intersect_routes,
    make_all_routes,
    make_exact_routes,
    make_inner_routes,
    split_by_policy,
    subtract_routes,
)
from tests.soak import examples

V4 = Family.V4


@st.composite
def near(draw: st.DrawFn) -> Prefix:
    """Prefixes that often hold one another: few addresses, any length."""
    length = draw(st.sampled_from((0, 1, 7, 8, 9, 15, 16, 17, 31, 32)))
    address = draw(st.sampled_from((0, 0x0A000000, 0x0A010000, 0x0A018000, 0xFFFFFFFF, 0x0AFFFFFF)))
    return IPv4Network((address >> (32 - length) << (32 - length), length))


@st.composite
def ranges(draw: st.DrawFn) -> PrefixRange:
    held = draw(near())
    shortest = draw(st.integers(held.prefixlen, 32))
    return PrefixRange(draw(st.sampled_from(Effect)), held, shortest, draw(st.integers(shortest, 32)))


LISTS = st.lists(ranges(), min_size=1, max_size=4).map(tuple)
CLAUSES = st.builds(RouteClause, st.sampled_from(Effect), st.sampled_from(("", "A", "B", "gone")))


@settings(max_examples=examples(150), deadline=None)
@given(first=LISTS, second=LISTS, clauses=st.lists(CLAUSES, max_size=4).map(tuple), routes=st.lists(near(), max_size=8))
def test_a_policys_pieces_are_what_it_does_with_each_route(
    first: tuple[PrefixRange, ...],
    second: tuple[PrefixRange, ...],
    clauses: tuple[RouteClause, ...],
    routes: list[Prefix],
) -> None:
    policy = RoutePolicy("P", V4, clauses)
    state = build_routing([PrefixList("A", V4, first), PrefixList("B", V4, second)], [policy])
    pieces = split_by_policy(state, "P", V4)
    for route in [*routes, *(one.prefix for one in (*first, *second))]:
        holding = [
            piece
            for piece in pieces
            if find_shortest_route(intersect_routes(piece.routes, make_exact_routes((route,))), V4)
        ]
        assert len(holding) == 1
        assert holding[0].clause == find_deciding_clause(state, policy, route)
    for piece in pieces:
        found = find_shortest_route(piece.routes, V4)
        if found is not None:
            assert find_deciding_clause(state, policy, found) == piece.clause


def test_an_example_begins_where_a_prefix_can_begin() -> None:
    left = subtract_routes(
        make_inner_routes((parse_prefix("10.0.0.0/8"),)), make_exact_routes((parse_prefix("10.0.0.0/8"),))
    )
    assert find_shortest_route(left, V4) == parse_prefix("10.0.0.0/9")
    assert find_shortest_route(
        subtract_routes(make_all_routes(V4), make_inner_routes((parse_prefix("0.0.0.0/1"),))), V4
    ) == parse_prefix("0.0.0.0/0")
    assert (
        find_shortest_route(
            subtract_routes(left, make_inner_routes((parse_prefix("10.0.0.0/9"), parse_prefix("10.128.0.0/9")))), V4
        )
        is None
    )


def test_a_list_ends_in_nothing() -> None:
    entry = PrefixRange(Effect.PERMIT, parse_prefix("10.0.0.0/8"), 8, 24)
    held = expand_prefix_list(
        PrefixList("A", V4, (PrefixRange(Effect.FORBID, parse_prefix("10.1.0.0/16"), 16, 32), entry))
    )
    assert find_shortest_route(intersect_routes(held, make_inner_routes((parse_prefix("10.1.0.0/16"),))), V4) is None
    assert find_shortest_route(
        intersect_routes(held, make_exact_routes((parse_prefix("10.2.0.0/16"),))), V4
    ) == parse_prefix("10.2.0.0/16")
    assert find_shortest_route(intersect_routes(held, make_inner_routes((parse_prefix("10.2.3.0/25"),))), V4) is None


def test_a_policy_that_is_not_there_refuses_everything() -> None:
    assert [piece.passes for piece in split_by_policy(build_routing(), "gone", V4)] == [False]
    assert [piece.passes for piece in split_by_policy(build_routing(), None, V4)] == [True]
