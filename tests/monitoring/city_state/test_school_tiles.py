from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.measurement import Assessment
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    BANDWIDTH_RECOMMENDED,
    DAY,
    DEVICE_DRIFT,
    LINE,
    LINE_UP,
    METRICS,
    PROBE_LAST_SUCCESS,
    ROLLOUT_DEVICE_DURATION,
    Metric,
)
from controller.telemetry.units import bits_from_mbps
from monitoring.city_state.event_stream import BEHIND_BYTES, EventStream
from monitoring.city_state.rollout_views import RolloutViews
from monitoring.city_state.school_facts import SILENT_SECONDS
from monitoring.city_state.school_tiles import CityState
from monitoring.timeseries.records import CumulativeTotal, GaugeValue, SpanRecord
from monitoring.web.exposition import format_exposition
from tests.cities.odd_cities import Oddity, build_files, write_city
from tests.cities.odd_networks import with_one_line, with_three_lines

SCHOOL = "as-e04"


def value(metric: Metric, number: float, age: float = 0.0, **more: str) -> GaugeValue:
    attributes = {"school": SCHOOL, **more}
    return GaugeValue((metric, tuple(metric.checked(attributes).items())), time.time() - age, number)


def tile(city: City, *values: GaugeValue) -> Mapping[str, object]:
    return CityState(city, values).tile(city.school_by_id[SCHOOL])


@pytest.mark.parametrize("assessment", Assessment)
def test_an_assessment_is_shown_as_it_was_made(city: City, assessment: Assessment) -> None:
    shown = tile(city, value(BANDWIDTH_ASSESSMENT, assessment.number), value(BANDWIDTH_MEASURED, bits_from_mbps(60.0)))
    assert (shown["assessment"], shown["doubt"]) == (assessment, None)


@pytest.mark.parametrize("assessment", [Assessment.MEETS, Assessment.WITHIN_ERROR])
def test_a_good_assessment_without_a_figure_is_not_shown_as_one(city: City, assessment: Assessment) -> None:
    shown = tile(city, value(BANDWIDTH_ASSESSMENT, assessment.number))
    assert (shown["assessment"], shown["doubt"], shown["measured_mbps"]) == ("not-measured", "no-figure", None)


@pytest.mark.parametrize("assessment", [Assessment.MEETS, Assessment.WITHIN_ERROR])
def test_an_assessment_that_its_own_figure_contradicts_is_not_shown_as_a_good_one(
    city: City, assessment: Assessment
) -> None:
    shown = tile(
        city,
        value(BANDWIDTH_MEASURED, bits_from_mbps(141.0)),
        value(BANDWIDTH_RECOMMENDED, bits_from_mbps(519.0)),
        value(BANDWIDTH_ASSESSMENT, assessment.number),
    )
    assert (shown["assessment"], shown["doubt"], shown["measured_mbps"]) == ("below", "contradicted", 141.0)


def test_what_is_within_the_method_s_error_is_not_contradicted(city: City) -> None:
    shown = tile(
        city,
        value(BANDWIDTH_MEASURED, bits_from_mbps(96.0)),
        value(BANDWIDTH_RECOMMENDED, bits_from_mbps(100.0)),
        value(BANDWIDTH_ASSESSMENT, Assessment.WITHIN_ERROR.number),
    )
    assert (shown["assessment"], shown["doubt"]) == ("within-error", None)


def test_the_recommendation_is_the_one_that_the_assessment_was_made_against(city: City) -> None:
    """Measured with other policies than the monitor's: each number on the tile must be of one owner."""
    policy = city.measurement.recommended.recommend_bandwidth(city.school_by_id[SCHOOL].pupils)
    shown = tile(
        city,
        value(BANDWIDTH_MEASURED, bits_from_mbps(60.0)),
        value(BANDWIDTH_RECOMMENDED, bits_from_mbps(50.0)),
        value(BANDWIDTH_ASSESSMENT, Assessment.MEETS.number),
    )
    assert (shown["measured_mbps"], shown["recommended_mbps"], shown["assessment"]) == (60.0, 50.0, "meets")
    assert (shown["basis"], shown["policy_recommended_mbps"]) == (None, round(policy.mbps, 1))


def test_a_recommendation_that_the_monitor_s_policies_give_too_has_its_basis(city: City) -> None:
    policy = city.measurement.recommended.recommend_bandwidth(city.school_by_id[SCHOOL].pupils)
    shown = tile(city, value(BANDWIDTH_RECOMMENDED, bits_from_mbps(policy.mbps)))
    assert (shown["recommended_mbps"], shown["basis"]) == (round(policy.mbps, 1), policy.basis)
    assert shown["policy_recommended_mbps"] is None


@pytest.mark.parametrize("age", [None, BANDWIDTH_RECOMMENDED.fresh + 1])
def test_a_recommendation_that_was_not_received_is_not_invented(city: City, age: float | None) -> None:
    received = [] if age is None else [value(BANDWIDTH_RECOMMENDED, bits_from_mbps(50.0), age)]
    shown = tile(city, value(BANDWIDTH_MEASURED, bits_from_mbps(60.0)), value(BANDWIDTH_ASSESSMENT, 3), *received)
    assert (shown["recommended_mbps"], shown["basis"], shown["policy_recommended_mbps"]) == (None, None, None)
    assert (shown["measured_mbps"], shown["assessment"]) == (60.0, "meets")


