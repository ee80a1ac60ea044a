"""Ways of others that appeared since the plan was made: the plan names those that it knew, and passes no other one."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.network.device_state import build_device_state
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.model.sites.devices import Device
from controller.plan.build import build_plan, consider_device
from controller.plan.document import PlanFile
from controller.plan.observe import read_devices
from controller.plan.proof.unjudged import find_unjudged_on
from controller.platforms.base import Observation
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings, apply_plan
from tests.platforms.hostapd.access_point import LocalTransport, ShellAccessPoint
from tests.policies import NOON

CLUB = "bss=club\nssid=club\nbridge=br-lan\n"
WAY = "bridge club ('bridge=br-lan'), touches "


@pytest.fixture
def point(tmp_path: Path) -> ShellAccessPoint:
    (tmp_path / "ap").mkdir()
    return ShellAccessPoint(tmp_path / "ap")


@pytest.fixture
def access_point(city: City) -> Device:
    return next(one for one in city.list_devices(city.school_by_id["as-e04"]) if one.role == "access-point")


def add_club(point: ShellAccessPoint) -> None:
    with point.main.open("a", encoding="utf-8") as file:
        file.write(CLUB)
    point.restart()


def plan_for(city: City, device: Device, point: ShellAccessPoint) -> PlanFile:
    found = read_devices([device], LocalTransport(point), lambda _: None)
    return build_plan(city, [consider_device(city, one) for one in found], now=NOON)


def apply(city: City, plan: PlanFile, point: ShellAccessPoint, folder: Path) -> Outcome:
    settings = Settings(600, folder, LocalTransport(point), ManualClock(NOON), schools_at_once=1)
    (outcome,) = apply_plan(city, plan, settings, ())
    return outcome


def test_a_device_with_a_new_way_is_refused_by_its_name(
    city: City, access_point: Device, point: ShellAccessPoint, tmp_path: Path
) -> None:
    plan = plan_for(city, access_point, point)
    assert [one.not_judged for one in plan.devices] == [()]
    add_club(point)
    before = point.main.read_text(encoding="utf-8")
    outcome = apply(city, plan, point, tmp_path)
    assert outcome.end is End.FAILED
    assert (
        f"{access_point.id}: not judged: ways of others appeared since the plan was made: line 12: {WAY}"
        in outcome.reason
    )
    assert "Nothing was changed" in outcome.reason
    assert point.main.read_text(encoding="utf-8") == before


def test_a_way_that_the_plan_names_is_passed_as_it_was_approved(
    city: City, access_point: Device, point: ShellAccessPoint, tmp_path: Path
) -> None:
    add_club(point)
    plan = plan_for(city, access_point, point)
    (planned,) = plan.devices
    assert len(planned.not_judged) == 1
    assert planned.not_judged[0].startswith(WAY)
    assert planned.not_judged[0] in plan.format_text()
    # Its line is another one when ours are in the file, which is no other way.
    assert apply(city, plan, point, tmp_path).end is End.APPLIED
    assert apply(city, plan, point, tmp_path).end is End.UNCHANGED


def test_a_port_that_a_plan_takes_is_no_way_of_others_in_it_and_every_other_way_stays(city: City) -> None:
    core = city.list_devices(city.school_by_id["as-e04"])[0]
    vlan = frozenset({city.segments["staff"].vlan})
    ports = [
        UnmanagedPath(kind, number, f"line of {holder}", holder, vlan)
        for kind in (PathKind.ACCESS_PORT, PathKind.TRUNK)
        for number, holder in enumerate(("h-staff", "h-club", "h-pupil"), start=7)
    ]
    other = UnmanagedPath(PathKind.MIRROR, 20, "mirror of h-staff", "h-staff", vlan)
    seen = Observation(build_device_state(), (), 0, 0, paths=(*ports, other))
    found = find_unjudged_on(city, core, seen, {"h-staff", "h-pupil"})
    # Ways of one kind are told together: one that is taken hides none that stands beside it.
    told = {name for one in found for name in (one.path.holder, *one.others) if one.path.kind is not PathKind.MIRROR}
    assert told == {"h-club"}
    assert [one.path for one in found if one.path.kind is PathKind.MIRROR] == [other]
    every = {name for one in find_unjudged_on(city, core, seen) for name in (one.path.holder, *one.others)}
    assert every == {"h-staff", "h-club", "h-pupil"}
