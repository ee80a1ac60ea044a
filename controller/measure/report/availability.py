"""How available each line was in a month, and what it carries at which hour of the day: from roll-ups, pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from controller.measure.measurement import ANSWERED, MeasurementKind
from controller.measure.measurement_rollups import RolledFigure, Spread
from controller.model.sites.contracted_lines import AccessLineName


@dataclass(frozen=True, slots=True)
class LineMonth:
    """A line in a month: how many echo probes were made on its paths, what part was answered, and its worst day.

    `days` is on how many days it was asked at all: of the others nothing is known.
    """

    school: str
    line: AccessLineName
    month: str
    probes: int
    available: float
    days: int
    worst_day: date
    worst_available: float


@dataclass(frozen=True, slots=True)
class HourSpread:
    """A figure of a line at an hour of the day, over many days: the lower and upper twentieth, and the middle."""

    school: str
    line: AccessLineName
    kind: MeasurementKind
    figure: str
    hour: int
    count: int
    low: float
    middle: float
    high: float


def summarize_months(rolled: Iterable[RolledFigure]) -> list[LineMonth]:
    """Return each line's months from the days' roll-ups of who answered echoes, in order."""
    days: dict[tuple[str, AccessLineName, date], Spread] = {}
    for one in rolled:
        if (one.kind, one.figure) == (MeasurementKind.ECHO, ANSWERED):
            key = (one.path.school, one.path.line, one.begins.date())
            days.setdefault(key, Spread()).add_spread(one.spread)
    months: dict[tuple[str, AccessLineName, str], dict[date, Spread]] = {}
    for (school, line, day), spread in days.items():
        months.setdefault((school, line, f"{day:%Y-%m}"), {})[day] = spread
    return [_summarize_month(*key, own) for key, own in sorted(months.items())]


def _summarize_month(school: str, line: AccessLineName, month: str, days: dict[date, Spread]) -> LineMonth:
    probes = sum(spread.count for spread in days.values())
    worst = min(days, key=lambda day: (days[day].mean, day))
    answered = sum(spread.total for spread in days.values())
    return LineMonth(school, line, month, probes, answered / probes, len(days), worst, days[worst].mean)


def summarize_hours(rolled: Iterable[RolledFigure]) -> list[HourSpread]:
    """Return each line's figures by the hour of the day from the hours' roll-ups, in order."""
    hours: dict[tuple[str, AccessLineName, MeasurementKind, str, int], Spread] = {}
    for one in rolled:
        if one.figure != ANSWERED:
            key = (one.path.school, one.path.line, one.kind, one.figure, one.begins.hour)
            hours.setdefault(key, Spread()).add_spread(one.spread)
    return [
        HourSpread(*key, spread.count, spread.percentile(0.05), spread.percentile(0.5), spread.percentile(0.95))
        for key, spread in sorted(hours.items())
    ]
