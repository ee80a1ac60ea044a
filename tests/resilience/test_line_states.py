from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.measure.assessment.assess import LineState
from controller.measure.measurement import LinePath
from controller.model.network.packets import Family
from controller.resilience.line_states import LineStateMachine, StateChange, summarize_lines, summarize_regions
from tests.measure.findings import path
from tests.soak import examples

UP, DOWN = LineState.UP, LineState.DOWN


def told(down_after: int, rounds: list[bool]) -> list[tuple[int, LineState]]:
    watched = LineStateMachine[str](down_after)
    return [(number, one.state) for number, answer in enumerate(rounds) for one in watched.apply_round({"x": answer})]


def test_down_after_so_many_silent_rounds_and_up_after_one_answer() -> None:
    assert told(2, [True, False, True, False, False, False, True]) == [(4, DOWN), (6, UP)]
    assert told(1, [True, False, True]) == [(1, DOWN), (2, UP)]
    assert told(3, [False, False, False]) == [(2, DOWN)]
    assert told(2, [True, True]) == []  # what everybody expects is no news


@given(st.integers(1, 5), st.lists(st.booleans(), max_size=60))
@settings(max_examples=examples(200), deadline=None)
def test_it_says_what_a_look_back_would_say(down_after: int, rounds: list[bool]) -> None:
    watched = LineStateMachine[str](down_after)
    for number, answer in enumerate(rounds):
        before = watched.states.get("x", LineState.UNKNOWN)
        changed = list(watched.apply_round({"x": answer}))
        recent = rounds[max(0, number + 1 - down_after) : number + 1]
        now = watched.states["x"]
        if answer:
            assert now is UP
        if len(recent) == down_after and not any(recent):
            assert now is DOWN
        assert changed == (
            [StateChange("x", now)] if now is not before and (before, now) != (LineState.UNKNOWN, UP) else []
        )
    states = [state for _, state in told(down_after, rounds)]
    assert all(one is not other for one, other in pairwise(states))  # never the same news twice


def test_one_answer_keeps_a_line_up_and_a_region() -> None:
    answers: dict[LinePath, float | None] = {
        path("a", "primary", "tokyo"): None,
        path("a", "primary", "tokyo", Family.V6): None,
        path("a", "primary", "osaka"): 1.0,
        path("a", "backup", "tokyo"): None,
        path("a", "backup", "osaka"): None,
        path("b", "primary", "tokyo"): None,
        path("b", "primary", "osaka"): 2.0,
    }
    lines = summarize_lines(answers)
    assert lines == {("a", "primary"): True, ("a", "backup"): False, ("b", "primary"): True}
    # The backup line of `a` is dead, so it says nothing of regions; over the others nobody hears Tokyo.
    assert summarize_regions(answers) == {"tokyo": False, "osaka": True}


def test_a_dead_line_is_no_dead_region() -> None:
    answers: dict[LinePath, float | None] = {path("a", "primary", "tokyo"): None, path("a", "primary", "osaka"): None}
    assert summarize_regions(answers) == {}
