"""The past of a school as the API gives it: its lines over time, and each line, path and service over the period.

What is not known is told apart everywhere: it counts neither as up nor as down, and no mean has a value of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypedDict

from controller.model.sites.schools import School
from controller.telemetry.registry import (
    DIRECTION,
    DNS_DURATION,
    DNS_UP,
    FAMILY,
    HTTP_DURATION,
    HTTP_UP,
    LINE,
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_THROUGHPUT,
    LINE_UP,
    PATH_UP,
    REGION,
    Metric,
)
from controller.telemetry.units import mbps_from_bits, ms_from_seconds
from monitoring.city_state.school_tiles import format_time
from monitoring.timeseries.period_queries import SeriesPeriods, read_periods
from monitoring.timeseries.school_queries import SeriesSummary, choose_step, read_line_history, summarize_series
from monitoring.timeseries.state_periods import StatePeriod
from monitoring.timeseries.time_series_store import TimeSeriesStore

MOST_SHOWN = 200
"""Of outages the longest and the newest, of gaps the longest: more are no list that anybody reads."""
Measure = Literal["throughput", "upload", "latency", "jitter", "loss", "dns", "http"]
ServiceName = Literal["dns", "http"]
_DOWN, _UP = {DIRECTION.name: "download"}, {DIRECTION.name: "upload"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """How a measure is shown: of the best path, in Mbit/s, or as the mean of all paths, in ms or as a share."""

    metric: Metric
    convert: Callable[[float], float]
    is_best: bool = False
    only: Mapping[str, str] = field(default_factory=dict)


_MEASURES: Mapping[Measure, _Shown] = {
    "throughput": _Shown(LINE_THROUGHPUT, mbps_from_bits, is_best=True, only=_DOWN),
    "upload": _Shown(LINE_THROUGHPUT, mbps_from_bits, is_best=True, only=_UP),
    "latency": _Shown(LINE_LATENCY, ms_from_seconds),
    "jitter": _Shown(LINE_JITTER, ms_from_seconds),
    "loss": _Shown(LINE_LOSS, float),
    "dns": _Shown(DNS_DURATION, ms_from_seconds),
    "http": _Shown(HTTP_DURATION, ms_from_seconds),
}
_SERVICES: Mapping[ServiceName, tuple[Metric, Metric]] = {
    "dns": (DNS_UP, DNS_DURATION),
    "http": (HTTP_UP, HTTP_DURATION),
}


class _Place(NamedTuple):
    """What of a school a series is of; empty where it has no such attribute."""

    line: str
    region: str = ""
    family: str = ""


class AvailabilityView(TypedDict):
    """For how many seconds of the period something is known to have been up, known to have been down, and neither."""

    up: float
    down: float
    unknown: float


class LinePastView(TypedDict):
    """A line over the period; `outages`: how often it went down. Its contract is in Mbit/s."""

    line: str
    contract_mbps: int
    availability: AvailabilityView
    outages: int


class PathView(TypedDict):
    """A region over a line in a family, over the period; None: nothing is known of it.

    Rates are in Mbit/s, the others in ms and as a share. `download_least` is the slowest test.
    """

    line: str
    region: str
    family: str
    availability: AvailabilityView
    latency: float | None
    latency_most: float | None
    jitter: float | None
    loss: float | None
    download: float | None
    download_least: float | None
    upload: float | None


class ServiceView(TypedDict):
    """DNS or HTTP over a line in a family, over the period. Durations are in ms."""

    line: str
    service: ServiceName
    family: str
    availability: AvailabilityView
    duration: float | None
    duration_most: float | None


class OutageView(TypedDict):
    """A line was down for `seconds`, as far as is known; `ended`: None where it lasts, or nothing was heard since."""

    line: str
    began: str
    ended: str | None
    seconds: float


class PeriodView(TypedDict):
    """The time that is shown, in seconds since 1970, and the length of a slot."""

    since: float
    until: float
    step: int


class SchoolPast(TypedDict):
    """All of it. `unknown`: by line, from when to when nothing is known of it; the longest."""

    period: PeriodView
    lines: Mapping[str, Mapping[Measure, Sequence[Sequence[float]]]]
    line_totals: Sequence[LinePastView]
    paths: Sequence[PathView]
    services: Sequence[ServiceView]
    outages: Sequence[OutageView]
    unknown: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knows of the period, by metric and place; of throughput the direction stands with the metric."""

    since: float
    until: float
    periods: Mapping[tuple[Metric, _Place], SeriesPeriods]
    summaries: Mapping[tuple[Metric, str, _Place], SeriesSummary]

    def count_seconds(self, metric: Metric, place: _Place) -> AvailabilityView:
        """How long something was up, down, and not known."""
        found = self.periods.get((metric, place))
        up, down = (0.0, 0.0) if found is None else (found.count_seconds(up=True), found.count_seconds(up=False))
        unknown = max(0.0, self.until - self.since - up - down)
        return {"up": round(up, 1), "down": round(down, 1), "unknown": round(unknown, 1)}

    def list_periods(self, line: str) -> Sequence[StatePeriod]:
        """From when to when a line was up or down."""
        found = self.periods.get((LINE_UP, _Place(line)))
        return () if found is None else found.periods

    def list_places(self, state: Metric, *figures: Metric) -> list[_Place]:
        """Every place of which a state or a figure is known, lines in their order."""
        told = {place for metric, place in self.periods if metric is state}
        measured = {place for metric, _, place in self.summaries if metric in figures}
        return sorted(told | measured, key=lambda one: (LINE.values.index(one.line), one))

    def read_mean(self, measure: Measure, place: _Place) -> float | None:
        """The mean of a measure; None where nothing of it is known."""
        found = self.find_summary(measure, place)
        return None if found is None else _round(_MEASURES[measure].convert(found.mean))

    def read_most(self, measure: Measure, place: _Place) -> float | None:
        """The highest value of a measure."""
        found = self.find_summary(measure, place)
        return None if found is None else _round(_MEASURES[measure].convert(found.most))

    def read_least(self, measure: Measure, place: _Place) -> float | None:
        """The lowest value of a measure."""
        found = self.find_summary(measure, place)
        return None if found is None else _round(_MEASURES[measure].convert(found.least))

    def find_summary(self, measure: Measure, place: _Place) -> SeriesSummary | None:
        """A measure's series."""
        shown = _MEASURES[measure]
        return self.summaries.get((shown.metric, shown.only.get(DIRECTION.name, ""), place))


