"""What the chaos on the real lab holds against the devices, proved without a lab: each false word is found."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from controller.model.network.device_state import DeviceState, Vlan
from controller.rollout.durable.records import DeviceRun
from controller.rollout.outcome import End
from tests.chaos.lab_chaos import find_lies
from tests.policies import NOON

OLD, NEW, HALF = (DeviceState(vlans=(Vlan(vlan, "x"),)) for vlan in (1, 2, 3))
UNSAVED = "the change runs, but was not saved for the next boot; apply again"


@dataclass(frozen=True)
class Told:
    """A device as it is."""

    boots: DeviceState
    armed: bool = False

    def read_boot_state(self) -> DeviceState:
        """Return what it would boot with."""
        return self.boots

    def is_armed(self) -> bool:
        """Whether it may still put an old state back by itself."""
        return self.armed


@pytest.mark.parametrize(
    ("end", "reason", "running", "device", "lie"),
    [
        (End.APPLIED, "", NEW, Told(NEW), ""),
        (End.APPLIED, "", NEW, Told(OLD), "does not run, or boot with"),
        (End.REVERTED, "lost", OLD, Told(OLD), ""),
        (End.REVERTED, "lost", OLD, Told(OLD, armed=True), "not in its old state"),
        (End.FAILED, "refused", OLD, Told(OLD), ""),
        (End.FAILED, "refused", HALF, Told(OLD), "something was changed"),
        (End.FAILED, UNSAVED, NEW, Told(OLD), ""),
        (End.FAILED, UNSAVED, HALF, Told(OLD), "the change does not run"),
        (End.FAILED, UNSAVED, OLD, Told(OLD), "the change does not run"),
        (End.FAILED, UNSAVED, NEW, Told(OLD, armed=True), "or not for good"),
        (End.UNKNOWN, "no answer", HALF, Told(OLD), ""),
        (End.UNKNOWN, "", HALF, Told(OLD), "does not say why"),
    ],
)
def test_each_false_word_is_found(end: End, reason: str, running: DeviceState, device: Told, lie: str) -> None:
    run = DeviceRun(
        "s1", "kw-e01", 0, 0, "controller", attempted=True, begun=NOON, ended=NOON, end=end, reason=reason, seconds=1.0
    )
    found = list(find_lies(run, device, running, OLD, NEW))
    assert len(found) == bool(lie), found
    assert all(lie in one for one in found)
