"""Tests of throughput by schools' own probes as slots of a line: what each showed, by the assessment's rule; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.measure.assessment.assess import SchoolAssessment, assess_school
from controller.measure.lesson_hours import is_lesson_time
from controller.measure.measurement import (
    MBPS,
    LinePath,
    Measurement,
    MeasurementId,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.model.city import City
from controller.model.network.packets import Family
from controller.resilience.line_parts import SchoolLine
from controller.resilience.supply_events import measure_share
from controller.telemetry.registry import (
    LINE_HTTPS_LIMIT,
    LINE_HTTPS_THROUGHPUT,
    LINE_THROUGHPUT,
    LINE_THROUGHPUT_LIMIT,
    Metric,
)
from controller.telemetry.units import mbps_from_bits

ROUND = timedelta(minutes=15)
"""A probe tests the paths of a line one after the other: what it found within so long is one slot."""
METHODS = ((LINE_HTTPS_THROUGHPUT, LINE_HTTPS_LIMIT), (LINE_THROUGHPUT, LINE_THROUGHPUT_LIMIT))
"""The figure of each method, and what held it back; of a path that both tested the later one here counts."""

_NUMBER = MeasurementId(1)
"""These stand in no store: all of a slot are of one run."""


@dataclass(frozen=True, slots=True)
class ProbedFigure:
    """A value of a probe: of a path, in a direction, at a time by the monitor's clock."""

    metric: Metric
    path: LinePath
    kind: MeasurementKind
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class LineTest:
    """What a slot showed of a line; `share` is of what is expected.

    `is_least`: loss, delay or pupils may have held it back, or nobody said what did; so the line may carry more.
    """

    at: datetime
    mbps: float
    share: float
    is_least: bool


def list_line_tests(city: City, figures: Iterable[ProbedFigure], now: datetime) -> dict[SchoolLine, list[LineTest]]:
    """Return the tests of each line that gave a figure, the oldest first; a round that may go on is none yet."""
    by_line: dict[SchoolLine, list[ProbedFigure]] = {}
    for one in figures:
        by_line.setdefault((one.path.school, one.path.line), []).append(one)
    found = {}
    for (name, line), mine in by_line.items():
        school = city.school_by_id.get(name)
        if school is not None and line in school.lines.by_name:
            rounds = _split_rounds(sorted(mine, key=lambda one: one.at))
            over = [one for one in rounds if one[0].at + ROUND <= now]
            found[name, line] = [test for one in over if (test := _judge_round(city, one)) is not None]
    return found


def _split_rounds(figures: Sequence[ProbedFigure]) -> Iterator[list[ProbedFigure]]:
    mine: list[ProbedFigure] = []
    for one in figures:
        if mine and one.at >= mine[0].at + ROUND:
            yield mine
            mine = []
        mine.append(one)
    if mine:
        yield mine


def _judge_round(city: City, figures: Sequence[ProbedFigure]) -> LineTest | None:
    school = city.school_by_id[figures[0].path.school]
    in_lessons = any(is_lesson_time(one.at, city, school) for one in figures)
    measured: dict[tuple[LinePath, MeasurementKind], Measurement] = {}
    limits: dict[tuple[LinePath, MeasurementKind], float | None] = {}
    for rate, limit in METHODS:
        told = {(one.path, one.kind): one.value for one in figures if one.metric is limit}
        for one in figures:
            if one.metric is rate:
                place = (one.path, one.kind)
                measured[place] = _build_measurement(one, in_lessons=in_lessons)
                limits[place] = told.get(place)
    assessed = assess_school(school, [*_list_untested(measured), *measured.values()], city.measurement)
    return _judge_line(assessed, figures, limits, in_lessons=in_lessons)


def _judge_line(
    assessed: SchoolAssessment,
    figures: Sequence[ProbedFigure],
    limits: dict[tuple[LinePath, MeasurementKind], float | None],
    *,
    in_lessons: bool,
) -> LineTest | None:
    line = assessed.line(figures[0].path.line)
    share = measure_share(assessed, line)
    if share is None or line.assessed_bandwidth is None:
        return None
    decisive = line.assessed_bandwidth.measurement
    is_least = in_lessons or limits[decisive.path, decisive.result.kind] != 0
    return LineTest(figures[-1].at, line.assessed_bandwidth.mbps, share, is_least)


def _list_untested(measured: Iterable[tuple[LinePath, MeasurementKind]]) -> Iterator[Measurement]:
    """Yield what the round should have tested and has no figure of: both families are meant, wherever one was."""
    found = set(measured)
    for path, kind in sorted(found, key=str):
        for family in Family:
            other = LinePath(path.school, path.line, path.region, family)
            if (other, kind) not in found:
                result = ProbeResult(kind, ProbeOutcome.FAILED, "", "", reason="no figure came")
                yield Measurement(_NUMBER, "", datetime.min.replace(tzinfo=UTC), other, result, in_lessons=False)


def _build_measurement(one: ProbedFigure, *, in_lessons: bool) -> Measurement:
    result = ProbeResult(one.kind, ProbeOutcome.MEASURED, "", "", {MBPS: mbps_from_bits(one.value)})
    return Measurement(_NUMBER, "", one.at, one.path, result, in_lessons)