def read_school_past(
    store: TimeSeriesStore, school: School, since: float, now: float, only: Mapping[str, str]
) -> SchoolPast:
    """A school's past from a time on; `only`: the region and the family of the paths that its lines are shown of.

    Raises:
        sqlite3.Error: the store cannot be read.
    """
    now = max(since, now)
    step = choose_step(since, now)
    had = school.lines.by_name
    known = _read_known(store, school, since, now)
    outages = {line: _list_outages(known.list_periods(line), line) for line in had}
    return {
        "period": {"since": since, "until": now, "step": step},
        "lines": {line: _read_line(store, (school.id, line), since, step, only) for line in had},
        "line_totals": [
            {
                "line": name,
                "contract_mbps": line.mbps,
                "availability": known.count_seconds(LINE_UP, _Place(name)),
                "outages": len(outages[name]),
            }
            for name, line in had.items()
        ],
        "paths": list(_build_paths(known, had)),
        "services": list(_build_services(known, had)),
        "outages": _choose_outages([one for found in outages.values() for one in found]),
        "unknown": {line: _find_unknown(known.list_periods(line), since, now) for line in had},
    }


def _read_known(store: TimeSeriesStore, school: School, since: float, now: float) -> _Known:
    periods = read_periods(store, school.id, (LINE_UP, PATH_UP, DNS_UP, HTTP_UP), since, now)
    metrics = tuple(dict.fromkeys(one.metric for one in _MEASURES.values()))
    return _Known(
        since,
        now,
        {(one.metric, _read_place(one.attributes)): one for one in periods},
        {
            (one.metric, one.attributes.get(DIRECTION.name, ""), _read_place(one.attributes)): one
            for one in summarize_series(store, school.id, metrics, since)
        },
    )


def _read_place(attributes: Mapping[str, str]) -> _Place:
    return _Place(*(attributes.get(one.name, "") for one in (LINE, REGION, FAMILY)))


