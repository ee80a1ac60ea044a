"""A wave whose gate failed is undone by the rule: from what is held now, and only where nothing gets wider."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import PlanRefused, StoreRefused
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.operations.rollout_settings import RolloutSettings
from controller.plan.provenance.policy_copies import FOLDER
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.records import RolloutState
from controller.rollout.durable.rollout_scene import resume_scene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.durable.waves.wave_undo import WaveUndo, undo_device
from controller.rollout.durable.waves.way_back import recover_policy_copy
from controller.telemetry.timeline import open_rollout_span
from tests.rollout.durable.city_scene import DurableScene, write_waves

WAVE: dict[str, object] = {"name": "all", "schools": "rest", "schools-at-once": 1, "gates": [{"kind": "policy-probes"}]}
UNDONE = write_waves(WAVE, **{"undo-on-failure": True})
FIRST, AFTER = "  - id: staff-ai\n", "  - id: nobody-abroad\n"


def end(scene: DurableScene, rollout: str) -> None:
    with use_rollouts(scene.state) as store:
        store.change_state_or_refuse(rollout, RolloutState.CANCELLED, scene.scene.lab.clock.now(), by="hanako")


def begin_second(folder: Path, wave: dict[str, object] = WAVE, /, **operators: object) -> DurableScene:
    """Schools after a first rollout, which was cancelled where its gate failed, and the plan of a wider one."""
    scene = DurableScene(folder, 2, operators=write_waves(wave, **{"undo-on-failure": True} | operators))
    rules = scene.scene.policies.path / "access/rules.yaml"
    wide = rules.read_text(encoding="utf-8")
    rules.write_text(wide[: wide.index(FIRST)] + wide[wide.index(AFTER) :], encoding="utf-8")
    scene.scene.plan()
    first = scene.roll_out()
    if not scene.status(first).state.is_final:
        end(scene, first)
    scene.said.clear()
    rules.write_text(wide, encoding="utf-8")
    scene.scene.lab.clock.sleep(60)
    scene.scene.plan()
    return scene


def block_printing(scene: DurableScene, device: Device) -> DeviceState:
    """Block the printing protocol of a school's printers by hand; what the switch holds then."""
    lines = scene.scene.lab.of(device).running.splitlines()
    blocked = [line.replace("=NORMAL", "=drop") if "1e," in line and "=631" in line else line for line in lines]
    assert lines != blocked
    scene.scene.lab.put_in_force({device.id: "\n".join(blocked)})
    return scene.scene.lab.running(device)


def hear(scene: DurableScene, hook: Callable[[str], object]) -> Callable[[RolloutWorker], None]:
    """Let a hook hear what the worker says."""

    def on_worker(worker: RolloutWorker) -> None:
        def say(words: str) -> None:
            scene.said.append(words)
            hook(words)

        worker.say = say

    return on_worker


@pytest.mark.parametrize("when", ["before its change", "while the wave soaks"])
def test_an_undo_leaves_what_somebody_else_has_changed(tmp_path: Path, when: str) -> None:
    wave = WAVE | {"gates": [{"kind": "drift"}], "maximum-failures": 1, "soak-minutes": 10}
    scene = begin_second(tmp_path, wave)
    lab = scene.scene.lab
    first, second = lab.switches
    old = lab.running(first)
    held: list[DeviceState] = []

    def block(words: str) -> None:
        if words.startswith("waits until ") and when == "while the wave soaks":
            held.append(block_printing(scene, second))

    if when == "before its change":
        held.append(block_printing(scene, second))
    pushes = scene.count_pushes(second)
    rollout = scene.roll_out(on_worker=hear(scene, block))
    assert lab.running(second) == held[0], "the block by hand stands"
    assert (scene.count_pushes(second) > pushes) is (when == "while the wave soaks"), "changed by the wave alone"
    assert scene.ends(rollout) == ["reverted", "failed"]
    assert lab.running(first) == old
    reason = scene.runs(rollout)[second.id].reason
    assert reason.startswith(f"not undone: {second.id}: changed by somebody else: ")
    status = scene.status(rollout)
    assert status.state is RolloutState.STOPPED
    assert status.reason.endswith(f"1 device went back to the policy before, and these did not: {second.id} (failed)")


