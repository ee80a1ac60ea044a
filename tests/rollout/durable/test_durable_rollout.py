"""A durable rollout: waves in their order, a brake, a pause, an end at a device's boundary, and going on later."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from controller.errors import PlanNotApproved, RolloutRefused
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault, FaultScript, make_fault
from controller.rollout.durable.carry_out import (
    StartOptions,
    record_rollout,
    refuse_superseding,
    resume_rollout,
    use_rollouts,
)
from controller.rollout.durable.records import WITHOUT_RESTORE, RolloutRecord, RolloutState
from controller.rollout.durable.rollout_worker import RolloutWorker
from tests.rollout.durable.city_scene import DurableScene, write_waves
from tests.rollout.memory_lab import RESTORE_SECONDS

CANARY = {"name": "canary", "schools": "canary"}
REST = {"name": "rest", "schools": "rest", "schools-at-once": 1}


@pytest.fixture
def scene(tmp_path: Path) -> DurableScene:
    return DurableScene(tmp_path, operators=write_waves(CANARY, REST))


def test_a_rollout_ends_done_with_every_device_as_the_policy_wants(scene: DurableScene) -> None:
    rollout = scene.roll_out()
    assert scene.status(rollout).state is RolloutState.DONE
    assert scene.ends(rollout) == ["applied"] * 3
    assert all(scene.is_whole(index) for index in range(3))
    runs = scene.runs(rollout).values()
    assert sorted(run.wave for run in runs) == [0, 1, 1]
    assert [said.partition(":")[0] for said in scene.said] == ["wave 1 of 2 (canary)", "wave 2 of 2 (rest)"]


def test_a_bad_canary_stops_the_rollout_and_what_was_mended_goes_on(scene: DurableScene) -> None:
    canary, *others = scene.scene.lab.switches
    scene.scene.lab.of(canary).draw_fault = FaultScript({("push", 0): make_fault("refuses", "push", 0)})
    rollout = scene.roll_out()
    status = scene.status(rollout)
    assert status.state is RolloutState.STOPPED
    assert f"1 device of the wave canary ended badly, and at most 0 may: {canary.id} (reverted)" in status.reason
    assert not any(scene.count_pushes(one) for one in others)
    with use_rollouts(scene.state) as store:
        resume_rollout(store, rollout, "hanako", scene.scene.lab.clock.now())
    assert scene.resume(rollout).state is RolloutState.DONE
    assert scene.ends(rollout) == ["applied"] * 3


def test_failures_stop_a_wave_in_its_middle_unless_the_operators_allow_so_many(tmp_path: Path) -> None:
    for allowed, ends in ((0, ["applied", "unknown", "failed"]), (1, ["applied", "unknown", "applied"])):
        rest = REST | {"maximum-failures": allowed}
        scene = DurableScene(tmp_path / str(allowed), operators=write_waves(CANARY, rest, retry={"until-hours": 0}))
        _, second, third = scene.scene.lab.switches
        scene.scene.lab.of(second).leave(100_000)
        rollout = scene.roll_out()
        assert scene.ends(rollout) == ends
        assert bool(scene.count_pushes(third)) is bool(allowed)
        assert scene.status(rollout).state is (RolloutState.DONE if allowed else RolloutState.STOPPED)
        if not allowed:
            assert scene.runs(rollout)[third.id].reason.startswith("not attempted: 1 device of the wave rest ended")


def test_a_school_is_left_alone_after_one_of_its_devices_ended_badly(tmp_path: Path) -> None:
    waves = write_waves({"name": "all", "schools": "rest"}, retry={"until-hours": 0})
    scene = DurableScene(tmp_path, schools=2, operators=waves)
    started = scene.judge()
    record = scene.record(started)
    [first, second] = scene.scene.lab.switches
    turn = record.waves[0].schools[0]
    together = turn.model_copy(update={"devices": (first.id, second.id)})
    record = record.model_copy(update={"waves": (record.waves[0].model_copy(update={"schools": (together,)}),)})
    replace_record(scene, record.id, record.model_dump_json())
    scene.scene.lab.of(first).leave(100_000)
    scene.work(scene.prepare(record, started, scene.surround()))
    assert scene.ends(record.id) == ["unknown", "failed"]
    assert scene.runs(record.id)[second.id].reason == f"not attempted: {first.id} of the same school ended unknown"
    assert not scene.count_pushes(second)


@pytest.mark.parametrize("bad", [True, False])
def test_devices_without_a_restore_are_begun_only_after_good_ends(tmp_path: Path, bad: bool) -> None:  # noqa: FBT001
    rule = {"name": "all", "schools": "rest", "maximum-failures": 1}
    scene = DurableScene(tmp_path, operators=write_waves(rule, retry={"until-hours": 0}))
    started = scene.judge()
    record = scene.record(started)
    [wave] = record.waves
    waves = (
        wave.model_copy(update={"schools": wave.schools[:2]}),
        wave.model_copy(update={"name": WITHOUT_RESTORE, "rule": WITHOUT_RESTORE, "schools": wave.schools[2:]}),
    )
    record = record.model_copy(update={"waves": waves})
    replace_record(scene, record.id, record.model_dump_json())
    first, _, last = scene.scene.lab.switches
    if bad:
        scene.scene.lab.of(first).leave(100_000)
    status = scene.work(scene.prepare(record, started, scene.surround()))
    assert bool(scene.count_pushes(last)) is not bad
    assert status.state is (RolloutState.STOPPED if bad else RolloutState.DONE)
    if bad:
        assert status.reason == (
            f"{first.id} ended unknown, and devices without a restore of their own come only after good ends"
        )


def replace_record(scene: DurableScene, rollout: str, text: str) -> None:
    with closing(sqlite3.connect(scene.database, isolation_level=None)) as connection:
        connection.execute("UPDATE tsunagu_rollouts SET record = ? WHERE id = ?", (text, rollout))


def pause_when_the_canary_is_done(scene: DurableScene, by: RolloutState) -> None:
    """Let the canary's switch change how far the rollout is, while it is being changed."""
    memory = scene.scene.lab.of(scene.scene.lab.switches[0])

    def draw(verb: str) -> Fault:
        if verb == "save":
            with use_rollouts(scene.state) as store:
                active = store.find_active()
                assert active is not None
                since = (RolloutState.RUNNING,)
                assert store.change_state(active, by, scene.scene.lab.clock.now(), since=since, by="hanako")
        return NO_FAULT

    memory.draw_fault = draw


