"""Findings as the probes give them, for tests that need no probe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count

from controller.measure.measurement import (
    ECHOES,
    JITTER_MS,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    LinePath,
    Measurement,
    MeasurementId,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName

NOON = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
"""A Saturday."""
_NUMBERS = count(1)


class AnHourAhead(datetime):
    """A clock that will be put back by an hour."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(hours=1)


def path(school: str, line: AccessLineName = "primary", region: str = "tokyo", family: Family = Family.V4) -> LinePath:
    return LinePath(school, line, region, family)


def throughput(mbps: float, kind: MeasurementKind = MeasurementKind.DOWNLOAD) -> ProbeResult:
    return ProbeResult(
        kind, ProbeOutcome.MEASURED, "100.64.0.1 port 5201", "iperf3 -P 4 -t 2", {MBPS: mbps}, raw='{"end": {}}'
    )


def echo(loss: float = 0.0, echoes: int = 10) -> ProbeResult:
    if loss == 1.0:
        return ProbeResult(
            MeasurementKind.ECHO,
            ProbeOutcome.NO_ANSWER,
            "100.64.0.1",
            "ping -c 10",
            {LOSS_RATIO: 1.0, ECHOES: echoes},
            "nobody answered",
        )
    figures = {LATENCY_MS: 4.2, JITTER_MS: 0.3, LOSS_RATIO: loss, ECHOES: echoes}
    return ProbeResult(MeasurementKind.ECHO, ProbeOutcome.MEASURED, "100.64.0.1", "ping -c 10", figures)


def failed(kind: MeasurementKind, outcome: ProbeOutcome) -> ProbeResult:
    return ProbeResult(kind, outcome, "100.64.0.1 port 5201", "iperf3 -P 4 -t 2", reason="nobody answers")


def measurement(where: LinePath, found: ProbeResult, *, run: str = "run-1", in_lessons: bool = False) -> Measurement:
    return Measurement(MeasurementId(next(_NUMBERS)), run, NOON, where, found, in_lessons)
