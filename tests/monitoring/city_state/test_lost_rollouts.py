"""A rollout whose controller is gone is lost, since when it was last heard of, and nothing of it is running."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from controller.model.city import City
from controller.telemetry.heartbeat import LOST_SECONDS
from controller.telemetry.registry import ROLLOUT_LOST
from monitoring.city_state.monitor import Monitor
from monitoring.city_state.operator_actions import OperatorActions
from monitoring.city_state.rollout_changes import RolloutView
from monitoring.city_state.rollout_views import OPEN_TRACES_KEPT, SILENT_ROLLOUT_SECONDS, RolloutViews
from monitoring.city_state.school_tiles import format_time
from monitoring.timeseries.records import GaugeValue, LifeSign, OperatorAction, SpanRecord
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web.exposition import format_exposition

WAVES = json.dumps({"canary": {"s1": ["d1"]}, "rest": {"s2": ["d2", "d3"]}})
SILENT_ROOT = SpanRecord("t", "0", "", "rollout", "plan", 100.0, attributes={"waves": WAVES})
ROOT = replace(SILENT_ROOT, attributes={**SILENT_ROOT.attributes, "heartbeat": "5"})
ENDED = SpanRecord("t", "1", "0", "device", "d1", 101.0, 103.0, "applied", attributes={"school": "s1"})
BEGUN = SpanRecord("t", "2", "0", "device", "d2", 102.0, attributes={"school": "s2"})
PUSH = SpanRecord("t", "3", "2", "step", "push", 104.0)


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def show(rollouts: RolloutViews) -> RolloutView:
    view = rollouts.build_view()
    assert view is not None
    return view


def seconds(rollouts: RolloutViews) -> list[float | None]:
    return [one["seconds"] for wave in show(rollouts)["waves"] for one in wave["devices"]]


def test_a_rollout_that_gives_no_sign_of_life_is_lost_and_nothing_of_it_runs() -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    rollouts.take_spans([ROOT, ENDED, BEGUN, PUSH])
    clock.at += LOST_SECONDS - 1
    rollouts.hear_life_signs([LifeSign("t", "0")])
    heard = clock.at
    clock.at += LOST_SECONDS
    rollouts.note_lost_change()
    assert (rollouts.count_lost(), show(rollouts)["lost"]) == (0, None)
    rollouts.touched = False
    clock.at += 1
    rollouts.note_lost_change()
    assert (rollouts.count_lost(), rollouts.touched) == (1, True)
    assert show(rollouts)["lost"] == format_time(heard)
    stopped = seconds(rollouts)
    assert stopped == [2.0, heard - 102.0, None]
    clock.at += 1_000
    assert seconds(rollouts) == stopped


def test_a_controller_that_was_only_held_up_is_back() -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    rollouts.take_spans([ROOT, BEGUN])
    clock.at += LOST_SECONDS + 1
    rollouts.note_lost_change()
    assert rollouts.count_lost()
    rollouts.touched = False
    rollouts.hear_life_signs([LifeSign("t", "0")])
    rollouts.note_lost_change()
    assert (rollouts.count_lost(), show(rollouts)["lost"], rollouts.touched) == (0, None, True)


@pytest.mark.parametrize("sign", [LifeSign("t", "9"), LifeSign("other", "0")])
def test_a_sign_of_life_of_another_rollout_keeps_none_alive(sign: LifeSign) -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    rollouts.take_spans([ROOT])
    clock.at += LOST_SECONDS + 1
    rollouts.hear_life_signs([sign])
    assert rollouts.count_lost()


def test_a_monitor_that_was_just_started_waits_for_a_sign_and_knows_the_last_one() -> None:
    clock = Hand()
    rollouts = RolloutViews([ROOT, BEGUN], clock)
    clock.at += LOST_SECONDS
    assert not rollouts.count_lost()
    clock.at += 1
    assert show(rollouts)["lost"] == format_time(BEGUN.start)


def test_a_rollout_that_promised_no_signs_is_lost_later_and_an_ended_one_never() -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    assert rollouts.count_lost() is None
    rollouts.take_spans([SILENT_ROOT])
    clock.at += SILENT_ROLLOUT_SECONDS
    assert not rollouts.count_lost()
    clock.at += 1
    assert rollouts.count_lost()
    rollouts.take_spans([replace(SILENT_ROOT, end=clock.at)])
    clock.at += 2 * SILENT_ROLLOUT_SECONDS
    assert rollouts.count_lost() == 0


def test_what_a_rollout_waits_for_is_shown_while_it_does() -> None:
    waits = SpanRecord("t", "5", "0", "step", "wait: the rollout: it is paused", 105.0)
    rollouts = RolloutViews([], Hand())
    rollouts.take_spans([ROOT, BEGUN, PUSH, waits])
    assert show(rollouts)["waits"] == ["the rollout: it is paused"]
    rollouts.take_spans([replace(waits, end=106.0)])
    assert show(rollouts)["waits"] == []


def test_a_new_rollout_takes_the_place_of_a_lost_one() -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    rollouts.take_spans([ROOT, BEGUN])
    clock.at += LOST_SECONDS + 1
    rollouts.take_spans([replace(ROOT, trace="u", start=200.0)])
    assert (rollouts.count_lost(), show(rollouts)["id"]) == (0, "u")


def name_root(trace: str, rollout: str, start: float, end: float = 0.0) -> SpanRecord:
    attributes = {**ROOT.attributes, "rollout": rollout}
    return replace(ROOT, trace=trace, name=rollout, start=start, end=end, attributes=attributes)


def test_an_apply_that_comes_later_hides_no_lost_rollout() -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    rollouts.take_spans([name_root("t", "r1", 100.0), BEGUN])
    clock.at += LOST_SECONDS + 1
    # More of them than traces are kept of rollouts that have ended.
    rollouts.take_spans(
        [replace(SILENT_ROOT, trace=f"u{n}", name=f"p{n}", start=200.0 + n, end=300.0) for n in range(9)]
    )
    assert (rollouts.count_lost(), show(rollouts)["id"], show(rollouts)["lost"]) == (1, "u8", None)
    rollouts.note_lost_change()
    assert rollouts.touched
    assert RolloutViews([name_root("t", "r1", 100.0), SILENT_ROOT], lambda: clock.at).count_lost() == 0, "a new monitor"


def test_who_cancels_or_resumes_a_lost_rollout_ends_the_alert() -> None:
    for end in (0.0, 1_100.0):
        clock = Hand()
        rollouts = RolloutViews([], clock)
        rollouts.take_spans([name_root("t", "r1", 100.0)])
        clock.at += LOST_SECONDS + 1
        assert rollouts.count_lost() == 1
        rollouts.take_spans([name_root("u", "r1", 1_050.0, end)])
        assert (rollouts.count_lost(), show(rollouts)["id"]) == (0, "u")


def test_a_killed_worker_is_made_up_for_by_one_that_goes_on() -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    rollouts.take_spans([name_root("south", "r1", 100.0), name_root("north", "r1", 101.0)])
    clock.at += LOST_SECONDS + 1
    rollouts.hear_life_signs([LifeSign("south", "0")])
    assert rollouts.count_lost() == 0
    clock.at += LOST_SECONDS + 1
    assert rollouts.count_lost() == 1


def test_rollouts_that_have_not_ended_are_kept_within_a_bound() -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    rollouts.take_spans(name_root(f"t{n}", f"r{n}", 100.0 + n) for n in range(3 * OPEN_TRACES_KEPT))
    clock.at += LOST_SECONDS + 1
    assert rollouts.count_lost() == OPEN_TRACES_KEPT


def test_what_is_lost_is_a_metric() -> None:
    lost = GaugeValue((ROLLOUT_LOST, ()), 1_000.0, 1.0)
    assert "tsunagu_rollout_lost 1\n" in format_exposition([lost], [], 1_000.0)


# -- as needs


def list_needs(rollouts: RolloutViews) -> list[tuple[str, str, float | None, bool]]:
    return [(one.kind, one.rollout, one.since, one.stale) for one in rollouts.list_needs()]


def test_every_lost_rollout_is_a_need_once_until_somebody_goes_on() -> None:
    clock = Hand()
    rollouts = RolloutViews([], clock)
    # Two workers are at the first of them.
    rollouts.take_spans([name_root("t", "r1", 100.0), name_root("u", "r1", 101.0), name_root("v", "R 2", 102.0)])
    heard = clock.at
    assert list_needs(rollouts) == []
    clock.at += LOST_SECONDS + 1
    lost = [("rollout-lost", name, heard, True) for name in ("R 2", "r1")]
    assert sorted(list_needs(rollouts)) == lost
    assert sorted(one.id for one in rollouts.list_needs()) == ["rollout-lost:r-2", "rollout-lost:r1"]
    rollouts.take_spans([name_root("w", "r1", 1_050.0)])
    assert list_needs(rollouts) == lost[:1]


def test_the_newest_rollout_is_a_need_where_it_has_not_ended_well() -> None:
    rollouts = RolloutViews([], Hand())
    bad, good = name_root("t", "r1", 100.0, 200.0), name_root("u", "r1", 150.0, 190.0)
    rollouts.take_spans([replace(bad, outcome="not good"), replace(good, outcome="good")])
    assert list_needs(rollouts) == [("rollout-failed", "r1", 200.0, False)], "by the end, not by the begin"
    rollouts.take_spans([name_root("v", "r1", 210.0)])
    assert list_needs(rollouts) == [], "somebody goes on"
    rollouts.take_spans([replace(name_root("v", "r1", 210.0, 220.0), outcome="good")])
    assert list_needs(rollouts) == []
    rollouts.take_spans([replace(name_root("w", "r3", 300.0, 310.0), error="KeyboardInterrupt: ")])
    assert list_needs(rollouts) == [("rollout-failed", "r3", 310.0, False)]


def test_a_rollout_is_on_the_list_and_can_be_acknowledged(city: City, tmp_path: Path) -> None:
    with closing(TimeSeriesStore(tmp_path / "monitor.db")) as store:
        monitor = Monitor(city, store)
        monitor.rollouts.take_spans([replace(name_root("t", "r1", 100.0, 200.0), outcome="not good")])
        [need] = monitor.build_needs()
        found = monitor.find_need(need["id"])
        monitor.close()
    assert (need["kind"], need["rollout"], need["school"], need["command"]) == (
        "rollout-failed",
        "r1",
        None,
        "tsunagu drift",
    )
    assert found is not None
    assert (need["runbook"], found.rollout) == ("/runbooks/drift-found", "r1")


def test_a_monitor_that_starts_anew_believes_no_acknowledgement_of_a_time_that_it_does_not_know() -> None:
    """It cannot tell the loss that somebody has seen from a later one, so it says it again."""
    clock = Hand()
    rollouts = RolloutViews([], clock)
    rollouts.take_spans([name_root("t", "r1", 100.0)])
    rollouts.hear_life_signs([LifeSign("t", "0")])
    clock.at += LOST_SECONDS + 1
    [lost] = rollouts.list_needs()
    seen = OperatorAction("1", clock.at, "acknowledge", "a", "b", lost.id, since=lost.since or 0.0, until=9_999.0)
    actions = OperatorActions([seen])
    assert actions.find_acknowledgement(lost, clock.at) == seen
    anew = RolloutViews([name_root("t", "r1", 100.0)], clock)
    clock.at += LOST_SECONDS + 1
    [again] = anew.list_needs()
    assert (again.id, actions.find_acknowledgement(again, clock.at)) == (lost.id, None)
