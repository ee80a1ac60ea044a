"""Devices that do not answer: tried again with growing pauses, until they are seen, the deadline, or a write-off."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.errors import RolloutRefused
from controller.operations.rollout_settings import RetryRule
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable import rollout_worker
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.records import RolloutState, RunPlace
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.durable.waves.unknown_devices import WriteOff, list_waiting
from controller.rollout.durable.waves.write_offs import WriteOffStore, write_device_off
from controller.rollout.outcome import End, Outcome
from tests.rollout.durable.city_scene import DurableScene, write_waves

CANARY = {"name": "canary", "schools": "canary"}
REST = {"name": "rest", "schools": "rest", "schools-at-once": 1}
TOKYO = ZoneInfo("Asia/Tokyo")
RETRY = {"first-minutes": 1, "longest-minutes": 8, "until-hours": 2}


@pytest.fixture(autouse=True)
def few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A waiting rollout looks each half minute: the clock is turned by hand."""
    monkeypatch.setattr(rollout_worker, "LOOK_SECONDS", 30.0)


def make_scene(folder: Path, schools: int = 3, **rest: object) -> DurableScene:
    return DurableScene(folder, schools, operators=write_waves(CANARY, REST | rest, retry=RETRY))


def hear(scene: DurableScene, hook: Callable[[RolloutWorker, str], None]) -> Callable[[RolloutWorker], None]:
    """Let a hook hear what the worker says."""

    def on_worker(worker: RolloutWorker) -> None:
        def say(words: str) -> None:
            scene.said.append(words)
            hook(worker, words)

        worker.say = say

    return on_worker


