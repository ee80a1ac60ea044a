"""`tsunagu report availability`: how available each line was by month, and what it carries at which hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import typer
from typing_extensions import TypedDict

from controller.cli.estates import load_estate_city
from controller.cli.measurement.report import find_measured_store
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, Policies, Schools, State, Wards, speak
from controller.cli.output import Exit, print_message, say_json
from controller.measure.measurement import ANSWERED, LATENCY_MS, MBPS, MeasurementKind
from controller.measure.measurement_rollups import RollupQuery
from controller.measure.measurement_store import open_measurement_store
from controller.measure.report.availability import HourSpread, LineMonth, summarize_hours, summarize_months
from controller.plan.select import Selection, select_schools_in_service

_MONTHS_BACK = timedelta(days=400)
_HOURS_BACK = timedelta(days=30)
_BUSY = (
    (MeasurementKind.DOWNLOAD, MBPS),
    (MeasurementKind.UPLOAD, MBPS),
    (MeasurementKind.ECHO, LATENCY_MS),
)


class LineMonthDocument(TypedDict):
    """A line in a month; `days` is on how many days it was asked: of the others nothing is known."""

    school: str
    line: str
    month: str
    probes: int
    available_percent: float
    days: int
    worst_day: str
    worst_day_percent: float


class LineHourDocument(TypedDict):
    """A figure of a line at an hour of the day, over the last 30 days."""

    school: str
    line: str
    kind: str
    figure: str
    hour: int
    count: int
    p5: float
    p50: float
    p95: float


class AvailabilityDocument(TypedDict):
    """Availability by month, and busy hours."""

    store: str
    months: list[LineMonthDocument]
    hours: list[LineHourDocument]


def report_availability(  # noqa: PLR0913 the options of a command
    schools: Schools = None,
    wards: Wards = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lang: Lang = None,
    *,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Say what part of the echo probes of each line was answered, by month; --json has the hours of the day, too.

    It counts answers to probes, in both families and to all regions, and no outages: those are the monitor's events.
    """
    speak(lang)
    city = load_estate_city(policies, lab=lab)
    names = {one.id for one in select_schools_in_service(city, Selection(tuple(schools or ()), tuple(wards or ())))}
    until = datetime.now(UTC) + timedelta(days=1)
    with open_measurement_store(find_measured_store(city, state), must_exist=True) as store:
        asked = RollupQuery("day", until - _MONTHS_BACK, until, [(MeasurementKind.ECHO, ANSWERED)])
        busy = RollupQuery("hour", until - _HOURS_BACK, until, _BUSY)
        months = [one for one in summarize_months(store.read_rollups(asked)) if one.school in names]
        hours = [one for one in summarize_hours(store.read_rollups(busy)) if one.school in names]
        file = store.file
    if as_json:
        say_json({"store": file, **_build_document(months, hours)})
    else:
        _say_months(months)
    raise typer.Exit(Exit.GOOD)


def _say_months(months: Sequence[LineMonth]) -> None:
    if not months:
        print_message("measure.availability-none", "yellow")
    for one in months:
        print_message(
            "measure.availability",
            school=one.school,
            line=one.line,
            month=one.month,
            percent=_percent(one.available),
            probes=one.probes,
            days=one.days,
            worst=one.worst_day.isoformat(),
            worst_percent=_percent(one.worst_available),
        )


def _percent(part: float) -> float:
    """A part in percent; what is not all never looks like all.

    >>> _percent(0.99999), _percent(1.0), _percent(0.5)
    (99.99, 100.0, 50.0)
    """
    return int(part * 10_000) / 100


def _build_document(months: Sequence[LineMonth], hours: Sequence[HourSpread]) -> dict[str, object]:
    of_months: list[LineMonthDocument] = [
        {
            "school": one.school,
            "line": one.line,
            "month": one.month,
            "probes": one.probes,
            "available_percent": _percent(one.available),
            "days": one.days,
            "worst_day": one.worst_day.isoformat(),
            "worst_day_percent": _percent(one.worst_available),
        }
        for one in months
    ]
    of_hours: list[LineHourDocument] = [
        {
            "school": one.school,
            "line": one.line,
            "kind": str(one.kind),
            "figure": one.figure,
            "hour": one.hour,
            "count": one.count,
            "p5": one.low,
            "p50": one.middle,
            "p95": one.high,
        }
        for one in hours
    ]
    return {"months": of_months, "hours": of_hours}