@pytest.mark.parametrize("number", [-1, 4, 1.5])
def test_a_number_that_stands_for_no_assessment_is_none(city: City, number: float) -> None:
    assert tile(city, value(BANDWIDTH_ASSESSMENT, number))["assessment"] == "not-measured"


def test_good_news_that_is_too_old_is_stale(city: City) -> None:
    shown = tile(
        city,
        value(LINE_UP, 1, LINE_UP.fresh + 1, line="primary"),
        value(LINE_UP, 1, LINE_UP.fresh - 5, line="backup"),
        value(BANDWIDTH_MEASURED, bits_from_mbps(100), BANDWIDTH_MEASURED.fresh + 1),
        value(BANDWIDTH_ASSESSMENT, 3, BANDWIDTH_ASSESSMENT.fresh + 1),
        value(DEVICE_DRIFT, 0, DEVICE_DRIFT.fresh + 1),
    )
    assert shown["lines"] == {"primary": "stale", "backup": "up"}
    assert (shown["measured_mbps"], shown["measured_at"], shown["assessment"]) == (None, None, "not-measured")
    assert shown["drift"] is None


def test_bad_news_stands_however_old_it_is(city: City) -> None:
    shown = tile(
        city,
        value(LINE_UP, 0, 30 * DAY, line="primary"),
        value(LINE_UP, 0, 5, line="backup"),
        value(BANDWIDTH_ASSESSMENT, 1, BANDWIDTH_ASSESSMENT.fresh + 1),
        value(DEVICE_DRIFT, 1, DEVICE_DRIFT.fresh + 1),
    )
    assert shown["lines"] == {"primary": "down", "backup": "down"}
    assert (shown["assessment"], shown["drift"], shown["need"]) == ("below", 1, "cut-off")


@pytest.mark.parametrize(("age", "silent"), [(SILENT_SECONDS - 5, False), (SILENT_SECONDS + 5, True)])
def test_a_probe_is_silent_by_when_it_last_got_through(city: City, age: float, silent: bool) -> None:  # noqa: FBT001 a table
    assert tile(city, value(PROBE_LAST_SUCCESS, time.time() - age))["silent"] is silent


def test_a_probe_that_was_never_heard_is_not_called_silent(city: City) -> None:
    assert tile(city)["silent"] is False


def test_a_value_that_comes_late_changes_nothing(city: City) -> None:
    newer, older = value(LINE_UP, 1, 1, line="primary"), value(LINE_UP, 0, 10, line="primary")
    assert tile(city, newer, older)["lines"] == {"primary": "up", "backup": "unknown"}
    state = CityState(city)
    state.take([newer, older])
    assert state.tile(city.school_by_id[SCHOOL])["lines"] == {"primary": "up", "backup": "unknown"}


@pytest.mark.parametrize(
    ("oddity", "lines"),
    [
        (with_one_line, {"s0001": ["up"], "s0002": ["unknown"]}),
        (with_three_lines, {"s0001": ["up", "unknown", "down"], "s0002": ["unknown", "none", "none"]}),
    ],
)
def test_a_tile_has_the_lines_of_the_city(tmp_path: Path, oddity: Oddity, lines: dict[str, list[str]]) -> None:
    """One line to three: a school that lacks one of them says none there."""
    city = load_city(write_city(build_files(2, [oddity]), tmp_path))
    state = CityState(city)
    now = time.time()
    for line, number in (("primary", 1.0), ("third", 0.0)):
        key = (LINE_UP, (("school", "s0001"), ("line", line)))
        state.take([GaugeValue(key, now, number)])
    assert {one["id"]: [*one["lines"].values()] for one in state.tiles()} == lines
    assert LINE.values == ACCESS_LINE_NAMES


def test_metrics_leave_out_what_is_stale() -> None:
    fresh, stale = value(LINE_UP, 1, line="primary"), value(LINE_UP, 0, LINE_UP.fresh + 1, line="backup")
    text = format_exposition([fresh, stale], [], time.time())
    assert f'tsunagu_line_up{{school="{SCHOOL}",line="primary"}} 1\n' in text
    assert "backup" not in text
    assert format_exposition([stale], [], time.time()) == ""


def test_a_histogram_adds_up_from_its_lowest_bucket() -> None:
    key = (ROLLOUT_DEVICE_DURATION, (("outcome", "applied"),))
    counts = (1, 0, 2, 0, 0, 0, 0, 0, 0, 4)
    lines = format_exposition([], [CumulativeTotal(key, "", 0, time.time(), 12.5, counts)], time.time()).splitlines()
    name = "tsunagu_rollout_device_duration_seconds"
    assert lines[1] == f"# TYPE {name} histogram"
    assert lines[2] == f'{name}_bucket{{outcome="applied",le="0.5"}} 1'
    assert lines[4] == f'{name}_bucket{{outcome="applied",le="2"}} 3'
    assert lines[-3:] == [
        f'{name}_bucket{{outcome="applied",le="+Inf"}} 7',
        f'{name}_sum{{outcome="applied"}} 12.5',
        f'{name}_count{{outcome="applied"}} 7',
    ]


