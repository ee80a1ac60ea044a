"""What the rollout's tests share: plans made from the virtual city's switches as they are now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.lab.layout import Layout
from controller.lab.processes import until
from controller.model.city import City, Device
from controller.model.state import DeviceState
from controller.plan.build import Considered, build_plan, consider
from controller.plan.document import PlanFile
from controller.plan.observe import over_ssh
from controller.plan.select import Selection, selected_devices
from controller.platforms.registry import platform
from controller.platforms.ssh import session
from controller.rollout.outcome import Outcome
from controller.rollout.waves import Settings, apply_plan
from controller.telemetry.timeline import Listener

RESTORE_SECONDS = 5
WITHOUT = "staff-ai"


def without(city: City, rule: str) -> City:
    """The city without one of its rules."""
    kept = tuple(one for one in city.rules if one.id != rule)
    assert len(kept) < len(city.rules)
    return replace(city, rules=kept, digest=f"{city.digest} without {rule}")


def planned(city: City, schools: tuple[str, ...]) -> PlanFile:
    """A plan from what the switches of these lab schools hold now."""
    return build_plan(city, considered(city, schools), lab=True)


def considered(city: City, schools: tuple[str, ...]) -> list[Considered]:
    """The switches of these lab schools, compared with the policy."""
    devices = [one for one in selected_devices(city, Selection(schools, (), lab=True)) if one.role == "core"]
    return [consider(city, one) for one in over_ssh(devices, lambda _: None)]


def running(device: Device) -> DeviceState:
    """What a switch holds now, read over SSH."""
    system = platform(device.platform)
    with session(device, "linux") as connection:
        return system.parse(system.read(connection), device.id).state  # type: ignore[attr-defined] # operable


Apply = Callable[..., list[Outcome]]


@pytest.fixture
def apply_now(tmp_path: Path) -> Apply:
    """Carry out a plan with a short restore."""

    def apply_now(city: City, plan: PlanFile, *listeners: Listener) -> list[Outcome]:
        return apply_plan(city, plan, Settings(RESTORE_SECONDS, tmp_path / "state", lambda: city.on), listeners)

    return apply_now


@pytest.fixture
def devices(city: City, lab: Layout) -> list[Device]:
    """The switches of the lab, the canary's first."""
    return [city.lab_devices(city.school_by_id[school.id])[0] for school in lab.schools]


@pytest.fixture
def in_force(city: City, lab: Layout, apply_now: Apply) -> City:
    """The whole policy is in force on every switch of the lab. What a killed apply locked runs out first."""
    schools = tuple(school.id for school in lab.schools)

    def good() -> bool:
        outcomes = apply_now(city, planned(city, schools))
        assert all(outcome.end.good or "lock is held" in outcomes[0].reason for outcome in outcomes), outcomes
        return all(outcome.end.good for outcome in outcomes)

    assert until(good, 3 * RESTORE_SECONDS + 10.0, every=0.5)
    return city
