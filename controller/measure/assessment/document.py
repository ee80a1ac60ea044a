"""Verdicts and measurements as the JSON document of `tsunagu measure --json`; keys are those of the monitor's API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.measure.assessment.assess import Bandwidth, LineJudgement, SchoolJudgement
from controller.measure.measurement import Measurement


def school_document(one: SchoolJudgement, timezone: ZoneInfo) -> dict[str, object]:
    """A school's verdict, with the numbers of the measurements that it comes from."""
    return {
        "id": one.school.id,
        "name": one.school.name,
        "ward": one.school.ward,
        "kind": one.school.kind,
        "pupils": one.school.pupils,
        "recommended_mbps": round(one.recommended.mbps, 1),
        "basis": one.recommended.basis,
        "measured_mbps": round(one.judged.mbps, 1) if one.judged else None,
        "state": str(one.verdict),
        "measured_at": _time(one.measured_at, timezone),
        "measurement": one.judged.measurement.id if one.judged else None,
        "causes": [str(cause) for cause in one.causes],
        "contract_mbps": one.contract_mbps,
        "lines": {line.line: str(line.state) for line in one.lines},
        "verdicts": {line.line: str(line.verdict) for line in one.lines},
        "throughput": [_bandwidth(line, bandwidth) for line in one.lines for bandwidth in line.bandwidths],
    }


def measurement_document(one: Measurement, timezone: ZoneInfo) -> dict[str, object]:
    """One measurement, without what the program said; the store has that under its number."""
    return {
        "id": one.id,
        "run": one.run,
        "at": _time(one.at, timezone),
        "school": one.path.school,
        "line": one.path.line,
        "region": one.path.region,
        "family": int(one.path.family),
        "kind": str(one.found.kind),
        "outcome": str(one.found.outcome),
        "figures": dict(one.found.figures),
        "target": one.found.target,
        "method": one.found.method,
        "reason": one.found.reason,
        "in_lessons": one.in_lessons,
    }


def document(
    run: str, store: str, judgements: Iterable[SchoolJudgement], found: Iterable[Measurement], timezone: ZoneInfo
) -> dict[str, object]:
    """The whole document of a round."""
    return {
        "run": run,
        "store": store,
        "schools": [school_document(one, timezone) for one in judgements],
        "measurements": [measurement_document(one, timezone) for one in found],
    }


def _bandwidth(line: LineJudgement, one: Bandwidth) -> dict[str, object]:
    path = one.measurement.path
    return {
        "line": line.line,
        "region": path.region,
        "family": int(path.family),
        "direction": str(one.measurement.found.kind),
        "mbps": round(one.mbps, 1),
        "measurement": one.measurement.id,
    }


def _time(at: datetime | None, timezone: ZoneInfo) -> str | None:
    return at.astimezone(timezone).isoformat(timespec="seconds") if at else None
