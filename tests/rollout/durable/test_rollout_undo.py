"""`tsunagu rollout undo`, as a person runs it, with switches in memory."""

from __future__ import annotations

import json
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cli.output import Exit
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault, FaultScript, make_fault
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.records import RolloutState
from tests.cli.running import Done
from tests.rollout.durable.city_scene import write_waves
from tests.rollout.durable.test_rollout_command import read_id, run
from tests.security.plan_scene import Scene, make_operations

FIRST, AFTER = "  - id: staff-ai\n", "  - id: nobody-abroad\n"
WAVES = write_waves({"name": "canary", "schools": "canary"}, {"name": "rest", "schools": "rest", "schools-at-once": 1})


class TwoPolicies:
    """Two schools, a narrow policy and a wide one, which permits `staff` one application more."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.factory = scene.lab.of(scene.device).running
        self.rules = scene.policies.path / "access/rules.yaml"
        self.wide = self.rules.read_text(encoding="utf-8")
        self.narrow = self.wide[: self.wide.index(FIRST)] + self.wide[self.wide.index(AFTER) :]

    def roll_out(self, rules: str) -> str:
        """Roll a policy out; return the rollout."""
        self.plan(rules)
        done = run(self.scene, "start", str(self.scene.plan_path))
        assert done.code == 0, done.errors
        return read_id(done)

    def plan(self, rules: str) -> None:
        self.rules.write_text(rules, encoding="utf-8")
        self.scene.now = datetime.now(UTC)
        self.scene.plan()

    def undo(self, rollout: str, *words: str) -> Done:
        return run(self.scene, "undo", rollout, "--lab", *words)

    def run(self, command: str) -> Done:
        """Run a command that was printed, as it is."""
        words = shlex.split(command)
        assert words[:2] == ["tsunagu", "rollout"]
        assert words[-2:] == ["--policies", str(self.scene.policies.path)]
        return run(self.scene, *words[2:-2])

    def list_running(self) -> list[str]:
        return [self.scene.lab.running(one).compute_digest() for one in self.scene.lab.switches]

    def list_pushes(self) -> list[int]:
        devices = self.scene.lab.devices.values()
        return [sum(one.verb == "push" for one in device.exchanges) for device in devices]


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> TwoPolicies:
    scene = Scene(tmp_path, getattr(request, "param", 2), make_operations(tmp_path, **WAVES), now=datetime.now(UTC))
    monkeypatch.setattr("controller.cli.rollouts.worker.SshTransport", lambda _: scene.lab.transport)
    monkeypatch.setattr("controller.cli.rollouts.estate_rollouts.load_operations_of", lambda *_: scene.operations)
    return TwoPolicies(scene)


def test_a_rollout_is_undone_the_undo_undone_and_a_second_undo_finds_nothing(policies: TwoPolicies) -> None:
    first = policies.roll_out(policies.narrow)
    refused = policies.undo(first)
    assert refused.code == 1
    assert f"{first}: none is known that was applied before this one" in refused.errors
    old = policies.list_running()
    second = policies.roll_out(policies.wide)
    new = policies.list_running()
    assert all(one != other for one, other in zip(old, new, strict=True))

    # Looked at, nothing is saved or changed; back to what permits less, nothing is widened.
    looked = policies.undo(second)
    assert looked.code == 0, looked.errors
    assert "Going back permits nothing that is not permitted now" in looked.said
    assert policies.list_running() == new
    back = policies.scene.folder / "back.json"
    document = json.loads(policies.undo(second, "-o", str(back), "--json").said)
    assert document["widened"] == {"policy": [], "anchors": [], "devices": []}
    assert document["plan"]["undo"]
    with use_rollouts(policies.scene.folder / ".tsunagu") as store:
        tried = [one.device for one in store.list_runs(second)]
    assert [one["device"] for one in document["plan"]["devices"]] == tried[::-1], "the last one goes back first"
    assert policies.run(document["start"]).code == 0
    assert policies.list_running() == old

    again = policies.undo(second, "-o", str(policies.scene.folder / "again.json"))
    assert again.code == 0, again.errors
    assert "there is nothing to undo" in again.said
    assert not (policies.scene.folder / "again.json").exists()

    # The undo of the undo permits more again: that is listed first, by the policy and by what each switch holds.
    with use_rollouts(policies.scene.folder / ".tsunagu") as store:
        undone = store.list_rollouts()[0]
    forth = policies.undo(undone, "-o", str(policies.scene.folder / "forth.json"), "--start", "--lang", "ja")
    assert forth.code == 0, forth.errors
    lines = forth.said.splitlines()
    assert lines[1].startswith("戻すと、今は許可されていない次のものが許可されます")
    assert lines[2].startswith("  ! staff to staff-ai at ")
    assert "VLAN" in lines[3]
    assert "rollout: 2 applied" in forth.said
    assert policies.list_running() == new


def test_only_what_the_rollout_touched_goes_back_and_what_goes_on_is_paused_first(policies: TwoPolicies) -> None:
    policies.roll_out(policies.narrow)
    old = policies.list_running()
    policies.plan(policies.wide)
    first = policies.scene.lab.of(policies.scene.lab.switches[0])
    refused: list[Done] = []

    def pause(verb: str) -> Fault:
        if verb == "push" and not refused:
            with use_rollouts(policies.scene.folder / ".tsunagu") as store:
                active = store.find_active()
                assert active is not None
                refused.append(policies.undo(active))
                store.change_state_or_refuse(active, RolloutState.PAUSED, datetime.now(UTC), by="hanako")
                refused.append(policies.undo(active))
                store.change_state_or_refuse(active, RolloutState.STOPPED, datetime.now(UTC), by="hanako")
        return NO_FAULT

    first.draw_fault = pause
    started = run(policies.scene, "start", str(policies.scene.plan_path))
    assert started.code == 1
    name = read_id(started)
    assert "is running, and may change a device at any time; first: tsunagu rollout pause " in refused[0].errors
    assert f"--lab {name} (or cancel {name})" in refused[0].errors
    assert "is being changed by the rollout" in refused[1].errors
    assert "1 applied, 1 to come" in started.said

    pushes = policies.list_pushes()
    back = policies.scene.folder / "back.json"
    done = policies.undo(name, "-o", str(back), "--start")
    assert done.code == 0, done.errors
    assert [one["device"] for one in json.loads(back.read_text(encoding="utf-8"))["devices"]] == [
        policies.scene.lab.switches[0].id
    ]
    assert policies.list_running() == old
    assert policies.list_pushes()[1:] == pushes[1:], "the school that the rollout did not begin is left alone"
    document = json.loads(run(policies.scene, "show", name, "--lab", "--json").said)
    assert document["state"] == "superseded"


def test_what_cannot_be_brought_back_is_named_and_nothing_is_started_by_itself(policies: TwoPolicies) -> None:
    policies.roll_out(policies.narrow)
    second = policies.roll_out(policies.wide)
    dead = policies.scene.lab.switches[1].id
    policies.scene.lab.devices[dead].leave(1_000_000)
    back = policies.scene.folder / "back.json"
    pushes = policies.list_pushes()
    done = policies.undo(second, "-o", str(back), "--start")
    assert done.code == 1
    assert f"x {dead}: " in done.said
    assert "so it was not started" in done.said
    assert policies.list_pushes() == pushes
    plan = json.loads(back.read_text(encoding="utf-8"))
    assert [one["device"] for one in plan["unplanned"]] == [dead]
    for words in (("--start",), ("--sign-with", "key")):
        refused = policies.undo(second, *words)
        assert refused.code == 64
        assert f"{words[0]} needs -o" in refused.errors


def test_what_the_policy_before_does_not_know_and_what_changed_hands_is_left_to_people(
    policies: TwoPolicies, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, file = policies.scene.lab, policies.scene.policies.path / "city/lab.yaml"
    text, (first, second) = file.read_text(encoding="utf-8"), lab.schools
    file.write_text("".join(line for line in text.splitlines(keepends=True) if second not in line), encoding="utf-8")
    lab.schools = (first,)
    policies.roll_out(policies.narrow)
    file.write_text(text, encoding="utf-8")
    lab.schools = (first, second)
    name = policies.roll_out(policies.wide)
    known, unknown = (one.id for one in lab.switches)
    monkeypatch.setattr("controller.cli.rollouts.undo_plan._list_handed_over", lambda *_: frozenset({known}))
    back = policies.scene.folder / "back.json"
    done = policies.undo(name, "-o", str(back))
    assert done.code == 1
    assert f"{unknown}: the policy before does not know it, so it is left as it is" in done.said
    assert f"to give them back: tsunagu adopt --policies {policies.scene.policies.path} {first} --release" in done.said
    assert not back.exists()
    document = json.loads(policies.undo(name, "-o", str(back), "--json").said)
    assert {one["device"] for one in document["not_undone"]} == {known, unknown}
    assert (document["saved"], document["start"]) == (None, "")


@pytest.mark.parametrize("policies", [1], indirect=True)
def test_a_rollout_that_failed_and_was_cancelled_is_undone_from_what_is_there_now(
    policies: TwoPolicies,
) -> None:
    policies.roll_out(policies.narrow)
    old = policies.list_running()
    policies.plan(policies.wide)
    policies.scene.lab.of(policies.scene.device).draw_fault = FaultScript({("arm", 0): make_fault("refuses", "arm", 0)})
    started = run(policies.scene, "start", str(policies.scene.plan_path))
    assert started.code == 1
    name = read_id(started)
    assert "stopped: 1 device of the wave canary ended badly" in started.said
    assert "there is nothing to undo" in policies.undo(name).said, "it was not changed"

    # Resumed, it is cancelled while its last device is changed; that one ends, and is undone.
    def cancel(verb: str) -> Fault:
        with use_rollouts(policies.scene.folder / ".tsunagu") as store:
            if verb == "push" and store.find_active() is not None:
                store.change_state_or_refuse(name, RolloutState.CANCELLED, datetime.now(UTC), by="hanako")
        return NO_FAULT

    policies.scene.lab.of(policies.scene.device).draw_fault = cancel
    assert run(policies.scene, "resume", name, "--lab").code == 1
    policies.scene.lab.of(policies.scene.device).draw_fault = lambda _: NO_FAULT
    assert policies.list_running() != old
    document = json.loads(policies.undo(name, "-o", str(policies.scene.folder / "back.json"), "--json").said)
    assert "--supersede" not in document["start"]
    assert policies.run(document["start"]).code == 0
    assert policies.list_running() == old


@pytest.mark.parametrize("policies", [1], indirect=True)
def test_a_policy_that_is_kept_no_more_comes_from_the_rollout_that_ran_from_it(policies: TwoPolicies) -> None:
    policies.roll_out(policies.narrow)
    old = policies.list_running()
    second = policies.roll_out(policies.wide)
    assert policies.scene.operations is not None
    kept = policies.scene.operations.state / "policies"
    shutil.rmtree(kept)
    done = policies.undo(second, "-o", str(policies.scene.folder / "back.json"), "--start")
    assert done.code == 0, done.errors
    assert policies.list_running() == old


@pytest.mark.parametrize("policies", [1], indirect=True)
def test_a_rollout_that_changed_nothing_has_nothing_to_undo(policies: TwoPolicies) -> None:
    refused = policies.undo("20261129-120300-1a2b3c4d")
    assert refused.code == 1
    assert "no rollout was started from here" in refused.errors
    policies.roll_out(policies.narrow)
    same = policies.roll_out(policies.narrow)
    refused = policies.undo(same)
    assert refused.code == 1
    assert "has changed no device: there is nothing to undo" in refused.errors
    policies.scene.lab.of(policies.scene.device).configuration.load(policies.factory)
    repaired = policies.roll_out(policies.narrow)
    refused = policies.undo(repaired)
    assert refused.code == 1
    assert "it applied the policy that was applied before it" in refused.errors


def test_an_undo_that_is_started_at_once_still_says_that_a_way_of_others_was_not_judged(
    policies: TwoPolicies, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.roll_out(policies.narrow)
    old = policies.list_running()
    second = policies.roll_out(policies.wide)
    monkeypatch.setattr("controller.cli.rollouts.undo.choose_exit_code", lambda _: Exit.NOT_JUDGED)
    done = policies.undo(second, "-o", str(policies.scene.folder / "back.json"), "--start")
    assert "rollout: 2 applied" in done.said, done.errors
    assert policies.list_running() == old
    assert done.code == Exit.NOT_JUDGED
