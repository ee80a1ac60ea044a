"""A rollout that a worker refuses, or whose workflow breaks: told where it is listed, tried ever more rarely, ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import typer

from controller.cli.output import Exit, console
from controller.cli.rollouts import worker as worker_commands
from controller.cli.rollouts.documents import print_summary, summarise_rollout
from controller.cli.rollouts.estate_rollouts import EstateRollouts
from controller.errors import PlanNotApproved, StoreRefused
from controller.platforms.transport.base import SystemClock
from controller.rollout import work_loop
from controller.rollout.durable.carry_out import MOST_BREAKS, become_worker, carry_out, use_rollouts
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import RolloutRecord, RolloutState
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.workflow_engine import WorkflowEngine
from controller.rollout.work_loop import WorkLoop
from tests.policies import NOON
from tests.rollout.durable.city_scene import DurableScene
from tests.rollout.durable.postgres_server import PostgresServer


class PatientEvent(Event):
    """Waits for nothing, and keeps how long it was to; set after so many times."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        if len(self.pauses) >= self._most:
            self.set()
        return self.is_set()


@dataclass
class Loop:
    """A worker's loop over a scene, in this process."""

    scene: DurableScene
    prepare: Callable[[RolloutStore, str], RolloutScene]
    stop: PatientEvent
    said: list[str] = field(default_factory=list)

    def run(
        self, wrap: Callable[[WorkflowEngine], WorkflowEngine] = lambda engine: engine, *, once: bool = False
    ) -> None:
        def carry(engine: WorkflowEngine, store: RolloutStore, scene: RolloutScene) -> object:
            return carry_out(wrap(engine), store, scene, listeners=[], say=self.said.append)

        def open_store() -> AbstractContextManager[RolloutStore]:
            return use_rollouts(self.scene.state)

        @contextmanager
        def open_worker() -> Iterator[tuple[WorkflowEngine, RolloutStore]]:
            with become_worker(self.scene.state) as found:
                yield found

        clock = self.scene.scene.lab.clock
        loop = WorkLoop(open_store, open_worker, self.prepare, carry, self.said.append, clock=clock, stop=self.stop)
        loop.work_until_stopped(once=once)


def make_rollout(folder: Path) -> tuple[DurableScene, RolloutRecord, Callable[[RolloutStore, str], RolloutScene]]:
    scene = DurableScene(folder, schools=1)
    started = scene.judge()
    record = scene.record(started)
    return scene, record, lambda *_: scene.prepare(record, started, scene.surround())


def summarise(scene: DurableScene, record: RolloutRecord) -> str:
    """What `rollout list` says of a rollout."""
    with use_rollouts(scene.state) as store, console.capture() as said:
        print_summary(summarise_rollout(store, record.id, scene.scene.lab.clock.now(), worked_on=False))
    return " ".join(said.get().split())


def test_a_rollout_that_a_worker_refuses_says_so_until_it_works_on_it(tmp_path: Path) -> None:
    scene, record, prepare = make_rollout(tmp_path)
    tried: list[str] = []

    def refuse(store: RolloutStore, rollout: str) -> RolloutScene:
        tried.append(summarise(scene, record))
        if len(tried) < 9:
            message = "jiro may approve no more"
            raise PlanNotApproved(message)
        return prepare(store, rollout)

    loop = Loop(scene, refuse, PatientEvent(9))
    loop.run()
    assert "refused" not in tried[0]
    assert "the worker controller refused it at 2026-" in tried[1]
    assert "jiro may approve no more" in tried[1]
    assert loop.stop.pauses[:8] == [5, 10, 20, 40, 60, 60, 60, 60], "asked again, ever more rarely"
    assert scene.status(record.id).state is RolloutState.DONE
    assert "refused" not in summarise(scene, record)
    with use_rollouts(scene.state) as store:
        assert HeartbeatStore(store).list_refusals(record.id) == []


class BrokenEngine:
    """An engine in which a step of the rollout ends with an error of the program."""

    def __init__(self, inner: WorkflowEngine) -> None:
        self._inner = inner
        self.launch, self.start_workflow = inner.launch, inner.start_workflow
        self.find_status, self.explain_broken, self.stop = inner.find_status, inner.explain_broken, inner.stop

    def run_step(self, name: str, work: Callable[[], str]) -> str:
        if name.startswith("begin wave"):
            message = "the sky has fallen"
            raise KeyError(message)
        return self._inner.run_step(name, work)


