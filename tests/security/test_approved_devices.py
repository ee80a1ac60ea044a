"""Attacks on repairs: only what others were shown and approved, for the devices that were touched, needs no new one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from controller.cli.devices import approve
from controller.cli.estates import find_user_name
from controller.errors import PlanNotApproved
from controller.model.network.device_state import DeviceState
from controller.plan.build import build_device_plan, choose_canary
from controller.plan.derive import derive_change
from controller.plan.document import PlanFile, list_approvals, list_signatures, name_approval, name_signature, save_plan
from controller.plan.provenance.ssh_signatures import find_fingerprint, sign_bytes
from controller.platforms.transport.base import SystemClock
from controller.storage.audit.audit_trail import AuditKind
from tests.cli.running import Done, here
from tests.policies import NOON
from tests.security.audit_samples import refuse_entries
from tests.security.plan_scene import PEOPLE, Scene, make_operations, read_public


class Noon(SystemClock):
    """The clock of the command, at the time of the scene."""

    def now(self) -> datetime:
        return NOON


def run_approve(scene: Scene, key: Path, *more: str, code: int = 0) -> Done:
    """Approve the scene's plan with the command."""
    operations = scene.operations
    with (
        patch.object(approve, "SystemClock", Noon),
        patch.object(approve, "load_operations_of", lambda *_: operations),
    ):
        words = ("approve", "plan.json", "--policies", "policies", "--sign-with", str(key))
        done = here(*words, *more, cwd=scene.folder)
    assert done.code == code, done.errors
    return done


