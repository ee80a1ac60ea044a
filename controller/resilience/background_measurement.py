"""What a watch measures beside its echoes, in a thread of its own: names and pages, and throughput when it is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event

from controller.errors import TsunaguError
from controller.measure.assessment.assess import assess_school
from controller.measure.assessment.metrics_export import (
    AssessmentMetrics,
    name_family,
    send_measured_event,
)
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.lesson_hours import is_lesson_time
from controller.measure.measurement import DURATION_MS, MeasurementKind, ProbeOutcome
from controller.measure.measurement_round import MeasurementRound, ProbeSite, RoundScope
from controller.measure.probes.dns_probe import DnsProbe
from controller.measure.probes.http_probe import HttpProbe
from controller.measure.probes.probe_path import ProbePath
from controller.model.city import City
from controller.resilience.line_states import SchoolLine
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import DNS_DURATION, HTTP_DURATION
from controller.telemetry.units import seconds_from_ms

_LOOK_EVERY = 0.5
_AT_ONCE = 8


@dataclass
class BackgroundMeasurement:
    """`new_round` makes a round that keeps what it measures; `even_in_lessons` where no pupil needs the lines.

    `failure` is what ended it, if anything but `stop` did.
    """

    city: City
    sites: Sequence[ProbeSite]
    latest: LatestMeasurements
    telemetry: Telemetry
    metrics: AssessmentMetrics
    new_round: Callable[[], MeasurementRound]
    even_in_lessons: bool
    failure: TsunaguError | None = None
    _filling: SchoolLine | None = None
    _wanted: SimpleQueue[ProbeSite] = field(default_factory=SimpleQueue)
    _tried: dict[str, datetime] = field(default_factory=dict)

    def request_throughput(self, site: ProbeSite) -> None:
        """A school's throughput shall be measured anew, now."""
        self._wanted.put(site)

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
                for site in self.list_due_sites():
                    if stop.is_set():
                        return
                    self._throughput(site)
                stop.wait(_LOOK_EVERY)
        except TsunaguError as error:
            self.failure = error
            stop.set()

    def list_due_sites(self) -> Iterator[ProbeSite]:
        """Schools whose line came back, then those whose figure is too old; no school twice in a moment."""
        asked: dict[str, ProbeSite] = {}
        while True:
            try:
                site = self._wanted.get_nowait()
            except Empty:
                break
            asked[site.school.id] = site
        self.latest.refresh()
        now = datetime.now(UTC)
        policy = self.city.measurement
        if not self.even_in_lessons:
            asked = {name: site for name, site in asked.items() if not self._has_lessons(site, now)}
        yield from asked.values()
        oldest = now - timedelta(seconds=policy.intervals.throughput)
        latest = self.latest.list_all()
        measured = {
            one.path.school: one.at
            for one in latest
            if one.result.kind is MeasurementKind.DOWNLOAD and one.path.line == policy.judged.line
        }
        for site in self.sites:
            at = max(
                (one for one in (measured.get(site.school.id), self._tried.get(site.school.id)) if one), default=None
            )
            is_due = site.school.id not in asked and (at is None or at < oldest)
            if is_due and (self.even_in_lessons or not self._has_lessons(site, now)):
                yield site

    def _has_lessons(self, site: ProbeSite, now: datetime) -> bool:
        return is_lesson_time(now, self.city, site.school)

    def _throughput(self, site: ProbeSite) -> None:
        self._tried[site.school.id] = datetime.now(UTC)
        line = self.city.measurement.judged.line
        self._filling = (site.school.id, line)
        try:
            self.new_round().measure([site], RoundScope(lines=(line,), only_assessed=True))
        finally:
            self._filling = None
        self.latest.refresh()
        assessment = assess_school(site.school, self.latest.list_all(), self.city.measurement)
        self.metrics.record_assessments([assessment])
        send_measured_event(self.telemetry, assessment)

    def _ask(self) -> None:
        """A name and a page over every line in each family, from the first region that answers."""
        by_line: dict[tuple[str, str, int], list[ProbePath]] = {}
        for site in self.sites:
            for route in self.new_round().list_probe_paths(site, RoundScope()):
                by_line.setdefault((route.path.school, route.path.line, int(route.path.family)), []).append(route)
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            list(pool.map(self._ask_one, by_line.values()))

    def _ask_one(self, routes: Sequence[ProbePath]) -> None:
        policy = self.city.measurement
        within = policy.method.answer_within
        for metric, probe in (
            (DNS_DURATION, DnsProbe(policy.targets.dns, within)),
            (HTTP_DURATION, HttpProbe(policy.targets.proxy, within)),
        ):
            for route in routes:
                found = probe.measure(route)
                if found.outcome is ProbeOutcome.MEASURED:
                    path = route.path
                    place = {"school": path.school, "line": path.line, "family": name_family(path.family)}
                    self.telemetry.record(metric, seconds_from_ms(found.figures[DURATION_MS]), **place)
                    break
