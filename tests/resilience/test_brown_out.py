from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.measure.assessment.assess import SchoolAssessment, assess_school
from controller.measure.measurement import IDLE_MS, MBPS, OTHERS_MBPS, RETRANSMITTED, SEGMENTS
from controller.model.city import City
from controller.model.network.packets import Family
from controller.resilience.brown_out import BrownOutMachine, BrownOutRule, LineSupply, SupplyChange
from controller.resilience.supply_events import SupplyEvents
from controller.telemetry.registry import EventKind
from tests.example_names import Recorder
from tests.measure.findings import measurement, path, throughput

SHARES = st.lists(st.one_of(st.none(), st.floats(0, 2)), max_size=40)


def play(shares: Sequence[float | None], rule: BrownOutRule | None = None) -> list[SupplyChange[str]]:
    machine: BrownOutMachine[str] = BrownOutMachine(rule or BrownOutRule())
    return [change for share in shares for change in machine.apply_slot({"line": share})]


def test_three_slots_below_half_are_a_brown_out_that_is_told_once() -> None:
    (change,) = play([1.0, 0.4, 0.3, 0.2, 0.1, 0.2])
    assert change == SupplyChange("line", LineSupply.BROWN_OUT, (0.4, 0.3, 0.2))


def test_a_busy_minute_is_none() -> None:
    assert play([0.4, 0.4, 1.0, 0.4, 0.4, 0.9]) == []


def test_it_ends_when_the_line_carries_clearly_more_for_as_many_slots() -> None:
    changes = play([0.1, 0.1, 0.1, 0.8, 0.8, 0.6, 0.8, 0.8, 0.8])
    assert [change.supply for change in changes] == [LineSupply.BROWN_OUT, LineSupply.FULL]
    assert changes[1].shares == (0.8, 0.8, 0.8)


def test_between_the_bounds_nothing_changes() -> None:
    assert play([0.1] * 3 + [0.6] * 50) == play([0.1] * 3)
    assert play([0.6] * 50) == []


def test_a_slot_without_a_figure_neither_counts_nor_forgives() -> None:
    assert len(play([0.1, None, 0.1, None, None, 0.1])) == 1
    assert play([None] * 20) == []


def test_lines_do_not_count_for_one_another() -> None:
    machine: BrownOutMachine[str] = BrownOutMachine()
    for _ in range(2):
        assert list(machine.apply_slot({"a": 0.1, "b": 1.0})) == []
    assert [change.key for change in machine.apply_slot({"a": 0.1, "b": 0.1})] == ["a"]


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"enter": 0.0}, {"enter": 0.7, "leave": 0.7}])
def test_a_rule_without_hysteresis_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="enter < leave"):
        BrownOutRule(**wrong)  # type: ignore[arg-type]


@given(SHARES)
def test_begin_and_end_take_turns_each_with_as_many_slots_as_the_rule_says(shares: list[float | None]) -> None:
    rule = BrownOutRule()
    changes = play(shares, rule)
    assert [change.supply for change in changes] == [LineSupply.BROWN_OUT, LineSupply.FULL] * (len(changes) // 2) + [
        LineSupply.BROWN_OUT
    ] * (len(changes) % 2)
    for change in changes:
        assert len(change.shares) == rule.slots
        below = change.supply is LineSupply.BROWN_OUT
        assert all(share < rule.enter if below else share >= rule.leave for share in change.shares)


@given(SHARES)
def test_it_never_changes_more_often_than_once_in_as_many_slots(shares: list[float | None]) -> None:
    assert len(play(shares)) <= len([share for share in shares if share is not None]) // BrownOutRule().slots


def test_three_slow_tests_of_a_school_are_told_once_and_so_is_the_end(city: City) -> None:
    told: list[tuple[EventKind, str, str]] = []
    recorder = Recorder()
    events = SupplyEvents(recorder, lambda kind, text, about: told.append((kind, text, about["line"])))  # type: ignore[arg-type]
    school = city.school_by_id["kw-s01"]
    for mbps in (40, 40, 40, 40, 200, 200, 200):
        found = [measurement(path("kw-s01", family=family), throughput(mbps)) for family in Family]
        events.apply_assessment(assess_school(school, found, city.measurement))
        events.apply_assessment(assess_school(school, [], city.measurement))  # a slot that was missed
    assert [(kind, line) for kind, _, line in told] == [
        (EventKind.BROWN_OUT, "primary"),
        (EventKind.BROWN_OUT_OVER, "primary"),
    ]
    assert told[0][1] == "the primary line is alive and carries too little: 21%, 21%, 21% of what is expected"
    assert [name for name, _ in recorder.kept] == ["brown-out", "brown-out-over"]


@pytest.mark.parametrize(
    "why",
    [{SEGMENTS: 7000, RETRANSMITTED: 900}, {SEGMENTS: 7000, RETRANSMITTED: 0, IDLE_MS: 300.0}, {OTHERS_MBPS: 160.0}],
    ids=["loss", "delay", "others"],
)
def test_what_loss_delay_or_others_held_back_begins_none_and_can_end_one(city: City, why: dict[str, float]) -> None:
    school = city.school_by_id["kw-s01"]

    def assess(mbps: float, figures: dict[str, float]) -> SchoolAssessment:
        tested = replace(throughput(mbps), figures={MBPS: mbps, **figures})
        found = [measurement(path("kw-s01", family=family), tested) for family in Family]
        return assess_school(school, found, city.measurement)

    def count_told(*assessments: SchoolAssessment) -> int:
        recorder = Recorder()
        events = SupplyEvents(recorder, lambda *_: None)  # type: ignore[arg-type]
        for one in assessments:
            events.apply_assessment(one)
        return len(recorder.kept)

    assert count_told(*[assess(40, why)] * 9) == 0
    assert count_told(*[assess(40, {})] * 3, *[assess(100, why)] * 9) == 1
    assert count_told(*[assess(40, {})] * 3, *[assess(160, why)] * 3) == 2