@pytest.mark.parametrize("allowed", [False, True])
def test_an_undo_opens_nothing_on_a_device_unless_the_operators_allow_it(tmp_path: Path, *, allowed: bool) -> None:
    """The plan found a block by hand; somebody puts that state back before the undo, which would open it."""
    scene = begin_second(tmp_path, **{"undo-may-widen": allowed})
    lab = scene.scene.lab
    first, second = lab.switches
    old = [lab.running(one) for one in lab.switches]
    blocked = block_printing(scene, second)
    text = lab.of(second).running
    scene.scene.plan()

    def put_back(words: str) -> None:
        if words.endswith("; the wave is undone"):
            lab.put_in_force({second.id: text})

    rollout = scene.roll_out(on_worker=hear(scene, put_back))
    assert scene.ends(rollout) == ["reverted", "reverted" if allowed else "failed"]
    assert [lab.running(one) for one in lab.switches] == [old[0], old[1] if allowed else blocked]
    if not allowed:
        reason = scene.runs(rollout)[second.id].reason
        assert reason.startswith(f"not undone: {second.id}: going back would let more pass than it does now (VLAN 30 ")
    assert lab.running(first) == old[0]


def test_an_undo_waits_for_no_window_and_a_dead_device_ends_unknown(tmp_path: Path) -> None:
    """Noon in UTC is 21:00 in Tokyo; the window has closed when the gate has failed."""
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    scene = begin_second(tmp_path, windows=[{"days": every_day, "from": "20:00", "until": "22:00"}])
    lab = scene.scene.lab
    dead, other = lab.switches
    old = lab.running(other)
    undone: list[float] = []

    def close(words: str) -> None:
        if words.endswith("; the wave is undone"):
            lab.clock.sleep(3 * 3_600)
            lab.of(dead).leave(1_000_000)
            undone.append(lab.clock.monotonic())

    pushes = scene.count_pushes(other)
    rollout = scene.roll_out(on_worker=hear(scene, close))
    assert lab.clock.monotonic() - undone[0] < 600, "at once, not when the window opens again"
    assert scene.count_pushes(other) > pushes
    assert scene.ends(rollout) == ["unknown", "reverted"]
    assert lab.running(other) == old
    assert scene.runs(rollout)[dead.id].reason.startswith(f"not undone: {dead.id}: ")
    status = scene.status(rollout)
    assert status.state is RolloutState.STOPPED
    assert status.reason.endswith(f"1 device went back to the policy before, and these did not: {dead.id} (unknown)")


def test_cancelled_in_its_middle_an_undo_ends_the_device_that_has_begun_and_begins_no_other(tmp_path: Path) -> None:
    scene = begin_second(tmp_path)
    lab = scene.scene.lab
    before = [scene.count_pushes(one) for one in lab.switches]
    cancelled: list[str] = []

    def cancel(verb: str) -> Fault:
        if verb == "push" and not cancelled and any(words.endswith("; the wave is undone") for words in scene.said):
            with use_rollouts(scene.state) as store:
                cancelled.append(store.find_active() or "")
                store.change_state_or_refuse(cancelled[0], RolloutState.CANCELLED, lab.clock.now(), by="hanako")
        return NO_FAULT

    for device in lab.devices.values():
        device.draw_fault = cancel
    rollout = scene.roll_out()
    assert cancelled == [rollout]
    assert sorted(scene.ends(rollout)) == ["applied", "reverted"]
    status = scene.status(rollout)
    assert (status.state, status.by, status.reason) == (RolloutState.CANCELLED, "hanako", "")
    assert not any(words.startswith("stopped: ") for words in scene.said), "it did not stop: it was cancelled"
    assert "the rollout was cancelled meanwhile" in scene.said[-1]
    for index, one in enumerate(lab.switches):
        memory = lab.of(one)
        assert memory.startup == memory.running
        assert not memory.restore_armed
        assert scene.count_pushes(one) > before[index]


