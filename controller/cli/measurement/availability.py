"""`tsunagu report availability`: outages and availability of each line by month, and what it carries at which hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from typing_extensions import TypedDict

from controller.cli.estates import load_estate_city
from controller.cli.measurement.outages import (
    OutagesDocument,
    build_outages_document,
    floor_percent,
    read_line_pasts,
    say_outages,
)
from controller.cli.measurement.probe_measurements import DEFAULT_MONITOR_STORE, MonitorStore
from controller.cli.measurement.report import find_measured_store
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, Policies, Schools, State, Wards, speak
from controller.cli.output import Exit, print_message, say_json
from controller.errors import TsunaguError
from controller.measure.measurement import ANSWERED, LATENCY_MS, MBPS, MeasurementKind
from controller.measure.measurement_rollups import RollupQuery
from controller.measure.measurement_store import open_measurement_store
from controller.measure.report.availability import HourSpread, LineMonth, summarize_hours, summarize_months
from controller.model.city import City
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


class AvailabilityDocument(OutagesDocument):
    """Outages and availability by month, answers to probes by month, and busy hours.

    `store` null: the controller measured nothing.
    """

    store: str | None
    months: list[LineMonthDocument]
    hours: list[LineHourDocument]


def report_availability(  # noqa: PLR0913, PLR0917 the options of a command
    schools: Schools = None,
    wards: Wards = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    monitor_store: MonitorStore = DEFAULT_MONITOR_STORE,
    lang: Lang = None,
    *,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Say how available each line was by month, its outages, and what part of its echo probes was answered.

    Outages are the monitor's (run it where the monitor runs); time in which nothing was measured is not known, not up.
    --json has the hours of the day, too.
    """
    speak(lang)
    city = load_estate_city(policies, lab=lab)
    names = {one.id for one in select_schools_in_service(city, Selection(tuple(schools or ()), tuple(wards or ())))}
    now = datetime.now(UTC)
    known = monitor_store if monitor_store != DEFAULT_MONITOR_STORE or monitor_store.exists() else None
    pasts = {} if known is None else read_line_pasts(known, names, now - _MONTHS_BACK, now, city)
    outages = build_outages_document(known, pasts, city)
    answers = _read_answers(city, state, names, now, is_needed=known is None)
    if as_json:
        say_json({**outages, **answers})
    else:
        say_outages(outages, names)
        _say_months(answers["months"])
    raise typer.Exit(Exit.GOOD)


class _Answers(TypedDict):
    store: str | None
    months: list[LineMonthDocument]
    hours: list[LineHourDocument]


def _read_answers(city: City, state: Path | None, names: set[str], now: datetime, *, is_needed: bool) -> _Answers:
    """What the controller's own store says; real schools that only their probes measured have none."""
    try:
        found = find_measured_store(city, state)
    except TsunaguError:
        if is_needed:
            raise
        return {"store": None, "months": [], "hours": []}
    until = now + timedelta(days=1)
    with open_measurement_store(found, must_exist=True) as store:
        asked = RollupQuery("day", until - _MONTHS_BACK, until, [(MeasurementKind.ECHO, ANSWERED)])
        busy = RollupQuery("hour", until - _HOURS_BACK, until, _BUSY)
        months = [one for one in summarize_months(store.read_rollups(asked)) if one.school in names]
        hours = [one for one in summarize_hours(store.read_rollups(busy)) if one.school in names]
        return {"store": store.file, "months": _build_months(months), "hours": _build_hours(hours)}


def _say_months(months: Sequence[LineMonthDocument]) -> None:
    if not months:
        print_message("measure.availability-none", "yellow")
    for one in months:
        print_message(
            "measure.availability",
            school=one["school"],
            line=one["line"],
            month=one["month"],
            percent=one["available_percent"],
            probes=one["probes"],
            days=one["days"],
            worst=one["worst_day"],
            worst_percent=one["worst_day_percent"],
        )


def _build_months(months: Sequence[LineMonth]) -> list[LineMonthDocument]:
    return [
        {
            "school": one.school,
            "line": one.line,
            "month": one.month,
            "probes": one.probes,
            "available_percent": floor_percent(one.available),
            "days": one.days,
            "worst_day": one.worst_day.isoformat(),
            "worst_day_percent": floor_percent(one.worst_available),
        }
        for one in months
    ]


def _build_hours(hours: Sequence[HourSpread]) -> list[LineHourDocument]:
    return [
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
