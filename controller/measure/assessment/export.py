"""Measurements and verdicts as metrics of the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from controller.measure.assessment.assess import LineState, SchoolJudgement
from controller.measure.measurement import (
    DURATION_MS,
    JITTER_MS,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    Kind,
    Measurement,
    MeasurementId,
)
from controller.model.network.packets import Family
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import (
    BANDWIDTH_MEASURED,
    BANDWIDTH_RECOMMENDED,
    DNS_DURATION,
    JUDGEMENT,
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_THROUGHPUT,
    LINE_UP,
    PROBE_LAST_SUCCESS,
    PROXY_DURATION,
    EventKind,
    Judgement,
    Metric,
)

_ECHO_METRICS = {LATENCY_MS: LINE_LATENCY, JITTER_MS: LINE_JITTER, LOSS_RATIO: LINE_LOSS}
_DURATIONS = {Kind.DNS: DNS_DURATION, Kind.PROXY: PROXY_DURATION}


def record_measurement(telemetry: Telemetry, one: Measurement) -> None:
    """The figures of one measurement; one without figures records nothing but the loss of all its echoes."""
    path = one.path
    place = {"school": path.school, "line": path.line, "family": family_name(path.family)}
    for name, value in one.found.figures.items():
        if name == MBPS:
            attributes = {**place, "region": path.region, "direction": str(one.found.kind)}
            telemetry.record(LINE_THROUGHPUT, value, **attributes)
        elif name == DURATION_MS:
            telemetry.record(_DURATIONS[one.found.kind], value, **place)
        else:
            telemetry.record(_ECHO_METRICS[name], value, **place, region=path.region)
    if one.measured:
        telemetry.record(PROBE_LAST_SUCCESS, one.at.timestamp(), school=path.school)


@dataclass
class JudgementMetrics:
    """Sends verdicts as often as one likes, but a measured figure once: its time is taken for that of the measurement.

    Figures from before `since` are not sent at all.
    """

    telemetry: Telemetry
    since: datetime
    _sent: dict[str, MeasurementId] = field(default_factory=dict)

    def record(self, judgements: Iterable[SchoolJudgement]) -> None:
        """The verdict on each school, and whether its lines are up; of a line that nobody looked at nothing is said."""
        for one in judgements:
            self._school(BANDWIDTH_RECOMMENDED, one.recommended.mbps, one)
            self._school(JUDGEMENT, Judgement(one.verdict.value).number, one)
            if one.judged and self._is_new(one.judged.measurement):
                self._school(BANDWIDTH_MEASURED, one.judged.mbps, one)
            for line in one.lines:
                if line.state is not LineState.UNKNOWN:
                    up = float(line.state is LineState.UP)
                    self.telemetry.record(LINE_UP, up, school=one.school.id, line=line.line)

    def _is_new(self, measurement: Measurement) -> bool:
        school = measurement.path.school
        new = measurement.at >= self.since and self._sent.get(school) != measurement.id
        if new:
            self._sent[school] = measurement.id
        return new

    def _school(self, metric: Metric, value: float, one: SchoolJudgement) -> None:
        self.telemetry.record(metric, value, school=one.school.id)


def measured_event(telemetry: Telemetry, one: SchoolJudgement) -> None:
    """Tell that a school's bandwidth was measured, and how it is."""
    if one.judged:
        text = f"measured {one.judged.mbps:.0f} of {one.recommended.mbps:.0f} Mbit/s: {one.verdict}"
        telemetry.event(EventKind.MEASURED, text, school=one.school.id, line=one.decisive.line)


def family_name(family: Family) -> str:
    """An address family as metrics name it."""
    return f"ipv{int(family)}"
