"""What a watch measures beside its echoes, in a thread of its own: names and pages, and throughput by a timetable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

from controller.measure.assessment.assess import LineState, assess_school
from controller.measure.assessment.metrics_export import AssessmentMetrics, send_measured_event
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import MeasurementKind, ProbeOutcome, ProbeResult
from controller.measure.measurement_round import MeasurementRound, ProbeSite, RoundScope
from controller.measure.probes.dns_probe import DnsProbe
from controller.measure.probes.http_probe import HttpProbe
from controller.measure.probes.probe_path import ProbePath
from controller.measure.schedule.timetable import TestedLine, ThroughputTimetable
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName
from controller.resilience.line_parts import SchoolLine
from controller.resilience.service_states import KnownLines, LineService, OnEvent, ServiceStates
from controller.resilience.supply_events import SupplyEvents
from controller.telemetry.otlp import Telemetry

_LOOK_EVERY = 0.5
_AT_ONCE = 8


@dataclass
class BackgroundMeasurement:
    """`new_round` makes a round that keeps what it measures; `timetable` alone decides when throughput is tested.

    `failure` is what ended it, if anything but `stop` did.
    """

    city: City
    sites: Sequence[ProbeSite]
    latest: LatestMeasurements
    telemetry: Telemetry
    metrics: AssessmentMetrics
    new_round: Callable[[], MeasurementRound]
    timetable: ThroughputTimetable
    on_event: OnEvent = lambda *_: None
    known_lines: KnownLines | None = None
    failure: Exception | None = None
    _filling: SchoolLine | None = None
    _services: ServiceStates = field(init=False)
    _supply: SupplyEvents = field(init=False)

    def __post_init__(self) -> None:
        self._supply = SupplyEvents(self.telemetry, self.on_event)
        self._services = ServiceStates(self.city.measurement, self.telemetry, self.on_event)

    def request_throughput(self, site: ProbeSite) -> None:
        """A school's throughput shall be measured anew, as soon as the timetable allows."""
        self.timetable.request_test(site.school.id)

    def line_under_test(self) -> SchoolLine | None:
        """The line that a test of throughput fills now."""
        return self._filling

    def run(self, stop: Event) -> None:
        """Measure until `stop` is set; a failure sets it."""
        every = self.city.measurement.intervals.answers
        asked_at = float("-inf")
        try:
            while not stop.is_set():
                if time.monotonic() - asked_at >= every:
                    asked_at = time.monotonic()
                    self._ask()
                for school, line in self.timetable.list_due(lambda one: not stop.is_set() and self.may_test(one)):
                    self._throughput(school, line)
                stop.wait(_LOOK_EVERY)
        except Exception as error:  # noqa: BLE001 whoever waits for the thread raises it; else it would be dead unseen
            self.failure = error
            stop.set()

    def may_test(self, tested: TestedLine) -> bool:
        """Whether a line is steady: a test of a dead or flapping one would say nothing."""
        school, line = tested
        return self._states(school).get(line) not in (LineState.DOWN, LineState.FLAPPING)

    def _states(self, school: str) -> Mapping[AccessLineName, LineState]:
        return self.known_lines.states_of(school) if self.known_lines else {}

    def _throughput(self, school: str, line: AccessLineName) -> None:
        site = next(one for one in self.sites if one.school.id == school)
        self._filling = (school, line)
        try:
            self.new_round().measure([site], RoundScope(lines=(line,), only_assessed=True))
        finally:
            self._filling = None
        self.latest.refresh()
        assessment = assess_school(site.school, self.latest.list_all(), self.city.measurement, self._states(school))
        self.metrics.record_assessments([assessment])
        send_measured_event(self.telemetry, assessment)
        self._supply.apply_assessment(assessment)

    def _ask(self) -> None:
        """A name and a page over every line in each family, from the first region that answers."""
        by_line: dict[tuple[str, AccessLineName, Family], list[ProbePath]] = {}
        for site in self.sites:
            for route in self.new_round().list_probe_paths(site, RoundScope()):
                path = route.path
                by_line.setdefault((path.school, path.line, path.family), []).append(route)
        # Over a line or a family over which nothing answers, that is what is told.
        wanted = [routes for line, routes in by_line.items() if not self._is_silent(*line)]
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            self._services.apply_round(one for some in pool.map(self._ask_one, wanted) for one in some)

    def _is_silent(self, school: str, line: AccessLineName, family: Family) -> bool:
        return self.known_lines is not None and self.known_lines.is_family_silent(school, line, family)

    def _ask_one(self, routes: Sequence[ProbePath]) -> list[tuple[LineService, ProbeResult]]:
        policy, path = self.city.measurement, routes[0].path
        within = policy.method.answer_within
        probes = {
            MeasurementKind.DNS: DnsProbe(policy.targets.dns, within).measure,
            MeasurementKind.HTTP: HttpProbe(policy.targets.proxy, within).measure,
        }
        return [
            (LineService(path.school, path.line, path.family, kind), _ask_first(routes, ask))
            for kind, ask in probes.items()
        ]


def _ask_first(routes: Sequence[ProbePath], ask: Callable[[ProbePath], ProbeResult]) -> ProbeResult:
    """What the first region that answers well says; where none does, what the first one said."""
    found: list[ProbeResult] = []
    for route in routes:
        found.append(ask(route))
        if found[-1].outcome is ProbeOutcome.MEASURED:
            return found[-1]
    return found[0]
