"""The daemon's duty to carry out rollouts: what is refused is tried later each time, and nothing is told twice."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from controller.cli.daemon import rollout_duty
from controller.cli.daemon.rollout_duty import RolloutDuty
from controller.cli.rollouts.estate_rollouts import EstateRollouts
from controller.cli.rollouts.stop_signals import OnWorker
from controller.errors import DaemonRefused, PlanNotApproved
from controller.rollout.durable.rollout_worker import RolloutWorker
from tests.rollout.durable.city_scene import DurableScene
from tests.security.plan_scene import make_operations

SERVER = {"host": "127.0.0.1", "name": "tsunagu", "user": "tsunagu", "password": {"env": "ROLLOUTS"}}


class Desk:
    """A rollout that has begun, and the duty that is to carry it out."""

    def __init__(self, folder: Path, key: Path) -> None:
        self.durable = DurableScene(folder, schools=1)
        self.key = key
        self.said: list[str] = []
        self.rollout = self.durable.record(self.durable.judge()).id
        self.allow("automatic")
        clock = self.durable.scene.lab.clock
        self.duty = RolloutDuty("virtual", lambda: self.place, self.said.append, clock)

    def allow(self, changes: str) -> None:
        operations = make_operations(self.durable.folder, daemon={"changes": changes, "key": str(self.key)})
        self.place = EstateRollouts(operations, self.durable.state, self.durable.folder)

    def work(self) -> str:
        return self.duty.work(Event())

    def wait(self, seconds: float) -> None:
        self.durable.scene.lab.clock.sleep(seconds)


@pytest.fixture
def desk(tmp_path: Path, keys: Callable[[str], Path]) -> Desk:
    return Desk(tmp_path, keys("robot"))


def test_what_is_refused_is_tried_later_each_time_and_never_told_as_carried_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def refuse(_: object, rollout: str, __: object) -> None:
        tries.append(rollout)
        message = "an approval was withdrawn"
        raise PlanNotApproved(message)

    monkeypatch.setattr(rollout_duty, "prepare_resumption", refuse)
    refused = pytest.raises(DaemonRefused, match=r"is not worked on here: an approval was withdrawn")
    counts = []
    for _ in range(24):  # at the pace of the schedule, for two minutes
        with refused:
            desk.work()
        counts.append(len(tries))
        desk.wait(5.0)
    # After 0, 5, 15, 35 and 75 seconds.
    assert [counts.index(number) * 5 for number in sorted(set(counts))] == [0, 5, 15, 35, 75]
    assert not desk.said


def test_another_rollout_does_not_wait_for_the_one_that_was_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def refuse(_: object, rollout: str, __: object) -> None:
        tries.append(rollout)
        message = "an approval was withdrawn"
        raise PlanNotApproved(message)

    monkeypatch.setattr(rollout_duty, "prepare_resumption", refuse)
    for name in (desk.rollout, "another", "another"):
        monkeypatch.setattr(rollout_duty, "find_open_rollout", lambda _, name=name: name)
        with pytest.raises(DaemonRefused):
            desk.work()
    assert len(tries) == 2, "the first of each name; the second of the same waits"


def test_nothing_is_carried_out_while_the_file_says_report(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def carry_out(engine: Any, store: Any, scene: Any, _: object, __: object, on_worker: OnWorker) -> None:  # noqa: ANN401 as it is called
        begun.append(desk.rollout)
        span: Any = None  # nothing is told of it
        on_worker(RolloutWorker(engine, store, scene, span, "controller", desk.said.append))
        desk.allow("report")
        assert desk.duty.heed_changes(Event()).startswith("report: the rollout is left alone")

    monkeypatch.setattr(rollout_duty, "prepare_resumption", lambda store, rollout, _: _scene(desk, store, rollout))
    monkeypatch.setattr(rollout_duty, "carry_out_here", carry_out)
    assert not desk.work()
    assert begun == [desk.rollout]
    assert desk.said == [f"rollouts: {desk.rollout} is carried out", f"rollouts: {desk.rollout} is running"]
    assert not desk.duty.heed_changes(Event()), "no worker is left to be stopped"
    assert not desk.work()
    assert len(begun) == 1
    # Allowed again, it goes on.
    desk.allow("automatic")
    assert not desk.work()
    assert len(begun) == 2


def test_an_end_that_was_asked_for_before_the_turn_begins_nothing(desk: Desk) -> None:
    stop = Event()
    stop.set()
    assert not desk.duty.work(stop)
    assert not desk.said


def test_daemons_that_share_a_database_have_names_of_their_own(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    @contextmanager
    def become(*_: object, name: str, **__: object) -> Iterator[None]:
        names.append(name)
        message = "enough"
        raise DaemonRefused(message)
        yield

    @contextmanager
    def use(*_: object, **__: object) -> Iterator[Any]:
        yield type("Store", (), {"is_shared": True})()

    monkeypatch.setattr(rollout_duty, "become_worker", become)
    monkeypatch.setattr(rollout_duty, "use_rollouts", use)
    monkeypatch.setattr(rollout_duty, "find_open_rollout", lambda _: desk.rollout)
    values = {"daemon": {"changes": "automatic", "key": str(desk.key)}, "rollout": {"database": SERVER}}
    desk.place = replace(desk.place, operations=make_operations(desk.durable.folder, **values))
    for machine in ("North.example", "south", "x" * 80):
        monkeypatch.setattr(socket, "gethostname", lambda machine=machine: machine)
        with pytest.raises(DaemonRefused, match="enough"):
            desk.work()
    assert names == ["north-example-daemon", "south-daemon", "x" * 56 + "-daemon"]


def _scene(desk: Desk, store: Any, rollout: str) -> Any:  # noqa: ANN401 a store and its scene
    return desk.durable.prepare(store.load_record(rollout), desk.durable.judge(), desk.durable.surround())