def test_cancelled_it_ends_the_device_that_has_begun_and_begins_no_other(scene: DurableScene) -> None:
    pause_when_the_canary_is_done(scene, RolloutState.CANCELLED)
    rollout = scene.roll_out()
    assert scene.status(rollout).state is RolloutState.CANCELLED
    assert scene.ends(rollout) == ["applied", "none", "none"]
    assert scene.is_whole(0)
    with use_rollouts(scene.state) as store, pytest.raises(RolloutRefused, match="has ended"):
        resume_rollout(store, rollout, "hanako", scene.scene.lab.clock.now())


def test_paused_it_waits_and_another_process_carries_it_on(scene: DurableScene) -> None:
    pause_when_the_canary_is_done(scene, RolloutState.PAUSED)

    def leave_when_it_waits(worker: RolloutWorker) -> None:
        def say(words: str) -> None:
            scene.said.append(words)
            if "paused" in words:
                worker.stop.set()

        worker.say = say

    rollout = scene.roll_out(on_worker=leave_when_it_waits)
    assert scene.status(rollout).state is RolloutState.PAUSED
    assert scene.ends(rollout) == ["applied", "none", "none"]
    pushes = len(scene.scene.lab.of(scene.scene.lab.switches[0]).exchanges)
    with use_rollouts(scene.state) as store:
        resume_rollout(store, rollout, "taro", scene.scene.lab.clock.now())
    assert scene.resume(rollout).state is RolloutState.DONE
    assert scene.ends(rollout) == ["applied"] * 3
    assert len(scene.scene.lab.of(scene.scene.lab.switches[0]).exchanges) == pushes, "the canary was left alone"


def test_two_rollouts_never_run_at_once(scene: DurableScene) -> None:
    started = scene.judge()
    record = scene.record(started)
    with pytest.raises(RolloutRefused, match=f"the rollout {record.id} has not ended"):
        scene.record(started)
    with use_rollouts(scene.state) as store:
        assert store.find_active() == record.id


