"""From a round's measurements and the policy to the evidence that a diagnosis is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from controller.measure.assessment.assess import CARRIED
from controller.measure.diagnosis.causes import Diagnosis
from controller.measure.diagnosis.diagnose import diagnose_school
from controller.measure.diagnosis.evidence import (
    Answer,
    LossReading,
    OutsideReadings,
    PathEvidence,
    Reading,
    RouterReadings,
    SchoolEvidence,
)
from controller.measure.measurement import (
    DURATION_MS,
    ECHOES,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    MTU_BYTES,
    OTHERS_MBPS,
    VANISHED_BYTES,
    LinePath,
    Measurement,
    MeasurementKind,
    ProbeOutcome,
)
from controller.measure.probes.throughput_limit import ThroughputLimit, find_throughput_limit, sum_retransmissions
from controller.model.measurement import MeasurementFile, Method
from controller.model.sites.schools import School

_ANSWERS = {
    ProbeOutcome.MEASURED: Answer.ANSWERED,
    ProbeOutcome.REFUSED: Answer.REFUSED,
    ProbeOutcome.NO_ANSWER: Answer.SILENT,
}
_FIGURES = {
    MeasurementKind.DOWNLOAD: MBPS,
    MeasurementKind.UPLOAD: MBPS,
    MeasurementKind.ECHO: LATENCY_MS,
    MeasurementKind.PATH_MTU: MTU_BYTES,
    MeasurementKind.DNS: DURATION_MS,
    MeasurementKind.HTTP: DURATION_MS,
}
_NOTHING_ELSE = OutsideReadings()


def gather_evidence(
    school: School,
    found: Iterable[Measurement],
    policy: MeasurementFile,
    outside: OutsideReadings = _NOTHING_ELSE,
) -> SchoolEvidence:
    """The evidence of a school from the measurements of one round, and from what is known beside it.

    >>> school = city.school_by_id["kw-s01"]
    >>> found = [measurement(path("kw-s01"), throughput(400)), measurement(path("kw-s01"), echo())]
    >>> (seen,) = gather_evidence(school, found, city.measurement).paths
    >>> seen.download.value, seen.upload, str(seen.echo.answer)
    (400, None, 'answered')
    """
    by_path: dict[LinePath, list[Measurement]] = {}
    for one in found:
        if one.path.school == school.id:
            by_path.setdefault(one.path, []).append(one)
    recommended = policy.recommended.recommend_bandwidth(school.pupils).mbps
    contracts = {name: float(line.mbps) for name, line in school.lines.by_name.items()}
    expected = {
        name: _without_error(min(mbps * CARRIED, recommended), policy.method) for name, mbps in contracts.items()
    }
    upload = _without_error(recommended * policy.upload_percent / 100, policy.method)
    judged = policy.judged.line if policy.judged.line in contracts else "primary"
    return SchoolEvidence(
        school=school.id,
        assessed_line=judged,
        recommended_mbps=recommended,
        contract_mbps=contracts,
        expected_mbps=expected,
        expected_upload_mbps={name: min(mbps, upload) for name, mbps in expected.items()},
        paths=tuple(_gather_path(path, mine, policy, expected.get(path.line, 0.0)) for path, mine in by_path.items()),
        outside=outside,
        groups={"ward": school.ward, "carrier": f"{school.lines.by_name[judged].kind}"},
    )


def gather_carried_by_region(school: str, found: Iterable[Measurement]) -> dict[str, float]:
    """The best download that any other school of a round had from each region.

    >>> found = [measurement(path("kw-s01"), throughput(400)), measurement(path("as-e04"), throughput(190))]
    >>> gather_carried_by_region("as-e04", found)
    {'tokyo': 400}
    """
    best: dict[str, float] = {}
    for one in found:
        mbps = one.figure(MBPS)
        if one.path.school != school and one.result.kind is MeasurementKind.DOWNLOAD and one.measured and mbps:
            best[one.path.region] = max(mbps, best.get(one.path.region, 0.0))
    return best


def diagnose_round(
    schools: Iterable[School],
    found: Sequence[Measurement],
    policy: MeasurementFile,
    routers: Mapping[str, RouterReadings] = MappingProxyType({}),
) -> list[Diagnosis]:
    """The diagnosis of every school of a round; `routers` is what their routers count, where somebody read it.

    >>> school, found = city.school_by_id["kw-s01"], [measurement(path("kw-s01"), throughput(40))]
    >>> [str(one.causes[0]) for one in diagnose_round([school], found, city.measurement)[0].findings]
    ['download-slow', 'contract']
    """
    return [
        diagnose_school(
            gather_evidence(
                school,
                found,
                policy,
                OutsideReadings(
                    router=routers.get(school.id, RouterReadings()),
                    carried_by_region=gather_carried_by_region(school.id, found),
                ),
            )
        )
        for school in schools
    ]


def _without_error(mbps: float, method: Method) -> float:
    """What a figure may be without being below: the method's error could make up the rest."""
    return mbps / (1 + method.relative_error(mbps))