def test_a_label_cannot_break_out_of_its_quotes() -> None:
    odd = GaugeValue((LINE_UP, (("school", 'a"b\\c\nd'), ("line", "primary"))), time.time(), 1)
    assert format_exposition([odd], [], time.time()).splitlines()[-1] == (
        r'tsunagu_line_up{school="a\"b\\c\nd",line="primary"} 1'
    )


def test_every_metric_has_a_kind_that_can_be_exposed() -> None:
    assert {metric.kind for metric in METRICS.values()} <= {"gauge", "counter", "histogram"}


WAVES = json.dumps({"canary": {"s1": ["d1"]}, "rest": {"s2": ["d2", "d3"]}})
ROOT = SpanRecord("t", "0", "", "rollout", "plan", 100.0, attributes={"waves": WAVES})


def device(number: int, *, end: float = 0.0, outcome: str = "") -> SpanRecord:
    return SpanRecord("t", str(number), "0", "device", f"d{number}", 101.0, end, outcome, attributes={"school": "s"})


def step(number: int, parent: int, name: str, *, end: float = 0.0) -> SpanRecord:
    return SpanRecord("t", str(number), str(parent), "step", name, 101.0 + number / 100, end)


def outcomes(rollouts: RolloutViews) -> dict[str, tuple[object, object]]:
    view = rollouts.build_view()
    assert view is not None
    return {one["id"]: (one["outcome"], one["step"]) for wave in view["waves"] for one in wave["devices"]}


def test_a_rollout_shows_what_is_planned_running_and_ended() -> None:
    rollouts = RolloutViews(
        [ROOT, device(1, end=102.0, outcome="applied"), device(2), step(20, 2, "lock"), step(21, 2, "arm")]
    )
    view = rollouts.build_view()
    assert view is not None
    assert [(wave["name"], len(wave["devices"])) for wave in view["waves"]] == [("canary", 1), ("rest", 2)]
    assert outcomes(rollouts) == {"d1": ("applied", None), "d2": (None, "arm"), "d3": (None, None)}
    assert (view["ended"], view["spans"][0]["end"]) == (None, None)


@pytest.mark.parametrize("late_first", [False, True])
def test_starts_and_ends_may_come_in_any_order(late_first: bool) -> None:  # noqa: FBT001 a table
    spans: Sequence[SpanRecord] = [ROOT, device(1), device(1, end=103.0, outcome="reverted")]
    rollouts = RolloutViews(reversed(spans) if late_first else spans)
    assert outcomes(rollouts)["d1"] == ("reverted", None)


def test_the_rollout_that_began_last_is_shown_and_old_ones_are_forgotten() -> None:
    rollouts = RolloutViews(
        SpanRecord(f"t{n}", "0", "", "rollout", f"plan {n}", 100.0 + n, 101.0 + n) for n in range(9)
    )
    view = rollouts.build_view()
    assert view is not None
    assert view["name"] == "plan 8"
    assert RolloutViews().build_view() is None


def test_a_rollout_over_the_whole_city_keeps_every_device() -> None:
    rollouts = RolloutViews([ROOT])
    for number in range(1, 5_001):
        rollouts.take_spans(step(100_000 + 10 * number + n, number, f"step {n}", end=103.0) for n in range(5))
        rollouts.take_spans([device(number, end=103.0, outcome="applied")])
    view = rollouts.build_view()
    assert view is not None
    assert sum(span["level"] == "device" for span in view["spans"]) == 5_000
    assert len(view["spans"]) <= 10_001 + 5


def test_a_page_that_does_not_read_is_let_go_and_the_others_go_on() -> None:
    """What it may leave unread is bounded by bytes: of long messages it is a few, of short ones many."""

    async def story(text: str, many: int) -> tuple[int, list[bytes], int]:
        stream = EventStream(list)
        slow, quick = stream.read(None), stream.read(None)
        assert await anext(slow) == await anext(quick) == b"retry: 1000\n\n"
        heard = []
        for _ in range(many):
            stream.publish("tiles", text)
            heard.append(await anext(quick))
        readers = stream.readers
        left = [one async for one in slow] if readers == 1 else []
        stream.close()
        assert [one async for one in quick] == []
        return readers, heard, len(left)

    text = "学" * 100_000
    fit = BEHIND_BYTES // len(text.encode())
    assert asyncio.run(story(text, fit - 1))[0] == 2
    readers, heard, left = asyncio.run(story(text, fit + 1))
    assert (readers, len(heard), left) == (1, fit + 1, 0)
    assert asyncio.run(story("x", 2_000))[0] == 2
    assert asyncio.run(story("x" * (BEHIND_BYTES + 1), 1))[0] == 2, "one message is taken, however long it is"
