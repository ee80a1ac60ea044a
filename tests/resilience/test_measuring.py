from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from controller.measure import latest_measurements
from controller.measure.assessment.assess import LineState
from controller.measure.assessment.metrics_export import AssessmentMetrics
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement_round import MeasurementRound, ProbeSite
from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.measure.probes.probe_path import NamespaceHost
from controller.measure.schedule.timetable import IntervalTimetable, MayTest, TestedLine
from controller.model.city import City
from controller.resilience.background_measurement import BackgroundMeasurement
from controller.telemetry.otlp import Telemetry
from tests.measure.findings import AnHourAhead, path, throughput

SCHOOLS = ("as-e04", "kw-s01")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MeasurementStore]:
    with open_measurement_store(tmp_path / "m.sqlite") as made:
        yield made


class Broken(Exception):
    """What nobody foresaw."""


def make_no_round() -> MeasurementRound:
    """A round that cannot even begin."""
    raise Broken


@dataclass
class Scene:
    """The interval of the virtual city over two schools, with clocks that a test sets."""

    city: City
    store: MeasurementStore
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0

    def __post_init__(self) -> None:
        latest = LatestMeasurements(self.store)
        policy = self.city.measurement
        self.timetable = IntervalTimetable(policy, SCHOOLS, latest, lambda: self.now, lambda: self.seconds)

    def list_due(self, may_test: MayTest = lambda _: True) -> list[str]:
        return [school for school, _ in self.timetable.list_due(may_test)]

    def wait(self) -> None:
        """The interval passes by the clock that nobody sets."""
        self.seconds += self.city.measurement.intervals.throughput + 1


@pytest.fixture
def scene(city: City, store: MeasurementStore) -> Scene:
    return Scene(city, store)


def test_due_is_what_was_never_measured_what_is_old_and_what_is_wanted(scene: Scene) -> None:
    assert scene.list_due() == ["as-e04", "kw-s01"]
    assert scene.list_due() == []  # both were tried this moment
    scene.wait()
    old = scene.now - timedelta(seconds=scene.city.measurement.intervals.throughput + 1)
    for at, place in ((scene.now, path("as-e04")), (old, path("kw-s01")), (scene.now, path("kw-s01", "backup"))):
        scene.store.add_measurement("r", at, place, throughput(100), in_lessons=False)
    assert scene.list_due() == ["kw-s01"]
    for _ in range(2):
        scene.timetable.request_test("as-e04")
    scene.timetable.request_test("somewhere-else")
    scene.wait()
    assert scene.list_due() == ["as-e04", "kw-s01"]


def test_a_line_that_is_not_steady_is_left_and_tried_when_it_is(scene: Scene) -> None:
    assert scene.list_due(lambda one: one[0] != "as-e04") == ["kw-s01"]
    assert scene.list_due() == ["as-e04"]


def test_a_clock_that_is_put_back_delays_no_test(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried is counted by a clock that nobody sets; what was measured at a time to come is not fresh."""
    ahead = scene.now + timedelta(minutes=59)
    scene.store.add_measurement("r", ahead, path("kw-s01"), throughput(100), in_lessons=False)
    with monkeypatch.context() as an_hour_ahead:
        an_hour_ahead.setattr(latest_measurements, "datetime", AnHourAhead)
        scene.now += timedelta(hours=1)
        assert scene.list_due() == ["as-e04"]
    scene.now -= timedelta(hours=1)
    assert scene.list_due() == ["kw-s01"]  # the other one was tried this moment
    scene.wait()
    assert scene.list_due() == ["as-e04", "kw-s01"]


def measuring(city: City, store: MeasurementStore) -> BackgroundMeasurement:
    sites = [ProbeSite(city.school_by_id[name], NamespaceHost(name)) for name in SCHOOLS]
    sent = Telemetry({}, None, None)
    scene = Scene(city, store)
    metrics = AssessmentMetrics(sent, after=0)
    return BackgroundMeasurement(city, sites, LatestMeasurements(store), sent, metrics, make_no_round, scene.timetable)


def test_whatever_ends_the_measuring_ends_the_watch_and_is_told(city: City, store: MeasurementStore) -> None:
    one, stop = measuring(city, store), Event()
    one.run(stop)
    assert isinstance(one.failure, Broken)
    assert stop.is_set()


@pytest.mark.parametrize(
    ("state", "steady"), [(LineState.UP, True), (LineState.DOWN, False), (LineState.FLAPPING, False)]
)
def test_a_dead_or_flapping_line_is_not_tested(
    city: City, store: MeasurementStore, state: LineState, *, steady: bool
) -> None:
    one = measuring(city, store)
    tested: TestedLine = ("kw-s01", "primary")
    assert one.may_test(tested)
    one.known_lines = SimpleNamespace(states_of=lambda _: {"primary": state})
    assert one.may_test(tested) is steady


def test_who_asks_for_a_test_asks_the_timetable(city: City, store: MeasurementStore) -> None:
    one = measuring(city, store)
    assert [school for school, _ in one.timetable.list_due(lambda _: True)] == [*SCHOOLS]
    one.request_throughput(one.sites[1])
    assert [school for school, _ in one.timetable.list_due(lambda _: True)] == ["kw-s01"]
