"""Measurements and assessments as metrics of the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.measure.assessment.assess import LineAssessment, LineState, SchoolAssessment
from controller.measure.measurement import (
    DURATION_MS,
    ECHOES,
    JITTER_MS,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    Measurement,
    MeasurementId,
    MeasurementKind,
)
from controller.model.measurement import Assessment
from controller.model.network.packets import Family
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    BANDWIDTH_RECOMMENDED,
    DNS_DURATION,
    HTTP_DURATION,
    LINE_FLAPPING,
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_SLOW,
    LINE_THROUGHPUT,
    LINE_UP,
    PATH_ECHOES,
    PROBE_LAST_SUCCESS,
    UPLOAD_ASSESSMENT,
    EventKind,
    Metric,
)
from controller.telemetry.units import bits_from_mbps, seconds_from_ms

_ROUND_TRIPS = {LATENCY_MS: LINE_LATENCY, JITTER_MS: LINE_JITTER}
_DURATIONS = {MeasurementKind.DNS: DNS_DURATION, MeasurementKind.HTTP: HTTP_DURATION}


def record_measurement(telemetry: Telemetry, one: Measurement) -> None:
    """The figures of one measurement; one without figures records nothing but the loss of all its echoes.

    >>> heard = Recorder()
    >>> record_measurement(heard, measurement(path("kw-s01"), throughput(400)))
    >>> heard.kept[0]
    ('tsunagu.line.throughput', 400000000)
    """
    path = one.path
    place = {"school": path.school, "line": path.line, "family": name_family(path.family)}
    for name, value in one.result.figures.items():
        if name == MBPS:
            attributes = {**place, "region": path.region, "direction": str(one.result.kind)}
            telemetry.record(LINE_THROUGHPUT, bits_from_mbps(value), **attributes)
        elif name == DURATION_MS:
            telemetry.record(_DURATIONS[one.result.kind], seconds_from_ms(value), **place)
        elif name == LOSS_RATIO:
            telemetry.record(LINE_LOSS, value, **place, region=path.region)
        elif name == ECHOES:
            telemetry.record(PATH_ECHOES, value, **place, region=path.region)
        elif name in _ROUND_TRIPS:  # the others say how sure a figure is, and stay in the store
            telemetry.record(_ROUND_TRIPS[name], seconds_from_ms(value), **place, region=path.region)
    if one.measured:
        telemetry.record(PROBE_LAST_SUCCESS, one.at.timestamp(), school=path.school)


@dataclass
class AssessmentMetrics:
    """Sends an assessment as often as one likes, but a measured figure once: its time is taken for the measurement's.

    Figures up to the measurement `after` are not sent at all: by its number, for a clock may be put back.
    """

    telemetry: Telemetry
    after: int
    _sent: dict[str, MeasurementId] = field(default_factory=dict)

    def record_assessments(self, assessments: Iterable[SchoolAssessment]) -> None:
        """Send each school's assessment with the recommendation that it was made against, and whether its lines are up.

        Of a line that nobody looked at nothing is sent.
        """
        for one in assessments:
            self._school(BANDWIDTH_RECOMMENDED, bits_from_mbps(one.recommended.mbps), one)
            self._school(BANDWIDTH_ASSESSMENT, one.assessment.number, one)
            self._school(UPLOAD_ASSESSMENT, one.assessed_line.upload_assessment.number, one)
            if one.assessed_bandwidth and self._is_new(one.assessed_bandwidth.measurement):
                self._school(BANDWIDTH_MEASURED, bits_from_mbps(one.assessed_bandwidth.mbps), one)
            for line in one.lines:
                self._line(one, line)

    def _line(self, one: SchoolAssessment, line: LineAssessment) -> None:
        if line.state is LineState.UNKNOWN:
            return
        # A slow line answers, and so does a flapping one at times; what else they are has metrics of its own.
        states = {
            LINE_UP: line.state is not LineState.DOWN,
            LINE_SLOW: line.state is LineState.SLOW,
            LINE_FLAPPING: line.state is LineState.FLAPPING,
        }
        for metric, holds in states.items():
            self.telemetry.record(metric, float(holds), school=one.school.id, line=line.line)

    def _is_new(self, measurement: Measurement) -> bool:
        school = measurement.path.school
        new = measurement.id > self.after and self._sent.get(school) != measurement.id
        if new:
            self._sent[school] = measurement.id
        return new

    def _school(self, metric: Metric, value: float, one: SchoolAssessment) -> None:
        self.telemetry.record(metric, value, school=one.school.id)


def send_measured_event(telemetry: Telemetry, one: SchoolAssessment) -> None:
    """Tell that a school's bandwidth was measured, and how it is.

    >>> heard = Recorder()
    >>> send_measured_event(heard, assess_example(measurement(path("kw-s01"), throughput(400))))
    >>> heard.kept[0][1]
    'measured 400 of 323 Mbit/s: meets'
    """
    line = one.assessed_line
    if one.assessed_bandwidth:
        text = f"measured {one.assessed_bandwidth.mbps:.0f} of {one.recommended.mbps:.0f} Mbit/s: {one.assessment}"
    elif line.reasons:
        text = f"{one.assessment}: {', '.join(line.reasons)}"
    else:
        return
    if one.limit is not None:
        text += f", limited by {one.limit}: the line's capacity is not known"
    if line.upload is not None and line.upload_assessment is Assessment.BELOW:
        text += f"; upload {line.upload.mbps:.1f} Mbit/s: {line.upload_assessment}"
    telemetry.event(EventKind.MEASURED, text, school=one.school.id, line=line.line)


def name_family(family: Family) -> str:
    """An address family as metrics name it.

    >>> name_family(Family.V6)
    'ipv6'
    """
    return f"ipv{int(family)}"
