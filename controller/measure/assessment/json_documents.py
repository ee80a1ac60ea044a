"""Assessments and measurements as the JSON document of `tsunagu measure --json`.

A school has the keys that its tile has in the monitor's API; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.measure.assessment.assess import Bandwidth, LineAssessment, SchoolAssessment
from controller.measure.measurement import Measurement
from controller.measure.probes.loss_interval import LossCount


def build_school_document(one: SchoolAssessment, timezone: ZoneInfo) -> dict[str, object]:
    """A school's assessment, with the numbers of the measurements that it comes from.

    >>> document = build_school_document(assess_example(measurement(path("kw-s01"), throughput(400))), city.timezone)
    >>> document["id"], document["assessment"], document["measured_mbps"], document["measurement"]
    ('kw-s01', 'meets', 400, ...)
    """
    return {
        "id": one.school.id,
        "name": one.school.name,
        "ward": one.school.ward,
        "kind": one.school.kind,
        "pupils": one.school.pupils,
        "recommended_mbps": round(one.recommended.mbps, 1),
        "basis": one.recommended.basis,
        "measured_mbps": round(one.assessed_bandwidth.mbps, 1) if one.assessed_bandwidth else None,
        "assessment": str(one.assessment),
        "measured_at": _time(one.measured_at, timezone),
        "measurement": one.assessed_bandwidth.measurement.id if one.assessed_bandwidth else None,
        "causes": [str(cause) for cause in one.causes],
        "reasons": [str(reason) for reason in one.assessed_line.reasons],
        "limited_by": str(one.limit) if one.limit else None,
        "loss": _loss(one.loss),
        "upload_mbps": round(one.assessed_line.upload.mbps, 1) if one.assessed_line.upload else None,
        "upload_assessment": str(one.assessed_line.upload_assessment),
        "contract_mbps": one.contract_mbps,
        "lines": {line.line: str(line.state) for line in one.lines},
        "assessments": {line.line: str(line.assessment) for line in one.lines},
        "throughput": [_bandwidth(line, bandwidth) for line in one.lines for bandwidth in line.bandwidths],
    }


def build_measurement_document(one: Measurement, timezone: ZoneInfo) -> dict[str, object]:
    """One measurement, without what the program said; the store has that under its number.

    >>> document = build_measurement_document(measurement(path("kw-s01"), throughput(400)), city.timezone)
    >>> document["school"], document["line"], document["kind"], document["figures"]
    ('kw-s01', 'primary', 'download', {'mbps': 400})
    """
    return {
        "id": one.id,
        "run": one.run,
        "at": _time(one.at, timezone),
        "school": one.path.school,
        "line": one.path.line,
        "region": one.path.region,
        "family": int(one.path.family),
        "kind": str(one.result.kind),
        "outcome": str(one.result.outcome),
        "figures": dict(one.result.figures),
        "target": one.result.target,
        "method": one.result.method,
        "reason": one.result.reason,
        "in_lessons": one.in_lessons,
    }


def build_round_document(
    run: str, store: str, assessments: Iterable[SchoolAssessment], found: Iterable[Measurement], timezone: ZoneInfo
) -> dict[str, object]:
    """The whole document of a round.

    >>> found = measurement(path("kw-s01"), throughput(400))
    >>> document = build_round_document("r1", "m.sqlite", [assess_example(found)], [found], city.timezone)
    >>> sorted(document), len(document["schools"]), len(document["measurements"])
    (['measurements', 'run', 'schools', 'store'], 1, 1)
    """
    return {
        "run": run,
        "store": store,
        "schools": [build_school_document(one, timezone) for one in assessments],
        "measurements": [build_measurement_document(one, timezone) for one in found],
    }


def _bandwidth(line: LineAssessment, one: Bandwidth) -> dict[str, object]:
    path = one.measurement.path
    return {
        "line": line.line,
        "region": path.region,
        "family": int(path.family),
        "direction": str(one.measurement.result.kind),
        "mbps": round(one.mbps, 1),
        "measurement": one.measurement.id,
    }


def _loss(found: LossCount) -> dict[str, object] | None:
    """What was counted, and between which shares the truth lies."""
    if not found.sent:
        return None
    low, high = found.interval
    return {"lost": found.lost, "sent": found.sent, "low": round(low, 5), "high": round(high, 5)}


def _time(at: datetime | None, timezone: ZoneInfo) -> str | None:
    return at.astimezone(timezone).isoformat(timespec="seconds") if at else None
