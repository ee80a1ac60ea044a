"""Proof that the campaign can fail: a fault planted in the procedure is found by its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.errors import DeviceError
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.platforms.base import Step
from controller.rollout import device_step
from controller.rollout.device_step import Procedure
from tests.rollout.campaign import run_seed

ENOUGH = 300
"""Seeds within which a planted fault must be found; the campaign plays more."""


class ConfirmsFirst(Procedure):
    """Confirms before it has read back what the device runs."""

    def change_state(self, steps: Sequence[Step]) -> None:
        self.push_steps(steps)
        self.confirm_change()
        self.read_back()
        self.reach_device()


class KeepsLock(Procedure):
    """Never gives the lock back."""

    def release_lock(self) -> None:
        """Nothing is given back."""


class RetriesBlindly(Procedure):
    """Pushes everything once more after an error, and takes the second answer for success."""

    def change_state(self, steps: Sequence[Step]) -> None:
        try:
            super().change_state(steps)
        except DeviceError:
            self.push_steps(steps)
            self.confirm_change()


class BelievesConfirm(Procedure):
    """Never confirms at all."""

    def confirm_change(self) -> None:
        """The restore stays armed."""


class BelievesSave(Procedure):
    """Never saves."""

    def save_state(self) -> None:
        """The device boots with what it booted with before."""


class NeverReadsBack(Procedure):
    """Takes the device's word for what it was sent."""

    def read_back(self) -> None:
        """Nothing is read."""


class NeverArms(Procedure):
    """Changes the device without a way back."""

    def arm_restore(self, found: DeviceState) -> None:
        """Nothing is armed."""


PLANTED = {
    ConfirmsFirst: "half made",
    KeepsLock: "the lock is still held",
    RetriesBlindly: "pushed without having read",
    BelievesConfirm: "a restore is still armed",
    BelievesSave: "it would boot with",
    NeverReadsBack: "half made",
    NeverArms: "the last run went well, and did not end so",
}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.__name__)
def test_a_planted_fault_is_found(
    planted: type[Procedure], model: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_step, "Procedure", planted)
    found = (violation for seed in range(ENOUGH) for violation in run_seed(seed, model, tmp_path))
    assert any(PLANTED[planted] in violation for violation in found)
