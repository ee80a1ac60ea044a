"""A rollout whose process is gone or hangs is told as lost: since when, and with how many devices in the middle."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from controller.cli.output import console
from controller.cli.rollouts.documents import print_summary, summarise_rollout
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import RolloutState, RunPlace
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.telemetry.heartbeat import LOST_SECONDS
from tests.rollout.durable.city_scene import DurableScene

WORKER = "controller"


@pytest.fixture
def scene(tmp_path: Path) -> DurableScene:
    return DurableScene(tmp_path, schools=2)


@pytest.mark.parametrize(
    ("worked_on", "late", "lost"), [(False, 1.0, True), (True, LOST_SECONDS, False), (True, LOST_SECONDS + 1, True)]
)
def test_it_is_lost_where_its_process_is_gone_or_silent(
    scene: DurableScene, *, worked_on: bool, late: float, lost: bool
) -> None:
    record = scene.record(scene.judge())
    heard = scene.scene.lab.clock.now()
    first = scene.scene.lab.switches[0]
    with use_rollouts(scene.state) as store:
        HeartbeatStore(store).record_heartbeat(record.id, WORKER, heard - timedelta(seconds=5))
        HeartbeatStore(store).record_heartbeat(record.id, WORKER, heard)
        store.begin_run(RunPlace(record.id, 0, 0, first.school.id), first.id, WORKER, heard)
        found = summarise_rollout(store, record.id, heard + timedelta(seconds=late), worked_on=worked_on)
    assert (found["lost_since"] is not None, found["in_the_middle"]) == (lost, 1)
    assert found["lost_since"] in (None, heard.isoformat(timespec="seconds"))
    with console.capture() as said:
        print_summary(found)
    assert ("lost since" in said.get()) is lost
    assert ("1 device in the middle" in said.get()) is lost
    if lost and worked_on:
        with console.capture() as said_of_many:
            print_summary(found, shared=True)
        assert "there are workers, and none of them works on it" in said_of_many.get()
        assert "end it" not in said_of_many.get()
    if lost:
        assert ("end it, then resume" if worked_on else f"tsunagu rollout resume {record.id}") in said.get()


def test_one_that_left_by_itself_or_ended_is_not_lost(scene: DurableScene) -> None:
    rollout = scene.roll_out()
    later = scene.scene.lab.clock.now() + timedelta(days=1)
    with use_rollouts(scene.state) as store:
        assert HeartbeatStore(store).find_last_heartbeat(rollout) is None
        # Also where a sign of life was left behind: it has ended.
        HeartbeatStore(store).record_heartbeat(rollout, WORKER, scene.scene.lab.clock.now())
        found = summarise_rollout(store, rollout, later, worked_on=False)
    assert (found["state"], found["lost_since"]) == (RolloutState.DONE, None)


def test_a_broken_off_worker_leaves_its_last_sign_of_life(scene: DurableScene) -> None:
    record = scene.record(started := scene.judge())

    def die(_: RolloutWorker) -> None:
        raise SystemExit

    first = scene.scene.lab.switches[0]
    prepared = scene.prepare(record, started, scene.surround())
    with pytest.raises(SystemExit):
        scene.work(prepared, on_worker=die)
    assert scene.count_pushes(first) == 0
    with use_rollouts(scene.state) as store:
        found = summarise_rollout(store, record.id, scene.scene.lab.clock.now(), worked_on=False)
    assert found["lost_since"] is not None
