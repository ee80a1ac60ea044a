"""A Catalyst that can be operated: the emulator of IOS in memory, with a lock and a restore as any other has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.adoption.hand_over import list_hand_overs
from controller.adoption.reading import read_existing_network
from controller.adoption.take_over.consider import consider_release, consider_take_over
from controller.adoption.take_over.deriver import HandOverDeriver
from controller.adoption.take_over.objects import name_object
from controller.adoption.take_over.record import read_taken_record
from controller.compile.network.wanted_device_state import compile_device
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.build import ConsideredDevice, build_plan
from controller.plan.document import PlanFile, TakenObject
from controller.plan.observe import Observed, read_devices
from controller.plan.select import find_device
from controller.plan.verify import VerifiedDevice, verify_plan
from controller.platforms.base import Command, Operable, Restore, Session
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.platforms.common.understanding import understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import Refused
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.outcome import Outcome
from controller.rollout.waves import Settings, roll_out
from tests.adoption.conftest import CATALYST, read_saved_text
from tests.platforms.catalyst_device import InvalidInput, TypedCatalyst
from tests.policies import NOON
from tests.rollout.test_other_systems import ReloadOperation, read_reload_words

NATIVE = " switchport trunk native vlan 90\n"


class OperableCatalyst(ReloadOperation, CiscoIos):
    """The platform with an operation of a few words in place of its own: everything else is that of today."""

    begin_operation = None  # type: ignore[assignment]

    def push(self, session: Session, restore: Restore, command: Command) -> None:
        session.run(Command(f"configure {restore.run}", command.line))


class CatalystConfiguration:
    """The emulated switch as the configuration of a device in memory."""

    def __init__(self, text: str) -> None:
        self.load(text)

    def show(self) -> str:
        return self.switch.running()

    def load(self, text: str) -> None:
        self.switch = TypedCatalyst(text)

    def split(self, command: Command) -> tuple[Command, ...]:
        return (command,)

    def execute(self, command: Command) -> str:
        try:
            self.switch.enter([command.stdin or ""])
        except InvalidInput as error:
            raise Refused(str(error)) from None
        return ""


VERIFIED: dict[str, VerifiedDevice] = {}
"""The devices of plans, verified once for all tests: the plan of all tests is one, and so is its city."""


@dataclass
class Desk:
    """An operator's desk: a city, the device, and a folder for what the controller keeps."""

    city: City
    device: Device
    memory: MemoryDevice
    state: Path

    @property
    def transport(self) -> MemoryTransport:
        return MemoryTransport([self.memory], read_reload_words)

    def observe(self) -> Observed:
        (found,) = read_devices([self.device], self.transport, lambda _: None)
        return found

    def take_over(self, names: list[str]) -> PlanFile:
        return self.build(consider_take_over(self.city, self.observe(), names))

    def release(self) -> PlanFile:
        record = read_taken_record(self.state, self.device.id)
        return self.build(consider_release(self.city, self.observe(), record))

    def build(self, considered: ConsideredDevice) -> PlanFile:
        assert considered.refusal is None, considered.refusal
        return build_plan(self.city, [considered], now=NOON)

    @property
    def settings(self) -> Settings:
        return Settings(60, self.state, self.transport, self.memory.clock, schools_at_once=1)

    def apply(self, plan: PlanFile) -> Outcome:
        """Verify a plan and carry it out; what a plan takes over was verified before if it was by another test."""
        (planned,) = plan.devices
        released = planned.hand_over is not None and planned.hand_over.way == "release"
        if released or plan.digest() not in VERIFIED:
            derive = HandOverDeriver(self.state)
            (VERIFIED[plan.digest()],) = verify_plan(self.city, plan, derive_hand_over=derive)
        return self.roll_out(plan, VERIFIED[plan.digest()])

    def roll_out(self, plan: PlanFile, verified: VerifiedDevice) -> Outcome:
        """Carry a verified plan out, so that a test need not verify it each time."""
        (outcome,) = roll_out(self.city, plan, [verified], self.settings, [])
        return outcome

    def load(self, text: str, commands: list[str]) -> None:
        """Let the switch run a text, changed by somebody."""
        switch = TypedCatalyst(text)
        switch.enter(["configure terminal", *commands, "end"])
        self.memory.configuration.load(switch.running())


def list_taken(plan: PlanFile) -> tuple[TakenObject, ...]:
    """The objects that change hands on the one device of a plan."""
    (planned,) = plan.devices
    assert planned.hand_over is not None
    return planned.hand_over.objects


def list_names(city: City, device: Device, text: str) -> list[str]:
    """Every object that can be taken over, as `tsunagu adopt` lists them."""
    wanted = compile_device(city, device, load_platform(device.platform).capabilities).wanted
    made = list_hand_overs(device.platform, read_existing_network(device.platform, text, device.id, "x"), wanted)
    return [name_object(one) for one in made if one.kind != "access lists"]


@pytest.fixture(scope="session")
def catalyst_text() -> str:
    """The saved Catalyst, once its native VLAN is no longer one of ours."""
    text = read_saved_text(CATALYST).replace(NATIVE, "")
    return TypedCatalyst(text).running()


@pytest.fixture(scope="session")
def catalyst_names(city: City, catalyst_text: str) -> list[str]:
    return list_names(city, find_device(city, CATALYST), catalyst_text)


@pytest.fixture(scope="session")
def taken_plan(city: City, catalyst_text: str, catalyst_names: list[str]) -> PlanFile:
    """The plan that takes over all that can be, made once from the saved text."""
    device = find_device(city, CATALYST)
    text = DeviceText(catalyst_text, device.id)
    seen = understand(load_platform(device.platform), text, device.id)
    observed = Observed(device, device.id, seen, seen.state, knows_saved=True, text=text)
    return build_plan(city, [consider_take_over(city, observed, catalyst_names)], now=NOON)


@pytest.fixture
def operable(monkeypatch: pytest.MonkeyPatch) -> None:
    system = load_platform("cisco_ios")
    assert not isinstance(system, Operable)
    monkeypatch.setattr(system, "__class__", OperableCatalyst)
    assert isinstance(system, Operable)


@pytest.fixture
def desk(operable: None, city: City, catalyst_text: str, tmp_path: Path) -> Desk:
    del operable
    memory = MemoryDevice(CATALYST, CatalystConfiguration(catalyst_text), ManualClock(NOON), startup=catalyst_text)
    (tmp_path / "state").mkdir(mode=0o700)
    return Desk(city, find_device(city, CATALYST), memory, tmp_path / "state")