def test_a_wave_is_undone_from_what_is_held_now_and_only_where_nothing_gets_wider(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, 2, operators=UNDONE)
    rules = scene.scene.policies.path / "access/rules.yaml"
    wide = rules.read_text(encoding="utf-8")
    narrow = wide[: wide.index(FIRST)] + wide[wide.index(AFTER) :]

    # The first rollout: its gate cannot be judged here, and no policy before is known.
    rules.write_text(narrow, encoding="utf-8")
    scene.scene.plan()
    first = scene.roll_out()
    status = scene.status(first)
    assert status.state is RolloutState.STOPPED
    assert "the gate policy-probes was not judged, which is failed" in status.reason
    assert f"the wave is not undone: the policy before cannot be had: {first}: none is known" in status.reason
    assert scene.ends(first) == ["applied"] * 2
    old = [scene.scene.lab.running(one) for one in scene.scene.lab.switches]
    end(scene, first)

    # The second one permits more: to undo it makes nothing wider. Its process leaves in the middle of that.
    rules.write_text(wide, encoding="utf-8")
    scene.scene.lab.clock.sleep(60)
    scene.scene.plan()
    workers: list[RolloutWorker] = []
    pushes = [len(scene.scene.lab.of(one).exchanges) for one in scene.scene.lab.switches]

    def leave(verb: str) -> Fault:
        undone = any(words.endswith("; the wave is undone") for words in scene.said)
        if verb == "push" and undone:
            workers[0].stop.set()
        return NO_FAULT

    for device in scene.scene.lab.devices.values():
        device.draw_fault = leave
    second = scene.roll_out(on_worker=workers.append)
    assert scene.status(second).state is RolloutState.RUNNING, [run.reason for run in scene.runs(second).values()]
    assert sorted(scene.ends(second)) == ["applied", "reverted"]
    scene.said.clear()
    assert scene.resume(second).state is RolloutState.STOPPED
    assert scene.ends(second) == ["reverted"] * 2
    assert scene.status(second).reason.endswith("; 2 devices went back to the policy before")
    for index, one in enumerate(scene.scene.lab.switches):
        memory = scene.scene.lab.of(one)
        assert scene.scene.lab.running(one) == old[index]
        assert memory.startup == memory.running
        assert not memory.restore_armed
        assert not memory.locked_by
        verbs = [exchange.verb for exchange in memory.exchanges[pushes[index] :]]
        assert verbs.count("save") == 2, "there and back, each once"
    assert {run.reason for run in scene.runs(second).values()} == {"undone: a gate after its wave failed"}

    refuse_what_widens(scene, second)


def refuse_what_widens(scene: DurableScene, rollout: str) -> None:
    """The other way round it is refused by name, unless the operators' file allows it."""
    started = scene.judge()
    with use_rollouts(scene.state) as store:
        record = store.load_record(rollout)
        prepared = scene.prepare(record, started, scene.surround())
        before = WaveUndo(prepared, store)._before  # noqa: SLF001 the policy before, which is the narrower one
        turned = record.model_copy(update={"policy": record.policy_before, "policy_before": record.policy})
        there = replace(prepared, city=before, record=turned)
        wave = record.waves[0]
        assert not WaveUndo(prepared, store).explain_refused(wave)
        said = WaveUndo(there, store).explain_refused(wave)
        assert "that would widen what the operators' file does not let a rule widen (staff to staff-ai at " in said
        assert f"it waits for people: tsunagu rollout undo {record.id} -o PLAN" in said
        settings = there.operations.rollout.model_copy(update={"undo_may_widen": True})
        allowed = there.operations.model_copy(update={"rollout": settings})
        assert not WaveUndo(replace(there, operations=allowed), store).explain_refused(wave)
        itself = record.model_copy(update={"undo": True})
        assert "it goes back itself" in WaveUndo(replace(prepared, record=itself), store).explain_refused(wave)
        assert WaveUndo(prepared, store).is_asked_for(wave)
        assert not WaveUndo(
            replace(there, operations=there.operations.model_copy(update={"rollout": RolloutSettings()})), store
        ).is_asked_for(wave)


