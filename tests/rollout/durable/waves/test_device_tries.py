"""Tries at devices: what is not known stays unknown, and nothing is tried once the rollout was to stop."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event
from zoneinfo import ZoneInfo

import pytest

from controller.model.sites.devices import Device
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable import rollout_worker
from controller.rollout.durable.carry_out import become_worker, use_rollouts
from controller.rollout.durable.records import RolloutRecord, RolloutState, RunPlace
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.durable.waits import Waits
from controller.rollout.durable.waves.device_tries import DeviceTries
from controller.rollout.durable.waves.unknown_devices import WaitingDevice
from controller.rollout.durable.waves.wave_end import ENDED, WaveEnd
from controller.rollout.durable.waves.write_offs import WriteOffStore
from controller.rollout.durable.workflow_engine import WorkerStopped
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import open_rollout_span
from tests.rollout.durable.city_scene import DurableScene, write_waves
from tests.rollout.durable.test_durable_rollout import replace_record

ALL = {"name": "all", "schools": "rest", "schools-at-once": 1, "maximum-failures": 2}


def test_a_device_that_was_lost_in_its_change_stays_unknown_where_it_is_left_alone(tmp_path: Path) -> None:
    """Its school's first device is dead when the rollout goes on: nobody looks at the second."""
    scene = DurableScene(tmp_path, schools=2, operators=write_waves(ALL, retry={"until-hours": 0}))
    started = scene.judge()
    record = scene.record(started)
    first, second = scene.scene.lab.switches
    together = record.waves[0].schools[0].model_copy(update={"devices": (first.id, second.id)})
    record = record.model_copy(update={"waves": (record.waves[0].model_copy(update={"schools": (together,)}),)})
    replace_record(scene, record.id, record.model_dump_json())
    place = RunPlace(record.id, 0, 0, together.school)
    with use_rollouts(scene.state) as store:
        store.begin_run(place, second.id, "controller", scene.scene.lab.clock.now())
    scene.scene.lab.of(first).leave(3_600)
    scene.work(scene.prepare(record, started, scene.surround()))
    assert scene.ends(record.id) == ["unknown", "unknown"]
    reason = scene.runs(record.id)[second.id].reason
    assert reason == (
        f"its change had begun and nobody ended it; not looked at since: {first.id} of the same school ended unknown"
    )
    assert not scene.count_pushes(second)


@pytest.mark.parametrize("by", ["signal", "cancelled"])
def test_no_second_try_begins_after_the_rollout_was_to_stop(tmp_path: Path, by: str) -> None:
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(ALL))
    started = scene.judge()
    record = scene.record(started)
    lab, workers = scene.scene.lab, list[RolloutWorker]()
    device = break_off_change(scene, record)
    lab.of(device).take("another", "run", 600)
    opened: list[str] = []

    def stop(verb: str) -> Fault:
        if verb != "open":
            return NO_FAULT
        opened.append(verb)
        if by == "signal":
            workers[0].stop.set()
        elif len(opened) == 1:
            with use_rollouts(scene.state) as store:
                store.change_state_or_refuse(record.id, RolloutState.CANCELLED, lab.clock.now(), by="hanako")
        return NO_FAULT

    lab.of(device).draw_fault = stop
    scene.work(scene.prepare(record, started, scene.surround()), on_worker=workers.append)
    assert opened == ["open"]
    assert scene.status(record.id).state is (RolloutState.RUNNING if by == "signal" else RolloutState.CANCELLED)


@pytest.mark.parametrize(("seconds", "end"), [(80, "applied"), (130, "applied"), (3_600, "failed")])
def test_a_restore_that_is_late_is_waited_for_as_long_as_the_device_says_so(
    tmp_path: Path, seconds: int, end: str
) -> None:
    """Found on a busy machine: a switch was 10 s late, and the rollout stopped though all would have been well."""
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(ALL))
    started, lab = scene.judge(), scene.scene.lab
    record = scene.record(started)
    device = break_off_change(scene, record)
    for verb, *words in (("lock", "another", "run", str(seconds)), ("arm", "run", str(seconds))):
        lab.of(device).answer(verb, tuple(words))
    scene.work(scene.prepare(record, started, scene.surround()))
    assert scene.ends(record.id) == [end]
    assert not lab.of(device).restore_armed or end == "failed"


def test_a_process_that_is_stopped_while_it_waits_for_a_restore_leaves_the_wait_to_the_next_one(tmp_path: Path) -> None:
    """The second one's first try is refused, too, as the restore is still to come: that is not the device's end."""
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(ALL))
    started, lab, workers = scene.judge(), scene.scene.lab, list[RolloutWorker]()
    record = scene.record(started)
    device = break_off_change(scene, record)
    for verb, *words in (("lock", "another", "run", "80"), ("arm", "run", "80")):
        lab.of(device).answer(verb, tuple(words))

    def stop(verb: str) -> Fault:
        if verb == "open":
            workers[-1].stop.set()
        return NO_FAULT

    lab.of(device).draw_fault = stop
    for tries in (2, 3):
        scene.work(scene.prepare(record, started, scene.surround()), on_worker=workers.append)
        assert scene.status(record.id).state is RolloutState.RUNNING
        with use_rollouts(scene.state) as store:
            assert len(store.list_runs(record.id)) == tries
    lab.of(device).draw_fault = lambda _: NO_FAULT
    scene.work(scene.prepare(record, started, scene.surround()))
    assert scene.ends(record.id) == ["applied"]


