"""What the API tells of a school's past: to the second, by line, path and service, and what is not known."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from controller.messages import LANGUAGES, load_catalogue
from controller.model.city import City
from controller.rollout.outcome import End
from controller.rollout.playbooks.playbook import HostEnd
from controller.telemetry import registry
from controller.telemetry.registry import Metric
from controller.telemetry.units import bits_from_mbps, seconds_from_ms
from monitoring.city_state.school_tiles import format_time
from monitoring.timeseries.records import GaugeValue, SpanRecord, TelemetryBatch
from monitoring.timeseries.retention import roll_up
from monitoring.timeseries.school_queries import ANY
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web.school_devices import list_school_devices
from monitoring.web.school_past import MOST_SHOWN, Measure, SchoolPast, read_school_past
from tests.monitoring.feed import Feed, metrics, post
from tests.monitoring.running import Running, until

NOW = 1_800_000_000.0
HOUR = 3_600
SCHOOL = "as-e04"
TOKYO = {"region": "tokyo", "family": "ipv4"}
OSAKA = {"region": "osaka", "family": "ipv6"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TimeSeriesStore]:
    with TimeSeriesStore(tmp_path / "monitor.db") as opened:
        yield opened


def value(metric: Metric, number: float, at: float, **place: str) -> GaugeValue:
    attributes = metric.checked({"school": SCHOOL, "line": "primary", **place})
    return GaugeValue((metric, tuple(attributes.items())), at, number)


def fill(store: TimeSeriesStore) -> None:
    """Two hours of minutes: the primary line is down for ten of them, then silent for thirty; Osaka's IPv6 is dead."""
    values = []
    for minute in range(120):
        if 60 <= minute < 90:
            continue
        at, alive = NOW - 2 * HOUR + 60 * minute, not 50 <= minute < 60
        values.append(value(registry.LINE_UP, float(alive), at))
        values.append(value(registry.PATH_UP, float(alive), at, **TOKYO))
        values.append(value(registry.PATH_UP, 0.0, at, **OSAKA))
        values.append(value(registry.DNS_UP, float(minute % 10 > 0), at, family="ipv4"))
        if alive:
            for place, ms in ((TOKYO, 10), (OSAKA, 30)):
                values.append(value(registry.LINE_LATENCY, seconds_from_ms(ms), at, **place))
                values.append(value(registry.LINE_JITTER, seconds_from_ms(ms / 10), at, **place))
            values.append(value(registry.DNS_DURATION, seconds_from_ms(20 + minute), at, family="ipv4"))
    for direction, mbps in (("download", 200), ("download", 400), ("upload", 50)):
        at = NOW - HOUR + mbps
        values.append(value(registry.LINE_THROUGHPUT, bits_from_mbps(mbps), at, direction=direction, **TOKYO))
    store.write([TelemetryBatch(values=values)])


def read(store: TimeSeriesStore, city: City, hours: int = 2, only: Mapping[str, str] = ANY) -> SchoolPast:
    return read_school_past(store, city.school_by_id[SCHOOL], NOW - hours * HOUR, NOW, only)


@pytest.mark.parametrize("rolled_up", [False, True])
def test_availability_is_exact_and_what_is_not_known_stands_apart(
    store: TimeSeriesStore, city: City, *, rolled_up: bool
) -> None:
    fill(store)
    if rolled_up:
        roll_up(store, NOW + 3 * 86_400)
    past = read(store, city)
    primary, backup = past["line_totals"]
    # 50 minutes up, 10 down up to the last word of it, 30 silent, 30 up.
    assert primary["availability"] == {"up": 50 * 60 + 30 * 60, "down": 540, "unknown": 31 * 60}
    assert primary["outages"] == 1
    assert backup["availability"] == {"up": 0, "down": 0, "unknown": 2 * HOUR}
    [outage] = past["outages"]
    assert (outage["line"], outage["seconds"]) == ("primary", 540)
    assert outage["began"] == "2027-01-15T06:50:00.000+00:00"
    # Nobody said that it was up before that.
    assert outage["ended"] == "2027-01-15T07:30:00.000+00:00"
    assert past["unknown"]["primary"] == [(NOW - 2 * HOUR + 59 * 60, NOW - 2 * HOUR + 90 * 60)]
    assert past["unknown"]["backup"] == [(NOW - 2 * HOUR, NOW)]


def test_paths_and_services_are_told_by_region_and_family(store: TimeSeriesStore, city: City) -> None:
    fill(store)
    past = read(store, city)
    osaka, tokyo = past["paths"]
    assert [(one["line"], one["region"], one["family"]) for one in past["paths"]] == [
        ("primary", "osaka", "ipv6"),
        ("primary", "tokyo", "ipv4"),
    ]
    assert (tokyo["latency"], tokyo["jitter"], tokyo["download"], tokyo["download_least"], tokyo["upload"]) == (
        10,
        1,
        300,
        200,
        50,
    )
    assert (osaka["latency"], osaka["download"], osaka["upload"], osaka["loss"]) == (30, None, None, None)
    assert osaka["availability"]["up"] == 0 < osaka["availability"]["down"]
    [dns] = past["services"]
    assert (dns["service"], dns["family"], dns["duration_most"]) == ("dns", "ipv4", 20 + 119)
    assert dns["availability"]["down"] > 0


