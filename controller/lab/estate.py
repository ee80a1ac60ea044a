"""The virtual estate while it is up: which of its schools can be asked, where their probes run, its absence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from controller.errors import LabError, TsunaguError
from controller.lab.state import paths, undo_log
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement_round import ProbeSite
from controller.measure.measurement_store import MeasurementStore
from controller.measure.probes.probe_path import NamespaceHost, PlaceGone
from controller.measure.probes.throughput_probe import ThroughputProbe
from controller.measure.schedule.slot_ledger import open_slot_ledger
from controller.measure.schedule.slot_timetable import SlotTimetable
from controller.measure.schedule.timetable import IntervalTimetable, ThroughputTimetable
from controller.model.measurement import VirtualRhythm
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.plan.select import Selection, select_devices, select_schools_in_service
from controller.storage.steady_clock import SteadyClock

STORE = "measurements-lab.sqlite"
"""The virtual city's measurements never stand among those of real schools."""


def list_active_devices(city: VirtualCity, chosen: Selection) -> tuple[Device, ...]:
    """Return the devices of a selection that can be asked: those of the schools that are up.

    A school that was named is asked in any case, so that its absence is told; so are all where no virtual city is up.
    """
    devices = select_devices(city, chosen)
    if chosen.schools:
        return devices
    try:
        up = {school.id for school in undo_log.read_active_record(paths.STATE).layout.schools}
    except LabError:
        return devices
    return tuple(device for device in devices if device.school.id in up)


def list_probe_sites(city: VirtualCity, chosen: Selection) -> list[ProbeSite]:
    """Return the chosen schools of the virtual city that is up, each with its router's place.

    Raises:
        TsunaguError: no virtual city is up, a named school is not in it, or none is left.
    """
    layout = undo_log.read_active_record(paths.STATE).layout
    active = {school.id: school for school in layout.schools}
    wanted = select_schools_in_service(city, chosen)
    for school in wanted:
        if school.id in chosen.schools:
            layout.school(school.id)
    sites = [ProbeSite(school, NamespaceHost(active[school.id].router)) for school in wanted if school.id in active]
    if not sites:
        message = f"none of these schools is in the virtual city that is up; it has: {', '.join(active)}"
        raise TsunaguError(message)
    return sites


def make_throughput_probe(city: VirtualCity) -> ThroughputProbe:
    """Return the probe of throughput for the virtual city, whose lines all are on this machine."""
    policy = city.measurement
    return ThroughputProbe(
        policy.method, policy.targets.throughput.port, paths.STATE / "locks", everywhere=("this machine",)
    )


@contextmanager
def open_timetable(
    city: VirtualCity,
    sites: Sequence[ProbeSite],
    store: MeasurementStore,
    latest: LatestMeasurements,
    steady: SteadyClock | None = None,
) -> Iterator[ThroughputTimetable]:
    """What decides when the virtual city's schools are tested, as `virtual-city` of its schedule says.

    `steady` is of who opens timetables one after the other: what it knows of the clock outlasts each of them.

    Raises:
        TsunaguError: the store cannot be used.
    """
    mine = [site.school.id for site in sites]
    if city.measurement.schedule.virtual_city is VirtualRhythm.INTERVAL:
        yield IntervalTimetable(city.measurement, mine, latest, _tell_time, time.monotonic)
        return
    schools = select_schools_in_service(city, Selection())
    with open_slot_ledger(Path(store.file), city.timezone) as ledger:
        believed = SteadyClock() if steady is None else steady
        yield SlotTimetable(city, schools, frozenset(mine), store, ledger, _tell_time, time.monotonic, believed)


def _tell_time() -> datetime:
    return datetime.now(UTC)


@contextmanager
def explain_absence() -> Iterator[None]:
    """Add to the error about a place that is not there what to look at: the virtual city may be down.

    Raises:
        PlaceGone: the same, with the hint.
    """
    try:
        yield
    except PlaceGone as error:
        message = f"{error}; is the virtual city up ('tsunagu lab status')?"
        raise PlaceGone(message) from None
