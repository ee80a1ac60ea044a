"""Proof that chaos of durable rollouts can fail: for each thing that must be true a fault is planted, and is found."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.platforms.transport.in_memory_device.faults import NO_FAULT
from controller.rollout.durable.carry_out import find_database
from controller.rollout.durable.records import RunPlace
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.durable.waves.device_tries import DeviceTries
from controller.rollout.durable.waves.wave_end import ENDED, WaveEnd
from controller.rollout.outcome import End, Outcome
from tests.chaos.durable_chaos import WAIT_HOURS, DurableChaos, play_calm, play_faults
from tests.chaos.durable_process import ENDED as PROCESS_ENDED
from tests.chaos.durable_process import ChaosProcess
from tests.rollout.durable.remote_devices import DeviceServer
from tests.rollout.memory_lab import switches

HOLD = """
import sqlite3, sys, threading
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
threading.Event().wait(float(sys.argv[2]))
held.execute("ROLLBACK")
"""
"""Another program that holds a database; not a thread: a forked process would take its locks for its own."""
CUTS_DATABASE = 1
"""A seed whose first number lets the database be cut off."""


@pytest.fixture
def played(city: City, tmp_path: Path) -> Iterator[DurableChaos]:
    models: list[Device] = switches(city, tuple(city.virtual_estate.schools)[:2])
    found = DurableChaos(random.Random("planted"), city, models, tmp_path)  # noqa: S311 no secret
    server = DeviceServer(found.chaos, tmp_path / "devices")
    found.address = server.address
    yield found
    server.close()


def test_nothing_is_found_where_nothing_is_planted(played: DurableChaos) -> None:
    assert list(play_calm(played)) == []


def test_where_nothing_happens_a_slow_disk_is_waited_for(played: DurableChaos) -> None:
    """Found on a slow machine: processes that nothing happened to gave a write up after 0.3 s, and were refused."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, find_database(played.state), "1.5"], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert played.run_process(ChaosProcess("", 0, played.copy), played.address) == PROCESS_ENDED
        assert holder.wait(30) == 0


def tell_unknown(self: DeviceTries, place: RunPlace, device: str) -> Outcome:
    """Tell that nobody knows how a device is that was never reached."""
    outcome, now = Outcome(device, place.school, End.UNKNOWN, "lost"), self.scene.clock.now()
    self.store.end_run(self.store.begin_run(place, device, self.name, now), outcome, now)
    return outcome


@pytest.mark.parametrize("jumped", [timedelta(), timedelta(hours=2 * WAIT_HOURS)])
def test_a_device_that_is_left_unknown_though_nothing_was_done_is_found(
    jumped: timedelta, played: DurableChaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That an older process has armed a restore excuses none, and no jump of the time of day makes it late."""
    monkeypatch.setattr(DeviceTries, "try_change", tell_unknown)
    monkeypatch.setattr(WaveEnd, "_retry_due", lambda *_: None)
    monkeypatch.setattr(WaveEnd, "_has_passed", lambda *_: True)
    for device in played.chaos.devices.values():
        device.record("arm", ("older", "60"), NO_FAULT, succeeded=True)
    played.chaos.clock.jumped = jumped
    found = list(play_calm(played))
    name = next(iter(played.chaos.devices))
    assert f"in the calm: {name} told unknown (lost): no change of it has begun" in found
    assert f"{name} is unknown, though it answers" in found


def test_a_device_that_is_passed_over_in_silence_is_found(
    played: DurableChaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RolloutWorker, "_change_device", lambda *_: End.APPLIED)
    monkeypatch.setattr(WaveEnd, "_count", lambda *_: ("", ""))
    found = list(play_calm(played))
    for name in played.chaos.devices:
        assert f"{name} is lost: nothing says how it ended" in found


def test_a_rollout_that_is_done_without_a_device_is_found(
    played: DurableChaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(self: DeviceTries, place: RunPlace, device: str) -> Outcome:
        outcome, now = Outcome(device, place.school, End.FAILED, "no"), self.scene.clock.now()
        self.store.end_run(self.store.begin_run(place, device, self.name, now), outcome, now)
        return outcome

    monkeypatch.setattr(DeviceTries, "try_change", give_up)
    monkeypatch.setattr(WaveEnd, "_count", lambda *_: ("", ""))
    strict = [one.model_copy(update={"maximum_failures": 0}) for one in played.operations.rollout.waves]
    rollout = played.operations.rollout.model_copy(update={"waves": tuple(strict)})
    played.operations = played.operations.model_copy(update={"rollout": rollout})
    found = list(play_calm(played))
    for name in played.chaos.devices:
        assert f"{name} ended failed, and nothing went wrong in the last run" in found


def test_a_rollout_that_never_ends_is_found(played: DurableChaos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WaveEnd, "end_rollout", lambda *_: ENDED)
    assert list(play_calm(played)) == ["it is running, and nothing goes wrong any more"]


def break_off() -> None:
    message = "planted"
    raise RuntimeError(message)


@pytest.mark.parametrize(
    ("fault", "said"),
    [(break_off, "a traceback"), (lambda: signal.raise_signal(signal.SIGALRM), "ended by SIGALRM")],
)
def test_a_process_that_ends_as_none_may_is_found(
    fault: Callable[[], None], said: str, played: DurableChaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object, **__: object) -> None:
        fault()

    monkeypatch.setattr("tests.chaos.durable_process.carry_out", end)
    assert any(one.endswith(f": {said}") for one in play_faults(played))
    assert next(play_calm(played)).startswith("in the calm a process ended with ")


def test_a_database_that_was_cut_off_and_is_used_or_written_is_found(
    played: DurableChaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mend(_self: ChaosProcess, _scene: RolloutScene, state: Path) -> int:
        os.truncate(find_database(state), 123)
        return 0

    monkeypatch.setattr(ChaosProcess, "_work", mend)
    played.rng = random.Random(CUTS_DATABASE)  # noqa: S311 no secret
    found = list(played.damage())
    assert any(one.endswith(" bytes led to 0") for one in found)
    assert "a database that was cut off was not left as it is" in found