def list_entries(scene: Scene) -> list[dict[str, str]]:
    """What the audit trail says of approvals."""
    files = sorted((scene.folder / ".tsunagu/audit").glob("trail-*.jsonl"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines if '"approved"' in line]


def test_from_the_plan_to_the_timeline(tmp_path: Path, keys: Callable[[str], Path]) -> None:
    """Signed, approved by another person through the command, applied; the repair after it needs nobody."""
    allowed = tmp_path / "allowed_signers"
    allowed.write_text("".join(f"{name} {read_public(keys(name))}\n" for name in PEOPLE), encoding="ascii")
    approvals = {"allowed-signers": allowed, "require": [{"approvals": 1}]}
    scene = Scene(tmp_path, operations=make_operations(tmp_path, approvals=approvals))
    scene.plan(planner_key=find_fingerprint(keys("hanako")))
    with pytest.raises(PlanNotApproved, match="has not signed it"):
        scene.start()
    name_signature(scene.plan_path).write_bytes(sign_bytes(scene.plan_path.read_bytes(), keys("hanako")))
    with pytest.raises(PlanNotApproved, match="approved by: nobody"):
        scene.start()
    trail = run_approve(scene, keys("taro"), "--as", "somebody")
    assert "plan: 1 of 1 devices would change, in 1 schools" in trail.said
    (entry,) = list_entries(scene)
    assert (entry["principal"], entry["key"]) == ("taro", find_fingerprint(keys("taro")))
    started = scene.start()
    assert (started.answers.planner, started.answers.approvers) == ("hanako", ("taro",))
    assert all(outcome.end.good for outcome in scene.carry_out(started))
    # Somebody changes the switch by hand; what brings back what was approved is a repair.
    device = scene.lab.of(scene.device)
    device.configuration.load(device.running.replace("h-pupil,20,", "h-pupil,10,"))
    plan_signed(scene, keys("yuki"))
    assert [one for one in list_signatures(scene.plan_path) if one.exists()] == [name_signature(scene.plan_path)]
    assert scene.start().answers.approvers == ()
    # And what was never approved is none.
    scene.policies.edit("access/rules.yaml", "{from: [staff]}", "{from: [pupil]}", after="  - id: staff-ai\n")
    plan_signed(scene, keys("yuki"))
    with pytest.raises(PlanNotApproved, match="approved by: nobody"):
        scene.start()


def plan_signed(scene: Scene, key: Path, plan: PlanFile | None = None) -> PlanFile:
    """Make a plan, or take one, and sign it as its planner."""
    made = (plan or scene.plan()).model_copy(update={"planner_key": find_fingerprint(key)})
    save_plan(made, scene.plan_path)
    name_signature(scene.plan_path).write_bytes(sign_bytes(scene.plan_path.read_bytes(), key))
    return made


def sign_approval(scene: Scene, key: Path) -> None:
    content = scene.plan_path.read_bytes()
    name_approval(scene.plan_path, key.name).write_bytes(sign_bytes(content, key))


def list_as_wanted(scene: Scene, plan: PlanFile) -> PlanFile:
    """A plan that says of each device that it was seen as it is wanted: nothing is to be done, no rule asks."""
    city = scene.load()
    devices = []
    for device in scene.lab.switches:
        if any(one.device == device.id for one in plan.devices):
            wanted = derive_change(city, device, DeviceState()).wanted
            devices.append(build_device_plan(device, wanted, derive_change(city, device, wanted), saved=True))
    return plan.model_copy(update={"devices": tuple(devices), "canary": choose_canary(city, devices)})


@pytest.fixture
def guarded(tmp_path: Path, keys: Callable[[str], Path]) -> Scene:
    """Two schools, whose plans another person must approve."""
    allowed = tmp_path / "allowed_signers"
    allowed.write_text("".join(f"{name} {read_public(keys(name))}\n" for name in PEOPLE), encoding="ascii")
    approvals = {"allowed-signers": allowed, "require": [{"approvals": 1}]}
    return Scene(tmp_path, schools=2, operations=make_operations(tmp_path, approvals=approvals))


def test_a_plan_that_touches_nothing_makes_no_device_an_approved_one(
    guarded: Scene, keys: Callable[[str], Path]
) -> None:
    """A planner alone: the forged plan needs nobody, and the genuine one must still not be a repair."""
    genuine = guarded.plan()
    forged = plan_signed(guarded, keys("hanako"), list_as_wanted(guarded, genuine))
    sign_approval(guarded, keys("hanako"))
    assert not forged.touched_schools
    guarded.start()
    plan_signed(guarded, keys("hanako"), genuine)
    with pytest.raises(PlanNotApproved, match="approved by: nobody"):
        guarded.start()


def test_a_device_that_an_approved_plan_only_lists_was_not_approved(
    guarded: Scene, keys: Callable[[str], Path]
) -> None:
    genuine = guarded.plan()
    first = genuine.devices[0]
    others = list_as_wanted(guarded, genuine.model_copy(update={"devices": genuine.devices[1:]}))
    mixed = genuine.model_copy(update={"devices": (first, *others.devices), "canary": first.school})
    plan_signed(guarded, keys("hanako"), mixed)
    sign_approval(guarded, keys("taro"))
    guarded.start()
    plan_signed(guarded, keys("hanako"), genuine)
    with pytest.raises(PlanNotApproved, match="touches 2 schools and needs approvals"):
        guarded.start()
    # What was approved and touched is a repair by itself, and no "approval" of a repair extends the record.
    alone = genuine.model_copy(update={"devices": (first,), "canary": first.school})
    plan_signed(guarded, keys("yuki"), alone)
    sign_approval(guarded, keys("yuki"))
    assert guarded.start().answers.approvers == ("yuki",)
    plan_signed(guarded, keys("hanako"), genuine)
    with pytest.raises(PlanNotApproved, match="touches 2 schools"):
        guarded.start()


def test_what_was_recorded_of_plans_that_nobody_had_to_approve_counts_for_nothing(
    guarded: Scene, keys: Callable[[str], Path]
) -> None:
    """Records of the first format hold every device that a plan listed."""
    genuine = guarded.plan()
    assert guarded.operations is not None
    folder = guarded.operations.state / "approved"
    folder.mkdir(mode=0o700, parents=True)
    record = folder / f"{genuine.city}-{genuine.estate}.json"
    devices = {one.device: genuine.policy for one in genuine.devices}
    record.write_text(json.dumps({"format": 1, "policies": devices}), encoding="utf-8")
    record.chmod(0o600)
    plan_signed(guarded, keys("hanako"), genuine)
    with pytest.raises(PlanNotApproved, match="approved by: nobody"):
        guarded.start()


def refuse_approval(scene: Scene, key: Path, told: str) -> None:
    """The command refuses, and neither a signature nor an entry stays."""
    done = run_approve(scene, key, "--as", "director", code=1)
    assert told in " ".join(done.errors.split())
    assert not list_approvals(scene.plan_path)
    assert not list_entries(scene)


def test_an_approval_is_of_whoever_signed_it_and_may(guarded: Scene, keys: Callable[[str], Path]) -> None:
    plan_signed(guarded, keys("hanako"))
    refuse_approval(guarded, keys("stranger"), "nobody's among the allowed signers")
    refuse_approval(guarded, keys("hanako"), "as its planner's key, which is yours; another person must approve it")
    guarded.operations = make_operations(guarded.folder)
    refuse_approval(guarded, keys("hanako"), "as its planner's key, which is yours")
    run_approve(guarded, keys("stranger"), "--as", "director")
    (entry,) = list_entries(guarded)
    assert (entry["principal"], entry["key"]) == (find_user_name(), find_fingerprint(keys("stranger")))


def test_what_could_not_be_applied_is_not_approved(guarded: Scene, keys: Callable[[str], Path]) -> None:
    genuine = guarded.plan()
    old = {"made": genuine.made - timedelta(days=9), "expires": genuine.expires - timedelta(days=8)}
    plan_signed(guarded, keys("hanako"), genuine.model_copy(update=old))
    refuse_approval(guarded, keys("taro"), "the plan has expired")
    plan_signed(guarded, keys("hanako"), genuine.model_copy(update={"undo": True, "policy": "0" * 64}))
    refuse_approval(guarded, keys("taro"), "holds 0 policies")
    plan_signed(guarded, keys("hanako"), genuine.model_copy(update={"undo": True, "commit": "1" * 40}))
    refuse_approval(guarded, keys("taro"), "holds 0 policies")
    for words in (["init", "-q"], ["add", "policies"], ["commit", "-q", "-m", "x"]):
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(guarded.folder)]
        subprocess.run([*git, *words], check=True, capture_output=True)
    plan_signed(guarded, keys("hanako"), genuine.model_copy(update={"commit": "1" * 40}))
    refuse_approval(guarded, keys("taro"), "says that it was made from commit 111111111111")


