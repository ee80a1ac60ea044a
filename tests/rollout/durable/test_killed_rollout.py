"""`kill -9` at every boundary of a rollout's steps, and after every command to a device; then it is carried on.

The devices live in this process, the controller in one that is forked and killed, so what it held in memory is gone.
Boundaries are met as they come, each kills once: no list of them is written by hand.
"""

from __future__ import annotations

import os
import signal
import traceback
from pathlib import Path

from controller.platforms.base import Command
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.gates.gate_store import GateStore
from controller.rollout.durable.records import RolloutRecord, RolloutState
from controller.rollout.start import StartedRollout
from tests.rollout.durable.city_scene import DurableScene, write_waves
from tests.rollout.durable.killing_engine import Boundaries, KillingEngine
from tests.rollout.durable.remote_devices import DeviceServer, RemoteClock, RemoteTransport
from tests.rollout.memory_lab import RESTORE_SECONDS

WAVES = write_waves(
    {"name": "canary", "schools": "canary", "gates": [{"kind": "management"}, {"kind": "drift"}]},
    {"name": "rest", "schools": "rest"},
)
MOST_KILLS = 200
STEPS = (
    *("begin wave", "look before", "take turn", "change", "wait for wave", "end wave", "list gates", "gate"),
    *("wait for", "end"),
)
VERBS = {"lock", "read", "arm", "armed", "push", "cancel", "save", "saved", "unlock"}


def fork_controller(scene: DurableScene, server: DeviceServer, record: RolloutRecord, started: StartedRollout) -> int:
    """Carry the rollout on in a process of its own; return how that ended, as `os.waitpid` says it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        boundaries = Boundaries(scene.folder / "met")
        canary = record.waves[0].schools[0].devices[0]
        answered: dict[str, int] = {}

        def count(device: str, command: Command) -> None:
            if device == canary:
                answered[device] = answered.get(device, 0) + 1
                boundaries.meet(f"command {answered[device]} of {command.line.split()[0]}")

        around = scene.surround(RemoteTransport(server.address, count), RemoteClock(server.address))
        prepared = scene.prepare(record, started, around)
        status = scene.work(prepared, wrap=lambda engine: KillingEngine(engine, boundaries))
        os._exit(0 if status.state is RolloutState.DONE else 3)
    except BaseException:  # noqa: BLE001 a forked process must not come back into the test
        traceback.print_exc()
        os._exit(4)


def test_killed_at_every_boundary_every_device_ends_whole_and_none_is_changed_twice(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, schools=2, operators=WAVES)
    started = scene.judge()
    record = scene.record(started)
    lab, kills = scene.scene.lab, 0
    old = {one.id: lab.running(one).compute_digest() for one in lab.switches}
    server = DeviceServer(lab, tmp_path / "devices")
    try:
        while (ended := fork_controller(scene, server, record, started)) and kills < MOST_KILLS:
            assert os.WIFSIGNALED(ended), ended
            assert os.WTERMSIG(ended) == signal.SIGKILL, ended
            kills += 1
            if kills % 2:
                # The controller comes back late: each device must be old or new by itself by then.
                lab.clock.sleep(RESTORE_SECONDS + 6)
                for index, one in enumerate(lab.switches):
                    assert lab.running(one).compute_digest() == old[one.id] or not lab.of(one).restore_armed, index
                    assert lab.running(one).compute_digest() in {old[one.id], scene.wanted(one)}
    finally:
        server.close()
    assert ended == 0, scene.said
    met = Boundaries(tmp_path / "met").list_met()
    assert kills == len(met)
    for step in STEPS:
        for moment in ("before", "after"):
            assert any(one.startswith(moment) and f" {step}" in one for one in met), (moment, step)
    assert sum(one.startswith("command") for one in met) >= len(VERBS)
    assert scene.status(record.id).state is RolloutState.DONE
    with use_rollouts(scene.state) as store:
        asked = [(one.gate, one.result.verdict) for one in GateStore(store).list_results(record.id)]
    assert asked == [("management", "passed"), ("drift", "passed")], "each gate once, whatever was killed"
    lab.clock.sleep(2 * RESTORE_SECONDS)
    for index, one in enumerate(lab.switches):
        memory = lab.of(one)
        assert scene.is_whole(index), one.id
        assert not memory.locked_by
        verbs = [exchange.verb for exchange in memory.exchanges]
        assert "push" not in verbs[verbs.index("save") :], "changed again after it was confirmed and saved"
    assert set(scene.ends(record.id)) <= {"applied", "unchanged"}