def test_a_dead_device_holds_its_wave_aloud_until_it_is_seen_and_what_was_left_out_follows(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    _, second, third = scene.scene.lab.switches
    scene.scene.lab.of(second).leave(20 * 60)
    rollout = scene.roll_out()
    assert scene.status(rollout).state is RolloutState.DONE
    assert scene.ends(rollout) == ["applied"] * 3
    waits = [said for said in scene.said if said.startswith("the wave rest waits for")]
    assert f"{second.id} (unknown since 2026-" in waits[0]
    assert "or its write-off" in waits[0]
    assert scene.count_pushes(third), "begun once the dead one was seen"
    with use_rollouts(scene.state) as store:
        tries = [run for run in store.list_runs(rollout) if run.device == second.id]
    assert [run.end for run in tries[:-1]] == [End.UNKNOWN] * (len(tries) - 1)
    pauses = [later.begun - run.ended for run, later in pairwise(tries) if run.ended]
    assert [round(one / timedelta(minutes=1)) for one in pauses][:4] == [1, 2, 4, 8]
    assert all(run.unreached for run in tries[:-1])


def test_where_the_wave_may_do_without_it_the_rollout_goes_on_and_waits_at_its_end(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, **{"maximum-failures": 1})
    _, second, third = scene.scene.lab.switches
    scene.scene.lab.of(second).leave(10 * 60)
    rollout = scene.roll_out()
    assert scene.ends(rollout) == ["applied"] * 3
    runs = scene.runs(rollout)
    assert runs[third.id].begun < runs[second.id].begun
    assert any(said.startswith(f"the rollout waits for {second.id}") for said in scene.said)


def test_a_device_is_not_tried_again_once_the_try_before_it_lasted_until_the_window_closed(tmp_path: Path) -> None:
    """Noon in UTC is 21:00 in Tokyo: both are due then, and the first one's saving lasts beyond 22:00."""
    all_days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    hours = [{"days": all_days, "from": one, "until": until} for one, until in (("20:00", "22:00"), ("23:00", "23:59"))]
    both = {"name": "all", "schools": "rest", "schools-at-once": 1, "maximum-failures": 2}
    scene = DurableScene(tmp_path, 2, operators=write_waves(both, retry=RETRY | {"until-hours": 24}, windows=hours))
    lab = scene.scene.lab
    lasted: list[datetime] = []

    def last_long(verb: str) -> Fault:
        if verb == "save" and not lasted:
            lab.clock.sleep(75 * 60)
            lasted.append(lab.clock.now())
        return NO_FAULT

    for device in lab.switches:
        lab.of(device).leave(10 * 60)
        lab.of(device).draw_fault = last_long
    rollout = scene.roll_out()
    assert scene.ends(rollout) == ["applied"] * 2, [run.reason for run in scene.runs(rollout).values()]
    with use_rollouts(scene.state) as store:
        begun = sorted(run.begun for run in store.list_runs(rollout) if run.end is End.APPLIED)
    assert begun[0] < lasted[0] < begun[1]
    assert f"{begun[1].astimezone(TOKYO):%H:%M}" == "23:00", "not before the next window"


def test_the_deadline_ends_the_waiting_and_names_the_device(tmp_path: Path) -> None:
    for allowed, state in ((0, RolloutState.STOPPED), (1, RolloutState.DONE)):
        scene = make_scene(tmp_path / str(allowed), 2, **{"maximum-failures": allowed})
        dead = scene.scene.lab.switches[1]
        scene.scene.lab.of(dead).leave(1_000_000)
        began = scene.scene.lab.clock.now()
        rollout = scene.roll_out()
        status = scene.status(rollout)
        assert status.state is state
        assert dead.id in status.reason
        assert "deadline" in status.reason
        assert timedelta(hours=2) <= scene.scene.lab.clock.now() - began < timedelta(hours=2, minutes=10)


def test_a_try_that_no_window_lets_in_is_told_while_it_waits_and_at_the_deadline(tmp_path: Path) -> None:
    """Noon in UTC is 21:00 in Tokyo: the device is due again at 22:30, and the window closes at 22:00."""
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "20:00", "until": "22:00"}]
    retry = {"first-minutes": 90, "longest-minutes": 90, "until-hours": 4}
    scene = DurableScene(tmp_path, 2, operators=write_waves(CANARY, REST, retry=retry, windows=hours))
    dead = scene.scene.lab.switches[1]
    scene.scene.lab.of(dead).leave(1_000_000)
    rollout = scene.roll_out()
    told = [said for said in scene.said if "not tried yet" in said]
    assert len(told) == 1, "once, and not whenever it looks"
    assert re.search(r"1 try; due again at .* 13:3.* UTC, and not tried yet: .* is outside the operators' win", told[0])
    assert scene.status(rollout).state is RolloutState.STOPPED
    reason = scene.status(rollout).reason
    assert re.search(rf"{dead.id} \(unknown since .*, 1 try; due again at .*, and not tried: .* outside the op", reason)


def test_a_deadline_before_the_second_try_is_told(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, 2, operators=write_waves(CANARY, REST, retry=RETRY | {"until-hours": 0}))
    scene.scene.lab.of(scene.scene.lab.switches[1]).leave(1_000_000)
    assert "1 try; never tried again); the rollout's deadline has passed" in scene.status(scene.roll_out()).reason