def _read_line(
    store: TimeSeriesStore, place: tuple[str, str], since: float, step: int, only: Mapping[str, str]
) -> dict[Measure, list[list[float]]]:
    """What was measured on a line, by measure, as [[seconds, value], ...]."""
    found: dict[Measure, list[list[float]]] = {}
    for measure, shown in _MEASURES.items():
        told_apart = {one.name for one in shown.metric.attributes}
        wanted = {name: value for name, value in {**only, **shown.only}.items() if name in told_apart}
        rows = read_line_history(store, place, shown.metric, since, step, only=wanted)
        found[measure] = [[slot, round(shown.convert(most if shown.is_best else mean), 4)] for slot, mean, most in rows]
    return found


def _build_paths(known: _Known, lines: Collection[str]) -> Iterator[PathView]:
    for place in known.list_places(PATH_UP, LINE_LATENCY, LINE_LOSS, LINE_THROUGHPUT):
        if place.line in lines:
            yield {
                "line": place.line,
                "region": place.region,
                "family": place.family,
                "availability": known.count_seconds(PATH_UP, place),
                "latency": known.read_mean("latency", place),
                "latency_most": known.read_most("latency", place),
                "jitter": known.read_mean("jitter", place),
                "loss": known.read_mean("loss", place),
                "download": known.read_mean("throughput", place),
                "download_least": known.read_least("throughput", place),
                "upload": known.read_mean("upload", place),
            }


def _build_services(known: _Known, lines: Collection[str]) -> Iterator[ServiceView]:
    for service, (state, duration) in _SERVICES.items():
        for place in known.list_places(state, duration):
            if place.line in lines:
                yield {
                    "line": place.line,
                    "service": service,
                    "family": place.family,
                    "availability": known.count_seconds(state, place),
                    "duration": known.read_mean(service, place),
                    "duration_most": known.read_most(service, place),
                }


def _list_outages(periods: Sequence[StatePeriod], line: str) -> list[OutageView]:
    """From when to when a line was down, the oldest first; silence between two words of "down" ends none.

    >>> told = [StatePeriod(0, 50, 1), StatePeriod(50, 60, 0), StatePeriod(80, 90, 0), StatePeriod(90, 99, 1)]
    >>> [(one["ended"], one["seconds"]) for one in _list_outages(told, "primary")]
    [('1970-01-01T00:01:30.000+00:00', 20)]
    >>> _list_outages([StatePeriod(50, 60, 0)], "primary")[0]["ended"] is None
    True
    """
    found: list[OutageView] = []
    is_open = False
    for one in periods:
        if one.value > 0:
            if is_open:
                found[-1]["ended"] = format_time(one.began)
            is_open = False
        elif is_open:
            found[-1]["seconds"] += one.until - one.began
        else:
            seconds = one.until - one.began
            found.append({"line": line, "began": format_time(one.began), "ended": None, "seconds": seconds})
            is_open = True
    return found


def _choose_outages(outages: Sequence[OutageView]) -> list[OutageView]:
    """The longest and the newest, the oldest first: a flapping line hides no long outage of months ago."""
    half = MOST_SHOWN // 2
    longest = sorted(range(len(outages)), key=lambda one: outages[one]["seconds"], reverse=True)
    newest = sorted(range(len(outages)), key=lambda one: outages[one]["began"], reverse=True)
    chosen = dict.fromkeys([*longest[:half], *newest[:half], *newest[half:]])
    return sorted((outages[one] for one in list(chosen)[:MOST_SHOWN]), key=lambda one: one["began"])


def _find_unknown(periods: Sequence[StatePeriod], since: float, until: float) -> list[tuple[float, float]]:
    """From when to when nothing is known; the longest, in the order of time.

    >>> _find_unknown([StatePeriod(10, 50, 1), StatePeriod(60, 70, 0)], 0, 70)
    [(0, 10), (50, 60)]
    """
    edges = [since, *(edge for one in periods for edge in (one.began, one.until)), until]
    gaps = [(began, ended) for began, ended in zip(edges[::2], edges[1::2], strict=True) if ended > began]
    return sorted(sorted(gaps, key=lambda gap: gap[0] - gap[1])[:MOST_SHOWN])


def _round(number: float) -> float:
    return round(number, 4)
