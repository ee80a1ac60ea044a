"""What the rollout's tests share: plans made from the virtual city's switches as they are now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from controller.lab.state import paths
from controller.lab.state.layout import Layout
from controller.lab.state.processes import wait_until
from controller.model.access.rules import RuleFile
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.policy_files import RULES
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from controller.plan.build import ConsideredDevice, build_plan, consider_device
from controller.plan.document import PlanFile
from controller.plan.observe import over_ssh
from controller.plan.select import Selection, select_devices
from controller.platforms.registry import load_platform
from controller.platforms.transport.ssh import session
from controller.rollout.outcome import Outcome
from controller.rollout.waves import Settings, apply_plan
from controller.telemetry.timeline import Listener

RESTORE_SECONDS = 5
WITHOUT = "staff-ai"


def without(city: City, rule: str) -> City:
    """The city without one of its rules."""
    kept = tuple(one for one in city.rules if one.id != rule)
    assert len(kept) < len(city.rules)
    return replace(city.replace_file(RULES, RuleFile(rules=kept)), digest=f"{city.digest} without {rule}")


def planned(city: City, schools: tuple[str, ...]) -> PlanFile:
    """A plan from what the switches of these lab schools hold now."""
    return build_plan(city, considered(city, schools))


def considered(city: City, schools: tuple[str, ...]) -> list[ConsideredDevice]:
    """The switches of these lab schools, compared with the policy."""
    devices = [one for one in select_devices(city, Selection(schools, ())) if one.role == "core"]
    return [consider_device(city, one) for one in over_ssh(devices, lambda _: None)]


def running(device: Device) -> DeviceState:
    """What a switch holds now, read over SSH."""
    system = load_platform(device.platform)
    with session(device, "linux") as connection:
        return system.parse(system.read(connection), device.id).state  # type: ignore[attr-defined] # operable


Apply = Callable[..., list[Outcome]]


@pytest.fixture(scope="session")
def city(city: City) -> VirtualCity:
    """The city as it is in `policies/`, with the virtual city's devices."""
    return choose_virtual_city(city)


@pytest.fixture
def apply_now(tmp_path: Path) -> Apply:
    """Carry out a plan with a short restore."""

    def apply_now(city: City, plan: PlanFile, *listeners: Listener) -> list[Outcome]:
        return apply_plan(
            city, plan, Settings(RESTORE_SECONDS, tmp_path / "state", lambda: city.policy_date), listeners
        )

    return apply_now


@pytest.fixture
def devices(city: City, lab: Layout) -> list[Device]:
    """The switches of the lab, the canary's first."""
    return [city.list_devices(city.school_by_id[school.id])[0] for school in lab.schools]


def at_work(device: Device) -> list[str]:
    """What the switch does by itself just now: the restores that it has armed or that run."""
    own = str(paths.SwitchFiles(paths.STATE, device.school.id).own / "restores").encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if own in words:
            found.append(words.replace(b"\0", b" ").decode())
    return found


def idle(device: Device) -> bool:
    """Whether the switch can change its state no more by itself."""
    return not at_work(device)


@pytest.fixture
def in_force(city: City, lab: Layout, apply_now: Apply, devices: list[Device]) -> City:
    """The whole policy is in force and saved on every switch of the lab, which does nothing by itself any more."""
    for device in devices:
        assert wait_until(partial(idle, device), 3 * RESTORE_SECONDS + 10.0, every=0.1), at_work(device)
        # What a killed apply locked would run out by itself, which has a test of its own.
        (paths.SwitchFiles(paths.STATE, device.school.id).own / "lock").unlink(missing_ok=True)
    plan = planned(city, tuple(school.id for school in lab.schools))
    if any(one.steps or not one.saved for one in plan.devices):
        outcomes = apply_now(city, plan)
        assert all(outcome.end.good for outcome in outcomes), outcomes
    return city
