"""`tsunagu rollout` as a person runs it, with switches in memory."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cli.rollouts.stop_signals import say_aside
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.records import RolloutState
from controller.rollout.ending_signals import hear_signals
from controller.storage.audit.audit_trail import AuditKind
from tests.cli.running import Done, here
from tests.own_signal import send_own_signal
from tests.rollout.durable.city_scene import write_waves
from tests.security.audit_samples import refuse_entries
from tests.security.plan_scene import Scene, make_operations

WAVES = write_waves({"name": "canary", "schools": "canary"}, {"name": "rest", "schools": "rest", "schools-at-once": 1})


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Two factory-new schools and a plan for them that was made now."""
    found = Scene(tmp_path, 2, make_operations(tmp_path, **WAVES), now=datetime.now(UTC))
    found.plan()
    monkeypatch.setattr("controller.cli.rollouts.worker.SshTransport", lambda _: found.lab.transport)
    monkeypatch.setattr("controller.cli.rollouts.estate_rollouts.load_operations_of", lambda *_: found.operations)
    return found


def run(scene: Scene, *words: str) -> Done:
    return here("rollout", *words, "--policies", str(scene.policies.path), cwd=scene.folder)


def read_id(done: Done) -> str:
    [line] = [one for one in (done.said + done.errors).splitlines() if one.endswith(" has begun")]
    return line.split()[1]


def test_a_rollout_is_started_shown_and_listed(scene: Scene) -> None:
    assert "no rollout was started from here" in run(scene, "list", "--lab").said
    done = run(scene, "start", str(scene.plan_path))
    assert done.code == 0, done.errors
    name = read_id(done)
    assert "rollout: 2 applied" in done.said
    shown = run(scene, "show", name, "--lab")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.said.splitlines() if line.startswith("  ")] == ["applied", "applied"]
    document = json.loads(run(scene, "show", name, "--lab", "--json").said)
    assert document["state"] == "done"
    assert [one["wave"] for one in document["outcomes"]] == ["canary", "rest"]
    assert f"{name}  done  2 of 2 devices as planned" in run(scene, "list", "--lab").said
    again = run(scene, "resume", name, "--lab")
    assert again.code == 1
    assert "has ended (done)" in again.errors
    trail = (scene.folder / ".tsunagu/audit/trail-000001.jsonl").read_text(encoding="utf-8")
    assert f'"rollout": "{name}"' in trail or f'"rollout":"{name}"' in trail


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_ends_a_process_is_heard_and_ends_none(number: signal.Signals) -> None:
    heard: list[str] = []
    before = signal.getsignal(number)
    with hear_signals(heard.append):
        send_own_signal(number)
    assert heard == [number.name]
    assert signal.getsignal(number) is before


def test_a_signal_ends_the_device_that_has_begun_and_resume_goes_on(scene: Scene) -> None:
    number = signal.SIGHUP
    first = scene.lab.of(scene.lab.switches[0])

    def press(verb: str) -> Fault:
        if verb == "push":
            send_own_signal(number)
        return NO_FAULT

    first.draw_fault = press
    done = run(scene, "start", str(scene.plan_path))
    assert done.code == 130, done.errors
    assert f"{number.name}: finishing the devices that have begun" in done.errors
    name = read_id(done)
    document = json.loads(run(scene, "show", name, "--lab", "--json").said)
    assert [one["end"] for one in document["outcomes"]] == ["applied", None]
    assert document["state"] == "running"
    assert not document["worked_on"]
    assert "nobody works on it; go on with: tsunagu rollout resume" in run(scene, "list", "--lab").said
    refused = run(scene, "start", str(scene.plan_path))
    assert refused.code == 1
    assert f"the rollout {name} has not ended" in refused.errors
    first.draw_fault = lambda _: NO_FAULT
    assert run(scene, "resume", name, "--lab").code == 0
    document = json.loads(run(scene, "show", name, "--lab", "--json").said)
    assert [one["end"] for one in document["outcomes"]] == ["applied", "applied"]


@pytest.mark.parametrize("leaves", [False, True])
def test_an_operators_file_that_changes_meanwhile_holds_for_the_next_process(scene: Scene, *, leaves: bool) -> None:
    """It gets a gate that cannot be judged here: the process that asks it stops the rollout."""
    first = scene.lab.of(scene.lab.switches[0])

    def change_file(verb: str) -> Fault:
        if verb == "push":
            waves = [{**wave, "gates": [{"kind": "services"}]} for wave in WAVES["rollout"]["waves"]]
            scene.operations = make_operations(scene.folder, **write_waves(*waves))
            if leaves:
                send_own_signal(signal.SIGTERM)
        return NO_FAULT

    first.draw_fault = change_file
    done = run(scene, "start", str(scene.plan_path))
    assert done.code == (130 if leaves else 0), done.errors
    if leaves:
        first.draw_fault = lambda _: NO_FAULT
        resumed = run(scene, "resume", read_id(done), "--lab")
        assert resumed.code == 1
        assert "after the wave canary the gate services was not judged" in resumed.said + resumed.errors


def test_a_paused_rollout_is_cancelled_by_another_terminal(scene: Scene) -> None:
    first = scene.lab.of(scene.lab.switches[0])

    pushed: list[str] = []

    def pause(verb: str) -> Fault:
        if verb == "push" and not pushed:
            pushed.append(verb)
            with use_rollouts(scene.folder / ".tsunagu") as store:
                active = store.find_active()
                assert active is not None
                now = SystemClock().now()
                store.change_state_or_refuse(active, RolloutState.PAUSED, now, by="hanako")
                store.change_state_or_refuse(active, RolloutState.CANCELLED, now, by="taro")
        return NO_FAULT

    first.draw_fault = pause
    done = run(scene, "start", str(scene.plan_path))
    assert done.code == 1
    assert "cancelled by taro" in done.said
    assert "rollout: 1 applied, 1 to come" in done.said
    name = read_id(done)
    assert run(scene, "pause", name, "--lab").code == 1
    assert [one.logins > 1 for one in scene.lab.devices.values()] == [True, False]


