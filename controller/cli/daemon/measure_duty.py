"""The daemon's duty to measure the virtual city: at the operators' pace, or by the slots where it keeps to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from threading import Event

from controller.cli.audit import open_audit_trail
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.rollouts.estate_rollouts import EstateRollouts
from controller.lab.estate import STORE as LAB_STORE
from controller.lab.estate import explain_absence, list_probe_sites, make_throughput_probe, open_timetable
from controller.measure.assessment.assess import SchoolAssessment, assess_school
from controller.measure.assessment.metrics_export import AssessmentMetrics, record_measurement, send_measured_event
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import MeasurementKind
from controller.measure.measurement_round import MeasurementRound, ProbeSite, RoundScope, make_run_name
from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.model.city import City
from controller.model.measurement import VirtualRhythm
from controller.model.virtual_city import VirtualCity
from controller.plan.select import Selection
from controller.platforms.transport.base import Clock
from controller.storage.steady_clock import SteadyClock
from controller.telemetry.otlp import Telemetry, open_telemetry
from controller.telemetry.registry import Writer

LOOK_SECONDS = 5.0
"""How often it is looked whether a round is due."""
_SLOT_LOOK_SECONDS = 1.0
_LONGEST_SECONDS = 900.0
"""So long the slots are followed before the policy is read anew."""
_AGAIN_SECONDS = 60.0
_EVERYTHING = Selection()
OnAssessed = Callable[[City, Telemetry, SchoolAssessment], None]


@dataclass
class MeasureDuty:
    """Measures the schools that are up. `every` is the operators' pace in seconds; the slots have a pace of their own.

    `load_city` and `find_place` read the policy and the operators' file of today; `on_assessed` hears of each test.
    """

    policies: Path
    load_city: Callable[[], City]
    find_place: Callable[[], EstateRollouts]
    clock: Clock
    every: float
    on_assessed: OnAssessed = lambda *_: None
    _steady: SteadyClock = field(default_factory=SteadyClock)
    _due: float = -inf
    _said: str = ""
    _fault: Exception | None = None

    def measure_due(self, stop: Event) -> str:
        """Measure what is due; return what there is to say.

        Raises:
            TsunaguError: it cannot be measured.
        """
        now = self.clock.monotonic()
        if now < self._due:
            if self._fault is not None:
                raise self._fault.with_traceback(None)  # it does not work again before it was tried again
            return self._said
        self._due, self._said, self._fault = now + self.every, "", None
        try:
            self._said = self._measure(now, stop)
        except Exception as error:
            self._fault = error
            raise
        return self._said

    def _measure(self, now: float, stop: Event) -> str:
        city = self.load_city()
        if not isinstance(city, VirtualCity):
            return ""
        by_slots = city.measurement.schedule.virtual_city is VirtualRhythm.SLOTS
        if by_slots:
            self._due = now + min(self.every, _AGAIN_SECONDS)  # where it breaks off
        with self._open_round(city) as scene:
            if not by_slots:
                return scene.measure_sites(scene.sites, stop)
            said = self._follow_slots(scene, stop)
        self._due = -inf
        return said

    def _follow_slots(self, scene: _Scene, stop: Event) -> str:
        ends = self.clock.monotonic() + _LONGEST_SECONDS
        by_name = {site.school.id: site for site in scene.sites}
        latest = LatestMeasurements(scene.store)
        with open_timetable(scene.city, scene.sites, scene.store, latest, self._steady) as timetable:
            while not stop.is_set() and self.clock.monotonic() < ends:
                for school, _ in timetable.list_due(lambda _: not stop.is_set()):
                    scene.measure_sites([by_name[school]], stop)
                stop.wait(_SLOT_LOOK_SECONDS)
        return f"{len(scene.sites)} schools are measured by their slots (tsunagu measure schedule --lab)"

    @contextmanager
    def _open_round(self, city: VirtualCity) -> Iterator[_Scene]:
        place = self.find_place()
        sites = list_probe_sites(city, _EVERYTHING)
        trail = open_audit_trail(place.folder, place.operations)
        with ExitStack() as opened:
            opened.enter_context(explain_absence())
            sent = opened.enter_context(open_telemetry(token=find_token_file(Writer.PROBE, self.policies)))
            file = place.folder / LAB_STORE
            store = opened.enter_context(open_measurement_store(file, trail=trail, timezone=city.timezone))
            yield _Scene(city, sites, store, sent, self.clock, self.on_assessed)


@dataclass
class _Scene:
    """What schools are measured with."""

    city: VirtualCity
    sites: Sequence[ProbeSite]
    store: MeasurementStore
    sent: Telemetry
    clock: Clock
    on_assessed: OnAssessed
    metrics: AssessmentMetrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = AssessmentMetrics(self.sent, after=self.store.read_last_number())

    def measure_sites(self, sites: Sequence[ProbeSite], stop: Event) -> str:
        """Measure schools, one after the other, as `tsunagu measure --quick` does."""
        name, probe = make_run_name(self.clock.now()), make_throughput_probe(self.city)
        run = MeasurementRound(self.city, self.store, probe, name, lambda one: record_measurement(self.sent, one))
        measured = asked = 0
        for site in sites:
            if stop.is_set():
                return ""
            found = run.measure([site], RoundScope(only_assessed=True))
            asked, measured = asked + len(found), measured + sum(one.measured for one in found)
            assessment = assess_school(site.school, self.store.read_latest(), self.city.measurement)
            self.metrics.record_assessments([assessment])
            send_measured_event(self.sent, assessment)
            if any(one.measured for one in found if one.result.kind is MeasurementKind.DOWNLOAD):
                self.on_assessed(self.city, self.sent, assessment)  # an older figure is no slot
        return f"{len(sites)} schools measured" if measured == asked else f"{asked - measured} of {asked} not measured"
