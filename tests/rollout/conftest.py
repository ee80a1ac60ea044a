"""What the rollout's tests share: switches in memory, and, for what needs packets or processes, those of the lab."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from controller.lab.lab_operations import build_lab_operations
from controller.lab.state import paths
from controller.lab.state.layout import Layout
from controller.lab.state.processes import wait_until
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.plan.build import ConsideredDevice, build_plan, consider_device
from controller.plan.document import PlanFile
from controller.plan.observe import read_devices
from controller.platforms.base import Operable
from controller.platforms.registry import load_platform
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings, apply_plan
from controller.telemetry.timeline import Listener
from tests.chaos.lab_devices import list_restore_jobs
from tests.lab.mixed_city import set_platforms
from tests.policies import NOON
from tests.rollout.memory_lab import RULE, MemoryLab, planned_city, switches, without_rule

MEMORY_SCHOOLS = 3
LAB_RESTORE_SECONDS = 8
APPLY_RESTORE_SECONDS = 30
"""Of changes that are not meant to go back: long enough for a machine with other work."""
SSH = SshTransport(build_lab_operations().access)


class OneDay(SystemClock):
    """This machine's clock, but on a day that does not end."""

    def now(self) -> datetime:
        return NOON


@pytest.fixture(scope="session")
def city(city: City) -> VirtualCity:
    """The city as it is in `policies/`, with the virtual city's devices, all switches of the kind that is in memory."""
    return set_platforms(city, {})


@pytest.fixture(scope="session")
def texts_in_force(city: City, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The running text of each switch in memory once the whole policy is in force, by its device."""
    lab = _new_lab(city, tmp_path_factory.mktemp("in-force"))
    outcomes = lab.apply(city, lab.plan(city))
    assert all(outcome.end is End.APPLIED for outcome in outcomes), outcomes
    return {name: device.running for name, device in lab.devices.items()}


def _new_lab(city: City, folder: Path) -> MemoryLab:
    schools = tuple(city.virtual_estate.schools)[:MEMORY_SCHOOLS]
    return MemoryLab(schools, switches(city, schools), folder)


@pytest.fixture
def factory_lab(city: City, tmp_path: Path) -> MemoryLab:
    """Factory-new switches in memory, of three schools, the canary's first."""
    return _new_lab(city, tmp_path)


@pytest.fixture
def memory_lab(factory_lab: MemoryLab, texts_in_force: dict[str, str]) -> MemoryLab:
    """Switches in memory on which the whole policy is in force and saved."""
    factory_lab.put_in_force(texts_in_force)
    return factory_lab


@pytest.fixture(scope="session")
def change_plan(city: City, texts_in_force: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> PlanFile:
    """A plan that takes a permit away from every switch in memory, from the whole policy in force."""
    lab = _new_lab(city, tmp_path_factory.mktemp("plan"))
    lab.put_in_force(texts_in_force)
    return lab.plan(without_rule(city, RULE))


@pytest.fixture(scope="session")
def canary_plan(change_plan: PlanFile) -> PlanFile:
    """The same for the canary's switch alone."""
    return change_plan.model_copy(update={"devices": change_plan.devices[:1]})


@pytest.fixture(scope="session")
def model(city: City) -> Device:
    """Any device of the city, as the model of one whose texts are drawn."""
    return switches(city, city.virtual_estate.schools[:1])[0]


# --- the real lab ---


def plan_lab(city: City, schools: tuple[str, ...]) -> PlanFile:
    """A plan from what the switches of these lab schools hold now."""
    return build_plan(city, consider_lab(city, schools))


def consider_lab(city: City, schools: tuple[str, ...]) -> list[ConsideredDevice]:
    """The switches of these lab schools, compared with the policy."""
    return [consider_device(city, one) for one in read_devices(switches(city, schools), SSH, lambda _: None)]


def read_running(device: Device) -> DeviceState:
    """What a switch of the lab holds now, read over SSH."""
    system = load_platform(device.platform)
    assert isinstance(system, Operable)
    with SSH.open_session(device, system.device_type) as session:
        return system.parse(system.read(session).reveal(), device.id).state


Apply = Callable[..., list[Outcome]]


@pytest.fixture
def apply_now(tmp_path: Path) -> Apply:
    """Carry out a plan with a short restore."""

    def apply_now(city: City, plan: PlanFile, *listeners: Listener) -> list[Outcome]:
        return apply_plan(
            planned_city(city, plan),
            plan,
            Settings(APPLY_RESTORE_SECONDS, tmp_path / "state", SSH, OneDay()),
            listeners,
        )

    return apply_now


@pytest.fixture
def devices(city: City, lab: Layout) -> list[Device]:
    """The switches of the lab, the canary's first."""
    return [city.list_devices(city.school_by_id[school.id])[0] for school in lab.schools]


def list_armed_jobs(device: Device) -> list[str]:
    """What the switch does by itself just now: the restores that it has armed or that run."""
    return list_restore_jobs(paths.SwitchFiles(paths.STATE, device.school.id).folder)


def is_idle(device: Device) -> bool:
    """Whether the switch can change its state no more by itself."""
    return not list_armed_jobs(device)


@pytest.fixture
def in_force(city: City, lab: Layout, apply_now: Apply, devices: list[Device]) -> City:
    """The whole policy is in force and saved on every switch of the lab, which does nothing by itself any more."""
    for device in devices:
        assert wait_until(partial(is_idle, device), 3 * LAB_RESTORE_SECONDS + 10.0, every=0.1), list_armed_jobs(device)
        # What a killed apply locked would run out by itself, which has a test of its own.
        (paths.SwitchFiles(paths.STATE, device.school.id).own / "lock").unlink(missing_ok=True)
    plan = plan_lab(city, tuple(school.id for school in lab.schools))
    if any(one.steps or not one.saved for one in plan.devices):
        outcomes = apply_now(city, plan)
        assert all(outcome.end.good for outcome in outcomes), outcomes
    return city