def test_a_worker_does_what_is_left_and_one_without_a_shared_database_has_no_name(scene: Scene) -> None:
    first = scene.lab.of(scene.lab.switches[0])

    def press(verb: str) -> Fault:
        if verb == "push":
            send_own_signal(signal.SIGTERM)
        return NO_FAULT

    first.draw_fault = press
    assert run(scene, "start", str(scene.plan_path)).code == 130
    first.draw_fault = lambda _: NO_FAULT
    done = run(scene, "worker", "--lab", "--once", "--json")
    assert done.code == 0, done.errors
    [one] = json.loads(done.said)["rollouts"]
    assert (one["state"], one["ended_well"], one["devices"]) == ("done", 2, 2)
    refused = run(scene, "worker", "--lab", "--once", "--name", "north")
    assert refused.code == 64
    assert "only workers that share a database" in refused.errors


@pytest.mark.parametrize(("words", "state", "lost"), [("pause", "paused", False), ("cancel", "cancelled", True)])
def test_a_trail_that_cannot_be_written_hides_no_change_of_state(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, words: str, state: str, *, lost: bool
) -> None:
    name = leave_behind(scene)
    monkeypatch.setattr("controller.cli.rollouts.commands._is_lost", lambda *_: lost)
    refuse_entries(monkeypatch, AuditKind.ROLLOUT, AuditKind.TIMELINE_SEALED)
    done = run(scene, words, name, "--lab", "--json")
    assert (done.code, json.loads(done.said)["state"]) == (1, state), done
    assert "the disk is full" in done.errors


def test_a_resumption_that_the_trail_does_not_take_changes_no_device(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = leave_behind(scene)
    assert run(scene, "pause", name, "--lab").code == 0
    before = [one.running for one in scene.lab.devices.values()]
    refuse_entries(monkeypatch, AuditKind.ROLLOUT)
    done = run(scene, "resume", name, "--lab")
    assert done.code == 1
    assert "the disk is full" in done.errors
    assert [one.running for one in scene.lab.devices.values()] == before
    with use_rollouts(scene.folder / ".tsunagu") as store:
        assert store.load_status(name).state is RolloutState.PAUSED


def leave_behind(scene: Scene) -> str:
    """Start a rollout that a signal ends after its first device; return its name."""
    first = scene.lab.of(scene.lab.switches[0])

    def press(verb: str) -> Fault:
        if verb == "push":
            send_own_signal(signal.SIGTERM)
        return NO_FAULT

    first.draw_fault = press
    done = run(scene, "start", str(scene.plan_path))
    assert done.code == 130, done
    first.draw_fault = lambda _: NO_FAULT
    return read_id(done)


def test_a_dead_device_is_named_in_list_and_show_and_written_off(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.rollout.durable.rollout_worker.LOOK_SECONDS", 0.05)
    dead = scene.lab.switches[1].id
    scene.lab.devices[dead].leave(1_000_000)
    seen: list[Done] = []

    def hear(words: str) -> None:
        # What a terminal hears, and a second one does then.
        say_aside(words)
        if words.startswith("the wave rest waits for") and not seen:
            with use_rollouts(scene.folder / ".tsunagu") as store:
                active = store.find_active()
            assert active is not None
            seen.extend(run(scene, *asked, "--lab") for asked in (("list",), ("show", active, "--json")))
            seen.append(run(scene, "write-off", active, dead, "--lab", "--reason", " "))
            seen.append(run(scene, "write-off", active, dead, "--lab", "--reason", "switched off until August"))

    monkeypatch.setattr("controller.cli.rollouts.worker.say_aside", hear)
    done = run(scene, "start", str(scene.plan_path))
    assert done.code == 1, "a device that nobody saw is no good end"
    listed, shown, refused, written = seen
    assert f"waits for {dead}: unknown since " in listed.said
    assert "tsunagu rollout write-off" in listed.said
    [waiting] = json.loads(shown.said)["waits_for"]
    assert (waiting["device"], waiting["tries"]) == (dead, 1)
    assert waiting["since"] < waiting["next_try"] < waiting["until"]
    assert refused.code == 64
    assert "say why" in refused.errors
    assert written.code == 0
    assert f"{dead} was written off by " in written.said
    document = json.loads(run(scene, "show", read_id(done), "--lab", "--json").said)
    assert document["state"] == "done"
    assert document["waits_for"] == []
    assert [(one["device"], one["reason"]) for one in document["written_off"]] == [(dead, "switched off until August")]
    assert [one["end"] for one in document["outcomes"]] == ["applied", "unknown"]


def test_what_does_not_exist_is_refused_by_name(scene: Scene) -> None:
    for words in (("show", "x"), ("resume", "x"), ("pause", "x"), ("cancel", "x")):
        done = run(scene, *words, "--lab")
        assert done.code == 1
        assert "rollout" in done.errors
    done = run(scene, "start", str(scene.plan_path), "--force-window", "<b>now</b>")
    assert done.code == 64
    assert "--force-window" in done.errors
    done = run(scene, "start", str(scene.folder / "none.json"))
    assert done.code == 1
    assert "there is no such plan" in done.errors
