"""The gates of a wave and its soak: today's operators' file holds, what waits says so, and asks ever more rarely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.operations.gate_settings import GateKind
from controller.operations.rollout_settings import RolloutSettings
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable.carry_out import resume_rollout, use_rollouts
from controller.rollout.durable.gates.gate import GateResult, GateVerdict, GateWave
from controller.rollout.durable.gates.gate_store import GateStore, JudgedGate
from controller.rollout.durable.gates.registry import NOBODY_LOOKED
from controller.rollout.durable.records import RolloutState, RunPlace
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.durable.waits import Waits
from controller.rollout.durable.waves import wave_gates
from controller.rollout.durable.waves.wave_gates import WaveGates
from controller.rollout.durable.waves.write_offs import WriteOffStore
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import open_rollout_span
from tests.rollout.durable.city_scene import DurableScene, write_waves
from tests.security.plan_scene import make_operations

CANARY = {"name": "canary", "schools": "canary"}
REST = {"name": "rest", "schools": "rest", "schools-at-once": 1}
PASSED, FAILED, NOT_JUDGED = GateVerdict.PASSED, GateVerdict.FAILED, GateVerdict.NOT_JUDGED


def leave_in_the_canary(scene: DurableScene) -> str:
    """Start a rollout whose process leaves once the canary is saved; return its id."""
    lab, workers = scene.scene.lab, list[RolloutWorker]()

    def leave(verb: str) -> Fault:
        if verb == "save":
            workers[0].stop.set()
        return NO_FAULT

    lab.of(lab.switches[0]).draw_fault = leave
    rollout = scene.roll_out(on_worker=workers.append)
    lab.of(lab.switches[0]).draw_fault = lambda _: NO_FAULT
    assert scene.ends(rollout) == ["applied", "none"]
    return rollout


def list_asked(scene: DurableScene, rollout: str) -> list[tuple[int, int, str, GateResult]]:
    with use_rollouts(scene.state) as store:
        found = GateStore(store).list_results(rollout)
    return [(one.generation, one.wave, one.gate, one.result) for one in found]


def test_a_gate_that_the_operators_add_to_a_running_rollout_is_asked(tmp_path: Path) -> None:
    """Of the wave that has begun, too: there one that had to look before it cannot be judged."""
    scene = DurableScene(tmp_path, 2, operators=write_waves(CANARY, REST))
    rollout = leave_in_the_canary(scene)
    added = write_waves(CANARY, REST, gates=[{"kind": "management"}, {"kind": "services"}])
    scene.scene.operations = make_operations(tmp_path, **added)
    status = scene.resume(rollout)
    assert status.state is RolloutState.STOPPED
    assert f"the gate management was not judged, which is failed: {NOBODY_LOOKED}" in status.reason
    assert "the gate services was not judged, which is failed: nothing is measured from here" in status.reason
    assert scene.ends(rollout) == ["applied", "none"]
    # What this wave cannot be judged by is left out of it; the next one looks before it begins.
    with use_rollouts(scene.state) as store:
        resume_rollout(store, rollout, "hanako", scene.scene.lab.clock.now())
    left_out = write_waves(CANARY | {"gates": []}, REST, gates=[{"kind": "management"}])
    scene.scene.operations = make_operations(tmp_path, **left_out)
    assert scene.resume(rollout).state is RolloutState.DONE
    assert list_asked(scene, rollout)[2:] == [(1, 1, "management", GateResult(PASSED, "2 devices answer over SSH"))]


def test_a_gate_that_the_operators_take_out_of_a_running_rollout_is_not_asked(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, 2, operators=write_waves(CANARY, REST, gates=[{"kind": "services"}]))
    rollout = leave_in_the_canary(scene)
    scene.scene.operations = make_operations(tmp_path, **write_waves(CANARY, REST))
    assert scene.resume(rollout).state is RolloutState.DONE
    assert list_asked(scene, rollout) == []


def test_a_wave_that_the_operators_have_renamed_has_the_strictest_rule(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, 1, operators=write_waves(CANARY))
    started = scene.judge()
    record = scene.record(started)
    prepared = scene.prepare(record, started, scene.surround())
    [wave] = record.waves
    assert prepared.find_rule(wave).gates is None
    settings = RolloutSettings.model_validate(
        {
            "gates": [{"kind": "drift"}],
            "waves": [
                {"name": "first", "schools": "canary", "gates": [{"kind": "management"}], "soak-minutes": 30},
                {"name": "others", "schools": "rest", "maximum-failures": 3},
            ],
        }
    )
    renamed = replace(prepared, operations=prepared.operations.model_copy(update={"rollout": settings}))
    rule = renamed.find_rule(wave)
    assert (rule.maximum_failures, rule.soak_minutes) == (0, 30)
    assert [one.kind for one in rule.gates or ()] == [GateKind.DRIFT, GateKind.MANAGEMENT]
    # One that no operator has named: what holds for all waves.
    rest = wave.model_copy(update={"name": "rest", "rule": "rest"})
    assert renamed.find_rule(rest).gates is None


@pytest.mark.parametrize(
    ("seconds_after", "generation", "again"), [(None, 0, False), (-60, 0, False), (60, 0, True), (60, 1, True)]
)
def test_what_passed_is_asked_again_only_where_a_device_was_tried_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds_after: int | None, generation: int, *, again: bool
) -> None:
    """Also in the generation of the gate itself: a device that was seen only after it."""
    scene = DurableScene(tmp_path, 1, operators=write_waves({"name": "all", "schools": "rest"}))
    started = scene.judge()
    record = scene.record(started)
    asked: list[str] = []

    def ask(wave: GateWave, before: str | None) -> GateResult:
        del wave, before
        asked.append("asked")
        return GateResult(FAILED, "seen now")

    monkeypatch.setattr(wave_gates, "ask_gate", ask)
    at = scene.scene.lab.clock.now() + timedelta(hours=1)
    [turn] = record.waves[0].schools
    gated = RolloutSettings.model_validate({"gates": [{"kind": "services"}]})
    prepared = scene.prepare(record, started, scene.surround())
    prepared = replace(prepared, operations=prepared.operations.model_copy(update={"rollout": gated}))
    with use_rollouts(scene.state) as store, open_rollout_span("r", []) as span:
        passed = GateResult(PASSED, "seen then")
        GateStore(store).keep_result(record.id, JudgedGate(0, 0, "services", passed, at))
        if seconds_after is not None:
            begun = at + timedelta(seconds=seconds_after)
            number = store.begin_run(RunPlace(record.id, generation, 0, turn.school), turn.devices[0], "w", begun)
            store.end_run(number, Outcome(turn.devices[0], turn.school, End.UNCHANGED, ""), begun)
        gates = WaveGates(store, GateStore(store), WriteOffStore(store), prepared, scene.said.append, Waits(span))
        place = RunPlace(record.id, 1, 0, turn.school)
        result = gates.judge_gate(place, record.waves[0], "services", lambda _: True)
    assert bool(asked) is again
    assert result.seen == ("seen now" if again else "seen then")


def hear(scene: DurableScene, hook: Callable[[RolloutWorker, str], None]) -> Callable[[RolloutWorker], None]:
    def on_worker(worker: RolloutWorker) -> None:
        def say(words: str) -> None:
            scene.said.append(words)
            hook(worker, words)

        worker.say = say

    return on_worker


def test_a_gate_that_waits_is_asked_ever_more_rarely_and_says_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = {"kind": "services", "wait-minutes": 60}
    scene = DurableScene(tmp_path, 1, operators=write_waves({"name": "all", "schools": "rest", "gates": [gate]}))
    clock, asked, waits = scene.scene.lab.clock, list[float](), list[str]()
    workers: list[RolloutWorker] = []

    def ask(wave: GateWave, before: str | None) -> GateResult:
        del wave, before
        asked.append(clock.monotonic())
        waits.append(workers[0].waits.describe_waits())
        return GateResult(NOT_JUDGED, "nothing was measured")

    monkeypatch.setattr(wave_gates, "ask_gate", ask)
    rollout = scene.roll_out(on_worker=workers.append)
    assert scene.status(rollout).state is RolloutState.STOPPED
    assert 3_590 <= asked[-1] - asked[0] <= 3_620, "until the operators' time is over"
    assert len(asked) < 150, "and not 3,600 times"
    assert asked[3] - asked[0] < 10, "often at first"
    assert waits[0] == ""
    assert waits[1].startswith("gate services after the wave all: until ")
    assert waits[1].endswith("nothing was measured")
    assert workers[0].waits.describe_waits() == ""


def test_a_soak_lasts_as_long_as_it_is_to_whatever_is_started_anew(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, 2, operators=write_waves(CANARY | {"soak-minutes": 30}, REST))
    lab = scene.scene.lab

    def leave(worker: RolloutWorker, words: str) -> None:
        if words.startswith("waits until "):
            lab.clock.sleep(20 * 60)
            worker.stop.set()

    rollout = scene.roll_out(on_worker=hear(scene, leave))
    assert scene.ends(rollout) == ["applied", "none"]
    lab.clock.sleep(5 * 60)

    assert scene.resume(rollout).state is RolloutState.DONE
    first, second = (scene.runs(rollout)[one.id] for one in lab.switches)
    assert first.ended is not None
    assert timedelta(minutes=30) <= second.begun - first.ended < timedelta(minutes=31), "not twice, and not less"
    assert [words for words in scene.said if "30 min" in words]


def test_cancelled_in_its_soak_a_rollout_begins_no_other_wave(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, 2, operators=write_waves(CANARY | {"soak-minutes": 30}, REST))
    clock = scene.scene.lab.clock
    told: list[str] = []

    def cancel(worker: RolloutWorker, words: str) -> None:
        if words.startswith("waits until "):
            told.append(worker.waits.describe_waits())
            rollout = worker.scene.record.id
            worker.store.change_state_or_refuse(rollout, RolloutState.CANCELLED, clock.now(), by="hanako")

    began = clock.now()
    rollout = scene.roll_out(on_worker=hear(scene, cancel))
    assert told
    assert scene.ends(rollout) == ["applied", "none"]
    assert clock.now() - began < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"gates": [{"kind": "ping"}]}, "kind"),
        ({"gates": [{"kind": "drift", "sample": 3}]}, "'sample' says something of the gate policy-probes only"),
        ({"gates": [{"kind": "services", "worse-by-percent": 3}]}, "of the gate bandwidth only, not of services"),
        ({"gates": [{"kind": "bandwidth", "worse-by-percent": 100}]}, "worse-by-percent"),
        ({"gates": [{"kind": "drift"}, {"kind": "drift"}]}, "the gate drift stands there twice"),
        ({"gates": [{"kind": "drift", "wait-minutes": -1}]}, "wait-minutes"),
        ({"waves": [CANARY | {"gates": [{"kind": "drift"}, {"kind": "drift"}]}]}, "stands there twice"),
        ({"retry": {"first-minutes": 0}}, "first-minutes"),
        ({"retry": {"until": 3}}, "until"),
    ],
)
def test_what_operators_cannot_mean_is_refused(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RolloutSettings.model_validate(settings)
    assert problem in str(refused.value)
