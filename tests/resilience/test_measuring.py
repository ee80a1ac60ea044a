from __future__ import annotations

import time as time_module
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from controller.errors import TsunaguError
from controller.measure import latest_measurements
from controller.measure.assessment.metrics_export import AssessmentMetrics
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import Measurement
from controller.measure.measurement_round import MeasurementRound, ProbeSite
from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.measure.probes.probe_path import NamespaceHost, ProbePath
from controller.measure.probes.throughput_probe import ThroughputProbe
from controller.model.access.rules import DAYS, Hours
from controller.model.city import City
from controller.model.policy_files import MEASUREMENT
from controller.resilience import background_measurement
from controller.resilience.background_measurement import BackgroundMeasurement
from controller.telemetry.otlp import Telemetry
from tests.measure.findings import AnHourAhead, path, throughput


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MeasurementStore]:
    with open_measurement_store(tmp_path / "m.sqlite") as made:
        yield made


def no_round() -> MeasurementRound:
    raise NotImplementedError


def measuring(city: City, store: MeasurementStore, *, even_in_lessons: bool) -> BackgroundMeasurement:
    sites = [ProbeSite(city.school_by_id[name], NamespaceHost(name)) for name in ("as-e04", "kw-s01")]
    sent = Telemetry({}, None, None)
    metrics = AssessmentMetrics(sent, after=0)
    return BackgroundMeasurement(
        city, sites, LatestMeasurements(store), sent, metrics, no_round, even_in_lessons=even_in_lessons
    )


def due(one: BackgroundMeasurement) -> list[str]:
    return [site.school.id for site in one.list_due_sites()]


def always_lessons(city: City) -> City:
    hours = Hours.model_construct(days=DAYS, from_=time(0, 0), until=time(23, 59, 59, 999999))
    return city.replace_file(MEASUREMENT, city.measurement.model_copy(update={"lessons": hours}))


def test_due_is_what_was_never_measured_what_is_old_and_what_is_wanted(city: City, store: MeasurementStore) -> None:
    one = measuring(city, store, even_in_lessons=True)
    assert due(one) == ["as-e04", "kw-s01"]
    now = datetime.now(UTC)
    old = now - timedelta(seconds=city.measurement.intervals.throughput + 1)
    store.add_measurement("r", now, path("as-e04"), throughput(100), in_lessons=False)
    store.add_measurement("r", old, path("kw-s01"), throughput(100), in_lessons=False)
    store.add_measurement("r", now, path("kw-s01", "backup"), throughput(100), in_lessons=False)
    assert due(one) == ["kw-s01"]
    one.request_throughput(one.sites[0])
    one.request_throughput(one.sites[0])
    assert due(one) == ["as-e04", "kw-s01"]
    assert due(one) == ["kw-s01"]


class NoTest(MeasurementRound):
    """A round whose test of throughput cannot be made."""

    def list_probe_paths(self, *_: object) -> Iterator[ProbePath]:
        return iter(())

    def measure(self, *_: object) -> list[Measurement]:
        message = "no test"
        raise TsunaguError(message)


def test_a_clock_that_is_put_back_delays_no_test(
    city: City, store: MeasurementStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is tried is counted by a clock that nobody sets; what was measured at a time to come is not fresh."""
    one = measuring(city, store, even_in_lessons=True)
    throughput_probe = ThroughputProbe(city.measurement.method, 5201, tmp_path)
    one.new_round = lambda: NoTest(city, store, throughput_probe, "r", lambda _: None)
    store.add_measurement(
        "r", datetime.now(UTC) + timedelta(minutes=59), path("kw-s01"), throughput(100), in_lessons=False
    )
    with monkeypatch.context() as an_hour_ahead:
        for module in (background_measurement, latest_measurements):
            an_hour_ahead.setattr(module, "datetime", AnHourAhead)
        one.latest.refresh()
        one.run(Event())
    assert str(one.failure) == "no test"
    assert due(one) == ["kw-s01"]  # the other one was tried this moment
    after = time_module.monotonic() + city.measurement.intervals.throughput + 1
    monkeypatch.setattr(background_measurement, "time", SimpleNamespace(monotonic=lambda: after))
    assert due(one) == ["as-e04", "kw-s01"]


def test_whatever_ends_the_measuring_ends_the_watch_and_is_told(city: City, store: MeasurementStore) -> None:
    one, stop = measuring(city, store, even_in_lessons=True), Event()
    one.run(stop)
    assert isinstance(one.failure, NotImplementedError)
    assert stop.is_set()


def test_in_lessons_nothing_is_due_where_pupils_need_the_lines(city: City, store: MeasurementStore) -> None:
    one = measuring(always_lessons(city), store, even_in_lessons=False)
    one.request_throughput(one.sites[0])
    assert due(one) == []
    assert due(measuring(always_lessons(city), store, even_in_lessons=True)) == ["as-e04", "kw-s01"]
