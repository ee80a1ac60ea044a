"""A system of somebody else's package, with commands of its own, goes through the same seam and procedure."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from controller.errors import DeviceBusy
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Lock, Operable, Restore, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import LineConfiguration
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import FaultScript, make_fault
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.platforms.transport.in_memory_device.words import Words
from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import open_rollout_span
from tests.rollout.line_system import Ends, LineSystem, derive_lines, list_known_states, read_ends


class ReloadOperation:
    """Operation without a shell on the device: `show ...`, `reload in ...`, `write memory`, and a lock by its user."""

    def read(self, session: Session) -> DeviceText:
        return session.run(Command("show running-config"))

    def read_saved(self, session: Session) -> DeviceText:
        return session.run(Command("show startup-config"))

    def lock(self, session: Session, lock: Lock) -> None:
        said = session.run(Command(f"configuration lock {lock.owner} {lock.run} {lock.seconds}")).reveal()
        if said.startswith("busy"):
            raise DeviceBusy(session.device, said)

    def unlock(self, session: Session, lock: Lock) -> None:
        session.run(Command(f"configuration unlock {lock.owner} {lock.run}"))

    def arm(self, session: Session, restore: Restore) -> None:
        session.run(Command(f"reload in {restore.run} {restore.seconds}"))

    def push(self, session: Session, restore: Restore, command: Command) -> None:
        session.run(Command(f"configure {restore.run}", command.stdin))

    def cancel(self, session: Session, restore: Restore) -> bool:
        return session.run(Command(f"reload cancel {restore.run}")).reveal().startswith("cancelled")

    def is_restore_armed(self, session: Session) -> bool:
        return session.run(Command("show reload")).reveal().startswith("yes")

    def has_restored(self, session: Session, restore: Restore) -> bool:
        return session.run(Command(f"show reload history {restore.run}")).reveal().startswith("yes")

    def save(self, session: Session, lock: Lock) -> None:
        session.run(Command(f"write memory {lock.run}"))


class ReloadSystem(ReloadOperation, LineSystem):
    """The lines of the simplest system, operated so."""

    name = "reloading"
    device_type = "reloading_os"


SPOKEN = {
    "show running-config": "read",
    "show startup-config": "saved",
    "configuration lock": "lock",
    "configuration unlock": "unlock",
    "reload in": "arm",
    "reload cancel": "cancel",
    "show reload history": "restored",
    "show reload": "armed",
    "write memory": "save",
}


def read_reload_words(command: Command) -> Words:
    """Understand the command line of this system."""
    if command.line.startswith("configure "):
        return Words("push", (command.line.split()[1],), Command("configure", command.stdin))
    spoken = next(one for one in SPOKEN if command.line.startswith(one))
    return Words(SPOKEN[spoken], tuple(command.line.removeprefix(spoken).split()))


ENDS = Ends("hostname d1\nvlan 10 staff\n", "hostname d1\nvlan 20 pupil\n")


@pytest.fixture
def device() -> MemoryDevice:
    return MemoryDevice("d1", LineConfiguration(ENDS.old), ManualClock(), startup=ENDS.old)


def apply_change(device: MemoryDevice, model: Device, folder: Path, system: LineSystem | None = None) -> Outcome:
    """Carry out the change of `ENDS` on a device, by a system that reloads or by another one."""
    system = system or ReloadSystem()
    assert isinstance(system, Operable)
    change = Change(
        device=replace(model, id="d1", platform=system.name),
        system=system,
        seen=read_ends(ENDS)[0],
        wanted=read_ends(ENDS)[1],
        known=list_known_states(ENDS),
        derive=partial(derive_lines, ENDS),
        plan_digest="plan",
        run="run",
        restore_after=600,
        state_folder=folder,
        refuse_expired=lambda: None,
        transport=MemoryTransport([device], read_reload_words),
        clock=device.clock,
    )
    with open_rollout_span("other system", []) as span:
        return change_device(change, span)


def test_it_is_applied_and_saved(device: MemoryDevice, model: Device, tmp_path: Path) -> None:
    assert apply_change(device, model, tmp_path).end is End.APPLIED
    assert device.running == device.startup == ENDS.wanted
    assert not device.locked_by


def test_it_goes_back_by_itself_after_ten_minutes_that_cost_nothing(
    device: MemoryDevice, model: Device, tmp_path: Path
) -> None:
    device.draw_fault = FaultScript({("push", 1): make_fault("leaves before", "push", 590.0)})
    outcome = apply_change(device, model, tmp_path)
    assert outcome.end is End.REVERTED
    assert device.running == ENDS.old
    assert 600 <= outcome.seconds <= 602