def test_a_newer_rollout_takes_the_place_of_one_at_a_devices_boundary(scene: DurableScene) -> None:
    """The old one's process is in the middle of the canary when it happens."""
    canary = scene.scene.lab.of(scene.scene.lab.switches[0])
    newer: list[RolloutRecord] = []

    def take_its_place(verb: str) -> Fault:
        if verb == "save" and not newer:
            scene.scene.lab.clock.sleep(1)
            with use_rollouts(scene.state) as store:
                active = store.find_active()
                assert active is not None
                refuse_superseding(store, active)
                options = StartOptions(RESTORE_SECONDS, "", scene.scene.lab.clock.now(), active)
                newer.append(record_rollout(store, started, scene.scene.plan_path, options, lambda _: None))
        return NO_FAULT

    started = scene.judge()
    record = scene.record(started)
    canary.draw_fault = take_its_place
    scene.work(scene.prepare(record, started, scene.surround()))
    [new] = newer
    status = scene.status(record.id)
    assert (status.state, status.reason) == (RolloutState.SUPERSEDED, f"superseded by {new.id}")
    assert new.supersedes == record.id
    assert scene.ends(record.id) == ["applied", "none", "none"]
    scene.work(scene.prepare(new, started, scene.surround()))
    assert scene.status(new.id).state is RolloutState.DONE
    assert scene.ends(new.id) == ["unchanged", "applied", "applied"]
    with use_rollouts(scene.state) as store, pytest.raises(RolloutRefused, match=r"has ended \(superseded\)"):
        refuse_superseding(store, record.id)
    with use_rollouts(scene.state) as store, pytest.raises(RolloutRefused, match=r"has ended \(superseded\)"):
        resume_rollout(store, record.id, "hanako", scene.scene.lab.clock.now())


def test_a_rollout_that_has_ended_is_superseded_by_none(scene: DurableScene) -> None:
    """Also where it ended after it was looked at."""
    started, clock = scene.judge(), scene.scene.lab.clock
    record = scene.record(started)
    clock.sleep(1)
    with use_rollouts(scene.state) as store:
        store.change_state_or_refuse(record.id, RolloutState.CANCELLED, clock.now(), by="hanako")
        options = StartOptions(RESTORE_SECONDS, "", clock.now(), record.id)
        with pytest.raises(RolloutRefused, match=f"the rollout {record.id} has ended meanwhile"):
            record_rollout(store, started, scene.scene.plan_path, options, lambda _: None)
        assert store.list_rollouts() == [record.id]
        assert store.find_active() is None


def test_it_waits_for_its_window_and_begins_nothing_before(tmp_path: Path) -> None:
    night = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "22:00", "until": "23:00"}
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(windows=[night]))
    opened: list[timedelta] = []
    lab = scene.scene.lab
    began = lab.clock.now()

    def draw(verb: str) -> Fault:
        if verb == "open" and not opened:
            opened.append(lab.clock.now() - began)
        return NO_FAULT

    lab.of(lab.switches[0]).draw_fault = draw
    # Noon in UTC is 21:00 in Tokyo.
    rollout = scene.roll_out()
    assert scene.ends(rollout) == ["applied"]
    assert timedelta(minutes=59) < opened[0] < timedelta(minutes=62)
    assert any("is outside the operators' windows" in said for said in scene.said)


def test_forced_it_waits_for_no_window(tmp_path: Path) -> None:
    night = {"days": ["mon"], "from": "22:00", "until": "22:05"}
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(windows=[night]))
    rollout = scene.roll_out(forced="hanako: the switch must be mended before lessons")
    assert scene.ends(rollout) == ["applied"]


def test_a_rollout_carries_on_from_its_snapshot_whatever_the_policies_are_now(scene: DurableScene) -> None:
    started = scene.judge()
    record = scene.record(started)
    for file in scene.scene.policies.path.rglob("*.yaml"):
        file.write_text("broken: [", encoding="utf-8")
    scene.scene.plan_path.unlink()
    assert scene.resume(record.id).state is RolloutState.DONE
    assert scene.ends(record.id) == ["applied"] * 3


def test_a_resumption_is_judged_by_the_operators_of_today(scene: DurableScene) -> None:
    record = scene.record(scene.judge())
    with pytest.raises(PlanNotApproved, match="needs approvals by 2 others"):
        scene.resume(record.id, approvals={"require": [{"schools": 1, "approvals": 2}]})
    assert not any(scene.count_pushes(one) for one in scene.scene.lab.switches)
