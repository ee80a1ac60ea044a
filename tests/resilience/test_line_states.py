"""The states of lines and of their parts, from rounds of answers: no clock, no sockets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.measure.assessment.assess import LineState
from controller.measure.measurement import LinePath
from controller.model.network.packets import Family
from controller.resilience.line_parts import find_lone_lines, summarize_lines, summarize_parts, summarize_regions
from controller.resilience.line_states import LineStateMachine, StateChange, StateLimits
from tests.measure.findings import path
from tests.soak import examples

UP, SLOW, FLAPPING, DOWN = LineState.UP, LineState.SLOW, LineState.FLAPPING, LineState.DOWN
FAST, LATE = 5.0, 900.0
Took = float | None
TOOK = st.sampled_from([None, FAST, LATE])
LIMITS = StateLimits(down_after=2, slow_ms=500, changes=6, within=60)


def changes(
    rounds: list[Took], limits: StateLimits = LIMITS, *, lone: bool = False
) -> list[tuple[int, StateChange[str]]]:
    """What is told in which round, one round a second."""
    machine = LineStateMachine[str](limits)
    alone = {"x"} if lone else set[str]()
    return [
        (second, one)
        for second, took in enumerate(rounds)
        for one in machine.apply_round({"x": took}, float(second), alone)
    ]


def told(rounds: list[Took], down_after: int = 2) -> list[tuple[int, LineState]]:
    limits = StateLimits(down_after, slow_ms=500, changes=6, within=60)
    return [(second, one.state) for second, one in changes(rounds, limits)]


def test_down_after_so_many_silent_rounds_and_up_after_one_answer() -> None:
    assert told([FAST, None, FAST, None, None, None, FAST]) == [(4, DOWN), (6, UP)]
    assert told([FAST, None, FAST], down_after=1) == [(1, DOWN), (2, UP)]
    assert told([None, None, None], down_after=3) == [(2, DOWN)]
    assert told([FAST, FAST]) == []  # what everybody expects is no news


def test_a_line_whose_answers_are_late_is_slow_and_never_down() -> None:
    assert told([FAST, None, LATE, LATE, LATE]) == [(3, SLOW)]
    assert told([LATE, LATE]) == [(0, SLOW)]
    assert told([FAST, LATE, FAST, LATE, FAST]) == []  # one late answer is no slow line
    assert told([None, None, LATE]) == [(1, DOWN), (2, SLOW)]
    calm = [FAST] * 10
    assert told([LATE, LATE, *calm]) == [(0, SLOW), (11, UP)]
    assert told([LATE, LATE, *calm[:5], LATE, *calm[:9]]) == [(0, SLOW)]


def duty(silent: int, whole: int, seconds: int) -> list[Took]:
    return [None if second % whole < silent else FAST for second in range(seconds)]


FLAPS = [
    (1, 2),
    (1, 3),
    (2, 3),
    (2, 4),
    (3, 6),
    (4, 8),
    (1, 5),
    (7, 9),
    (10, 12),
    (14, 15),
    (10, 20),
    (19, 20),
    (5, 20),
]
"""Silent seconds of how many; some are silent for longer than a line that died at last is called flapping."""


@pytest.mark.parametrize(("silent", "whole"), FLAPS)
def test_a_flapping_line_is_one_event_with_its_count(silent: int, whole: int) -> None:
    """Also one that flaps between the rounds: with one silent round of two it was neither down nor up."""
    found = changes([FAST, *duty(silent, whole, 600)])
    flaps = [(second, one) for second, one in found if one.state is FLAPPING]
    assert len(flaps) == 1
    (second, flapping), before = flaps[0], found[: found.index(flaps[0])]
    assert second <= 60
    assert flapping.changes == 6
    assert 0 < flapping.seconds <= 60
    assert len(before) < 6
    assert found[-1] == flaps[0]


def test_a_flapping_line_that_is_steady_again_says_so_once_with_the_whole_count() -> None:
    rounds = [FAST, *duty(2, 4, 60)]
    back = changes([*rounds, *[FAST] * 60])
    assert [one.state for _, one in back][-2:] == [FLAPPING, UP]
    assert back[-1][1].before is FLAPPING
    assert back[-1][1].changes == 30  # 15 times down, and up again
    assert len(rounds) + 25 <= back[-1][0] <= len(rounds) + 35
    gone = changes([*rounds, *[None] * 60])
    assert [one.state for _, one in gone][-2:] == [FLAPPING, DOWN]
    assert gone[-1][0] <= len(rounds) + 10, "a line that died at last is not called flapping for long"
    rounds = [FAST, *duty(19, 20, 120)]
    gone = changes([*rounds, *[None] * 60])
    assert [one.state for _, one in gone][-2:] == [FLAPPING, DOWN]
    assert gone[-1][0] <= len(rounds) + 35, "nor is one that was silent for long each time"


def test_a_lost_packet_of_a_lone_path_is_no_flap() -> None:
    assert changes([FAST, *duty(1, 3, 300)], lone=True) == []
    assert [one.state for _, one in changes([FAST, *duty(2, 4, 300)], lone=True)][-1] is FLAPPING


@given(st.integers(1, 5), st.lists(TOOK, max_size=120))
@settings(max_examples=examples(150), deadline=None)
def test_down_is_told_only_after_silence_and_an_answer_ends_it(down_after: int, rounds: list[Took]) -> None:
    machine = LineStateMachine[str](StateLimits(down_after, slow_ms=500, changes=6, within=60))
    for second, took in enumerate(rounds):
        before = machine.states.get("x", LineState.UNKNOWN)
        found = list(machine.apply_round({"x": took}, float(second)))
        now = machine.states["x"]
        recent = rounds[max(0, second + 1 - down_after) : second + 1]
        silent = len(recent) == down_after and all(one is None for one in recent)
        if now is DOWN:
            assert silent
        if silent:
            assert now in (DOWN, FLAPPING)
        if took is not None:
            assert now in (UP, SLOW, FLAPPING)
        assert [(one.before, one.state) for one in found] == (
            [(before, now)] if now is not before and (before, now) != (LineState.UNKNOWN, UP) else []
        )


@given(st.lists(TOOK, max_size=400))
@settings(max_examples=examples(100), deadline=None)
def test_whatever_a_line_does_little_is_told(rounds: list[Took]) -> None:
    """Never the same news twice, and never a flood: within each minute no more than a few changes."""
    found = changes(rounds)
    assert all(one.state is after.before and one.state is not after.state for (_, one), (_, after) in pairwise(found))
    for second, _ in found:
        # Up to five changes between up and down, as many of slow beside them, and flapping itself.
        assert len([one for one, _ in found if second <= one < second + 30]) <= 12


@given(st.lists(st.sampled_from([FAST, LATE]), min_size=1, max_size=100))
@settings(max_examples=examples(50), deadline=None)
def test_a_line_that_always_answers_is_never_down_and_never_flaps(rounds: list[Took]) -> None:
    assert {one.state for _, one in changes(rounds)} <= {UP, SLOW}


def test_one_answer_keeps_a_line_up_and_a_region() -> None:
    heard: dict[LinePath, float | None] = {
        path("a", "primary", "tokyo"): None,
        path("a", "primary", "tokyo", Family.V6): None,
        path("a", "primary", "osaka"): 1.0,
        path("a", "backup", "tokyo"): None,
        path("a", "backup", "osaka"): None,
        path("b", "primary", "tokyo"): None,
        path("b", "primary", "osaka"): 2.0,
    }
    assert summarize_lines(heard) == {("a", "primary"): 1.0, ("a", "backup"): None, ("b", "primary"): 2.0}
    # The backup line of `a` is dead, so it says nothing of regions; over the others nobody hears Tokyo.
    assert summarize_regions(heard) == {"tokyo": None, "osaka": 1.0}
    assert find_lone_lines(heard) == set()


def test_a_dead_line_is_no_dead_region_and_no_dead_family() -> None:
    heard: dict[LinePath, float | None] = {path("a", "primary", "tokyo"): None, path("a", "primary", "osaka"): None}
    assert summarize_regions(heard) == {}
    assert summarize_parts(heard) == {}


EVERY = [
    path(school, "primary", region, family)
    for school in ("a", "b")
    for region in ("tokyo", "osaka")
    for family in Family
]


@pytest.mark.parametrize(
    ("dead", "parts"),
    [
        (lambda one: one.school == "a" and one.family is Family.V6, ["a IPv6"]),
        (lambda one: one.school == "a" and one.region == "osaka", ["a osaka"]),
        (lambda one: one == path("a", "primary", "osaka", Family.V6), ["a IPv6 to osaka"]),
        (lambda one: one.region == "osaka", []),  # a matter of the region, told once
        (lambda one: one.school == "a", []),  # a matter of the line
        (lambda one: one.family is Family.V6, ["a IPv6", "b IPv6"]),
        (lambda one: one.region == "osaka" or (one.school == "a" and one.family is Family.V6), ["a IPv6"]),
    ],
)
def test_a_silence_is_told_once_by_the_largest_part_that_it_explains(dead: object, parts: list[str]) -> None:
    assert callable(dead)
    heard = {one: None if dead(one) else FAST for one in EVERY}
    assert [f"{part.school} {part}" for part, took in summarize_parts(heard).items() if took is None] == parts
