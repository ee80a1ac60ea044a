"""`tsunagu rollout approve`: a plan before it starts, and a rollout whose approver is revoked in its middle."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.operations.operations import Operations
from controller.plan.provenance.signed_plan import save_signed_plan
from controller.plan.provenance.ssh_signatures import find_fingerprint
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable.carry_out import StartOptions, record_rollout, use_rollouts
from tests.cli.running import Done
from tests.own_signal import send_own_signal
from tests.rollout.durable.city_scene import write_waves
from tests.rollout.durable.test_rollout_command import read_id, run
from tests.rollout.durable.test_rollout_undo import TwoPolicies
from tests.security.plan_scene import PEOPLE, Scene, make_operations, read_public

WAVES = write_waves({"name": "canary", "schools": "canary"}, {"name": "rest", "schools": "rest", "schools-at-once": 1})


class Office:
    """Two schools, a plan that hanako signed, and operators who ask for one approval."""

    def __init__(self, folder: Path, keys: Callable[[str], Path]) -> None:
        self.folder, self.keys = folder, keys
        (folder / "allowed").write_text("".join(f"{one} {read_public(keys(one))}\n" for one in PEOPLE), "utf-8")
        (folder / "revoked").write_text("", "utf-8")
        self.scene = Scene(folder, 2, self.make_operations(1), now=datetime.now(UTC))
        made = self.scene.plan(planner_key=find_fingerprint(keys("hanako")))
        save_signed_plan(made, self.scene.plan_path, keys("hanako"))
        self.plan = made.digest()

    def make_operations(self, approvals: int) -> Operations:
        files = {"allowed-signers": self.folder / "allowed", "revoked-keys": self.folder / "revoked"}
        asked = {**files, "require": [{"schools": 1, "approvals": approvals}]}
        return make_operations(self.folder, approvals=asked, **WAVES)

    def approve(self, subject: object, who: str, *words: str) -> Done:
        lab = ("--lab",) if subject != self.scene.plan_path else ()
        return run(self.scene, "approve", str(subject), "--sign-with", str(self.keys(who)), *lab, *words)

    def revoke(self, who: str) -> None:
        words = ["ssh-keygen", "-q", "-k", "-f", str(self.folder / "revoked"), str(self.keys(who)) + ".pub"]
        subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def office(tmp_path: Path, keys: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Office:
    found = Office(tmp_path, keys)
    monkeypatch.setattr("controller.cli.rollouts.worker.SshTransport", lambda _: found.scene.lab.transport)
    for place in ("rollouts.estate_rollouts", "devices.approve"):
        monkeypatch.setattr(f"controller.cli.{place}.load_operations_of", lambda *_: found.scene.operations)
    return found


def test_a_plan_begins_once_it_is_approved_and_a_revoked_approver_is_replaced(office: Office) -> None:
    plan = office.scene.plan_path
    refused = run(office.scene, "start", str(plan))
    assert refused.code == 1
    policies = office.scene.policies.path
    assert f"Let others approve it with: tsunagu approve --policies {policies} {plan} --sign-with KEY" in refused.errors
    assert "no rollout was started" in run(office.scene, "list", "--lab").said, "what is not approved does not wait"

    for who, words, why in (
        ("hanako", (), "its planner's key, which is yours; another person must approve it"),
        ("stranger", (), "is nobody's among the allowed signers"),
        ("taro", ("--digest", "0" * 12), f"it is the plan {office.plan[:12]}, and '000000000000' was to be approved"),
        ("taro", ("--digest", office.plan[:4]), "was to be approved"),
    ):
        done = office.approve(plan, who, *words)
        assert done.code == 1
        assert why in done.errors
    assert office.approve(plan, "taro", "--digest", office.plan[:12]).code == 0

    first = office.scene.lab.of(office.scene.lab.switches[0])

    def press(verb: str) -> Fault:
        if verb == "push":
            send_own_signal(signal.SIGTERM)
        return NO_FAULT

    first.draw_fault = press
    started = run(office.scene, "start", str(plan))
    assert started.code == 130, started.errors
    first.draw_fault = lambda _: NO_FAULT
    replace_revoked_approver(office, read_id(started))


def test_a_plan_that_has_expired_is_not_approved_and_no_approval_counts_where_nobody_is_named(office: Office) -> None:
    office.scene.now -= timedelta(days=3)
    office.scene.plan()
    refused = office.approve(office.scene.plan_path, "taro")
    assert refused.code == 1
    assert "the plan has expired" in refused.errors
    office.scene.operations, office.scene.now = make_operations(office.folder, **WAVES), datetime.now(UTC)
    office.scene.plan()
    started = office.scene.start()
    options = StartOptions(60, "", datetime.now(UTC))
    with use_rollouts(office.folder / ".tsunagu", create=True) as store:
        name = record_rollout(store, started, office.scene.plan_path, options, lambda _: None).id
    refused = office.approve(name, "taro")
    assert refused.code == 1
    assert "names nobody whose approval counts" in refused.errors


def replace_revoked_approver(office: Office, name: str) -> None:
    """Taro approved and is revoked; only another one's approval lets the rollout go on."""
    office.revoke("taro")
    refused = run(office.scene, "resume", name, "--lab")
    assert refused.code == 1
    assert f"the plan of the rollout {name}: the signature approval." in refused.errors
    command = f"tsunagu rollout approve --policies {office.scene.policies.path} --lab {name} --sign-with KEY"
    assert refused.errors.strip().endswith(command)
    for who, words, why in (
        ("hanako", (), "its planner's key, which is yours; another person must approve it"),
        ("taro", (), f"the plan of the rollout {name}: your approval would be refused: "),
        ("jiro", ("--digest", "0" * 12), "was to be approved"),
    ):
        done = office.approve(name, who, *words)
        assert done.code == 1
        assert why in done.errors
    assert office.approve(name, "jiro", "--as", "x").code == 64

    # Two are asked for today: the first of them is not enough, and says so.
    office.scene.operations = office.make_operations(2)
    done = office.approve(name, "jiro", "--lang", "ja")
    assert done.code == 0, done.errors
    assert "今日は認められない承認を外しました" in done.said
    assert "まだ再開できません" in done.said
    assert (
        f"approved by: jiro; planned by hanako, who does not count. Let others approve it with: {command}" in done.said
    )
    document = json.loads(office.approve(name, "yuki", "--json").said)
    assert (document["rollout"], document["approver"], document["missing"]) == (name, "yuki", "")
    resumed = run(office.scene, "resume", name, "--lab")
    assert resumed.code == 0, resumed.errors
    assert "rollout: 2 applied" in resumed.said
    shown = json.loads(run(office.scene, "show", name, "--lab", "--json").said)
    assert shown["approvers"] == ["taro", "jiro", "yuki"]
    ended = office.approve(name, "jiro")
    assert ended.code == 1
    assert f"the rollout {name} has ended (done): nothing is left of it to approve" in ended.errors
    trail = (office.folder / ".tsunagu/audit/trail-000001.jsonl").read_text(encoding="utf-8")
    assert sum('"approved"' in line and name in line for line in trail.splitlines()) == 2


def test_an_undo_is_signed_and_approved_like_any_other_plan(office: Office) -> None:
    office.scene.operations = office.make_operations(0)
    policies = TwoPolicies(office.scene)
    policies.roll_out(policies.narrow)
    old = policies.list_running()
    second = policies.roll_out(policies.wide)
    office.scene.operations = office.make_operations(1)
    back = office.folder / "the way back.json"
    words = ("-o", str(back), "--sign-with", str(office.keys("hanako")), "--start")
    done = policies.undo(second, *words)
    assert done.code == 1
    assert "approved by: nobody; planned by hanako" in done.errors
    commands = [line[line.index("tsunagu ") :] for line in done.said.splitlines() if "tsunagu rollout " in line]
    approve, start = sorted(commands)
    assert policies.run(approve.replace("KEY", str(office.keys("hanako")))).code == 1
    assert policies.run(approve.replace("KEY", str(office.keys("taro")))).code == 0
    done = policies.run(start)
    assert done.code == 0, done.errors
    assert "planned by hanako, approved by taro" in done.said
    assert policies.list_running() == old