def test_a_workflow_that_breaks_again_and_again_stops_the_rollout_with_its_reason(tmp_path: Path) -> None:
    scene, record, prepare = make_rollout(tmp_path)
    loop = Loop(scene, prepare, PatientEvent(MOST_BREAKS + 2))
    loop.run(BrokenEngine)
    status = scene.status(record.id)
    assert status.state is RolloutState.STOPPED
    assert f"its workflow broke ({MOST_BREAKS} times one after the other): " in status.reason
    assert "the sky has fallen" in status.reason
    assert status.generation == MOST_BREAKS - 1
    assert loop.stop.pauses[:MOST_BREAKS] == [5, 10, 20, 40, 60]
    assert set(loop.stop.pauses[MOST_BREAKS:]) == {work_loop.LOOK_SECONDS}, "nothing is left to do"


def test_on_a_server_signs_of_life_are_by_its_clock_whatever_the_machines_think(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """A worker an hour behind is not lost, and who looks an hour ahead does not make it so."""
    scene = DurableScene(tmp_path, schools=1, server=postgres.create_database())
    record = scene.record(scene.judge())
    now = datetime.now(UTC)
    with use_rollouts(scene.state, server=scene.server) as store:
        beats = HeartbeatStore(store)
        beats.record_heartbeat(record.id, "north", now - timedelta(hours=1), "as-e04: lessons")
        for seen_at in (now - timedelta(hours=5), now, now + timedelta(hours=1)):
            found = summarise_rollout(store, record.id, seen_at, worked_on=True)
            assert found["lost_since"] is None
            assert found["waits"] == ["as-e04: lessons"]
        lost = summarise_rollout(store, record.id, now, worked_on=False)["lost_since"]
        assert lost is not None
        assert abs(datetime.fromisoformat(lost) - now) < timedelta(minutes=2)


def test_a_worker_that_works_once_leaves_where_the_database_cannot_be_used(tmp_path: Path) -> None:
    scene, _, _ = make_rollout(tmp_path)

    def fill_disk(*_: object) -> RolloutScene:
        message = "the disk is full"
        raise StoreRefused(message)

    loop = Loop(scene, fill_disk, PatientEvent(3))
    with pytest.raises(StoreRefused, match="the disk is full"):
        loop.run(once=True)
    assert loop.stop.pauses == []


def test_who_waits_for_workers_that_all_refuse_a_rollout_is_told_so_and_leaves(
    tmp_path: Path, postgres: PostgresServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: on a shared database nothing was printed, and nothing ended."""
    scene = DurableScene(tmp_path, schools=1, server=postgres.create_database())
    started = scene.judge()
    record = scene.record(started)
    operations = scene.scene.operations
    assert operations is not None
    monkeypatch.setattr(EstateRollouts, "server", property(lambda _: scene.server))
    place = EstateRollouts(operations, scene.state, scene.scene.policies.path)
    refusals = iter(("north", "south"))

    def refuse_next(store: RolloutStore, seconds: float) -> None:
        """While it is waited: another worker looks at the rollout, and may not work on it."""
        assert seconds
        worker = next(refusals, "")
        assert worker, "it is waited on after all have refused"
        HeartbeatStore(store).note_refusal(record.id, worker, f"{worker}: taro may approve no more", NOON)

    with use_rollouts(scene.state, server=scene.server) as store, ExitStack() as alive:
        HeartbeatStore(store).note_refusal(record.id, "north", "an older reason", NOON)
        for name in ("north", "south"):
            alive.enter_context(become_worker(tmp_path / name, server=scene.server, name=name))
        monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: refuse_next(store, seconds))
        with pytest.raises(typer.Exit) as left:
            worker_commands.work_or_watch(scene.prepare(record, started, scene.surround()), place, as_json=True)
    assert left.value.exit_code == Exit.FAILED
    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [one["text"] for one in said if one.get("event") == "refused"] == [
        "the worker north does not work on it: an older reason",
        "the worker north does not work on it: north: taro may approve no more",
        "the worker south does not work on it: south: taro may approve no more",
    ]
    assert [one["worker"] for one in said[-1]["refused_by"]] == ["north", "south"]
    assert said[-1]["state"] == RolloutState.RUNNING
