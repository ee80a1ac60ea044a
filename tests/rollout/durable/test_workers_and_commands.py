"""Commands beside a worker: who starts or resumes a rollout is never in a worker's way, and sees how it ends."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from controller.cli.rollouts.stop_signals import stop_on_signals
from controller.cli.rollouts.worker import run_worker
from controller.errors import PlanNotApproved
from controller.exit_codes import Exit
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Effect, Fault
from controller.rollout.durable import carry_out
from controller.rollout.durable.carry_out import is_worked_on, use_rollouts
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import RolloutState
from tests.cli.running import Done, here
from tests.own_signal import send_own_signal
from tests.rollout.durable.city_scene import write_waves
from tests.security.plan_scene import Scene, make_operations

WAVES = write_waves({"name": "canary", "schools": "canary"}, {"name": "rest", "schools": "rest", "schools-at-once": 1})
PATIENCE = 60.0


@dataclass
class BesideWorker:
    """Two schools with a plan for them, and a worker in a thread of this process."""

    scene: Scene
    stop_signals: list[Callable[[str], None]] = field(default_factory=list)
    ended: list[Exit] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.scene.folder / ".tsunagu"

    def run(self, *words: str) -> Done:
        return here("rollout", *words, "--policies", str(self.scene.policies.path), cwd=self.scene.folder)

    def find_active(self) -> str | None:
        with use_rollouts(self.state, create=True) as store:
            return store.find_active()

    @contextmanager
    def keep_worker(self) -> Iterator[None]:
        """Let a worker work for the length of a block."""

        def work() -> None:
            self.ended.append(run_worker("virtual", self.scene.policies.path, self.state, "", once=False)[1])

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            while thread.is_alive():
                for stop in self.stop_signals[:1]:
                    stop("SIGTERM")
                thread.join(0.1)


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BesideWorker:
    scene = Scene(tmp_path, 2, make_operations(tmp_path, **WAVES), now=datetime.now(UTC))
    scene.plan()
    found = BesideWorker(scene)

    @contextmanager
    def hear_signals(on_signal: Callable[[str], None]) -> Iterator[None]:
        found.stop_signals.append(on_signal)  # threads hear no signals
        yield

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.cli.rollouts.stop_signals.hear_signals", hear_signals)
    monkeypatch.setattr("controller.rollout.work_loop.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("controller.rollout.work_loop.AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("controller.cli.rollouts.worker.SshTransport", lambda _: scene.lab.transport)
    monkeypatch.setattr("controller.cli.rollouts.estate_rollouts.load_operations_of", lambda *_: scene.operations)
    return found


def read_id(done: Done) -> str:
    [line] = [one for one in (done.said + done.errors).splitlines() if one.endswith(" has begun")]
    return line.split()[1]


def wait_for(event: Event) -> Fault:
    assert event.wait(PATIENCE)
    return NO_FAULT


def test_an_idle_worker_is_in_nobodys_way(beside: BesideWorker) -> None:
    with beside.keep_worker():
        while not beside.stop_signals:
            Event().wait(0.01)
        with use_rollouts(beside.state, create=True) as store:
            assert not is_worked_on(store, beside.state)
        done = beside.run("start", str(beside.scene.plan_path))
        assert done.code == 0, done.errors
        assert "rollout: 2 applied" in done.said
    assert beside.ended == [Exit.GOOD]


def test_a_rollout_that_takes_anothers_place_is_carried_out_beside_a_worker(beside: BesideWorker) -> None:
    first = beside.scene.lab.of(beside.scene.lab.switches[0])
    begun, superseded = Event(), Event()

    def block(verb: str) -> Fault:
        if verb == "push" and not superseded.is_set():
            begun.set()
            return wait_for(superseded)
        return NO_FAULT

    old = record_rollout(beside)
    first.draw_fault = block
    with beside.keep_worker():
        assert begun.wait(PATIENCE)
        watch = threading.Thread(target=lambda: release_once(beside, old, superseded), daemon=True)
        watch.start()
        done = beside.run("start", str(beside.scene.plan_path), "--supersede", old)
        watch.join(PATIENCE)
    assert done.code == 0, done.errors
    assert "rollout: 1 unchanged, 1 applied" in done.said
    with use_rollouts(beside.state) as store:
        assert store.load_status(old).state is RolloutState.SUPERSEDED


def record_rollout(beside: BesideWorker) -> str:
    """Keep a rollout that nobody works on yet."""
    started = beside.scene.start()
    options = carry_out.StartOptions(60, "", datetime(2026, 1, 1, tzinfo=UTC))
    with use_rollouts(beside.state, create=True) as store:
        return carry_out.record_rollout(store, started, beside.scene.plan_path, options, lambda _: None).id


def release_once(beside: BesideWorker, old: str, released: Event) -> None:
    """Let a device go on once another rollout has taken the place of the old one."""
    while beside.find_active() == old:
        Event().wait(0.02)
    released.set()


def test_resume_beside_a_worker_ends_with_the_rollout(beside: BesideWorker) -> None:
    rollout = record_rollout(beside)
    assert beside.run("pause", rollout, "--lab").code == 0
    with beside.keep_worker():
        while not looks_worked_on(beside):
            Event().wait(0.02)
        done = beside.run("resume", rollout, "--lab")
    assert done.code == 0, done.errors
    assert "rollout: 2 applied" in done.said


def looks_worked_on(beside: BesideWorker) -> bool:
    with use_rollouts(beside.state) as store:
        return is_worked_on(store, beside.state)


def test_resume_beside_a_worker_is_judged_by_todays_operators(
    beside: BesideWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = record_rollout(beside)
    assert beside.run("pause", rollout, "--lab").code == 0
    with beside.keep_worker():
        while not looks_worked_on(beside):
            Event().wait(0.02)

        def refuse(*_: object) -> None:
            message = "the approval of hanako was revoked"
            raise PlanNotApproved(message)

        monkeypatch.setattr("controller.cli.rollouts.worker.resume_scene", refuse)
        done = beside.run("resume", rollout, "--lab")
        assert (done.code, "hanako was revoked" in done.errors) == (1, True)
        with use_rollouts(beside.state) as store:
            assert store.load_status(rollout).state is RolloutState.PAUSED


@pytest.mark.parametrize(("refuses", "code"), [(True, Exit.FAILED), (False, Exit.GOOD)])
def test_a_worker_that_works_once_ends_as_what_it_worked_on(beside: BesideWorker, *, refuses: bool, code: Exit) -> None:
    assert beside.run("worker", "--lab", "--once").code == Exit.GOOD, "nothing to work on"
    record_rollout(beside)
    if refuses:
        last = beside.scene.lab.of(beside.scene.lab.switches[1])
        last.draw_fault = lambda verb: Fault("refuses", Effect.NONE, says_error="no") if verb == "lock" else NO_FAULT
    done = beside.run("worker", "--lab", "--once")
    assert done.code == code, done.errors


def test_a_worker_that_may_not_work_once_does_not_end_well(
    beside: BesideWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = record_rollout(beside)

    def refuse(*_: object) -> None:
        message = "the approval of hanako was revoked"
        raise PlanNotApproved(message)

    monkeypatch.setattr("controller.cli.rollouts.worker.resume_scene", refuse)
    done = beside.run("worker", "--lab", "--once")
    assert done.code == Exit.FAILED
    assert f"the rollout {rollout} is not worked on here: the approval of hanako was revoked" in done.errors


@pytest.mark.parametrize("lost", [True, False])
def test_who_cancels_a_lost_rollout_tells_its_end_in_its_place(beside: BesideWorker, *, lost: bool) -> None:
    rollout = record_rollout(beside)
    if lost:
        with use_rollouts(beside.state) as store:
            HeartbeatStore(store).record_heartbeat(rollout, "controller", datetime.now(UTC))
    assert beside.run("cancel", rollout, "--lab").code == 0
    told = [
        json.loads(line)
        for path in sorted((beside.state / "timeline").glob("*-cancelled.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    spans = [one for one in told if one.get("attributes", {}).get("tsunagu.rollout") == rollout]
    assert [one["event"] for one in spans] == (["start", "end"] if lost else [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_there_is_a_worker_stops_the_one_that_comes(number: signal.Signals) -> None:
    worker = SimpleNamespace(stop=Event(), begun=frozenset())
    heard: list[str] = []
    with stop_on_signals(heard) as on_worker:
        send_own_signal(number)
        on_worker(worker)  # type: ignore[arg-type] # what is used of it
    assert heard == [number.name]
    assert worker.stop.is_set()