@pytest.mark.parametrize(
    ("measure", "only", "expected"),
    [
        ("latency", {}, 20),
        ("latency", TOKYO, 10),
        ("latency", OSAKA, 30),
        ("jitter", OSAKA, 3),
        ("dns", TOKYO, 139),
        ("dns", OSAKA, None),
    ],
)
def test_a_line_is_shown_of_all_paths_or_of_one(
    store: TimeSeriesStore, city: City, measure: Measure, only: dict[str, str], expected: float | None
) -> None:
    fill(store)
    points = read(store, city, only=only)["lines"]["primary"][measure]
    assert (points[-1][1] if points else None) == expected


def test_a_year_has_no_more_points_than_a_chart_shows(store: TimeSeriesStore, city: City) -> None:
    hours = 400 * 24
    values = [value(registry.LINE_LATENCY, 0.01, NOW - hour * HOUR, **TOKYO) for hour in range(hours)]
    store.write([TelemetryBatch(values=values)])
    roll_up(store, NOW)
    points = read(store, city, hours)["lines"]["primary"]["latency"]
    assert 790 < len(points) <= 801
    assert {after - before for (before, _), (after, _) in pairwise(points)} == {12 * HOUR}


def test_the_api_gives_the_past_and_refuses_a_path_that_is_none(running: Running, six: Feed) -> None:
    school = six.schools[4]
    now = time.time()
    post(running.url, metrics([*six.light(now), *six.heavy(now)], now))
    path = f"/api/schools/{school.id}?since={now - 60}"
    # Told in tenths of a second, of which none may have passed.
    until(lambda: running.json(path)["line_totals"][0]["availability"]["up"] > 0, 20)
    answer = running.json(path)
    primary = answer["line_totals"][0]
    assert primary["contract_mbps"] == school.lines.primary.mbps
    assert primary["availability"]["down"] == 0
    assert [one["jitter"] is not None for one in answer["paths"]] == [True] * 8
    share = six.city.measurement.upload_percent / 100
    assert answer["recommended_upload_mbps"] == pytest.approx(answer["tile"]["recommended_mbps"] * share, abs=0.1)
    assert answer["lines"]["primary"]["upload"][-1][1] < answer["lines"]["primary"]["throughput"][-1][1]
    only = running.json(f"/api/schools/{school.id}?since={now - 60}&region=osaka&family=ipv6")
    assert only["lines"]["primary"]["throughput"] == []
    assert only["lines"]["primary"]["latency"][-1][1] > answer["lines"]["primary"]["latency"][-1][1]
    for wrong, said in (("region=kyoto", "tokyo"), ("family=ipx", "ipv4")):
        status, _, body = running.ask(f"/api/schools/{school.id}?{wrong}")
        assert status == 400
        assert said in body.decode()


def test_a_line_that_flaps_hides_no_long_outage_of_before(store: TimeSeriesStore, city: City) -> None:
    long = 200 * 60
    values = [value(registry.LINE_UP, 0.0, NOW - 24 * HOUR + at) for at in range(0, long, 60)]
    flaps = range(2 * (MOST_SHOWN + 10) + 1)
    values += [value(registry.LINE_UP, float(turn % 2 == 0), NOW - 10 * HOUR + 60 * turn) for turn in flaps]
    store.write([TelemetryBatch(values=values)])
    past = read(store, city, hours=25)
    assert past["line_totals"][0]["outages"] == MOST_SHOWN + 11
    assert len(past["outages"]) == MOST_SHOWN
    assert past["outages"][0]["seconds"] == long - 60
    began = [one["began"] for one in past["outages"]]
    assert began == sorted(began)
    assert began[-1] == format_time(NOW - 10 * HOUR + 60 * flaps[-2])


def test_every_end_of_a_device_has_its_place_and_word_on_the_page(running: Running) -> None:
    """Without its place the view of a playbook's run broke off, and at the school stood the key of its word."""
    page = running.ask("/rollout")[2].decode()
    assert [end for end in (*End, *HostEnd) if f'<li data-outcome="{end}"' not in page] == []
    for language in LANGUAGES:
        texts = load_catalogue(language)
        for end in (*End, *HostEnd, "good", "not good"):
            assert texts[f"page.outcome-{end.replace(' ', '-')}"]


def test_each_device_has_what_was_done_with_it_last(store: TimeSeriesStore, city: City) -> None:
    first, second, third, *_ = city.list_devices(city.school_by_id[SCHOOL])
    done = [
        SpanRecord("a" * 32, "1" * 16, "", "device", first.id, NOW, NOW + 5, "applied"),
        SpanRecord("b" * 32, "2" * 16, "", "device", first.id, NOW + 60, NOW + 65, "failed", "no answer"),
        SpanRecord("b" * 32, "3" * 16, "", "device", second.id, NOW + 61),
    ]
    store.write([TelemetryBatch(spans=done)])
    found = {one["id"]: one["last"] for one in list_school_devices(city, city.school_by_id[SCHOOL], store)}
    assert found[first.id] == {
        "rollout": "b" * 32,
        "started": "2027-01-15T08:01:00.000+00:00",
        "outcome": "failed",
        "error": "no answer",
    }
    running = found[second.id]
    assert running is not None
    assert running["outcome"] is None
    assert found[third.id] is None
    plan = store.rows(
        "EXPLAIN QUERY PLAN SELECT 1 FROM span WHERE level = 'device' AND name = ? ORDER BY start", first.id
    )
    assert "span_of_device" in str(plan)
