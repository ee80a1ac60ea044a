"""The outages of lines in `tsunagu report availability`: from the events and measurements that the monitor kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from typing_extensions import TypedDict

from controller.cli.output import print_message
from controller.measure.report.line_outages import (
    LineOutage,
    MonthOfLine,
    ToldPeriod,
    list_outages,
    summarize_line_months,
)
from controller.model.city import City
from controller.telemetry.registry import LINE, LINE_UP, EventKind
from monitoring.timeseries.period_queries import read_periods
from monitoring.timeseries.queries import read_events
from monitoring.timeseries.store_reader import open_store_reader

_EVENTS_READ = 2_000
_SHOWN = 10
"""The monitor keeps no more of a school."""


@dataclass(frozen=True, slots=True)
class LinePast:
    """What is known of a line: when it was told up or down, its outages, and its months."""

    outages: list[LineOutage]
    months: list[MonthOfLine]


LinePasts = Mapping[tuple[str, str], LinePast]
"""By school and line."""


class LineOutageDocument(TypedDict):
    """A time in which a line did not answer. `to` null: it lasts, as far as is known.

    `end_seen`: it came back while somebody looked; else it was up again by then. `cause` is what an event told of it,
    "" where none did.
    """

    school: str
    line: str
    begins: str
    to: str | None
    seconds: float | None
    end_seen: bool
    cause: str


class MonthOfLineDocument(TypedDict):
    """A line in a calendar month of the city. `up_percent` null: nothing is known of it.

    `known_hours`: for how long it is known whether it answered; the rest of the month is not known.
    """

    school: str
    line: str
    month: str
    up_percent: float | None
    known_hours: float
    down_minutes: float
    outages: int


class OutagesDocument(TypedDict):
    """Outages and availability by month. `monitor_store` null: there is none, so nothing is known."""

    monitor_store: str | None
    line_months: list[MonthOfLineDocument]
    outages: list[LineOutageDocument]


def read_line_pasts(file: Path, schools: Collection[str], since: datetime, now: datetime, city: City) -> LinePasts:
    """Return the past of each line of these schools of which the monitor's store knows anything.

    Raises:
        TsunaguError: the store is missing or cannot be read.
    """
    found: dict[tuple[str, str], LinePast] = {}
    first, last = since.timestamp(), now.timestamp()
    with open_store_reader(file) as store:
        for school in sorted(schools):
            known = read_periods(store, school, [LINE_UP], first, last)
            events = read_events(store, school, first, _EVENTS_READ, last) if known else []
            for series in known:
                line = series.attributes[LINE.name]
                causes = [(one.at, one.text) for one in events if (one.kind, one.line) == (EventKind.LINE_DOWN, line)]
                periods = [ToldPeriod(one.began, one.until, one.value > 0) for one in series.periods]
                outages = list_outages(periods, causes)
                months = summarize_line_months(periods, outages, city.timezone, last)
                found[school, line] = LinePast(outages, months)
    return found


def build_outages_document(file: Path | None, pasts: LinePasts, city: City) -> OutagesDocument:
    """Return the outages as `--json` has them."""
    return {
        "monitor_store": None if file is None else str(file),
        "line_months": [
            _build_month(school, line, month) for (school, line), past in pasts.items() for month in past.months
        ],
        "outages": [
            _build_outage(school, line, one, city) for (school, line), past in pasts.items() for one in past.outages
        ],
    }


def say_outages(document: OutagesDocument, schools: Collection[str]) -> None:
    """Say them to people: of which of the schools nothing is known, a line for each month, one for each outage."""
    silent = sorted({*schools} - {month["school"] for month in document["line_months"]})
    if document["monitor_store"] is None:
        print_message("measure.outages-unknown", "yellow")
    elif silent:
        shown = ", ".join(silent[:_SHOWN]) + (", ..." if len(silent) > _SHOWN else "")
        store = document["monitor_store"]
        print_message("measure.outages-none-told", "yellow", store=store, count=len(silent), schools=shown)
    for month in document["line_months"]:
        percent = month["up_percent"]
        print_message(
            "measure.line-month" if percent is not None else "measure.line-month-unknown",
            None if percent == 100 else "yellow",  # noqa: PLR2004 percent
            **{**month, "up_percent": percent},
        )
    for one in document["outages"]:
        ended = "told" if one["end_seen"] else "measured" if one["to"] else "lasts"
        begins, to = (_shorten(time) for time in (one["begins"], one["to"]))
        minutes = "?" if one["seconds"] is None else f"{one['seconds'] / 60:.1f}"
        marks = {"school": one["school"], "line": one["line"], "cause": one["cause"] or "-"}
        print_message(f"measure.outage-{ended}", begins=begins, to=to, minutes=minutes, **marks)


def _shorten(time: str | None) -> str:
    return "" if time is None else time[:19].replace("T", " ")


def _build_month(school: str, line: str, one: MonthOfLine) -> MonthOfLineDocument:
    return {
        "school": school,
        "line": line,
        "month": one.month,
        "up_percent": None if one.up_share is None else floor_percent(one.up_share),
        "known_hours": round(one.known / 3600, 1),
        "down_minutes": round(one.down / 60, 1),
        "outages": one.outages,
    }


def _build_outage(school: str, line: str, one: LineOutage, city: City) -> LineOutageDocument:
    begins, ends = (
        None if at is None else datetime.fromtimestamp(at, UTC).astimezone(city.timezone).isoformat(timespec="seconds")
        for at in (one.begins, one.ends)
    )
    assert begins is not None  # noqa: S101 an outage begins
    seconds = None if one.ends is None else round(one.ends - one.begins, 1)
    return {
        "school": school,
        "line": line,
        "begins": begins,
        "to": ends,
        "seconds": seconds,
        "end_seen": one.end_seen,
        "cause": one.cause,
    }


def floor_percent(part: float) -> float:
    """A part in percent; what is not all never looks like all.

    >>> floor_percent(0.99999), floor_percent(1.0), floor_percent(0.5)
    (99.99, 100.0, 50.0)
    """
    return int(part * 10_000) / 100
