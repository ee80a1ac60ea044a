"""What had another name or unit in the version before: taken, served and kept for one version more."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from controller.telemetry.deprecated_names import DEPRECATED_NAMES
from controller.telemetry.registry import BANDWIDTH_MEASURED, HTTP_DURATION, LINE_LATENCY, METRICS, InstrumentKind
from monitoring.timeseries import queries
from monitoring.timeseries.records import CumulativeTotal, GaugeValue
from monitoring.timeseries.school_queries import read_line_history
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web.exposition import format_deprecated, format_exposition
from tests.monitoring.feed import point
from tests.monitoring.prometheus import program
from tests.monitoring.running import PROTOBUF, Running
from tests.storage.old_stores import make_old_monitor

SCHOOL = "kw-s01"
PLACE = {"school": SCHOOL, "line": "primary", "region": "tokyo", "family": "ipv4", "direction": "download"}
OLD = {
    "tsunagu.line.throughput": ("Mbit/s", 48.5),
    "tsunagu.line.latency": ("ms", 20.3),
    "tsunagu.line.jitter": ("ms", 0.7),
    "tsunagu.school.bandwidth.measured": ("Mbit/s", 190.5),
    "tsunagu.school.bandwidth.recommended": ("Mbit/s", 323.0),
    "tsunagu.school.judgement": ("{judgement}", 1.0),
    "tsunagu.dns.duration": ("ms", 3.0),
    "tsunagu.proxy.duration": ("ms", 250.0),
}


def as_before(name: str, unit: str, value: float) -> ExportMetricsServiceRequest:
    """A value as the version before sent it."""
    request = ExportMetricsServiceRequest()
    gauge = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name, unit=unit).gauge
    wanted = [attribute.name for attribute in DEPRECATED_NAMES[name].metric.attributes]
    gauge.data_points.append(point(value, time.time(), {one: PLACE[one] for one in wanted}))
    return request


def test_an_old_sender_is_understood_and_what_it_sent_is_served_under_both_names(running: Running) -> None:
    assert OLD.keys() == DEPRECATED_NAMES.keys()
    for name, (unit, value) in OLD.items():
        status, _, body = running.ask("/v1/metrics", "POST", as_before(name, unit, value).SerializeToString(), PROTOBUF)
        assert (status, body) == (200, b"")
    now, before = (running.ask(path)[2].decode() for path in ("/metrics", "/metrics?names=old"))
    for name, (_, value) in OLD.items():
        one = DEPRECATED_NAMES[name]
        [old] = [line for line in before.splitlines() if line.startswith(f"{one.prometheus}{{") and SCHOOL in line]
        [new] = [line for line in now.splitlines() if line.startswith(f"{one.metric.prometheus}{{") and SCHOOL in line]
        assert float(old.split()[-1]) == value
        assert float(new.split()[-1]) == pytest.approx(one.to_present(value))
        assert f"# HELP {one.prometheus} Deprecated: ask for {one.metric.prometheus} instead" in before
        assert f"# TYPE {one.prometheus} " not in now
    tile = running.tile(SCHOOL)
    assert (tile["measured_mbps"], tile["recommended_mbps"], tile["assessment"]) == (190.5, 323.0, "below")
    line = running.json(f"/api/schools/{SCHOOL}")["lines"]["primary"]
    assert (line["throughput"][-1][1], line["latency"][-1][1]) == (48.5, 20.3)


@pytest.mark.parametrize("unit", ["us", "", "Mbit/s", "s" * 500])
def test_a_value_in_another_unit_is_refused_by_name(running: Running, unit: str) -> None:
    request = as_before(LINE_LATENCY.name, unit, 1.0)
    status, _, body = running.ask("/v1/metrics", "POST", request.SerializeToString(), PROTOBUF)
    refused = ExportMetricsServiceResponse.FromString(body).partial_success
    assert (status, refused.rejected_data_points) == (200, 1)
    said = f"in {unit[:20]}" if unit else "without a unit"
    assert refused.error_message == f"tsunagu.line.latency {said}, not in s (1)"


def test_the_past_of_an_old_store_is_served_in_today_s_names_and_units(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    make_old_monitor(path)
    with TimeSeriesStore(path) as store:
        known = {value.key[0]: value.value for value in queries.read_latest_values(store)}
        assert known == {
            BANDWIDTH_MEASURED: 190_500_000,
            LINE_LATENCY: pytest.approx(0.0203),
            HTTP_DURATION: pytest.approx(0.25),
        }
        assert store.rows("SELECT DISTINCT total FROM bin WHERE series = 1") == [(190_500_000,)]
        [(_, mean, highest)] = read_line_history(store, ("as-e04", "primary"), LINE_LATENCY, 0, 3600)
        assert [mean, highest] == pytest.approx([0.0203, 0.0303])


def check_with_promtool(text: str) -> list[str]:
    """What Prometheus' own tool says of a page of metrics."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text.encode(), capture_output=True, check=False, timeout=60
    )
    return (done.stdout + done.stderr).decode().splitlines()


def test_promtool_has_nothing_to_say_of_any_metric_and_of_old_names_their_units_alone() -> None:
    now = time.time()
    values: list[GaugeValue] = []
    totals: list[CumulativeTotal] = []
    for metric in METRICS.values():
        key = metric, tuple((one.name, one.values[0] if one.values else "x") for one in metric.attributes)
        if metric.kind is InstrumentKind.GAUGE:
            values.append(GaugeValue(key, now, 1.0))
        else:
            counts = tuple(1 for _ in range(len(metric.boundaries) + 1)) if metric.boundaries else ()
            totals.append(CumulativeTotal(key, "", 0, now, 1.0, counts))
    text = format_exposition(values, totals, now)
    assert text.count("# TYPE ") == len(METRICS)
    assert check_with_promtool(text) == []
    said = check_with_promtool(format_deprecated(values, now))
    assert said
    assert all("use base unit" in line for line in said)
