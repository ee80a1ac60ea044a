"""Of a rollout only what changed is told, with why a device failed; older ones can be asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from monitoring.city_state.rollout_changes import RolloutView
from monitoring.city_state.rollout_views import RolloutViews
from monitoring.timeseries.records import SpanRecord

DEVICES = 4_928
SAID = "d1: the device refused line 3: <b>no such vlan</b>"


def root(waves: Mapping[str, Mapping[str, list[str]]], trace: str = "t", start: float = 100.0) -> SpanRecord:
    about = {"waves": json.dumps(waves), "planner": "山田", "commit": "abc123", "policy": "9f"}
    return SpanRecord(trace, "0", "", "rollout", "plan", start, attributes=about)


def device(number: int, *, end: float = 0.0, outcome: str = "", error: str = "") -> SpanRecord:
    name = f"d{number}"
    return SpanRecord("t", str(number), "0", "device", name, 101.0, end, outcome, error, attributes={"school": "s"})


def told(view: RolloutView | None) -> RolloutView:
    assert view is not None
    return view


def merge(whole: dict[str, Any], change: RolloutView) -> None:
    """What a page does with a change that follows what it has."""
    assert change["base"] == whole["version"]
    for wave in change["waves"]:
        known = next(one for one in whole["waves"] if one["name"] == wave["name"])
        news = {one["id"]: one for one in wave["devices"]}
        known["devices"] = [news.pop(one["id"], one) for one in known["devices"]] + list(news.values())
    spans = {one["id"]: one for one in [*whole["spans"], *change["spans"]]}
    whole.update({**change, "waves": whole["waves"], "spans": list(spans.values()), "base": None})


def sort_spans(view: dict[str, Any]) -> dict[str, Any]:
    return {**view, "spans": sorted(view["spans"], key=lambda one: one["id"])}


def test_changes_lead_from_the_whole_to_the_whole() -> None:
    rollouts = RolloutViews([root({"canary": {"s": ["d1"]}, "rest": {"s": ["d2", "d3"]}})], lambda: 110.0)
    first = told(rollouts.build_change())
    assert (first["base"], first["waves"], first["spans"]) == (0, [], [])
    page: dict[str, Any] = dict(told(rollouts.build_view()))
    for spans in (
        [device(1)],
        [SpanRecord("t", "11", "1", "step", "push", 102.0)],
        [device(1, end=103.0, outcome="failed", error=SAID), device(2)],
        [device(2, end=104.0, outcome="applied")],
    ):
        rollouts.take_spans(spans)
        change = told(rollouts.build_change())
        merge(page, change)
        assert sort_spans(page) == sort_spans(dict(told(rollouts.build_view())))
    assert told(rollouts.build_change())["waves"] == []


def test_why_a_device_failed_and_who_planned_it_are_told() -> None:
    rollouts = RolloutViews([root({"canary": {"s": ["d1"]}}), device(1, end=102.0, outcome="failed", error=SAID)])
    view = told(rollouts.build_view())
    assert view["waves"][0]["devices"][0]["error"] == SAID
    assert view["spans"][1]["error"] == SAID
    assert view["about"] == {"planner": "山田", "commit": "abc123", "policy": "9f"}


def test_of_a_whole_city_a_change_is_small() -> None:
    names = [f"d{number}" for number in range(1, DEVICES + 1)]
    rollouts = RolloutViews([root({"rest": {"s": names}})], lambda: 110.0)
    rollouts.take_spans(device(number, end=102.0, outcome="applied") for number in range(1, DEVICES))
    assert len(json.dumps(rollouts.build_view())) > 1_000_000
    rollouts.build_change()
    rollouts.take_spans([device(DEVICES)])
    assert len(json.dumps(rollouts.build_change())) < 2_000
    # That it runs on is no change.
    assert told(rollouts.build_change())["waves"] == []


def test_an_older_rollout_is_shown_by_its_spans_and_is_not_running_for_ever() -> None:
    newest = root({}, "new", 200.0)
    rollouts = RolloutViews([newest], lambda: 10_000.0)
    older = told(rollouts.build_older_view([root({"canary": {"s": ["d1"]}}), device(1)]))
    assert (older["id"], older["lost"] is None, len(older["waves"][0]["devices"])) == ("t", False, 1)
    assert rollouts.build_older_view([device(1)]) is None
    assert told(rollouts.build_view())["id"] == "new"
