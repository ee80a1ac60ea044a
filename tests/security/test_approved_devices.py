"""Attacks on repairs: only what others were shown and approved, for the devices that were touched, needs no new one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.errors import PlanNotApproved
from controller.model.network.device_state import DeviceState
from controller.plan.build import build_device_plan, choose_canary
from controller.plan.derive import derive_change
from controller.plan.document import PlanFile, list_signatures, name_approval, name_signature, save_plan
from controller.plan.provenance.ssh_signatures import find_fingerprint, sign_bytes
from tests.cli.running import here
from tests.security.plan_scene import PEOPLE, Scene, make_operations, read_public


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
    done = here(
        "approve", "plan.json", "--policies", "policies", "--sign-with", str(keys("taro")), "--as", "taro", cwd=tmp_path
    )
    assert done.code == 0, done.errors
    assert "plan: 1 of 1 devices would change, in 1 schools" in done.said
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