def move_elsewhere(scene: DurableScene) -> Path:
    """Let the scene go on on a machine that has applied nothing, and keeps anchors; return its policies' folder."""
    operations = scene.scene.operations
    assert operations is not None
    state = scene.folder / "elsewhere"
    scene.scene.operations = operations.model_copy(update={"anchors": "kept", "state": state})
    return state / FOLDER


def begin_without_first(folder: Path) -> tuple[DurableScene, str]:
    """A second rollout that has begun, in a database that knows no first one."""
    scene = begin_second(folder)
    shutil.rmtree(scene.database.parent)
    return scene, scene.record(scene.judge()).id


def test_a_wave_is_undone_on_a_machine_that_never_applied_the_policy_before(tmp_path: Path) -> None:
    scene, rollout = begin_without_first(tmp_path)
    lab = scene.scene.lab
    old = [lab.running(one) for one in lab.switches]
    kept = move_elsewhere(scene)
    refuse_without_database(scene, rollout)
    assert not kept.exists()
    assert scene.resume(rollout).state is RolloutState.STOPPED
    assert scene.status(rollout).reason.endswith("; 2 devices went back to the policy before")
    assert scene.ends(rollout) == ["reverted"] * 2
    assert [lab.running(one) for one in lab.switches] == old


def refuse_without_database(scene: DurableScene, rollout: str) -> None:
    """A database that cannot be used now is no reason to leave a wave to people: the step is done again."""
    assert scene.scene.operations is not None
    with use_rollouts(scene.state) as store:
        record, block = store.load_record(rollout), store.load_snapshot(rollout)
        there = resume_scene(record, block, scene.scene.operations, scene.surround())
        [device, _] = scene.scene.lab.switches
        with pytest.MonkeyPatch.context() as patch, open_rollout_span("r", []) as span:
            patch.setattr(RolloutStore, "list_rollouts", refuse_store)
            with pytest.raises(StoreRefused, match="not now"):
                WaveUndo(there, store).explain_refused(record.waves[0])
            with pytest.raises(StoreRefused, match="not now"):
                undo_device(WaveUndo(there, store), device.id, device.school.id, span)


def refuse_store(_store: RolloutStore) -> list[str]:
    message = "not now"
    raise StoreRefused(message)


@pytest.mark.parametrize(
    ("fault", "said"),
    [("older", "its files are not there"), ("changed", "another policy ("), ("cut", "the name of a file in it cannot")],
)
def test_where_the_files_of_the_policy_before_are_not_whole_the_wave_is_left_to_people(
    tmp_path: Path, fault: str, said: str
) -> None:
    """`older` is the snapshot of a version that did not keep them."""
    scene, rollout = begin_without_first(tmp_path)
    move_elsewhere(scene)
    with use_rollouts(scene.state) as store:
        record, block = store.load_record(rollout), store.load_snapshot(rollout)
        stored = json.loads(block)
        names = {base64.b64decode(name).decode(): name for name in stored["before"]}
        if fault == "older":
            del stored["before"]
        elif fault == "changed":
            stored["before"] = stored["policy"]
        else:
            stored["before"]["gICA"] = stored["before"].pop(names["access/rules.yaml"])
        damaged = json.dumps(stored).encode()
        assert scene.scene.operations is not None
        assert store.replace_snapshot(record, block, damaged)
        with pytest.raises(PlanRefused, match=re.escape(said)):
            recover_policy_copy(record.policy_before, store, scene.scene.operations)
    if fault != "cut":  # with that one nothing goes on
        scene.resume(rollout)
        assert "the wave is not undone: the policy before cannot be had: " in scene.status(rollout).reason
        assert said in scene.status(rollout).reason
        assert scene.ends(rollout) == ["applied"] * 2