def _gather_path(path: LinePath, mine: Sequence[Measurement], policy: MeasurementFile, slow: float) -> PathEvidence:
    readings = {kind: _read(mine, kind) for kind in _FIGURES}
    return PathEvidence(
        line=path.line,
        region=path.region,
        family=path.family,
        echo=readings[MeasurementKind.ECHO],
        loss=_read_loss(mine),
        held_back_by_loss=_read_held_back(mine, policy.method, slow),
        path_mtu=readings[MeasurementKind.PATH_MTU],
        swallowed=_read_swallowed(mine),
        download=readings[MeasurementKind.DOWNLOAD],
        upload=readings[MeasurementKind.UPLOAD],
        dns=readings[MeasurementKind.DNS],
        http=readings[MeasurementKind.HTTP],
    )


def _read(mine: Sequence[Measurement], kind: MeasurementKind) -> Reading | None:
    """Return the newest reading of a kind; a probe that could not be made says nothing."""
    for one in sorted(mine, key=lambda one: one.id, reverse=True):
        answer = _ANSWERS.get(one.result.outcome)
        if one.result.kind is kind and answer is not None:
            figure = one.figure(_FIGURES[kind]) if answer is Answer.ANSWERED else None
            if figure is not None and _FIGURES[kind] == MBPS:
                figure += one.figure(OTHERS_MBPS) or 0  # what the line carried, whoever's it was
            return Reading(answer, figure, (one.id,))
    return None


def _read_loss(mine: Sequence[Measurement]) -> LossReading | None:
    """Return the lost echoes; where none was answered the line is silent, which is no loss."""
    read = [one for one in mine if one.result.kind is MeasurementKind.ECHO and one.measured]
    sent = sum(round(one.figure(ECHOES) or 0) for one in read)
    lost = sum(round((one.figure(LOSS_RATIO) or 0.0) * (one.figure(ECHOES) or 0)) for one in read)
    return LossReading(lost, sent, tuple(one.id for one in read)) if sent else None


def _read_held_back(mine: Sequence[Measurement], method: Method, slow: float) -> LossReading | None:
    """Return what TCP sent again in tests that carried too little because of it."""
    found = [
        (one, sum_retransmissions(one.result.figures))
        for one in mine
        if one.measured
        and 0 < one.result.figures.get(MBPS, 0.0) + one.result.figures.get(OTHERS_MBPS, 0.0) < slow
        and find_throughput_limit(one.result.figures, method.seconds) is ThroughputLimit.LOSS
    ]
    if not found:
        return None
    lost, sent = sum(count.lost for _, count in found), sum(count.sent for _, count in found)
    return LossReading(lost, sent, tuple(one.id for one, _ in found))


def _read_swallowed(mine: Sequence[Measurement]) -> Reading | None:
    found = [(size, one.id) for one in mine if (size := one.figure(VANISHED_BYTES)) is not None]
    return Reading(Answer.ANSWERED, min(found)[0], tuple(number for _, number in found)) if found else None
