"""Decision diagrams against brute force: every point of a small space, and sets built another way."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.network.packets import merge_intervals
from controller.prove.engine.diagram import Cube, Field, HeaderSpace, Node

SIZES = (8, 8, 8)
POINTS = tuple(product(*(range(size) for size in SIZES)))

Point = tuple[int, ...]
Points = frozenset[Point]


def small_space() -> HeaderSpace:
    return HeaderSpace([Field(name, size - 1) for name, size in zip("abc", SIZES, strict=True)])


def as_intervals(values: set[int]) -> tuple[tuple[int, int], ...]:
    return merge_intervals((value, value) for value in values)


def points_of(cube: Cube) -> Points:
    return frozenset(product(*([v for low, high in field for v in range(low, high + 1)] for field in cube)))


def from_points(space: HeaderSpace, points: Points) -> Node:
    """The same set built from its single points, which shares no step with the other ways."""
    return space.union_all(space.cube([((value, value),) for value in point]) for point in sorted(points))


values = st.one_of(
    st.just(set(range(8))),
    st.tuples(st.integers(0, 7), st.integers(0, 7)).map(lambda ends: set(range(min(ends), max(ends) + 1))),
    st.sets(st.integers(0, 7)),
)
cubes: st.SearchStrategy[Cube] = st.tuples(values, values, values).map(lambda sets: [as_intervals(one) for one in sets])
unions = st.lists(cubes, max_size=6)
entries = st.lists(st.tuples(cubes, st.booleans()), max_size=12)


def build(space: HeaderSpace, parts: list[Cube]) -> tuple[Node, Points]:
    return space.union_all(map(space.cube, parts)), frozenset().union(*map(points_of, parts))


def check(space: HeaderSpace, node: Node, expected: Points) -> None:
    assert {point for point in POINTS if space.contains(node, point)} == expected
    assert node == from_points(space, expected)
    assert space.is_empty(node) == (not expected)
    example = space.example(node)
    assert example in expected if expected else example is None


@settings(deadline=None)
@given(unions, unions)
def test_set_operations_agree_with_brute_force(first: list[Cube], second: list[Cube]) -> None:
    space = small_space()
    (a, in_a), (b, in_b) = build(space, first), build(space, second)
    check(space, space.union(a, b), in_a | in_b)
    check(space, space.intersection(a, b), in_a & in_b)
    check(space, space.difference(a, b), in_a - in_b)
    check(space, space.complement(a), frozenset(POINTS) - in_a)
    assert space.covers(a, b) == (in_b <= in_a)
    assert space.covers(space.union(a, b), a)


@settings(deadline=None)
@given(cubes)
def test_a_cube_holds_its_points(cube: Cube) -> None:
    space = small_space()
    check(space, space.cube(cube), points_of(cube))


@settings(deadline=None)
@given(entries)
def test_first_match_agrees_with_brute_force(filter_entries: list[tuple[Cube, bool]]) -> None:
    space = small_space()
    sets = [(points_of(cube), permits) for cube, permits in filter_entries]
    expected = frozenset(
        point for point in POINTS if next((permits for points, permits in sets if point in points), False)
    )
    node = space.first_match(filter_entries)
    check(space, node, expected)
    assert space.first_match([(space.cube(cube), permits) for cube, permits in filter_entries]) == node


@settings(deadline=None)
@given(unions, unions, unions)
def test_equal_sets_have_one_node(first: list[Cube], second: list[Cube], third: list[Cube]) -> None:
    space = small_space()
    a, b, c = (build(space, parts)[0] for parts in (first, second, third))
    assert space.union(a, space.union(b, c)) == space.union(space.union(c, a), b)
    assert space.complement(space.union(a, b)) == space.intersection(space.complement(a), space.complement(b))
    assert space.difference(a, space.difference(b, c)) == space.union(space.difference(a, b), space.intersection(a, c))
    assert space.union(a, space.complement(a)) == space.everything
    assert space.intersection(a, space.complement(a)) == space.nothing
    assert space.complement(space.complement(a)) == a


@settings(deadline=None)
@given(unions, st.tuples(*[st.lists(st.integers(0, 7), max_size=3)] * 3))
def test_wishes_are_granted_where_the_set_allows(parts: list[Cube], wishes: tuple[list[int], ...]) -> None:
    space = small_space()
    node, points = build(space, parts)
    example = space.example(node, wishes)
    if example is None:
        assert not points
        return
    assert example in points
    for at, liked in enumerate(wishes):
        possible = {point[at] for point in points if point[:at] == example[:at]}
        granted = next((value for value in liked if value in possible), None)
        assert example[at] == granted if granted is not None else example[at] in possible


def test_adjacent_intervals_are_one() -> None:
    space = small_space()
    whole = ((0, 7),)
    assert space.cube([((1, 2), (3, 5)), whole, whole]) == space.cube([((1, 5),), whole, whole])
    assert space.cube([((0, 2), (3, 7)), whole, whole]) == space.everything


def test_a_field_without_intervals_holds_no_point() -> None:
    space = small_space()
    assert space.cube([((0, 7),), (), ((0, 7),)]) == space.nothing
    assert space.first_match([([((0, 7),), (), ((0, 7),)], True)]) == space.nothing


def test_no_entries_permit_nothing() -> None:
    assert small_space().first_match([]) == small_space().nothing
    assert small_space().union_all([]) == small_space().nothing


@pytest.mark.parametrize(
    "intervals",
    [((0, 8),), ((-1, 3),), ((5, 4),), ((4, 5), (0, 1)), ((0, 4), (4, 6))],
    ids=["above the range", "below the range", "reversed", "descending", "overlapping"],
)
def test_intervals_that_are_none_are_refused(intervals: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="ascending, disjoint and in"):
        small_space().cube([((0, 7),), intervals, ((0, 7),)])


def test_a_cube_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="a cube over 3 fields"):
        small_space().first_match([([((0, 7),)], True)])
