"""The newest value of each series: what arrived last counts, whatever clocks say; bad news stands until good news."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from controller.model.measurement import Assessment
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    DEVICE_DRIFT,
    DEVICE_UNCONFIRMED,
    DNS_UP,
    HTTP_UP,
    LINE_FLAPPING,
    LINE_LOSS,
    LINE_SLOW,
    LINE_UP,
    PATH_UP,
    EventKind,
    Metric,
)
from monitoring.limits import CLOCK_SECONDS, REORDERED_SECONDS
from monitoring.timeseries.records import EventRecord, GaugeValue, SeriesEnd, SeriesKey

_BAD_AT_ZERO = frozenset(one.name for one in (LINE_UP, PATH_UP, DNS_UP, HTTP_UP))
_BAD_ABOVE_ZERO = frozenset(one.name for one in (LINE_SLOW, LINE_FLAPPING, DEVICE_DRIFT, DEVICE_UNCONFIRMED))


BROWN_OUT_LOSS = 0.1
"""A line that loses such a part of its echoes, over all its paths, is alive and of little use."""


class Moment(NamedTuple):
    """A moment by two clocks: the wall's, which may be put back, and one that runs on, also in a machine's sleep."""

    wall: float
    running: float


def read_clocks() -> Moment:
    """Now."""
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


Clock = Callable[[], Moment]


@dataclass(frozen=True, slots=True)
class KnownValue:
    """What is known of a series. `heard`: when its newest value arrived; None where that is not known.

    `since`: from when on it has told the same state. `running` is its arrival by the clock that runs on. `ended`: who
    sends it says that it has no value now, which is no good news.
    """

    key: SeriesKey
    at: float
    value: float
    early: bool
    sender: str
    heard: float | None
    since: float
    running: float
    ended: bool = False

    def measure_age(self, now: Moment) -> float:
        """For how many seconds nothing newer has arrived: by the clock that says more, for either may be wrong."""
        if self.heard is None:
            return float("inf")
        return max(now.wall - self.heard, now.running - self.running)

    def is_fresh(self, now: Moment) -> bool:
        """Whether it may stand for the present."""
        return not self.ended and self.measure_age(now) <= self.key[0].fresh


class KnownValues:
    """The newest values. Belongs to one thread, the event loop's."""

    def __init__(self, regions: Sequence[str] = (), clock: Clock = read_clocks) -> None:
        self.regions = regions
        """The city's regions, by their ids."""
        self.clock = clock
        self.by_key: dict[SeriesKey, KnownValue] = {}
        self._by_values: dict[tuple[str, ...], KnownValue] = {}
        """The same by the metric's name and the values of its attributes: a look at a city asks for thousands."""
        self.brown_outs: dict[tuple[str, str], float] = {}
        """The lines, by school and name, of which an event told that they carry too little, and since when."""

    def may_stand(self, value: GaugeValue, now: Moment) -> bool:
        """Whether a value may be believed: one that is dated later than it came fills gaps only.

        Such a sender's clock is wrong, or it lies. Where one with a right clock speaks, that one is believed; but a
        sender whose own clock jumped ahead goes on speaking for itself.
        """
        before = self.by_key.get(value.key)
        return (
            not value.early
            or before is None
            or before.early
            or _is_same_sender(value, before)
            or not before.is_fresh(now)
        )

    def is_late(self, value: GaugeValue, now: Moment) -> bool:
        """Whether it was overtaken: something newer was heard while it lay at its sender, or was on its way."""
        before = self.by_key.get(value.key)
        if before is None:
            return False
        if value.waited and before.heard is not None and now.running - value.waited < before.running:
            return True
        return _is_same_sender(value, before) and before.at - REORDERED_SECONDS <= value.at < before.at

    def take(self, values: Iterable[GaugeValue], now: Moment) -> list[GaugeValue]:
        """Newer values, of one request; gives them with when they were heard and since when they say the same."""
        taken = []
        begun: dict[SeriesKey, KnownValue | None] = {}
        for one in values:
            before = self.by_key.get(one.key)
            earlier = begun.setdefault(one.key, before)
            # Than another of this request.
            is_older = before is not None and before is not earlier and one.at < before.at
            if one.late or is_older or self.is_late(one, now):
                taken.append(replace(one, late=True))
                continue
            heard = now.wall - one.waited if one.heard is None else one.heard
            since = heard if one.since is None else one.since
            if earlier is not None and one.since is None and _is_same_state(one.key[0], earlier.value, one.value):
                since = earlier.since
            self._remember(replace(one, heard=heard, since=since), now)
            taken.append(replace(one, heard=heard, since=since))
        return taken

    def end(self, ends: Iterable[SeriesEnd]) -> list[SeriesEnd]:
        """Series without a value from now on; gives those that are forgotten. Bad news stands, as in any silence.

        An end that is older than the newest value is passed over; not where that one is dated later than now, because
        the monitor's clock was put back since.
        """
        forgotten = []
        latest = self.clock().wall + CLOCK_SECONDS
        for one in ends:
            before = self.by_key.get(one.key)
            if before is None or one.at < before.at <= latest:
                continue
            if is_bad_news(one.key[0], before.value):
                self._put(replace(before, ended=True))
            else:
                del self.by_key[one.key], self._by_values[_index(one.key)]
                forgotten.append(replace(one, at=max(one.at, before.at)))
        return forgotten

    def hear_events(self, events: Iterable[EventRecord]) -> None:
        """What events tell of lines that lasts until another one ends it; the later one counts."""
        for one in events:
            if one.kind == EventKind.BROWN_OUT:
                self.brown_outs.setdefault((one.school, one.line), one.at)
            elif one.kind == EventKind.BROWN_OUT_OVER:
                self.brown_outs.pop((one.school, one.line), None)

    def load(self, values: Iterable[GaugeValue]) -> None:
        """Values as the store kept them; what it says of when they came holds."""
        now = self.clock()
        for one in values:
            before = self.by_key.get(one.key)
            if before is None or one.at >= before.at:
                self._remember(one if one.heard is not None else replace(one, heard=one.at), now)

    def find_fresh(self, metric: Metric, *attributes: str) -> KnownValue | None:
        """A metric's value that may stand for the present, by the values of its attributes; else None."""
        found = self.find(metric, *attributes)
        return found if found is not None and found.is_fresh(self.clock()) else None

    def find_standing(self, metric: Metric, *attributes: str) -> KnownValue | None:
        """The same, and bad news however old it is: silence mends nothing."""
        found = self.find(metric, *attributes)
        return found if found is not None and self.does_stand(found, self.clock()) else None

    def find(self, metric: Metric, *attributes: str) -> KnownValue | None:
        """A metric's newest value, however old it is."""
        return self._by_values.get((metric.name, *attributes))

    @staticmethod
    def does_stand(known: KnownValue, now: Moment) -> bool:
        """Whether a value is served."""
        return known.is_fresh(now) or is_bad_news(known.key[0], known.value)

    def _remember(self, one: GaugeValue, now: Moment) -> None:
        heard = one.heard or None
        running = now.running - max(0.0, now.wall - heard) if heard else now.running
        since = one.since if one.since is not None else heard or one.at
        known = KnownValue(one.key, one.at, one.value, one.early, one.sender, heard, since, running)
        self._put(known)

    def _put(self, known: KnownValue) -> None:
        self.by_key[known.key] = self._by_values[_index(known.key)] = known