def test_a_written_off_device_is_waited_for_no_longer_and_stays_unknown(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    _, dead, third = scene.scene.lab.switches
    scene.scene.lab.of(dead).leave(1_000_000)

    def write_off(worker: RolloutWorker, words: str) -> None:
        rule, now = worker.scene.operations.rollout.retry, scene.scene.lab.clock.now()
        if not words.startswith("the wave rest waits for"):
            return
        rollout = worker.scene.record.id
        for device, why in ((third.id, "does not wait for"), ("no-such", "does not wait for")):
            with pytest.raises(RolloutRefused, match=why):
                write_device_off(worker.store, rollout, WriteOff(device, "hanako", "burnt", now), rule)
        write_device_off(worker.store, rollout, WriteOff(dead.id, "hanako", "burnt", now), rule)
        with pytest.raises(RolloutRefused, match="written off before, by hanako"):
            write_device_off(worker.store, rollout, WriteOff(dead.id, "taro", "burnt", now), rule)

    rollout = scene.roll_out(on_worker=hear(scene, write_off))
    assert scene.status(rollout).state is RolloutState.DONE
    assert scene.ends(rollout) == ["applied", "unknown", "applied"]
    with use_rollouts(scene.state) as store:
        rule = RetryRule()
        with pytest.raises(RolloutRefused, match="has ended"):
            write_device_off(store, rollout, WriteOff(dead.id, "taro", "burnt", datetime.now(UTC)), rule)


def test_what_was_lost_in_its_change_is_looked_at_and_not_cut_off_again(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, 2)
    lost = scene.scene.lab.of(scene.scene.lab.switches[1])

    def vanish(verb: str) -> Fault:
        if verb == "push":
            lost.leave(30 * 60)
        return NO_FAULT

    lost.draw_fault = vanish
    rollout = scene.roll_out()
    status = scene.status(rollout)
    assert status.state is RolloutState.STOPPED
    assert scene.ends(rollout) == ["applied", "reverted"]
    assert scene.count_pushes(scene.scene.lab.switches[1]) == 1
    with use_rollouts(scene.state) as store:
        [first, *_] = [run for run in store.list_runs(rollout) if run.device == lost.name]
    assert first.end is End.UNKNOWN
    assert not first.unreached


def test_a_restart_keeps_the_schedule_and_the_brake(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, 2)
    dead = scene.scene.lab.switches[1]
    scene.scene.lab.of(dead).leave(40 * 60)

    waits: list[str] = []

    def leave(worker: RolloutWorker, words: str) -> None:
        waits.append(worker.waits.describe_waits())
        if words.startswith("the wave rest waits for") and "4 tries" in words:
            worker.stop.set()

    rollout = scene.roll_out(on_worker=hear(scene, leave))
    assert scene.status(rollout).state is RolloutState.RUNNING
    assert any(one.startswith(f"the wave rest: {dead.id} (unknown since ") for one in waits), "as list and show tell it"
    with use_rollouts(scene.state) as store:
        record, runs = store.load_record(rollout), store.list_runs(rollout)
    operations = scene.scene.operations
    assert operations is not None
    [waiting] = list_waiting(record, runs, frozenset(), operations.rollout.retry)
    assert waiting.tries == 4
    assert waiting.untouched
    assert scene.resume(rollout).state is RolloutState.DONE
    with use_rollouts(scene.state) as store:
        later = next(run for run in store.list_runs(rollout)[len(runs) :] if run.device == dead.id)
    assert waiting.next_try <= later.begun < waiting.next_try + timedelta(minutes=2)


def test_a_try_that_nobody_ended_is_due_at_once(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, 1)
    record = scene.record(scene.judge())
    turn = record.waves[0].schools[0]
    place, now = RunPlace(record.id, 0, 0, turn.school), record.started
    [device] = turn.devices
    unknown = Outcome(device, turn.school, End.UNKNOWN, "no answer", 1.0, unreached=True)
    with use_rollouts(scene.state) as store:
        for minutes in (0, 1, 3):
            number = store.begin_run(place, device, "controller", now + timedelta(minutes=minutes))
            store.end_run(number, unknown, now + timedelta(minutes=minutes))
        rule = RetryRule()
        [one] = list_waiting(record, store.list_runs(record.id), frozenset(), rule)
        assert (one.since, one.tries, one.next_try) == (now, 3, now + timedelta(minutes=3 + 4))
        store.begin_run(place, device, "controller", now + timedelta(minutes=9))
        [broken] = list_waiting(record, store.list_runs(record.id), frozenset(), rule)
        assert broken == replace(one, broken_off=True, next_try=now + timedelta(minutes=3))
        assert not list_waiting(record, store.list_runs(record.id), {device}, rule)
        assert not WriteOffStore(store).list_write_offs(record.id)
