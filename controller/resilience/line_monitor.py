"""The line monitor: an echo over every line about once a second, and the changes of lines and regions that follow.

A change is told within `down-after` rounds. What takes longer than a round is measured beside it, by
`controller.resilience.background_measurement`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from threading import Event

from controller.measure.assessment.assess import LineState, SchoolAssessment, assess_school
from controller.measure.assessment.metrics_export import AssessmentMetrics, name_family
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import LinePath
from controller.measure.measurement_round import ProbeSite
from controller.measure.probes.icmp_prober import EchoRound, IcmpProber
from controller.measure.probes.loss_interval import LossCount
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName
from controller.resilience.echo_history import EchoHistory
from controller.resilience.egress_tracker import EgressTracker
from controller.resilience.line_events import describe_line_change, describe_part_change, describe_region_change
from controller.resilience.line_parts import (
    LinePart,
    SchoolLine,
    find_lone_lines,
    summarize_lines,
    summarize_parts,
    summarize_regions,
)
from controller.resilience.line_states import LineStateMachine, StateChange, StateLimits
from controller.resilience.service_states import OnEvent
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import (
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    PATH_ECHOES,
    PATH_UP,
    PROBE_LAST_SUCCESS,
    EventKind,
)
from controller.telemetry.units import seconds_from_ms

_PART_OF_ROUND = 0.8
_ASSESSED_EVERY = 5.0
_UNSTEADY = (LineState.FLAPPING, LineState.DOWN)


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
    parts: LineStateMachine[LinePart] = field(init=False)
    _paths: LineStateMachine[LinePath] = field(init=False)
    _lone: Collection[SchoolLine] = field(init=False)
    _history: dict[LinePath, EchoHistory] = field(default_factory=dict)
    _assessed_at: float = float("-inf")

    def __post_init__(self) -> None:
        policy = self.city.measurement
        limits = StateLimits(policy.down_after, policy.slow_from, policy.flapping.changes, policy.flapping.within)
        # Whether a line is slow is said of the whole of it.
        of_parts = StateLimits(policy.down_after, inf, policy.flapping.changes, policy.flapping.within)
        self.lines, self.regions = LineStateMachine(limits), LineStateMachine(of_parts)
        self.parts, self._paths = LineStateMachine(of_parts), LineStateMachine(of_parts)
        self._lone = find_lone_lines(route.path for route in self.prober.probe_paths)

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
        found = self.prober.probe_all(min(policy.method.answer_within, _PART_OF_ROUND * policy.intervals.light))
        changed = self._apply(found.fastest)
        self._record(found, {one for one in (before, self.line_under_test()) if one is not None})
        for school, line in self.egress.read_changes():
            self._tell(EventKind.FAILOVER, f"traffic leaves by the {line} line", school=school, line=line)
        if changed or time.monotonic() - self._assessed_at >= _ASSESSED_EVERY:
            self._assessed_at = time.monotonic()
            self.metrics.record_assessments(self.assess_schools())

    def assess_schools(self) -> list[SchoolAssessment]:
        """The schools as they are now: their latest figures, and the states and losses as the watch sees them."""
        latest = self.latest.list_all()
        return [
            assess_school(
                site.school,
                latest,
                self.city.measurement,
                self.states_of(site.school.id),
                self._losses(site.school.id),
            )
            for site in self.sites
        ]

    def is_family_silent(self, school: str, line: AccessLineName, family: Family) -> bool:
        """Whether no region answers over a line in a family."""
        part = LinePart(school, line, None, family)
        return LineState.DOWN in (self.lines.states.get((school, line)), self.parts.states.get(part))

    def states_of(self, school: str) -> dict[AccessLineName, LineState]:
        """The state of each line of a school, as far as it is known."""
        return {line: state for (id_, line), state in self.lines.states.items() if id_ == school}

    def _losses(self, school: str) -> dict[LinePath, LossCount]:
        return {path: history.loss for path, history in self._history.items() if path.school == school}

    def _apply(self, heard: Mapping[LinePath, float | None]) -> bool:
        """Bring every state up to a round; gives whether a line changed."""
        at = time.monotonic()
        changed = list(self.lines.apply_round(summarize_lines(heard), at, self._lone))
        for line in changed:
            self._line_changed(line)
        for region in self.regions.apply_round(summarize_regions(heard), at):
            kind, text = describe_region_change(region)
            for site in self.sites:
                self._tell(kind, text, school=site.school.id, region=region.key)
        parts = summarize_parts(heard)
        for part in self.parts.apply_round(parts, at, parts):
            self._part_changed(part)
        for path in self._paths.apply_round(heard, at, heard):
            if path.before is LineState.DOWN:
                self._history_of(path.key).forget_echoes()
        return bool(changed)

    def _history_of(self, path: LinePath) -> EchoHistory:
        return self._history.setdefault(path, EchoHistory())

    def _record(self, found: EchoRound, filled: Collection[SchoolLine]) -> None:
        record = self.telemetry.record
        now, states = time.time(), self._paths.states
        for school, line in filled:
            self.prober.forget_line(school, line)
        for path, best in found.fastest.items():
            place = {
                "school": path.school,
                "line": path.line,
                "region": path.region,
                "family": name_family(path.family),
            }
            dead = states.get(path) is LineState.DOWN
            record(PATH_UP, float(not dead), **place)
            if best is not None:
                record(PROBE_LAST_SUCCESS, now, school=path.school)
            history = self._history_of(path)
            if (path.school, path.line) in filled:
                history.forget_times()
                continue
            took = found.answers[path]
            answers = [*found.late.get(path, ()), *([took] if took is not None else [])]
            for one in answers:
                history.add_answer(one)
            history.add_lost(found.lost.get(path, 0))
            if answers:
                record(LINE_LATENCY, seconds_from_ms(answers[-1]), **place)
            if history.jitter is not None:
                record(LINE_JITTER, seconds_from_ms(history.jitter), **place)
            if dead or history.loss.sent:
                record(LINE_LOSS, 1.0 if dead else history.loss.ratio, **place)
                record(PATH_ECHOES, history.loss.sent, **place)

    def _line_changed(self, changed: StateChange[SchoolLine]) -> None:
        school, line = changed.key
        kind, text = describe_line_change(changed, self.city.measurement.slow_from)
        self._tell(kind, text, school=school, line=line)
        self.egress.watch_school(school)
        back = changed.state is LineState.UP and changed.before in _UNSTEADY
        if back and line == self.city.measurement.judged.line:
            self.request_throughput(next(site for site in self.sites if site.school.id == school))

    def _part_changed(self, changed: StateChange[LinePart]) -> None:
        part = changed.key
        about = {"region": part.region, "family": name_family(part.family) if part.family else None}
        kind, text = describe_part_change(changed)
        self._tell(kind, text, school=part.school, line=part.line, **{key: one for key, one in about.items() if one})

    def _tell(self, kind: EventKind, text: str, **about: str) -> None:
        self.telemetry.event(kind, text, context=None, **about)
        self.on_event(kind, text, about)
