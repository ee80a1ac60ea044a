"""Outages of lines, and how available each was in a month: from events and from measured hours; pure.

Silence is not known: an hour in which nothing measured a line counts neither as up nor as down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

_HOUR = 3_600.0
_DECEMBER = 12
Span = tuple[float, float]
"""From and until, in seconds since 1970."""


class LineSign(StrEnum):
    """What an event says of a line from its time on."""

    UP = "up"
    DOWN = "down"
    FLAPPING = "flapping"


@dataclass(frozen=True, slots=True)
class ToldSign:
    """An event of a line: when, what it says, and its words."""

    at: float
    sign: LineSign
    text: str = ""


@dataclass(frozen=True, slots=True)
class MeasuredHour:
    """An hour in which a line was measured, and whether it answered in it at all."""

    begins: float
    answered: bool


@dataclass(frozen=True, slots=True)
class LineOutage:
    """A time in which a line did not answer. `ends` None: it lasts, as far as anybody knows.

    `end_told`: an event told its end; else it ended at the latest when the line was next measured and answered.
    `cause` is what was told of it; "" where only measurements show it, and then it is known by the hour.
    """

    begins: float
    ends: float | None
    end_told: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class MonthOfLine:
    """A calendar month of the city: for how many seconds it is known how the line was, and down, and how many outages.

    `available` None: nothing is known.
    """

    month: str
    known: float
    down: float
    outages: int

    @property
    def available(self) -> float | None:
        """The part of the known time in which the line was up."""
        return 1 - self.down / self.known if self.known else None


@dataclass(frozen=True, slots=True)
class LinePast:
    """A line's outages, the times in which it came and went, and those in which anything is known, up to `now`."""

    outages: tuple[LineOutage, ...]
    flapping: tuple[Span, ...]
    known: tuple[Span, ...]
    now: float


def find_line_past(signs: Iterable[ToldSign], hours: Iterable[MeasuredHour], now: float) -> LinePast:
    """Return what is known of a line from its events and its measured hours.

    >>> past = find_line_past([ToldSign(4000, LineSign.DOWN, "cut"), ToldSign(4600, LineSign.UP)], [], 9000)
    >>> past.outages
    (LineOutage(begins=4000, ends=4600, end_told=True, cause='cut'),)
    """
    ordered = sorted((one for one in signs if one.at <= now), key=lambda one: one.at)
    measured = sorted({one.begins: one for one in hours if one.begins <= now}.values(), key=lambda one: one.begins)
    told = list(_list_states(ordered, measured, now))
    outages = [one for sign, one in told if sign is LineSign.DOWN]
    outages += _list_untold(measured, [(one.begins, one.ends or now) for one in outages])
    flapping = [(one.begins, one.ends or now) for sign, one in told if sign is LineSign.FLAPPING]
    known = _join((one.begins, min(one.begins + _HOUR, now)) for one in measured)
    return LinePast(tuple(sorted(outages, key=lambda one: one.begins)), tuple(flapping), tuple(known), now)


def _list_states(
    signs: Sequence[ToldSign], hours: Sequence[MeasuredHour], now: float
) -> Iterator[tuple[LineSign, LineOutage]]:
    """Times in which a line was told to be down or flapping; the same told again changes nothing.

    Nobody need tell that a line is back, for who watched may have been stopped: then an hour with an answer shows it.
    """
    answered = [hour.begins for hour in hours if hour.answered]
    current: ToldSign | None = None
    for one in [*signs, None]:
        until = one.at if one is not None else now
        if current is not None and current.sign is LineSign.DOWN:
            seen = next((begins for begins in answered if current.at <= begins < until), None)
            if seen is not None:
                yield current.sign, LineOutage(current.at, seen, end_told=False, cause=current.text)
                current = None
        if current is not None and one is not None and current.sign is one.sign:
            continue
        if current is not None and current.sign is not LineSign.UP:
            end = None if one is None else one.at
            yield current.sign, LineOutage(current.at, end, end_told=end is not None, cause=current.text)
        current = one


def _list_untold(hours: Sequence[MeasuredHour], told: Sequence[Span]) -> Iterator[LineOutage]:
    """Whole hours without an answer of which no event told: who measures need not send events."""
    silent = _join((one.begins, one.begins + _HOUR) for one in hours if not one.answered)
    last = hours[-1].begins if hours else 0.0
    for begins, ends in silent:
        if not any(first < ends and begins < until for first, until in told):
            yield LineOutage(begins, None if ends > last else ends, end_told=False)


def summarize_line_months(past: LinePast, timezone: ZoneInfo) -> list[MonthOfLine]:
    """Return the calendar months of which anything is known, in order."""
    down = _join((one.begins, one.ends if one.ends is not None else past.now) for one in past.outages)
    steady = list(_cut(past.known, past.flapping))
    times = [*past.known, *down]
    if not times:
        return []
    found: list[MonthOfLine] = []
    for begins, ends in _list_months(min(one[0] for one in times), max(one[1] for one in times), timezone):
        month = (begins.timestamp(), ends.timestamp())
        known = list(_overlap(steady, [month]))
        seconds = sum(until - since for since, until in known)
        lost = sum(until - since for since, until in _overlap(known, down))
        outages = [one for one in past.outages if one.begins < month[1] and (one.ends or past.now) > month[0]]
        if seconds or outages:
            found.append(MonthOfLine(f"{begins:%Y-%m}", seconds, lost, len(outages)))
    return found


def _list_months(first: float, last: float, timezone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    at = datetime.fromtimestamp(first, timezone)
    begins = datetime(at.year, at.month, 1, tzinfo=timezone)
    while begins.timestamp() <= last:
        year, month = (begins.year + 1, 1) if begins.month == _DECEMBER else (begins.year, begins.month + 1)
        ends = datetime(year, month, 1, tzinfo=timezone)
        yield begins, ends
        begins = ends


def _join(spans: Iterable[Span]) -> list[Span]:
    """The same times with those that touch as one."""
    joined: list[Span] = []
    for begins, ends in sorted(spans):
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        elif begins < ends:
            joined.append((begins, ends))
    return joined


def _cut(spans: Sequence[Span], away: Sequence[Span]) -> Iterator[Span]:
    """What of the spans is in none of the others."""
    marks = _join(away)
    for begins, ends in spans:
        inside = [(max(begins, one), min(ends, other)) for one, other in marks if one < ends and begins < other]
        edges = [(begins, begins), *inside, (ends, ends)]
        yield from ((left[1], right[0]) for left, right in pairwise(edges) if left[1] < right[0])


def _overlap(spans: Sequence[Span], others: Sequence[Span]) -> Iterator[Span]:
    """What of the spans is in one of the others; neither list overlaps itself."""
    for begins, ends in spans:
        for first, last in others:
            if first < ends and begins < last:
                yield max(begins, first), min(ends, last)
