"""The outages of lines in `tsunagu report availability`: from the events and measurements that the monitor kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from typing_extensions import TypedDict

from controller.cli.output import print_message
from controller.measure.report.line_outages import (
    LineOutage,
    LinePast,
    LineSign,
    MeasuredHour,
    MonthOfLine,
    ToldSign,
    find_line_past,
    summarize_line_months,
)
from controller.model.city import City
from controller.telemetry.registry import EventKind
from monitoring.timeseries.line_past import read_first_events, read_line_events, read_measured_hours
from monitoring.timeseries.store_reader import open_store_reader

_SIGNS = {
    EventKind.LINE_DOWN: LineSign.DOWN,
    EventKind.LINE_UP: LineSign.UP,
    EventKind.LINE_SLOW: LineSign.UP,  # it answers
    EventKind.LINE_FLAPPING: LineSign.FLAPPING,
}
LinePasts = Mapping[tuple[str, str], LinePast]
"""By school and line."""


class LineOutageDocument(TypedDict):
    """A time in which a line did not answer. `to` null: it lasts, as far as is known.

    `end_told`: an event told the end; else the line was measured again by then, and answered. `cause` is what was told
    of it; "" where only measurements show it.
    """

    school: str
    line: str
    begins: str
    to: str | None
    seconds: float | None
    end_told: bool
    cause: str


class MonthOfLineDocument(TypedDict):
    """A line in a calendar month of the city. `up_percent` null: nothing is known of it.

    `known_hours`: for how long it was measured, and did not flap; the rest of the month is not known.
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


def read_line_pasts(file: Path, schools: Collection[str], since: datetime, now: datetime) -> LinePasts:
    """Return the past of each line of these schools of which the monitor's store knows anything.

    Raises:
        TsunaguError: the store is missing or cannot be read.
    """
    signs: dict[tuple[str, str], list[ToldSign]] = {}
    hours: dict[tuple[str, str], list[MeasuredHour]] = {}
    with open_store_reader(file) as store:
        first = read_first_events(store, schools)
        for event in read_line_events(store, schools, since.timestamp()):
            sign = ToldSign(event.at, _SIGNS[EventKind(event.kind)], event.text)
            signs.setdefault((event.school, event.line), []).append(sign)
        for school, line, begins, answered in read_measured_hours(store, schools, since.timestamp()):
            # Of before a school's oldest kept event an outage may be forgotten.
            if begins >= first.get(school, 0.0):
                hours.setdefault((school, line), []).append(MeasuredHour(begins, answered))
    keys = sorted(signs.keys() | hours.keys())
    return {key: find_line_past(signs.get(key, ()), hours.get(key, ()), now.timestamp()) for key in keys}


def build_outages_document(file: Path | None, pasts: LinePasts, city: City) -> OutagesDocument:
    """Return the outages as `--json` has them."""
    return {
        "monitor_store": None if file is None else str(file),
        "line_months": [
            _build_month(school, line, month)
            for (school, line), past in pasts.items()
            for month in summarize_line_months(past, city.timezone)
        ],
        "outages": [
            _build_outage(school, line, one, city) for (school, line), past in pasts.items() for one in past.outages
        ],
    }


def say_outages(document: OutagesDocument) -> None:
    """Say them to people: a line for each month, then one for each outage."""
    if document["monitor_store"] is None:
        print_message("measure.outages-unknown", "yellow")
    for month in document["line_months"]:
        percent = month["up_percent"]
        print_message(
            "measure.line-month" if percent is not None else "measure.line-month-unknown",
            None if percent == 100 else "yellow",  # noqa: PLR2004 percent
            **{**month, "up_percent": percent},
        )
    for one in document["outages"]:
        ended = "told" if one["end_told"] else "measured" if one["to"] else "lasts"
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
        "up_percent": None if one.available is None else floor_percent(one.available),
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
        "end_told": one.end_told,
        "cause": one.cause,
    }


def floor_percent(part: float) -> float:
    """A part in percent; what is not all never looks like all.

    >>> floor_percent(0.99999), floor_percent(1.0), floor_percent(0.5)
    (99.99, 100.0, 50.0)
    """
    return int(part * 10_000) / 100
