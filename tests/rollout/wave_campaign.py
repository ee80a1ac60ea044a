"""Whole rollouts under faults that are drawn from a seed: the canary first, and of each device a true end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.build import build_device_plan
from controller.plan.derive import DerivedChange
from controller.plan.document import PlanFile
from controller.plan.verify import VerifiedDevice
from controller.platforms.ovs.driver import OpenVSwitch
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import FaultScript, draw_faults
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings, roll_out
from tests.platforms.states import example
from tests.policies import NOON
from tests.rollout.memory_lab import derive_towards
from tests.rollout.ovs_switch import Switch

OVS = OpenVSwitch()
PORTS = ("h1", "h2", "up1")
OLD = example(*PORTS, port_roles=True, vlan_database=False)
WANTED = example("up1", "h2", "h1", port_roles=True, vlan_database=False)
CHANGE = DerivedChange(WANTED, tuple(OVS.plan_steps(OLD, WANTED)))
RESTORE_SECONDS = 60


@dataclass
class Rollout:
    """A rollout that has ended: what was told, and the devices."""

    plan: PlanFile
    outcomes: list[Outcome]
    devices: dict[str, MemoryDevice]

    def violations(self) -> Iterator[str]:
        """Everything that must never be."""
        if [one.device for one in self.outcomes] != [one.device for one in self.plan.devices]:
            yield "an end is missing, or in another order than the plan"
        canary = [one for one in self.outcomes if one.school == self.plan.canary]
        rest = [one for one in self.outcomes if one.school != self.plan.canary]
        stopped = any(not one.end.good for one in canary)
        for one in rest:
            reached = self.devices[one.device].logins > 0
            if reached == stopped:
                yield f"{one.device} was {'' if reached else 'not '}reached, the canary ended {canary[0].end}"
            if stopped and (one.end is not End.FAILED or "not attempted" not in one.reason):
                yield f"{one.device} was told {one.end} ({one.reason})"
        for one in self.outcomes:
            yield from (f"{one.device} told {one.end} ({one.reason}): {found}" for found in self._untrue(one))

    def _untrue(self, outcome: Outcome) -> Iterator[str]:
        device = self.devices[outcome.device]
        running, settled = (OVS.parse(text, "").state for text in (device.running, device.settled))
        if settled not in (OLD, WANTED):
            yield "left half made"
        if outcome.end.good and (running != WANTED or settled != WANTED or device.restore_armed):
            yield "it does not run what is wanted, or not for good"
        if outcome.end.good and OVS.parse(device.startup or "", "").state != WANTED:
            yield "it would boot with something else"
        if outcome.end is End.REVERTED and (running != OLD or settled != OLD):
            yield "it is not in its old state"
        if outcome.end is End.FAILED and "not saved" not in outcome.reason and running != OLD:
            yield "something was changed"


def play_seed(seed: int, city: City, models: list[Device], folder: Path) -> list[str]:
    """Play a seed with these switches; what was told and is not true."""
    rng = random.Random(seed)  # noqa: S311 the same faults for the same seed
    clock = ManualClock(NOON)
    devices = {}
    for model in models:
        configuration = Switch(PORTS)
        configuration.load(OVS.render(OLD))
        device = MemoryDevice(model.id, configuration, clock, startup=configuration.show())
        device.draw_fault = draw_faults(rng, 1.2 * RESTORE_SECONDS) if rng.random() < 0.5 else FaultScript({})
        devices[model.id] = device
    verified = [VerifiedDevice(one, OVS, OLD, CHANGE) for one in models]
    plan = plan_change(city, verified, rng.choice(models).school.id)
    transport = MemoryTransport(devices.values())
    settings = Settings(RESTORE_SECONDS, folder, transport, clock, 1, derive_towards(WANTED))
    return list(Rollout(plan, roll_out(city, plan, verified, settings, []), devices).violations())


def plan_change(city: City, verified: list[VerifiedDevice], canary: str) -> PlanFile:
    """A plan from the one state to the other for each of some switches."""
    made = datetime.now(UTC)
    return PlanFile(
        city=city.id,
        policy=city.digest,
        on=city.policy_date,
        estate="virtual",
        made=made,
        expires=made + timedelta(hours=1),
        canary=canary,
        devices=tuple(build_device_plan(one.device, one.seen, one.derived, saved=True) for one in verified),
        unplanned=(),
    )
