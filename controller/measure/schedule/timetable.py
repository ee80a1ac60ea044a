"""What decides when throughput is tested: the slots of the day's plan, or in the virtual city a plain interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from queue import Empty, SimpleQueue
from typing import Protocol

from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import MeasurementKind
from controller.model.measurement import MeasurementFile
from controller.model.sites.contracted_lines import AccessLineName

TestedLine = tuple[str, AccessLineName]
"""A school's id and one of its lines."""
MayTest = Callable[[TestedLine], bool]
"""Whether a line is steady enough to be tested now."""


class ThroughputTimetable(Protocol):
    """Says which line is to be tested now; nothing else begins a test of throughput by itself."""

    def request_test(self, school: str) -> None:
        """A school's line is back: it shall be tested as soon as the timetable allows. For any thread."""

    def list_due(self, may_test: MayTest) -> Iterator[TestedLine]:
        """Yield the lines to be tested now, one after the other; each counts as begun when it is yielded."""


@dataclass
class TestRequests:
    """Schools whose test was asked for, from any thread; each is taken once."""

    __test__ = False

    _queue: SimpleQueue[str] = field(default_factory=SimpleQueue)

    def add_school(self, school: str) -> None:
        """Ask for a school's test."""
        self._queue.put(school)

    def take_all(self) -> list[str]:
        """Take what was asked for since the last time, no school twice."""
        found: dict[str, None] = {}
        while True:
            try:
                found[self._queue.get_nowait()] = None
            except Empty:
                return list(found)


@dataclass
class IntervalTimetable:
    """Tests a school whenever its figure is older than `intervals.throughput`: the virtual city's quick rhythm.

    `clock` dates measurements; `timer` is one that nobody sets.
    """

    policy: MeasurementFile
    schools: Sequence[str]
    latest: LatestMeasurements
    clock: Callable[[], datetime]
    timer: Callable[[], float]
    _requests: TestRequests = field(default_factory=TestRequests)
    _tried: dict[str, float] = field(default_factory=dict)

    def request_test(self, school: str) -> None:
        """A school shall be tested now, however new its figure is."""
        self._requests.add_school(school)

    def list_due(self, may_test: MayTest) -> Iterator[TestedLine]:
        """Yield schools whose line came back, then those whose figure is too old; no school twice in a moment."""
        line, every = self.policy.judged.line, timedelta(seconds=self.policy.intervals.throughput)
        asked = [name for name in self._requests.take_all() if name in self.schools]
        self.latest.refresh()
        now = self.clock()
        # What was measured at a time to come was measured before the clock was put back: nobody knows how old it is.
        fresh = {
            one.path.school
            for one in self.latest.list_all()
            if one.result.kind is MeasurementKind.DOWNLOAD and one.path.line == line and now - every <= one.at <= now
        }
        for school in [*asked, *(name for name in self.schools if name not in asked and name not in fresh)]:
            # No clock that somebody sets: a school would be left alone until then.
            tried = self.timer() - self._tried.get(school, -inf) <= every.total_seconds()
            if (school in asked or not tried) and may_test((school, line)):
                self._tried[school] = self.timer()
                yield school, line
