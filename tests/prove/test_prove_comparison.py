"""The comparison of two lists against brute force over every point of a small space."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.prove.engine.comparison import Comparison, CubeEntry, compare_filters, compare_renumbered
from controller.prove.engine.diagram import Field
from tests.soak import examples

FIELDS = (Field("a", 2), Field("b", 7), Field("c", 7))
POINTS = tuple(product(*(range(field.maximum + 1) for field in FIELDS)))
NEVER = 10**9


def interval(maximum: int) -> st.SearchStrategy[tuple[int, int]]:
    ends = st.tuples(st.integers(0, maximum), st.integers(0, maximum))
    return st.one_of(st.just((0, maximum)), ends.map(lambda pair: (min(pair), max(pair))))


cubes = st.tuples(*(interval(field.maximum) for field in FIELDS))
filters = st.lists(st.tuples(cubes, st.booleans()), max_size=10)


def permitted(entries: list[CubeEntry]) -> set[tuple[int, ...]]:
    def decides(point: tuple[int, ...]) -> bool:
        covering = (
            permits
            for cube, permits in entries
            if all(low <= value <= high for value, (low, high) in zip(point, cube, strict=True))
        )
        return next(covering, False)

    return {point for point in POINTS if decides(point)}


def halved(entry: CubeEntry, field: int) -> list[CubeEntry]:
    cube, permits = entry
    low, high = cube[field]
    if low == high:
        return [entry]
    spans = (low, (low + high) // 2), ((low + high) // 2 + 1, high)
    return [((*cube[:field], span, *cube[field + 1 :]), permits) for span in spans]


def rewritten(entries: list[CubeEntry], random: Random) -> list[CubeEntry]:
    """Cut in halves, with entries that never decide, and neighbours that do not meet in another order."""
    pieces: list[CubeEntry] = []
    for entry in entries:
        pieces += halved(entry, random.randrange(len(FIELDS))) if random.random() < 0.3 else [entry]
        if random.random() < 0.2:
            pieces.append((random.choice(pieces)[0], random.random() < 0.5))
    for _ in range(len(pieces)):
        at = random.randrange(len(pieces))
        one, other = pieces[at - 1], pieces[at]
        if at and (one[1] == other[1] or not meet(one, other)):
            pieces[at - 1 : at + 1] = [other, one]
    return pieces


def meet(one: CubeEntry, other: CubeEntry) -> bool:
    return all(a[0] <= b[1] and b[0] <= a[1] for a, b in zip(one[0], other[0], strict=True))


@settings(deadline=None, max_examples=examples(150))
@given(filters, filters)
def test_any_two_filters_agree_with_brute_force(first: list[CubeEntry], second: list[CubeEntry]) -> None:
    expected = Comparison.SAME if permitted(first) == permitted(second) else Comparison.DIFFERENT
    assert compare_filters(FIELDS, first, second, NEVER) is expected


@settings(deadline=None, max_examples=examples(150))
@given(filters, st.randoms(use_true_random=False))
def test_a_rewrite_is_the_same_and_an_edit_is_judged_by_its_meaning(first: list[CubeEntry], random: Random) -> None:
    second = rewritten(first, random)
    assert compare_filters(FIELDS, first, second, NEVER) is Comparison.SAME
    if second:
        at = random.randrange(len(second))
        edit = random.choice(([], [(second[at][0], not second[at][1])], halved(second[at], 1)[:1]))
        second[at : at + 1] = edit
        expected = Comparison.SAME if permitted(first) == permitted(second) else Comparison.DIFFERENT
        assert compare_filters(FIELDS, first, second, NEVER) is expected


@settings(deadline=None, max_examples=examples(100))
@given(filters, filters, st.integers(0, 1000), st.integers(1, 9))
def test_filters_that_are_alike_are_answered_alike(
    first: list[CubeEntry], second: list[CubeEntry], shift: int, stretch: int
) -> None:
    def moved(entries: list[CubeEntry]) -> list[CubeEntry]:
        """The same shape over a larger field: a value becomes `stretch` values, and all begin later."""
        return [
            ((a, (shift + stretch * b[0], shift + stretch * b[1] + stretch - 1), c), permits)
            for (a, b, c), permits in entries
        ]

    expected = Comparison.SAME if permitted(first) == permitted(second) else Comparison.DIFFERENT
    larger = (FIELDS[0], Field("b", 2000), FIELDS[2])
    assert compare_renumbered(FIELDS, first, second, NEVER) is expected
    assert compare_renumbered(larger, moved(first), moved(second), NEVER) is expected


@settings(deadline=None)
@given(filters, filters, st.integers(0, 3))
def test_what_is_given_up_is_never_called_the_same(
    first: list[CubeEntry], second: list[CubeEntry], regions: int
) -> None:
    result = compare_filters(FIELDS, first, second, regions)
    if result is not Comparison.GIVEN_UP:
        assert (result is Comparison.SAME) == (permitted(first) == permitted(second))


@pytest.mark.parametrize(
    "cube", [((0, 2), (0, 7)), ((0, 3), (0, 7), (0, 7)), ((0, 2), (5, 4), (0, 7)), ((0, 2), (-1, 4), (0, 7))]
)
def test_a_cube_that_is_none_is_refused(cube: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match=r"fields needs as many|is no interval in"):
        compare_filters(FIELDS, [(cube, True)], [], NEVER)
