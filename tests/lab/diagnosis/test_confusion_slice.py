"""A slice of the confusion table: two faults that differ from time to time in nothing but their seed, and none."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.lab.faults import fault_injection
from controller.lab.state.lab_faults import FaultKind
from controller.lab.state.layout import Layout
from controller.measure.measurement_store import open_measurement_store
from controller.model.city import City
from controller.model.virtual_city import choose_virtual_city
from tests.kept_lines import open_kept_lines
from tests.lab.diagnosis import confusion
from tests.lab.diagnosis.confusion import KEPT_FORM, Trial, format_table, plan_trials, skip_made
from tests.lab.diagnosis.trials import FAULTS, Outcome, TrialBench, compare_outcome, draw_fault, make_random


@pytest.mark.lab
@pytest.mark.alone
def test_faults_of_the_real_lab_are_named_and_nothing_is_named_without_one(
    city: City, lab: Layout, tmp_path: Path
) -> None:
    random = make_random(7)
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        bench = TrialBench.prepare(choose_virtual_city(city), lab, store)
        try:
            bench.settle()
            assert bench.try_faults(()).shown == "nothing"
            for kind in (FaultKind.SLOW_UPLOAD, FaultKind.DEAD_DNS):
                outcome = bench.try_faults([draw_fault(kind, random)])
                assert outcome.shown == FAULTS[kind].cause
        finally:
            fault_injection.repair_all_faults()


@pytest.mark.parametrize(
    ("named", "open_", "expected"),
    [
        (("line-slow",), (), "right"),
        (("line-slow", "dns-down"), (), "wrong"),
        ((), (("line-slow", "router-slow"),), "not told apart"),
        ((), (("dns-down", "router-slow"),), "wrong"),
        ((), (), "wrong"),
    ],
)
def test_a_wrong_name_is_wrong_and_a_doubt_is_right_only_about_the_fault(
    named: tuple[str, ...], open_: tuple[tuple[str, ...], ...], expected: str
) -> None:
    assert compare_outcome(["line-slow"], Outcome(named, open_)) == expected


def test_of_a_pair_one_that_is_named_is_a_part() -> None:
    assert compare_outcome(["line-slow", "dns-slow"], Outcome(("dns-slow",))) == "partly"


@pytest.mark.parametrize(
    ("named", "expected"),
    [(("line-slow",), "right"), (("upload-slow",), "partly"), (("line-slow", "dns-slow"), "wrong")],
)
def test_a_line_that_is_slow_both_ways_is_a_slow_line(named: tuple[str, ...], expected: str) -> None:
    assert compare_outcome(["download-slow", "upload-slow"], Outcome(named)) == expected


def test_a_healthy_run_in_which_something_is_named_is_counted() -> None:
    said = Trial((), (), Outcome(("line-slow",)), 1, "abc")
    assert "named: 1 of 1." in format_table([said])


def test_a_run_goes_on_after_what_was_made_with_its_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = list(plan_trials(make_random(3), 1, 2, 2))
    made = [
        Trial(tuple(str(one.kind) for one in faults), tuple(one.strength for one in faults), Outcome(()), 3, "abc")
        for faults in planned
    ]
    assert skip_made(planned, [made[0], made[-1], made[len(FAULTS)]], 3) == [
        *planned[1 : len(FAULTS)],
        *planned[len(FAULTS) + 1 : -1],
    ]
    assert skip_made(planned, made, 4) == planned
    file = tmp_path / "made.jsonl"
    with open_kept_lines(file, KEPT_FORM) as kept:
        for one in made:
            kept.add_line(one)
    monkeypatch.setattr(confusion, "make_trials", None)  # nothing is left to make
    words = ["--seed", "3", "--times", "1", "--pairs", "2", "--healthy", "2", "--keep", str(file)]
    assert confusion.main(words) == 0
    file.write_text("{}\n", encoding="utf-8")
    assert confusion.main(words) == 2


def test_every_kind_is_tried_as_often_as_was_said_and_the_same_seed_plans_the_same() -> None:
    planned = list(plan_trials(make_random(3), 2, 5, 4))
    assert planned == list(plan_trials(make_random(3), 2, 5, 4))
    assert len(planned) == 2 * len(FAULTS) + 5 + 4
    for kind, known in FAULTS.items():
        mine = [one[0] for one in planned if [fault.kind for fault in one] == [kind]]
        assert len(mine) == 2
        assert all(known.least <= fault.strength <= known.most for fault in mine)


def test_every_round_has_its_share_of_healthy_runs_and_every_pair_its_turn() -> None:
    planned = list(plan_trials(make_random(3), 2, 110, 5))
    rounds = [one for one in planned if len(one) < 2]
    assert [place for place, one in enumerate(rounds) if not one] == [14, 15, 30, 31, 32]
    pairs = [tuple(fault.kind for fault in one) for one in planned if len(one) == 2]
    assert {pairs.count(one) for one in pairs} == {2}
    assert len(set(pairs)) == 55