def test_an_undo_is_derived_anew_before_it_is_approved(guarded: Scene, keys: Callable[[str], Path]) -> None:
    before = plan_signed(guarded, keys("hanako"))
    sign_approval(guarded, keys("taro"))
    guarded.start()
    undo = before.model_copy(update={"undo": True})
    first = undo.devices[0].model_copy(update={"changes": ("nothing would change",)})
    plan_signed(guarded, keys("hanako"), undo.model_copy(update={"devices": (first, *undo.devices[1:])}))
    refuse_approval(guarded, keys("taro"), "the plan was changed by hand")
    plan_signed(guarded, keys("hanako"), undo)
    assert "undo, back to" in run_approve(guarded, keys("taro")).said


def test_an_approval_that_the_audit_trail_cannot_show_does_not_stay(
    guarded: Scene, keys: Callable[[str], Path]
) -> None:
    plan_signed(guarded, keys("hanako"))
    (guarded.folder / ".tsunagu").mkdir()
    (guarded.folder / ".tsunagu/audit").touch()
    done = run_approve(guarded, keys("taro"), code=1)
    assert "the audit trail cannot be written" in done.errors
    assert not list_approvals(guarded.plan_path)


def test_an_approval_that_stood_there_stays_where_the_next_one_cannot_be_shown(
    guarded: Scene, keys: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_signed(guarded, keys("hanako"))
    run_approve(guarded, keys("taro"))
    [stood] = list_approvals(guarded.plan_path)
    before = stood.read_bytes()
    refuse_entries(monkeypatch, AuditKind.APPROVED)
    assert "the disk is full" in run_approve(guarded, keys("taro"), code=1).errors
    assert list_approvals(guarded.plan_path) == [stood]
    assert stood.read_bytes() == before
