"""Seeded chaos of durable rollouts; then the truth. And proof that it can fail: a planted fault is found."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.rollout.durable.records import RolloutState, RunPlace
from controller.rollout.durable.waves.device_tries import DeviceTries
from controller.rollout.outcome import End, Outcome
from tests.chaos.durable_chaos import DurableChaos, play_durable
from tests.chaos.durable_process import ENDED, REFUSED, ChaosProcess
from tests.rollout.durable.remote_devices import DeviceServer
from tests.rollout.memory_lab import switches

ROLLOUTS, PART = 40, 10
FINDS_A_BLIND_SUCCESSOR = 5
"""A seed whose second process meets a device that the first one has left in its middle."""


@pytest.fixture(scope="module")
def models(city: City) -> list[Device]:
    return switches(city, tuple(city.virtual_estate.schools)[:3])


@pytest.mark.parametrize("first", range(0, ROLLOUTS, PART))
def test_durable_rollouts_end_in_what_is_true_on_the_devices(
    first: int, city: City, models: list[Device], tmp_path: Path
) -> None:
    found = {}
    for seed in range(first, first + PART):
        folder = tmp_path / str(seed)
        folder.mkdir()
        if wrong := list(play_durable(seed, city, models, folder)):
            found[seed] = wrong
    assert found == {}


@pytest.mark.parametrize("moment", [2, 4, 8])
def test_a_process_that_can_write_nothing_any_more_ends(
    moment: int, city: City, models: list[Device], tmp_path: Path
) -> None:
    """Found by chaos: where the engine could not keep the end of a step, the process waited for ever."""
    played = DurableChaos(random.Random(moment), city, models, tmp_path)  # noqa: S311 no secret
    server = DeviceServer(played.chaos, tmp_path / "devices")
    try:
        ended = played.run_process(ChaosProcess("write-error", moment, played.copy), server.address)
        assert os.WIFEXITED(ended), "it hung"
        assert os.WEXITSTATUS(ended) in {ENDED, REFUSED}
        assert played.find_state() is RolloutState.RUNNING
        assert list(played.find_untrue()) == []
    finally:
        server.close()


def test_a_process_that_believes_what_the_one_before_has_begun_is_found_out(
    city: City, models: list[Device], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = DeviceTries.try_change

    def believe(self: DeviceTries, place: RunPlace, device: str) -> Outcome:
        if not self.store.was_broken_off(place.rollout, device):
            return change(self, place, device)
        outcome, now = Outcome(device, place.school, End.APPLIED, ""), self.scene.clock.now()
        self.store.end_run(self.store.begin_run(place, device, self.name, now), outcome, now)
        return outcome

    monkeypatch.setattr(DeviceTries, "try_change", believe)
    found = list(play_durable(FINDS_A_BLIND_SUCCESSOR, city, models, tmp_path))
    assert any("told applied (): it does not run what is wanted" in one for one in found)
