from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from controller.model.measurement import Assessment
from controller.telemetry.instruments import build_instruments, build_views
from controller.telemetry.naming import OVERFLOW, prometheus_label
from controller.telemetry.registry import (
    DIRECTION,
    FAMILY,
    LINE,
    LINE_LOSS,
    LINE_THROUGHPUT,
    LINE_UP,
    METRICS,
    InstrumentKind,
    Metric,
)

PROMETHEUS = {
    "tsunagu.line.throughput": "tsunagu_line_throughput_bit_per_second",
    "tsunagu.line.throughput.limit": "tsunagu_line_throughput_limit",
    "tsunagu.line.https.throughput": "tsunagu_line_https_throughput_bit_per_second",
    "tsunagu.line.https.limit": "tsunagu_line_https_limit",
    "tsunagu.uplink.traffic": "tsunagu_uplink_traffic_bit_per_second",
    "tsunagu.uplink.used.ratio": "tsunagu_uplink_used_ratio",
    "tsunagu.uplink.lost": "tsunagu_uplink_lost",
    "tsunagu.line.latency": "tsunagu_line_latency_seconds",
    "tsunagu.line.jitter": "tsunagu_line_jitter_seconds",
    "tsunagu.line.loss.ratio": "tsunagu_line_loss_ratio",
    "tsunagu.line.up": "tsunagu_line_up",
    "tsunagu.school.bandwidth.measured": "tsunagu_school_bandwidth_measured_bit_per_second",
    "tsunagu.school.bandwidth.recommended": "tsunagu_school_bandwidth_recommended_bit_per_second",
    "tsunagu.school.assessment": "tsunagu_school_assessment",
    "tsunagu.dns.duration": "tsunagu_dns_duration_seconds",
    "tsunagu.http.duration": "tsunagu_http_duration_seconds",
    "tsunagu.line.last.heard": "tsunagu_line_last_heard_seconds",
    "tsunagu.sender.clock.skew": "tsunagu_sender_clock_skew_seconds",
    "tsunagu.line.slow": "tsunagu_line_slow",
    "tsunagu.line.flapping": "tsunagu_line_flapping",
    "tsunagu.path.up": "tsunagu_path_up",
    "tsunagu.path.echoes": "tsunagu_path_echoes",
    "tsunagu.school.upload.assessment": "tsunagu_school_upload_assessment",
    "tsunagu.dns.up": "tsunagu_dns_up",
    "tsunagu.http.up": "tsunagu_http_up",
    "tsunagu.probe.last.success": "tsunagu_probe_last_success_seconds",
    "tsunagu.probe.slot": "tsunagu_probe_slot",
    "tsunagu.device.drift": "tsunagu_device_drift",
    "tsunagu.device.unconfirmed": "tsunagu_device_unconfirmed",
    "tsunagu.task.last.end": "tsunagu_task_last_end_seconds",
    "tsunagu.certificate.not.after": "tsunagu_certificate_not_after_seconds",
    "tsunagu.guideline.clauses": "tsunagu_guideline_clauses",
    "tsunagu.guideline.policy.hash": "tsunagu_guideline_policy_hash",
    "tsunagu.rollout.lost": "tsunagu_rollout_lost",
    "tsunagu.rollout.devices": "tsunagu_rollout_devices_total",
    "tsunagu.rollout.device.duration": "tsunagu_rollout_device_duration_seconds",
    "tsunagu.telemetry.dropped": "tsunagu_telemetry_dropped_total",
    "tsunagu.monitor.cpu.time": "tsunagu_monitor_cpu_time_seconds_total",
    "tsunagu.monitor.memory.usage": "tsunagu_monitor_memory_usage_bytes",
    "tsunagu.monitor.page.fault": "tsunagu_monitor_page_fault",
    "tsunagu.monitor.readers": "tsunagu_monitor_readers",
    "tsunagu.monitor.store.fault": "tsunagu_monitor_store_fault",
    "tsunagu.monitor.store.size": "tsunagu_monitor_store_size_bytes",
    "tsunagu.monitor.refused": "tsunagu_monitor_refused_total",
}


def test_every_metric_has_the_name_that_the_official_translation_gives_it() -> None:
    assert {metric.name: metric.prometheus for metric in METRICS.values()} == PROMETHEUS


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_is_named_bounded_and_explained(metric: Metric) -> None:
    assert re.fullmatch(r"tsunagu(\.[a-z]+)+", metric.name)
    assert (metric.unit == "1") == metric.name.endswith(".ratio")
    assert metric.meaning
    assert metric.fresh > 0
    assert bool(metric.boundaries) == (metric.kind is InstrumentKind.HISTOGRAM)
    assert all(attribute.meaning and attribute.most > 1 for attribute in metric.attributes)
    assert all(prometheus_label(attribute.name) == attribute.name for attribute in metric.attributes)
    if metric.kind is InstrumentKind.HISTOGRAM:
        assert "school" not in {attribute.name for attribute in metric.attributes}


def test_attributes_are_exactly_those_of_the_registry() -> None:
    assert list(LINE_UP.checked({"line": "backup", "school": "s"})) == ["school", "line"]
    with pytest.raises(ValueError, match=r"tsunagu.line.up: takes the attributes school, line; got school"):
        LINE_UP.checked({"school": "s"})
    with pytest.raises(ValueError, match=r"line is one of primary, backup, third; got 'spare'"):
        LINE_UP.checked({"school": "s", "line": "spare"})


def test_assessments_have_the_numbers_of_the_metric() -> None:
    assert {str(assessment): assessment.number for assessment in Assessment} == {
        "not-measured": 0,
        "below": 1,
        "within-error": 2,
        "meets": 3,
    }


def collected(schools: int, metric: Metric) -> list[Mapping[str, object]]:
    """The attribute sets that the SDK gives after a value of every path of so many schools."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False, views=build_views())
    write = build_instruments(provider.get_meter("test"))[metric]
    names = [attribute.name for attribute in metric.attributes]
    rest = {"line": LINE.values, "region": ("tokyo", "osaka"), "family": FAMILY.values, "direction": DIRECTION.values}
    for values in product([f"s{number}" for number in range(schools)], *(rest[name] for name in names[1:])):
        write(1.0, metric.checked(dict(zip(names, values, strict=True))))
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    return [
        dict(point.attributes or {})
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for one in scope.metrics
        if one.name == metric.name
        for point in one.data.data_points
    ]


@pytest.mark.parametrize(("metric", "sets"), [(LINE_THROUGHPUT, 176 * 24), (LINE_LOSS, 176 * 12), (LINE_UP, 176 * 3)])
def test_the_whole_city_fits_below_every_limit(metric: Metric, sets: int) -> None:
    found = collected(176, metric)
    assert len(found) == sets
    assert not any(OVERFLOW in attributes for attributes in found)


def test_more_than_the_limit_is_folded_into_one_overflow() -> None:
    found = collected(LINE_UP.limit // len(LINE.values) + 3, LINE_UP)
    assert len(found) == LINE_UP.limit + 1
    assert [attributes for attributes in found if OVERFLOW in attributes] == [{OVERFLOW: True}]