def _index(key: SeriesKey) -> tuple[str, ...]:
    """What a series is looked up by: its metric's name and the values of its attributes."""
    return key[0].name, *(value for _, value in key[1])


def is_bad_news(metric: Metric, value: float) -> bool:
    """Whether a value says that something is wrong, which stays so until another value says otherwise.

    >>> is_bad_news(LINE_UP, 0), is_bad_news(LINE_UP, 1), is_bad_news(DEVICE_DRIFT, 2)
    (True, False, True)
    """
    if metric is BANDWIDTH_ASSESSMENT:
        return value == Assessment.BELOW.number
    return (metric.name in _BAD_AT_ZERO and value <= 0) or (metric.name in _BAD_ABOVE_ZERO and value > 0)


def _is_same_sender(value: GaugeValue, before: KnownValue) -> bool:
    """Whether one process, or one probe, told both; of who gives no instance nobody knows."""
    return value.sender == before.sender and value.sender[-1:] not in ("", "/")


def _is_same_state(metric: Metric, before: float, after: float) -> bool:
    """Whether two values of a series tell the same state: the same assessment, else both bad or neither."""
    if metric is BANDWIDTH_ASSESSMENT:
        return before == after
    if metric is LINE_LOSS:
        return (before >= BROWN_OUT_LOSS) == (after >= BROWN_OUT_LOSS)
    return is_bad_news(metric, before) == is_bad_news(metric, after)
