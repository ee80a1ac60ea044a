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
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    LinePath,
    Measurement,
    MeasurementKind,
    ProbeOutcome,
)
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
    judged = policy.judged.line if policy.judged.line in contracts else "primary"
    return SchoolEvidence(
        school=school.id,
        assessed_line=judged,
        recommended_mbps=recommended,
        contract_mbps=contracts,
        expected_mbps={
            name: _without_error(min(mbps * CARRIED, recommended), policy.method) for name, mbps in contracts.items()
        },
        paths=tuple(_gather_path(path, mine) for path, mine in by_path.items()),
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


def _gather_path(path: LinePath, mine: Sequence[Measurement]) -> PathEvidence:
    readings = {kind: _read(mine, kind) for kind in _FIGURES}
    return PathEvidence(
        line=path.line,
        region=path.region,
        family=path.family,
        echo=readings[MeasurementKind.ECHO],
        loss=_read_loss(mine),
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
            return Reading(answer, figure, (one.id,))
    return None


def _read_loss(mine: Sequence[Measurement]) -> LossReading | None:
    read = [one for one in mine if one.result.kind is MeasurementKind.ECHO and one.measured]
    counted = [(one, _count_echoes(one)) for one in read]
    sent = sum(count for _, count in counted)
    lost = sum(round((one.figure(LOSS_RATIO) or 0.0) * count) for one, count in counted)
    return LossReading(lost, sent, tuple(one.id for one in read)) if sent else None


def _count_echoes(one: Measurement) -> int:
    """How many echoes a probe sent, by the words that it ran."""
    words = one.result.method.split()
    following = words[words.index("-c") + 1 : words.index("-c") + 2] if "-c" in words else []
    return int(following[0]) if following and following[0].isdecimal() else 0
