from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from controller.measure.assessment.assess import assess_school
from controller.measure.assessment.metrics_export import AssessmentMetrics, record_measurement
from controller.measure.measurement import DURATION_MS, Measurement, MeasurementKind, ProbeOutcome, ProbeResult
from controller.model.city import City
from controller.model.network.packets import Family
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    BANDWIDTH_RECOMMENDED,
    DNS_DURATION,
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_THROUGHPUT,
    LINE_UP,
    METRICS,
    PATH_ECHOES,
    PROBE_LAST_SUCCESS,
    Metric,
)
from tests.measure.findings import NOON, echo, failed, measurement, path, throughput


@dataclass
class Recorded:
    values: list[tuple[Metric, float, Mapping[str, str]]] = field(default_factory=list)

    def telemetry(self) -> Telemetry:
        def writer(metric: Metric) -> Callable[[float, Mapping[str, str]], None]:
            return lambda value, attributes: self.values.append((metric, value, dict(attributes)))

        return Telemetry({metric: writer(metric) for metric in METRICS.values()}, None, None)

    def of(self, metric: Metric) -> list[tuple[float, Mapping[str, str]]]:
        return [(value, attributes) for one, value, attributes in self.values if one is metric]


def sent(*found: Measurement) -> Recorded:
    recorded = Recorded()
    for one in found:
        record_measurement(recorded.telemetry(), one)
    return recorded


def test_every_figure_has_its_metric() -> None:
    place = {"school": "as-e04", "line": "backup", "region": "osaka", "family": "ipv6"}
    where = path("as-e04", "backup", "osaka", Family.V6)
    recorded = sent(measurement(where, throughput(48.5, MeasurementKind.UPLOAD)), measurement(where, echo()))
    assert recorded.of(LINE_THROUGHPUT) == [(48_500_000, {**place, "direction": "upload"})]
    assert [recorded.of(metric) for metric in (LINE_LATENCY, LINE_JITTER, LINE_LOSS)] == [
        [(pytest.approx(0.0042), place)],
        [(pytest.approx(0.0003), place)],
        [(0.0, place)],
    ]
    assert recorded.of(PROBE_LAST_SUCCESS) == [(NOON.timestamp(), {"school": "as-e04"})] * 2
    name = ProbeResult(MeasurementKind.DNS, ProbeOutcome.MEASURED, "t", "m", {DURATION_MS: 3.0})
    at = {"school": "as-e04", "line": "primary", "family": "ipv4"}
    assert sent(measurement(path("as-e04"), name)).of(DNS_DURATION) == [(0.003, at)]


def test_what_was_not_measured_sends_no_figure_but_its_loss() -> None:
    recorded = sent(
        measurement(path("as-e04"), failed(MeasurementKind.DOWNLOAD, ProbeOutcome.REFUSED)),
        measurement(path("as-e04"), echo(1.0)),
    )
    assert [(metric, value) for metric, value, _ in recorded.values] == [(LINE_LOSS, 1.0), (PATH_ECHOES, 10)]


def test_verdicts_are_sent_each_time_and_a_figure_once(city: City) -> None:
    recorded = Recorded()
    metrics = AssessmentMetrics(recorded.telemetry(), after=0)
    found = [measurement(path("kw-s01"), echo()), measurement(path("kw-s01"), throughput(400))]
    for _ in range(3):
        metrics.record_assessments([assess_school(city.school_by_id["kw-s01"], found, city.measurement)])
    assert [value for value, _ in recorded.of(BANDWIDTH_ASSESSMENT)] == [3, 3, 3]
    assert [value for value, _ in recorded.of(BANDWIDTH_RECOMMENDED)] == [323_000_000] * 3
    assert recorded.of(BANDWIDTH_MEASURED) == [(400_000_000, {"school": "kw-s01"})]
    assert recorded.of(LINE_UP) == [(1.0, {"school": "kw-s01", "line": "primary"})] * 3
    late = AssessmentMetrics(recorded.telemetry(), after=found[-1].id)
    late.record_assessments([assess_school(city.school_by_id["kw-s01"], found, city.measurement)])
    assert len(recorded.of(BANDWIDTH_MEASURED)) == 1


def test_a_dead_line_sends_not_measured_and_down(city: City) -> None:
    recorded = Recorded()
    found = [measurement(path("kw-s01"), throughput(400), run="before"), measurement(path("kw-s01"), echo(1.0))]
    AssessmentMetrics(recorded.telemetry(), after=0).record_assessments(
        [assess_school(city.school_by_id["kw-s01"], found, city.measurement)]
    )
    assert [value for value, _ in recorded.of(BANDWIDTH_ASSESSMENT)] == [0]
    assert recorded.of(LINE_UP) == [(0.0, {"school": "kw-s01", "line": "primary"})]
    assert recorded.of(BANDWIDTH_MEASURED) == []
