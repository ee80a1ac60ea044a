"""The SQLite database copied by its backup API in the middle of a rollout; restored, it leads to the same end."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable.records import RolloutState
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.durable.workflow_engine import WorkerStopped
from tests.rollout.durable.city_scene import DurableScene, write_waves

ONE_BY_ONE = write_waves({"name": "all", "schools": "rest", "schools-at-once": 1})


def back_up(database: Path, target: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def restore(database: Path, copy: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)
    shutil.copy(copy, database)
    database.chmod(0o600)


@pytest.mark.parametrize(("verb", "dies"), [("lock", True), ("push", False), ("save", True)])
def test_a_copy_that_was_taken_in_the_middle_leads_to_the_same_end(tmp_path: Path, verb: str, dies: bool) -> None:  # noqa: FBT001
    scene = DurableScene(tmp_path, operators=ONE_BY_ONE)
    copy, workers = tmp_path / "copy.sqlite", list[RolloutWorker]()

    def draw(met: str) -> Fault:
        if met == verb and not copy.exists():
            back_up(scene.database, copy)
            if dies:
                workers[0].stop.set()
                raise WorkerStopped
        return NO_FAULT

    lab = scene.scene.lab
    first, second, third = lab.switches
    lab.of(second).draw_fault = draw
    rollout = scene.roll_out(on_worker=workers.append)
    assert scene.status(rollout).state is (RolloutState.RUNNING if dies else RolloutState.DONE)
    assert scene.count_pushes(third) == 0 if dies else scene.count_pushes(third)
    before = [scene.count_pushes(one) for one in lab.switches]
    restore(scene.database, copy)
    assert scene.ends(rollout) == ["applied", "None", "none"]
    assert scene.resume(rollout).state is RolloutState.DONE
    assert set(scene.ends(rollout)) <= {"applied", "unchanged"}
    assert all(scene.is_whole(index) for index in range(3))
    assert not any(lab.of(one).locked_by for one in lab.switches)
    after = [scene.count_pushes(one) for one in lab.switches]
    assert after[0] == before[0], f"{first.id} was done by then"
    if not dies:
        assert after == before, "read first, and nothing was missing"
