"""Gates: each passes, fails, and cannot be judged (which is failed); the rollout stops and says what was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controller.errors import LabError, Origin
from controller.measure.measurement import MBPS, LinePath, MeasurementKind, ProbeOutcome, ProbeResult
from controller.measure.measurement_store import open_measurement_store
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.devices import Device
from controller.operations.gate_settings import GateKind, GateRule
from controller.rollout.durable.carry_out import resume_rollout, use_rollouts
from controller.rollout.durable.gates.gate import GateResult, GateVerdict, GateWave
from controller.rollout.durable.gates.gate_store import GateStore
from controller.rollout.durable.gates.registry import GATES, NOBODY_LOOKED, ask_gate, look_before, needs_look
from controller.rollout.durable.records import RolloutState
from controller.rollout.durable.rollout_scene import ProbeSample
from controller.rollout.durable.rollout_worker import RolloutWorker
from tests.rollout.durable.city_scene import DurableScene, write_waves
from tests.security.plan_scene import make_operations

CANARY = {"name": "canary", "schools": "canary"}
REST = {"name": "rest", "schools": "rest", "schools-at-once": 1}
PASSED, FAILED, NOT_JUDGED = GateVerdict.PASSED, GateVerdict.FAILED, GateVerdict.NOT_JUDGED


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[DurableScene, GateWave]:
    """Two schools whose rollout is done, and its first wave as gates see it; nothing here changes a device."""
    scene = DurableScene(tmp_path_factory.mktemp("gates"), 2, operators=write_waves({"name": "all", "schools": "rest"}))
    started = scene.judge()
    record = scene.record(started)
    prepared = scene.prepare(record, started, scene.surround())
    scene.work(prepared)
    now = scene.scene.lab.clock.now()
    wave = GateWave(
        key="r/0",
        city=started.city,
        rule=GateRule(kind=GateKind.MANAGEMENT),
        schools=tuple(turn.school for turn in record.waves[0].schools),
        whole=tuple(turn.school for turn in record.waves[0].schools),
        changes=prepared.changes,
        good=frozenset(prepared.changes),
        others=(),
        began=now - timedelta(minutes=30),
        ended=now - timedelta(minutes=20),
        scene=prepared.gate_scene,
    )
    return scene, wave


def ask(wave: GateWave, kind: GateKind, before: str | None = "", **rule: int) -> tuple[GateVerdict, str]:
    asked = replace(wave, rule=GateRule.model_validate({"origin": Origin("o", 1), "kind": kind} | dict(rule)))
    found = ask_gate(asked, before)
    return found.verdict, found.seen


def absent(device: Device) -> Device:
    """A device that no transport reaches."""
    return replace(device, id=f"{device.id}-spare")


def test_every_kind_of_gate_has_one_and_each_can_be_judged_or_says_why_not(
    judged: tuple[DurableScene, GateWave],
) -> None:
    assert set(GATES) == set(GateKind)
    for kind in GateKind:
        wave = replace(judged[1], rule=GateRule(kind=kind))
        before = look_before(wave)
        first, second = ask_gate(wave, before), ask_gate(wave, before)
        assert first == second, "asked twice it says the same"
        assert first.seen
        unseen = ask_gate(wave, None)
        assert unseen == (GateResult(NOT_JUDGED, NOBODY_LOOKED) if needs_look(kind) else first)
        assert ask_gate(replace(wave, changes={}, schools=("as-e99",)), before).verdict is NOT_JUDGED


def test_management_asks_the_wave_and_what_answered_before_it(judged: tuple[DurableScene, GateWave]) -> None:
    scene, wave = judged
    first, second = wave.devices
    assert ask(wave, GateKind.MANAGEMENT) == (PASSED, "2 devices answer over SSH")
    alone = replace(wave, changes={first.id: wave.changes[first.id]}, others=(second, absent(first)))
    before = look_before(alone)
    assert before == f'["{second.id}"]'
    verdict, seen = ask(alone, GateKind.MANAGEMENT, before)
    assert verdict is PASSED
    assert seen.endswith(f"not asked, since they did not answer before the wave: {first.id}-spare")
    memory = scene.scene.lab.of(second)
    memory.leave(60)
    for asked in (wave, alone):
        verdict, seen = ask(asked, GateKind.MANAGEMENT, before)
        assert verdict is FAILED
        assert f"no login at {second.id}" in seen
    scene.scene.lab.clock.sleep(61)


def test_drift_compares_with_the_plan_and_with_what_was_before(judged: tuple[DurableScene, GateWave]) -> None:
    scene, wave = judged
    first, second = wave.devices
    assert ask(wave, GateKind.DRIFT) == (PASSED, "2 devices were read back, and none drifted")
    alone = replace(wave, changes={first.id: wave.changes[first.id]}, others=(second, absent(first)))
    before = look_before(replace(alone, rule=GateRule(kind=GateKind.DRIFT)))
    assert ask(alone, GateKind.DRIFT, before)[1].startswith(f"not read: {first.id}-spare (")
    alone = replace(alone, others=(second,))
    assert ask(alone, GateKind.DRIFT, before)[0] is PASSED
    # It was not read before the wave, and is now: whether the wave changed it nobody can tell.
    seen = f"not read before the wave, so nobody can tell if they changed in it: {second.id}"
    assert ask(alone, GateKind.DRIFT, "{}") == (NOT_JUDGED, seen)
    memory = scene.scene.lab.of(second)
    whole = memory.running
    memory.configuration.load(scene.factory)
    try:
        assert ask(wave, GateKind.DRIFT) == (FAILED, f"drift at {second.id}")
        assert ask(alone, GateKind.DRIFT, before)[1].startswith(f"drift at {second.id} (changed by somebody else")
        bad = replace(wave, good=frozenset({first.id}))
        assert ask(bad, GateKind.DRIFT)[0] is PASSED, "what ended badly may be in its old state"
    finally:
        memory.configuration.load(whole)
    memory.leave(60)
    verdict, seen = ask(wave, GateKind.DRIFT)
    assert (verdict, seen.partition(" (")[0]) == (NOT_JUDGED, f"not read: {second.id}")
    scene.scene.lab.clock.sleep(61)


class Probes:
    """Tries nothing, and says what it is told to."""

    def __init__(self, answer: Callable[[], ProbeSample]) -> None:
        self._answer = answer
        self.asked: list[tuple[tuple[str, ...], int, str]] = []

    def try_sample(self, city: City, schools: Sequence[str], size: int, seed: str) -> ProbeSample:
        del city
        self.asked.append((tuple(schools), size, seed))
        return self._answer()


def refuse() -> ProbeSample:
    message = "no lab is up"
    raise LabError(message)


def break_down() -> ProbeSample:
    raise KeyError


@pytest.mark.parametrize(
    ("answer", "verdict", "seen"),
    [
        (lambda: ProbeSample(20, ()), PASSED, "20 connections are as the policy says"),
        (lambda: ProbeSample(20, ("h to saas (open but must be closed)",)), FAILED, "h to saas (open but"),
        (lambda: ProbeSample(0, ()), NOT_JUDGED, "no connection to try"),
        (refuse, NOT_JUDGED, "no lab is up"),
        (break_down, NOT_JUDGED, "an error of this program (KeyError)"),
    ],
)
def test_probes_of_the_policy(
    judged: tuple[DurableScene, GateWave], answer: Callable[[], ProbeSample], verdict: GateVerdict, seen: str
) -> None:
    probes = Probes(answer)
    wave = replace(judged[1], scene=replace(judged[1].scene, probes=probes))
    found = ask(wave, GateKind.POLICY_PROBES, sample=7)
    assert found[0] is verdict
    assert seen in found[1]
    assert probes.asked == [(wave.schools, 7, "r/0")]
    assert ask(judged[1], GateKind.POLICY_PROBES)[0] is NOT_JUDGED


def test_packets_are_tried_only_where_no_device_is_still_to_come(judged: tuple[DurableScene, GateWave]) -> None:
    probes = Probes(lambda: ProbeSample(20, ()))
    first, second = judged[1].schools
    wave = replace(judged[1], scene=replace(judged[1].scene, probes=probes), whole=(first,))
    verdict, seen = ask(wave, GateKind.POLICY_PROBES, sample=7)
    assert verdict is PASSED
    assert f"not tried: {second}, where devices come in a later wave" in seen
    assert probes.asked == [((first,), 7, "r/0")]
    verdict, seen = ask(replace(wave, whole=()), GateKind.POLICY_PROBES)
    assert (verdict, len(probes.asked)) == (PASSED, 1)
    assert seen.startswith("no connection was to be tried yet; not tried: ")


def measure(folder: Path, wave: GateWave, rows: Sequence[tuple[int, MeasurementKind, object, float]]) -> GateWave:
    """The wave, with measurements: minutes after its end, kind, outcome or Mbit/s, of each school."""
    assert wave.ended is not None
    file = folder / "measurements.sqlite"
    with open_measurement_store(file) as store:
        for minutes, kind, found, mbps in rows:
            outcome = found if isinstance(found, ProbeOutcome) else ProbeOutcome.MEASURED
            for school in wave.schools:
                path = LinePath(school, "primary", "tokyo", Family.V4)
                at = wave.ended + timedelta(minutes=minutes)
                store.add_measurement(
                    "run", at, path, ProbeResult(kind, outcome, "t", "m", {MBPS: mbps}), in_lessons=False
                )
    return replace(wave, scene=replace(wave.scene, measurements=file))


DOWN, UP = MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD
DNS, HTTP = MeasurementKind.DNS, MeasurementKind.HTTP
OK = ProbeOutcome.MEASURED


@pytest.mark.parametrize(
    ("rows", "verdict", "seen"),
    [
        ([(-60, DOWN, OK, 100.0), (5, DOWN, OK, 81.0)], PASSED, "not worse by more than 20 %"),
        ([(-60, DOWN, OK, 100.0), (5, DOWN, OK, 79.0)], FAILED, "79.0 Mbit/s, before 100.0"),
        (
            [(-60, DOWN, OK, 100.0), (5, DOWN, OK, 95.0), (-60, UP, OK, 50.0), (5, UP, OK, 10.0)],
            FAILED,
            "upload of as-e04 primary line to tokyo over IPv4: 10.0 Mbit/s, before 50.0",
        ),
        ([(-60, DOWN, OK, 100.0)], NOT_JUDGED, "not measured since the wave: download of as-e04"),
        ([(-60, DOWN, OK, 100.0), (5, DOWN, ProbeOutcome.NO_ANSWER, 0.0)], NOT_JUDGED, "not measured since"),
        ([(5, DOWN, OK, 100.0)], NOT_JUDGED, "no download was measured in the 168 h before the wave at as-e04"),
        ([(-60 * 24 * 8, DOWN, OK, 100.0), (5, DOWN, OK, 100.0)], NOT_JUDGED, "no download was measured"),
        # Measured while the wave ran: neither before nor since.
        ([(-5, DOWN, OK, 100.0), (5, DOWN, OK, 10.0)], NOT_JUDGED, "no download was measured"),
        # The median, not the last or the best.
        (
            [(-90, DOWN, OK, 10.0), (-80, DOWN, OK, 100.0), (-70, DOWN, OK, 100.0), (5, DOWN, OK, 90.0)],
            PASSED,
            "2 medians",
        ),
    ],
)
def test_bandwidth_before_and_since(
    tmp_path: Path,
    judged: tuple[DurableScene, GateWave],
    rows: list[tuple[int, MeasurementKind, object, float]],
    verdict: GateVerdict,
    seen: str,
) -> None:
    found = ask(measure(tmp_path, judged[1], rows), GateKind.BANDWIDTH)
    assert found[0] is verdict, found
    assert seen in found[1]


def test_bandwidth_by_the_operators_own_figures(tmp_path: Path, judged: tuple[DurableScene, GateWave]) -> None:
    wave = measure(tmp_path, judged[1], [(-90, DOWN, OK, 100.0), (5, DOWN, OK, 55.0)])
    assert ask(wave, GateKind.BANDWIDTH, "", **{"worse-by-percent": 50})[0] is PASSED
    assert ask(wave, GateKind.BANDWIDTH, "", **{"worse-by-percent": 0})[0] is FAILED
    assert ask(wave, GateKind.BANDWIDTH, "", **{"before-hours": 1})[0] is NOT_JUDGED
    for kind in (GateKind.BANDWIDTH, GateKind.SERVICES):
        assert "nothing was measured yet" in ask(at_file(wave, tmp_path / "none"), kind)[1]
        assert "nothing is measured from here" in ask(at_file(wave, None), kind)[1]
        damaged = tmp_path / "damaged"
        damaged.write_bytes(b"no store at all" * 100)
        assert ask(at_file(wave, damaged), kind)[0] is NOT_JUDGED


def at_file(wave: GateWave, file: Path | None) -> GateWave:
    return replace(wave, scene=replace(wave.scene, measurements=file))


@pytest.mark.parametrize(
    ("rows", "verdict", "seen"),
    [
        ([(5, DNS, OK, 0.0), (5, HTTP, OK, 0.0)], PASSED, "4 questions were answered since the wave"),
        ([(5, DNS, OK, 0.0), (5, HTTP, ProbeOutcome.REFUSED, 0.0)], FAILED, "http of as-e04 primary line"),
        ([(5, DNS, ProbeOutcome.NO_ANSWER, 0.0), (5, HTTP, OK, 0.0)], FAILED, "no-answer"),
        ([(5, DNS, ProbeOutcome.NO_ANSWER, 0.0), (6, DNS, OK, 0.0), (6, HTTP, OK, 0.0)], PASSED, "answered"),
        ([(5, DNS, OK, 0.0)], NOT_JUDGED, "nothing was measured since the wave at as-e04 (http)"),
        ([(5, DNS, OK, 0.0), (5, HTTP, ProbeOutcome.FAILED, 0.0)], NOT_JUDGED, "could not be asked: http of as-e04"),
        # The newest probe could not be made: what was answered before it says nothing of now.
        (
            [(5, DNS, OK, 0.0), (5, HTTP, OK, 0.0), (6, HTTP, ProbeOutcome.FAILED, 0.0)],
            NOT_JUDGED,
            "could not be asked: http of as-e04",
        ),
        ([(-5, DNS, OK, 0.0), (-5, HTTP, OK, 0.0)], NOT_JUDGED, "nothing was measured since"),
    ],
)
def test_services_that_answer(
    tmp_path: Path,
    judged: tuple[DurableScene, GateWave],
    rows: list[tuple[int, MeasurementKind, object, float]],
    verdict: GateVerdict,
    seen: str,
) -> None:
    found = ask(measure(tmp_path, judged[1], rows), GateKind.SERVICES)
    assert found[0] is verdict, found
    assert seen in found[1]


def test_services_are_judged_for_each_school_and_each_of_its_paths(
    tmp_path: Path, judged: tuple[DurableScene, GateWave]
) -> None:
    """One school, or one line, that answers says nothing of another."""
    whole = measure(tmp_path, judged[1], [(5, DNS, OK, 0.0), (5, HTTP, OK, 0.0)])
    first, second = whole.schools
    file = whole.scene.measurements
    assert file is not None
    assert ask(replace(whole, schools=(*whole.schools, "as-e99")), GateKind.SERVICES) == (
        NOT_JUDGED,
        "nothing was measured since the wave at as-e99 (dns), as-e99 (http)",
    )
    assert whole.ended is not None
    path, at = LinePath(second, "backup", "tokyo", Family.V4), whole.ended + timedelta(minutes=6)
    for outcome, verdict in ((ProbeOutcome.FAILED, NOT_JUDGED), (ProbeOutcome.NO_ANSWER, FAILED)):
        with open_measurement_store(file) as store:
            store.add_measurement("run", at, path, ProbeResult(DNS, outcome, "t", "m"), in_lessons=False)
        found = ask(whole, GateKind.SERVICES)
        assert found[0] is verdict
        assert f"dns of {second} backup line" in found[1]
        assert first not in found[1]
        at += timedelta(minutes=1)


GATED = ({"kind": "management"}, {"kind": "drift"})


def test_gates_are_asked_after_each_wave_and_kept(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, 2, operators=write_waves(CANARY, REST | {"gates": []}, gates=list(GATED)))
    rollout = scene.roll_out()
    assert scene.status(rollout).state is RolloutState.DONE
    with use_rollouts(scene.state) as store:
        results = GateStore(store).list_results(rollout)
    assert [(one.wave, one.gate, one.result.verdict) for one in results] == [
        (0, "management", PASSED),
        (0, "drift", PASSED),
    ]
    assert "gate drift after the wave canary: passed: " in "\n".join(scene.said)


def test_a_failed_gate_stops_the_rollout_says_what_was_seen_and_is_asked_again_after_a_resume(tmp_path: Path) -> None:
    """Also one that cannot be judged; the operators may take it out, or what it saw may be mended."""
    gates = [*GATED, {"kind": "policy-probes"}]
    scene = DurableScene(tmp_path, 2, operators=write_waves(CANARY, REST, gates=gates))
    canary, second = scene.scene.lab.switches
    memory = scene.scene.lab.of(canary)

    def cut(worker: RolloutWorker) -> None:
        def say(words: str) -> None:
            scene.said.append(words)
            if words.startswith("gate management"):
                memory.leave(60)

        worker.say = say

    rollout = scene.roll_out(on_worker=cut)
    status = scene.status(rollout)
    assert status.state is RolloutState.STOPPED
    assert status.reason.startswith("after the wave canary the gate drift was not judged, which is failed: not read: ")
    assert "the gate policy-probes was not judged, which is failed: nothing sends packets" in status.reason
    assert not scene.count_pushes(second)
    scene.scene.lab.clock.sleep(61)
    with use_rollouts(scene.state) as store:
        resume_rollout(store, rollout, "hanako", scene.scene.lab.clock.now())
    scene.scene.operations = make_operations(tmp_path, **write_waves(CANARY, REST, gates=list(GATED)))
    assert scene.resume(rollout).state is RolloutState.DONE
    with use_rollouts(scene.state) as store:
        results = GateStore(store).list_results(rollout)
    asked = [(one.generation, one.wave, one.gate, one.result.verdict) for one in results]
    assert asked[3:] == [
        # What passed before and was not touched since is not asked again.
        (1, 0, "drift", PASSED),
        (1, 1, "management", PASSED),
        (1, 1, "drift", PASSED),
    ]
    assert scene.ends(rollout) == ["applied"] * 2


def test_a_gate_waits_for_what_is_measured_as_long_as_the_operators_say(tmp_path: Path) -> None:
    waves = write_waves({"name": "all", "schools": "rest", "gates": [{"kind": "services", "wait-minutes": 5}]})
    scene = DurableScene(tmp_path, 1, operators=waves)
    looks: list[datetime] = []

    def hear(worker: RolloutWorker) -> None:
        file = tmp_path / "measured.sqlite"
        gate_scene = replace(worker.scene.gate_scene, measurements=file)
        worker.scene = replace(worker.scene, gate_scene=gate_scene)

        def say(words: str) -> None:
            scene.said.append(words)
            if words.startswith("gate services waits until"):
                looks.append(worker.scene.clock.now())
                with open_measurement_store(file) as store:
                    for kind in (DNS, HTTP):
                        path = LinePath(worker.scene.record.waves[0].schools[0].school, "primary", "tokyo", Family.V4)
                        at = worker.scene.clock.now() + timedelta(seconds=90)
                        store.add_measurement("run", at, path, ProbeResult(kind, OK, "t", "m"), in_lessons=False)

        worker.say = say

    rollout = scene.roll_out(on_worker=hear)
    assert scene.status(rollout).state is RolloutState.DONE
    assert len(looks) == 1
    assert timedelta(seconds=85) < scene.scene.lab.clock.now() - looks[0] < timedelta(minutes=3)
