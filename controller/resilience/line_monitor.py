"""The line monitor: an echo over every line about once a second, and the changes of lines and regions that follow.

A change is told within `down-after` rounds. What takes longer than a round is measured beside it, by
`controller.resilience.background_measurement`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean
from threading import Event

from controller.measure.assessment.assess import LineState, SchoolAssessment, assess_school
from controller.measure.assessment.metrics_export import AssessmentMetrics, name_family
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import LinePath
from controller.measure.measurement_round import ProbeSite
from controller.measure.probes.icmp_prober import IcmpProber
from controller.model.city import City
from controller.model.sites.contracted_lines import AccessLineName
from controller.resilience.egress_tracker import EgressTracker
from controller.resilience.line_states import (
    LineStateMachine,
    SchoolLine,
    StateChange,
    summarize_lines,
    summarize_regions,
)
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import (
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_UP,
    PROBE_LAST_SUCCESS,
    EventKind,
)
from controller.telemetry.units import seconds_from_ms

_REMEMBERED = 10
"""Rounds that loss and jitter are taken from."""
_PART_OF_ROUND = 0.8
_ASSESSED_EVERY = 5.0

OnEvent = Callable[[EventKind, str, Mapping[str, str]], None]
"""Tells people of a change: its kind, its text, and what it is about."""


@dataclass
class LineMonitor:
    """Watches schools until it is stopped. `request_throughput` takes a school whose throughput is to be measured anew.

    `line_under_test` gives the line that a test of throughput fills now: an echo over it would measure the
    test's queue.
    """

    city: City
    sites: Sequence[ProbeSite]
    latest: LatestMeasurements
    telemetry: Telemetry
    metrics: AssessmentMetrics
    prober: IcmpProber
    egress: EgressTracker
    request_throughput: Callable[[ProbeSite], None]
    on_event: OnEvent
    line_under_test: Callable[[], SchoolLine | None] = lambda: None
    lines: LineStateMachine[SchoolLine] = field(init=False)
    regions: LineStateMachine[str] = field(init=False)
    _history: dict[LinePath, deque[float | None]] = field(default_factory=dict)
    _assessed_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.lines = LineStateMachine(self.city.measurement.down_after)
        self.regions = LineStateMachine(self.city.measurement.down_after)

    def run(self, stop: Event) -> None:
        """Watch until `stop` is set. A round that took too long makes the next one late, never two at once.

        It reads no file: a store that is slow would keep the echoes waiting.
        """
        every = self.city.measurement.intervals.light
        try:
            while not stop.is_set():
                began = time.monotonic()
                self.run_round()
                stop.wait(max(0.0, began + every - time.monotonic()))
        finally:
            self.prober.close()

    def run_round(self) -> None:
        """One round of echoes, and everything that follows from it."""
        policy = self.city.measurement
        before = self.line_under_test()
        answers = self.prober.probe_all(min(policy.method.answer_within, _PART_OF_ROUND * policy.intervals.light))
        self._record(answers, {before, self.line_under_test()})
        changed = list(self.lines.apply_round(summarize_lines(answers)))
        for one in changed:
            self._line_changed(one)
        for region in self.regions.apply_round(summarize_regions(answers)):
            self._region_changed(region)
        for school, line in self.egress.read_changes():
            self._tell(EventKind.FAILOVER, f"traffic leaves by the {line} line", school=school, line=line)
        if changed or time.monotonic() - self._assessed_at >= _ASSESSED_EVERY:
            self._assessed_at = time.monotonic()
            self.metrics.record_assessments(self.assess_schools())

    def assess_schools(self) -> list[SchoolAssessment]:
        """The schools as they are now: their latest figures, and the states of their lines as the watch sees them."""
        latest = self.latest.list_all()
        return [
            assess_school(site.school, latest, self.city.measurement, self._states(site.school.id))
            for site in self.sites
        ]

    def _states(self, school: str) -> dict[AccessLineName, LineState]:
        return {line: state for (id_, line), state in self.lines.states.items() if id_ == school}

    def _record(self, answers: Mapping[LinePath, float | None], filled: Collection[SchoolLine | None]) -> None:
        record = self.telemetry.record
        now = time.time()
        for path, took in answers.items():
            history = self._history.setdefault(path, deque(maxlen=_REMEMBERED))
            if took is not None and (path.school, path.line) in filled:
                record(PROBE_LAST_SUCCESS, now, school=path.school)
                history.clear()
                continue
            history.append(took)
            place = {
                "school": path.school,
                "line": path.line,
                "region": path.region,
                "family": name_family(path.family),
            }
            heard = [one for one in history if one is not None]
            record(LINE_LOSS, 1 - len(heard) / len(history), **place)
            if took is not None:
                record(LINE_LATENCY, seconds_from_ms(took), **place)
                record(PROBE_LAST_SUCCESS, now, school=path.school)
            if len(heard) > 1:
                jitter = mean(abs(after - before) for before, after in pairwise(heard))
                record(LINE_JITTER, seconds_from_ms(jitter), **place)

    def _line_changed(self, changed: StateChange[SchoolLine]) -> None:
        school, line = changed.key
        up = changed.state is LineState.UP
        self.telemetry.record(LINE_UP, float(up), school=school, line=line)
        kind, text = (
            (EventKind.LINE_UP, f"the {line} line answers again")
            if up
            else (EventKind.LINE_DOWN, f"the {line} line is down: no region answers over it")
        )
        self._tell(kind, text, school=school, line=line)
        self.egress.watch_school(school)
        if up and line == self.city.measurement.judged.line:
            self.request_throughput(next(site for site in self.sites if site.school.id == school))

    def _region_changed(self, changed: StateChange[str]) -> None:
        up = changed.state is LineState.UP
        kind = EventKind.REGION_UP if up else EventKind.REGION_DOWN
        text = f"{changed.key} answers again" if up else f"{changed.key} answers over no line of any school"
        for site in self.sites:
            self._tell(kind, text, school=site.school.id, region=changed.key)

    def _tell(self, kind: EventKind, text: str, **about: str) -> None:
        self.telemetry.event(kind, text, context=None, **about)
        self.on_event(kind, text, about)
