"""The daemon's measuring: at the operators' pace or by the slots, as the virtual city's setting says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from controller.cli.daemon import measure_duty
from controller.cli.daemon.measure_duty import MeasureDuty
from controller.errors import LabError
from controller.measure.measurement import MeasurementKind
from controller.model.city import City
from controller.model.measurement import VirtualRhythm
from controller.model.policy_files import MEASUREMENT
from controller.model.virtual_city import choose_virtual_city
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.telemetry.otlp import open_telemetry

PACE = 3600.0


@dataclass
class Timetable:
    """Has one school due at each look, and turns the clock on."""

    clock: ManualClock
    looks: int = 0

    def list_due(self, may_test: object) -> Iterator[tuple[str, str]]:
        del may_test
        self.looks += 1
        self.clock.sleep(300)
        yield "kw-s01", "primary"


@dataclass
class Desk:
    """A duty over a virtual city that is not up: what would be measured is written down."""

    city: City
    monkeypatch: pytest.MonkeyPatch
    clock: ManualClock = field(default_factory=ManualClock)
    measured: list[str] = field(default_factory=list)
    fault: Exception | None = None

    def __post_init__(self) -> None:
        self.timetable = Timetable(self.clock)
        self.duty = MeasureDuty(Path(), self.load, SimpleNamespace, self.clock, PACE)  # type: ignore[arg-type]
        self.monkeypatch.setattr(MeasureDuty, "_open_round", self.open_round)
        self.monkeypatch.setattr(measure_duty, "LatestMeasurements", lambda _: None)
        self.monkeypatch.setattr(measure_duty, "_SLOT_LOOK_SECONDS", 0.0)

        @contextmanager
        def open_timetable(*_: object) -> Iterator[Timetable]:
            yield self.timetable

        self.monkeypatch.setattr(measure_duty, "open_timetable", open_timetable)

    def load(self) -> City:
        if self.fault is not None:
            raise self.fault
        return self.city

    @contextmanager
    def open_round(self, city: City) -> Iterator[SimpleNamespace]:
        sites = [SimpleNamespace(school=city.school_by_id[name]) for name in ("as-e04", "kw-s01")]
        yield SimpleNamespace(city=city, sites=sites, store=None, measure_sites=self.measure_sites)

    def measure_sites(self, sites: list[SimpleNamespace], stop: Event) -> str:
        del stop
        self.measured += [site.school.id for site in sites]
        return f"{len(sites)} schools measured"

    def run(self) -> str:
        return self.duty.measure_due(Event())


def make_desk(city: City, monkeypatch: pytest.MonkeyPatch, rhythm: str) -> Desk:
    schedule = city.measurement.schedule.model_copy(update={"virtual_city": VirtualRhythm(rhythm)})
    changed = city.replace_file(MEASUREMENT, city.measurement.model_copy(update={"schedule": schedule}))
    return Desk(choose_virtual_city(changed), monkeypatch)


def test_by_the_interval_all_are_measured_at_the_operators_pace(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk(city, monkeypatch, "interval")
    assert [desk.run(), desk.run()] == ["2 schools measured"] * 2  # looked at twice, measured once
    assert desk.measured == ["as-e04", "kw-s01"]
    desk.clock.sleep(PACE)
    desk.run()
    assert desk.measured == ["as-e04", "kw-s01"] * 2
    assert desk.timetable.looks == 0


def test_by_the_slots_the_timetable_alone_decides(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk(city, monkeypatch, "slots")
    assert desk.run() == "2 schools are measured by their slots (tsunagu measure schedule --lab)"
    assert desk.measured == ["kw-s01"] * 3  # for a quarter of an hour; then the policy is read anew
    desk.run()
    assert desk.timetable.looks == 6


def test_a_fault_stays_one_until_it_is_tried_again(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk(city, monkeypatch, "interval")
    desk.fault = LabError("no virtual city is up")
    for _ in range(2):
        with pytest.raises(LabError):
            desk.run()
        desk.fault = None
    desk.clock.sleep(PACE)
    assert desk.run() == "2 schools measured"


def test_each_test_of_throughput_is_a_slot_and_an_older_figure_is_none(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    outcomes = iter([True, False])

    class Round:
        def __init__(self, *_: object) -> None: ...

        def measure(self, *_: object) -> list[SimpleNamespace]:
            result = SimpleNamespace(kind=MeasurementKind.DOWNLOAD)
            return [SimpleNamespace(result=result, measured=next(outcomes))]

    monkeypatch.setattr(measure_duty, "MeasurementRound", Round)
    monkeypatch.setattr(measure_duty, "make_throughput_probe", lambda _: None)
    store: Any = SimpleNamespace(read_last_number=lambda: 0, read_latest=list)
    virtual = choose_virtual_city(city)
    site: Any = SimpleNamespace(school=virtual.school_by_id["kw-s01"])
    with open_telemetry() as sent:
        scene = measure_duty._Scene(  # noqa: SLF001 what both rhythms measure with
            virtual,
            [site],
            store,
            sent,
            ManualClock(),
            lambda _, __, one: heard.append(one.school.id),
        )
        for _ in range(2):
            scene.measure_sites([site], Event())
    assert heard == ["kw-s01"]
