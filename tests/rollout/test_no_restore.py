"""Devices that cannot put their old state back: asked for by name, changed last, and their end is what is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import CommandFailed, PlanRefused
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Restore, Session
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import LineConfiguration
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import FaultScript, make_fault
from controller.rollout.outcome import End, Outcome
from controller.rollout.start import refuse_unrestored
from controller.rollout.waves import Accountability
from tests.rollout.test_other_systems import ENDS, ReloadSystem, apply_change


class OpenHanded(ReloadSystem):
    """A system without any restore: asking for one is an error of ours."""

    name = "open-handed"
    capabilities = replace(ReloadSystem.capabilities, restores_itself=False)

    def arm(self, session: Session, restore: Restore) -> None:
        del session, restore
        raise AssertionError

    def cancel(self, session: Session, restore: Restore) -> bool:
        del session, restore
        raise AssertionError


@pytest.fixture
def device() -> MemoryDevice:
    return MemoryDevice("d1", LineConfiguration(ENDS.old), ManualClock(), startup=ENDS.old)


def apply(device: MemoryDevice, model: Device, folder: Path) -> Outcome:
    class System(OpenHanded):
        def push(self, session: Session, restore: Restore, command: Command) -> None:
            del restore
            fault = device.draw_fault("push")
            if fault.says_error:
                raise CommandFailed(session.device, fault.says_error)
            device.configuration.execute(command)

    return apply_change(device, model, folder, System())


def test_it_is_applied_and_saved_without_one(device: MemoryDevice, model: Device, tmp_path: Path) -> None:
    assert apply(device, model, tmp_path).end is End.APPLIED
    assert device.running == device.startup == ENDS.wanted


@pytest.mark.parametrize(("failing", "end"), [(0, End.REVERTED), (1, End.UNKNOWN)])
def test_what_is_left_is_read_and_told(
    device: MemoryDevice, model: Device, tmp_path: Path, failing: int, end: End
) -> None:
    device.draw_fault = FaultScript({("push", failing): make_fault("refuses", "push", 0.0)})
    outcome = apply(device, model, tmp_path)
    assert outcome.end is end
    assert ("nothing of the change" if end is End.REVERTED else "nothing puts its old state back") in outcome.reason
    assert (device.running == ENDS.old) is (end is End.REVERTED)


def test_it_is_refused_by_name_until_somebody_accepts_it() -> None:
    with pytest.raises(PlanRefused, match=r"^plan\.json: sw1, sw2: nothing on these .* --accept-no-restore$"):
        refuse_unrestored(("sw1", "sw2"), "plan.json", accepted=False)
    refuse_unrestored(("sw1",), "plan.json", accepted=True)
    refuse_unrestored((), "plan.json", accepted=False)
    assert Accountability(unrestored=("sw1",)).list_attributes()["without_restore"] == "sw1"
    assert "without_restore" not in Accountability().list_attributes()
