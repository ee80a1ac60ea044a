"""Outages of lines and how available each was by month, from the times in which it was told up or down; pure.

Silence is not known: a time in which nothing told of a line counts neither as up nor as down.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

_DECEMBER = 12
_CAUSE_SECONDS = 60.0
"""An event tells of an outage that began so close to it: the two come by different ways."""


@dataclass(frozen=True, slots=True)
class ToldPeriod:
    """From when to when a line was told to be up, or down, in seconds since 1970."""

    begins: float
    ends: float
    up: bool


@dataclass(frozen=True, slots=True)
class LineOutage:
    """A time in which a line did not answer. `ends` None: no end is known.

    `end_seen`: it came back while somebody looked; else it was up again when somebody next looked, so it ended by then.
    `cause` is what an event told of it, "" where none did.
    """

    begins: float
    ends: float | None
    end_seen: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class MonthOfLine:
    """A calendar month of the city: for how many seconds it is known how the line was, and down, and how many outages.

    `up_share` None: nothing is known.
    """

    month: str
    known: float
    down: float
    outages: int

    @property
    def up_share(self) -> float | None:
        """The part of the known time in which the line was up."""
        return 1 - self.down / self.known if self.known else None


def list_outages(periods: Iterable[ToldPeriod], causes: Sequence[tuple[float, str]] = ()) -> list[LineOutage]:
    """Return a line's outages; `causes` are events that told of one, each with its time.

    A line that was down before a silence and after it is down since before: nobody has said that it was up.

    >>> told = [ToldPeriod(0, 100, True), ToldPeriod(100, 160, False), ToldPeriod(160, 200, True)]
    >>> list_outages(told, [(101, "no region answers over it")])
    [LineOutage(begins=100, ends=160, end_seen=True, cause='no region answers over it')]
    """
    found: list[LineOutage] = []
    begins = last = None
    for one in sorted(periods, key=lambda one: one.begins):
        if begins is not None and last is not None and one.up:
            found.append(LineOutage(begins, one.begins, end_seen=one.begins <= last))
            begins = None
        elif not one.up:
            begins = one.begins if begins is None else begins
            last = one.ends
    if begins is not None:
        found.append(LineOutage(begins, None, end_seen=False))
    known = sorted(causes)
    times = [at for at, _ in known]
    return [replace(one, cause=_find_cause(one, known, times)) for one in found]


def _find_cause(outage: LineOutage, causes: Sequence[tuple[float, str]], times: Sequence[float]) -> str:
    """What the nearest event told; `times` are those of the causes, in order."""
    first = bisect_left(times, outage.begins - _CAUSE_SECONDS)
    last = bisect_right(times, outage.begins + _CAUSE_SECONDS)
    near = [(abs(at - outage.begins), text) for at, text in causes[first:last]]
    return min(near)[1] if near else ""


def summarize_line_months(
    periods: Sequence[ToldPeriod], outages: Sequence[LineOutage], timezone: ZoneInfo, now: float
) -> list[MonthOfLine]:
    """Return the calendar months of which anything is known, in order."""
    if not periods:
        return []
    first, last = min(one.begins for one in periods), max(one.ends for one in periods)
    months = [
        (f"{begins:%Y-%m}", begins.timestamp(), ends.timestamp())
        for begins, ends in _list_months(first, last, timezone)
    ]
    ends = [month[2] for month in months]
    known, down, during = [0.0] * len(months), [0.0] * len(months), [0] * len(months)
    # Each is held against the months that it lies in alone: a line may have told ten thousand.
    for one in periods:
        for number in _list_touched(months, ends, one.begins, one.ends):
            _, begun, ended = months[number]
            seconds = max(0.0, min(one.ends, ended) - max(one.begins, begun))
            known[number] += seconds
            down[number] += 0.0 if one.up else seconds
    for outage in outages:
        for number in _list_touched(months, ends, outage.begins, now if outage.ends is None else outage.ends):
            during[number] += 1
    return [
        MonthOfLine(month[0], seconds, lost, count)
        for month, seconds, lost, count in zip(months, known, down, during, strict=True)
        if seconds or count
    ]


def _list_touched(
    months: Sequence[tuple[str, float, float]], ends: Sequence[float], begins: float, until: float
) -> Iterator[int]:
    """The months, by number, that a time lies in at least partly; `ends` are theirs, in order."""
    for number in range(bisect_right(ends, begins), len(months)):
        if until <= months[number][1]:
            return
        yield number


def _list_months(first: float, last: float, timezone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    at = datetime.fromtimestamp(first, timezone)
    begins = datetime(at.year, at.month, 1, tzinfo=timezone)
    while begins.timestamp() <= last:
        year, month = (begins.year + 1, 1) if begins.month == _DECEMBER else (begins.year, begins.month + 1)
        ends = datetime(year, month, 1, tzinfo=timezone)
        yield begins, ends
        begins = ends
