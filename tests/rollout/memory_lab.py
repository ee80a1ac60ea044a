"""The schools of the virtual city with devices in memory: the same policies, plans and procedure, and no packets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.model.access.rules import RuleFile
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.policy_files import RULES
from controller.model.sites.devices import Device
from controller.plan.build import ConsideredDevice, build_plan, consider_device
from controller.plan.derive import DeriveChange, DerivedChange, derive_change
from controller.plan.document import DevicePlan, PlanFile
from controller.plan.observe import read_devices
from controller.plan.select import Selection, select_devices
from controller.plan.verify import VerifiedDevice
from controller.platforms.base import Observation
from controller.platforms.registry import load_platform
from controller.platforms.transport.base import Transport
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.outcome import Outcome
from controller.rollout.waves import Settings, apply_plan
from controller.telemetry.timeline import Listener
from tests.policies import NOON
from tests.rollout.ovs_switch import Switch

RESTORE_SECONDS = 60
RULE = "staff-ai"
"""A rule whose removal changes one filter of each switch."""


def without_rule(city: City, rule: str) -> City:
    """The city without one of its rules."""
    kept = tuple(one for one in city.rules if one.id != rule)
    assert len(kept) < len(city.rules)
    digest = hashlib.sha256(f"{city.digest} without {rule}".encode()).hexdigest()
    return replace(city.replace_file(RULES, RuleFile(rules=kept)), digest=digest)


def switches(city: City, schools: Iterable[str]) -> list[Device]:
    """The switches of some schools of the virtual city, in their order."""
    return [one for one in select_devices(city, Selection(tuple(schools), ())) if one.role == "core"]


def planned_city(city: City, plan: PlanFile) -> City:
    """The city that a plan of these tests was made from: as it is, or without the rule that the change takes away."""
    return city if plan.policy == city.digest else without_rule(city, RULE)


def derive_towards(wanted: DeviceState) -> DeriveChange:
    """Derives what leads to a state that no policy wants: what a broken proof would let through."""

    def derive(
        city: City, device: Device, now: DeviceState, seen: Observation | None = None, source: str = ""
    ) -> DerivedChange:
        del city, seen, source
        return DerivedChange(wanted, tuple(load_platform(device.platform).plan_steps(now, wanted)))

    return derive


def lead_elsewhere(one: VerifiedDevice, wanted: DeviceState) -> VerifiedDevice:
    """A verified device whose plan leads to a state that no policy wants."""
    return replace(one, derived=DerivedChange(wanted, tuple(one.system.plan_steps(one.seen, wanted))))


@dataclass
class MemoryLab:
    """Switches in memory, factory-new, and all that a rollout needs beside them."""

    schools: tuple[str, ...]
    switches: list[Device]
    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    derive: DeriveChange = derive_change

    def __post_init__(self) -> None:
        self.devices = {
            one.id: MemoryDevice(one.id, Switch(port.name for port in one.ports), self.clock) for one in self.switches
        }
        self.transport: Transport = MemoryTransport(self.devices.values())

    def of(self, device: Device) -> MemoryDevice:
        """The device in memory that stands for one of the city."""
        return self.devices[device.id]

    def put_in_force(self, texts: dict[str, str]) -> None:
        """Let every switch run, and boot with, a text."""
        for name, text in texts.items():
            self.devices[name].configuration.load(text)
            self.devices[name].startup = self.devices[name].running

    def running(self, device: Device) -> DeviceState:
        """What a switch runs in truth."""
        return load_platform(device.platform).parse(self.of(device).running, device.id).state

    def consider(self, city: City, schools: Iterable[str] = ()) -> list[ConsideredDevice]:
        """The switches, read and compared with the policy."""
        devices = switches(city, schools or self.schools)
        return [consider_device(city, one) for one in read_devices(devices, self.transport, lambda _: None)]

    def plan(self, city: City, schools: Iterable[str] = ()) -> PlanFile:
        """A plan from what the switches run now."""
        return build_plan(city, self.consider(city, schools))

    def settings(self) -> Settings:
        """How to roll out here: school after school, because all devices share a clock."""
        return Settings(RESTORE_SECONDS, self.folder, self.transport, self.clock, schools_at_once=1, derive=self.derive)

    def apply(self, city: City, plan: PlanFile, *listeners: Listener) -> list[Outcome]:
        """Verify a plan against the policy that it was made from, and carry it out."""
        return apply_plan(planned_city(city, plan), plan, self.settings(), listeners)


def change_device_plan(plan: PlanFile, device: str, edit: Callable[[DevicePlan], DevicePlan]) -> PlanFile:
    """The plan with another part for one device."""
    devices = tuple(edit(one) if one.device == device else one for one in plan.devices)
    return plan.model_copy(update={"devices": devices})
