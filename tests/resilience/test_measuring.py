from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from controller.measure.assessment.metrics_export import AssessmentMetrics
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement_round import MeasurementRound, ProbeSite
from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.measure.probes.probe_path import NamespaceHost
from controller.model.access.rules import DAYS, Hours
from controller.model.city import City
from controller.model.policy_files import MEASUREMENT
from controller.resilience.background_measurement import BackgroundMeasurement
from controller.telemetry.otlp import Telemetry
from tests.measure.findings import path, throughput


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MeasurementStore]:
    with open_measurement_store(tmp_path / "m.sqlite") as made:
        yield made


def no_round() -> MeasurementRound:
    raise NotImplementedError


def measuring(city: City, store: MeasurementStore, *, even_in_lessons: bool) -> BackgroundMeasurement:
    sites = [ProbeSite(city.school_by_id[name], NamespaceHost(name)) for name in ("as-e04", "kw-s01")]
    sent = Telemetry({}, None, None)
    metrics = AssessmentMetrics(sent, since=datetime.now(UTC))
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
    store.add("r", now, path("as-e04"), throughput(100), in_lessons=False)
    store.add("r", old, path("kw-s01"), throughput(100), in_lessons=False)
    store.add("r", now, path("kw-s01", "backup"), throughput(100), in_lessons=False)
    assert due(one) == ["kw-s01"]
    one.request_throughput(one.sites[0])
    one.request_throughput(one.sites[0])
    assert due(one) == ["as-e04", "kw-s01"]
    assert due(one) == ["kw-s01"]


def test_in_lessons_nothing_is_due_where_pupils_need_the_lines(city: City, store: MeasurementStore) -> None:
    one = measuring(always_lessons(city), store, even_in_lessons=False)
    one.request_throughput(one.sites[0])
    assert due(one) == []
    assert due(measuring(always_lessons(city), store, even_in_lessons=True)) == ["as-e04", "kw-s01"]
