"""A rollout whose process is gone or hangs is told as lost: since when, and with how many devices in the middle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controller.cli.output import console
from controller.cli.rollouts.documents import print_summary, summarise_rollout
from controller.errors import StoreRefused
from controller.rollout.durable import carry_out
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.dbos_engine import DbosEngine
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import RolloutState, RunPlace
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.telemetry.heartbeat import LOST_SECONDS, keep_beating
from tests.rollout.durable.city_scene import DurableScene, write_waves

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


def test_a_process_that_can_give_no_sign_of_life_stops_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by chaos: a queue whose next school the library could not begin was waited for, for ever."""
    record = HeartbeatStore.record_heartbeat
    refused = StoreRefused("the database of rollouts cannot be used: disk I/O error; nothing more is begun")
    given: list[str] = []

    def refuse_later(self: HeartbeatStore, *words: Any) -> None:  # noqa: ANN401 as there
        given.append(words[0])
        if len(given) > 1:
            raise refused
        record(self, *words)

    monkeypatch.setattr(HeartbeatStore, "record_heartbeat", refuse_later)
    monkeypatch.setattr(carry_out, "keep_beating", partial(keep_beating, seconds=0.1))
    monkeypatch.setattr(carry_out, "LOST_SECONDS", 0.5)
    # The queue begins nothing, as where the library cannot write.
    monkeypatch.setattr(DbosEngine, "start_workflow", start_only_rollouts(DbosEngine.start_workflow))
    scene = DurableScene(tmp_path, schools=1, operators=write_waves({"name": "all", "schools": "rest"}))
    rollout = scene.roll_out()
    assert scene.status(rollout).state is RolloutState.RUNNING
    assert str(refused) in scene.said
    assert scene.count_pushes(scene.scene.lab.switches[0]) == 0


def start_only_rollouts(start: Callable[..., None]) -> Callable[..., None]:
    def start_one(self: DbosEngine, name: str, key: str, queue: str = "") -> None:
        start(self, name, key, f"nobody-looks-at-{queue}" if queue else "")

    return start_one
