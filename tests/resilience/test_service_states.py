"""DNS and HTTP over a line: what fails is told, and not dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from controller.measure.measurement import DURATION_MS, MeasurementKind, ProbeOutcome, ProbeResult
from controller.model.city import City
from controller.model.network.packets import Family
from controller.resilience.service_states import LineService, ServiceStates
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import DNS_DURATION, DNS_UP, HTTP_UP, METRICS, EventKind, Metric

DNS = LineService("kw-e01", "primary", Family.V4, MeasurementKind.DNS)
HTTP = LineService("kw-e01", "backup", Family.V6, MeasurementKind.HTTP)
GOOD = ProbeResult(MeasurementKind.DNS, ProbeOutcome.MEASURED, "t", "m", {DURATION_MS: 12.0})
SILENT = ProbeResult(MeasurementKind.DNS, ProbeOutcome.NO_ANSWER, "t", "m", reason="no answer from t in time")
WRONG = ProbeResult(MeasurementKind.DNS, ProbeOutcome.REFUSED, "t", "m", reason="t: the answer is 502")
FAILED = ProbeResult(MeasurementKind.DNS, ProbeOutcome.FAILED, "t", "m", reason="no socket")


class Told:
    """Services of which rounds are told, and what became of it."""

    def __init__(self, city: City) -> None:
        self.values: list[tuple[Metric, float, str]] = []
        self.events: list[tuple[EventKind, str]] = []

        def writer(metric: Metric) -> Callable[[float, Mapping[str, str]], None]:
            return lambda value, at: self.values.append((metric, value, at["line"]))

        sent = Telemetry({metric: writer(metric) for metric in METRICS.values()}, None, None)
        self.services = ServiceStates(city.measurement, sent, self._tell)

    def _tell(self, kind: EventKind, text: str, about: Mapping[str, str]) -> None:
        assert set(about) == {"school", "line", "family"}
        self.events.append((kind, text))


@pytest.fixture
def told(city: City) -> Told:
    return Told(city)


@pytest.mark.parametrize("bad", [SILENT, WRONG])
def test_a_dead_service_is_an_event_and_a_state_and_comes_back(told: Told, bad: ProbeResult) -> None:
    for found in (GOOD, bad, bad, bad):
        told.services.apply_round([(DNS, found), (HTTP, GOOD)])
    assert told.events == [
        (EventKind.SERVICE_DOWN, f"DNS over the primary line and IPv4 does not answer: {bad.reason}")
    ]
    assert [value for metric, value, _ in told.values if metric is DNS_UP] == [1, 0, 0, 0]
    assert [value for metric, value, _ in told.values if metric is HTTP_UP] == [1, 1, 1, 1]
    assert [value for metric, value, _ in told.values if metric is DNS_DURATION] == [0.012]
    told.services.apply_round([(DNS, GOOD)])
    assert told.events[1:] == [(EventKind.SERVICE_UP, "DNS over the primary line and IPv4 answers again")]


def test_one_lost_question_is_no_dead_service_and_a_probe_that_failed_is_none(told: Told) -> None:
    for found in (GOOD, SILENT, GOOD, FAILED, FAILED, FAILED, GOOD):
        told.services.apply_round([(DNS, found)])
    assert told.events == []
    assert [value for metric, value, _ in told.values if metric is DNS_UP] == [1, 0, 1, 1]


def test_a_service_that_comes_and_goes_is_told_once(told: Told) -> None:
    for second in range(60):
        told.services.apply_round([(DNS, SILENT if second % 4 < 2 else GOOD)])
    assert len(told.events) <= 7
    assert "comes and goes (6 changes" in told.events[-1][1]