def break_off_change(scene: DurableScene, record: RolloutRecord) -> Device:
    """Let a change of the first switch have begun that nobody has ended."""
    device = scene.scene.lab.switches[0]
    with use_rollouts(scene.state) as store:
        place = RunPlace(record.id, 0, 0, device.school.id)
        store.begin_run(place, device.id, "controller", scene.scene.lab.clock.now())
    return device


def test_a_second_try_waits_for_the_window_that_closed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noon in UTC is 21:00 in Tokyo; the first try's login lasts until the window is as good as closed."""
    monkeypatch.setattr(rollout_worker, "LOOK_SECONDS", 30.0)
    all_days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    hours = [{"days": all_days, "from": one, "until": until} for one, until in (("20:00", "22:00"), ("23:00", "23:59"))]
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(ALL, windows=hours))
    started, lab = scene.judge(), scene.scene.lab
    record = scene.record(started)
    device = break_off_change(scene, record)
    lab.of(device).take("another", "run", 3_600)
    opened: list[str] = []

    def last_long(verb: str) -> Fault:
        if verb == "open":
            opened.append(f"{lab.clock.now().astimezone(ZoneInfo('Asia/Tokyo')):%H:%M}")
            if len(opened) == 1:
                lab.clock.sleep(58 * 60)
        return NO_FAULT

    lab.of(device).draw_fault = last_long
    scene.work(scene.prepare(record, started, scene.surround()))
    assert opened[0] == "21:00"
    assert set(opened[1:]) == {"23:00"}
    assert scene.ends(record.id) == ["applied"]


def test_no_device_begins_once_its_process_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A school's thread has seen that it may go on, and goes on when the process has given its lock back."""
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(ALL))
    started, lab, workers = scene.judge(), scene.scene.lab, list[RolloutWorker]()
    record = scene.record(started)
    left, ended, change = Event(), list[BaseException](), DeviceTries.try_change
    over = Event()

    def dawdle(self: DeviceTries, place: RunPlace, device: str) -> Outcome:
        workers[0].stop.set()
        left.wait(60)
        try:
            return change(self, place, device)
        except BaseException as error:
            ended.append(error)
            raise
        finally:
            over.set()

    monkeypatch.setattr(DeviceTries, "try_change", dawdle)
    scene.work(scene.prepare(record, started, scene.surround()), on_worker=workers.append)
    [device] = lab.switches
    before = lab.of(device).logins
    left.set()
    assert over.wait(60)
    assert [type(one) for one in ended] == [WorkerStopped]
    assert lab.of(device).logins == before
    assert not scene.runs(record.id), "and nothing says that it began"


def test_a_process_waits_also_for_a_lost_device_that_it_looks_at(tmp_path: Path) -> None:
    """Where the device runs the change after all, it is kept: that is a change like any other."""
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(ALL, retry={"first-minutes": 1}))
    started, lab, workers = scene.judge(), scene.scene.lab, list[RolloutWorker]()
    record = scene.record(started)
    [device] = lab.switches
    place, begun = RunPlace(record.id, 0, 0, device.school.id), list[frozenset[str]]()
    with use_rollouts(scene.state) as store:
        number = store.begin_run(place, device.id, "controller", lab.clock.now())
        store.end_run(number, Outcome(device.id, place.school, End.UNKNOWN, "no answer", 1.0), lab.clock.now())

    def look(verb: str) -> Fault:
        del verb
        begun.append(workers[0].begun)
        return NO_FAULT

    lab.of(device).draw_fault = look
    with become_worker(scene.state) as (engine, store), open_rollout_span("r", []) as span:
        prepared = scene.prepare(record, started, scene.surround())
        worker = RolloutWorker(engine, store, prepared, span, "controller", scene.said.append)
        workers.append(worker)
        worker._tries.inspect_lost_device(place, device.id)  # noqa: SLF001 as the worker does
        assert set(begun) == {frozenset({device.id})}
        assert scene.ends(record.id) == ["reverted"]
        worker.wait_for_begun()
        with pytest.raises(WorkerStopped):
            worker._tries.inspect_lost_device(place, device.id)  # noqa: SLF001 see above


def test_devices_are_tried_again_as_many_schools_at_once_as_their_wave_may(tmp_path: Path) -> None:
    """The rollout's own limit is 8, the wave's 1: two schools of it are never tried side by side."""
    scene = DurableScene(tmp_path, schools=2, operators=write_waves(ALL))
    started = scene.judge()
    record, clock = scene.record(started), scene.scene.lab.clock
    prepared = scene.prepare(record, started, scene.surround())
    both, tried, met = Barrier(2), list[str](), list[str]()

    def retry(generation: int, one: WaitingDevice) -> None:
        assert generation == 0
        tried.append(one.device)
        try:
            both.wait(0.3)
        except BrokenBarrierError:
            return
        met.append(one.device)

    asked: list[str] = []

    def explain_end(rollout: str, generation: int) -> str:
        asked.append(f"{rollout}.{generation}")
        return "it was cancelled" if tried else ""

    with use_rollouts(scene.state) as store, open_rollout_span("r", []) as span:
        for turn in record.waves[0].schools:
            [device] = turn.devices
            number = store.begin_run(RunPlace(record.id, 0, 0, turn.school), device, "controller", clock.now())
            unknown = Outcome(device, turn.school, End.UNKNOWN, "no answer", 1.0, unreached=True)
            store.end_run(number, unknown, clock.now())
        clock.sleep(90)
        ends = WaveEnd(
            store,
            WriteOffStore(store),
            prepared,
            scene.said.append,
            explain_end,
            lambda _: "",
            lambda _: None,
            retry,
            Waits(span),
        )
        assert ends.wait_for_unknown(record.id, 0) == ENDED
    assert sorted(tried) == sorted(record.list_devices())
    assert not met
