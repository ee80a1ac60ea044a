"""`kill -9` of an apply at every step: the switch ends in the old state or the new one by itself, and a second apply
of the same plan ends applied."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.lab.state.processes import wait_until
from controller.model.city import City
from controller.model.policy_files import LAB
from controller.model.sites.devices import Device
from controller.plan.document import PlanFile, save_plan
from controller.rollout.outcome import End
from tests.conftest import POLICIES
from tests.rollout.conftest import RESTORE_SECONDS, WITHOUT, Apply, at_work, idle, planned, running, without

pytestmark = pytest.mark.lab

BEFORE_CONFIRM = ["lock", "read", "compare", "arm", "push", "read back", "reach", "confirm"]
AFTER_CONFIRM = ["save", "unlock"]
PATIENCE = RESTORE_SECONDS + 15.0


def kill_at(plan: PlanFile, folder: Path, step: str, moment: str) -> None:
    path = folder / "plan.json"
    save_plan(plan, path)
    script = Path(__file__).with_name("killed_apply.py")
    words = [str(POLICIES), str(path), str(folder / "killed"), str(RESTORE_SECONDS), step, moment]
    done = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_killed_before_it_is_confirmed_the_switch_goes_back_by_itself(
    in_force: City, devices: list[Device], tmp_path: Path, step: str
) -> None:
    device = devices[0]
    old = running(device)
    plan = planned(without(in_force, WITHOUT), (device.school.id,))
    kill_at(plan, tmp_path, step, "start")
    # What was armed has fired or was never armed: nothing on the switch can still change its state.
    assert wait_until(lambda: idle(device), PATIENCE, every=0.1), at_work(device)
    assert running(device) == old


@pytest.mark.parametrize("step", [*BEFORE_CONFIRM, *AFTER_CONFIRM])
def test_killed_at_any_step_a_second_apply_of_the_same_plan_ends_applied(
    in_force: City, devices: list[Device], apply_now: Apply, tmp_path: Path, step: str
) -> None:
    device = devices[0]
    plan = planned(without(in_force, WITHOUT), (device.school.id,))
    kill_at(plan, tmp_path, step, "start")
    (outcome,) = apply_now(in_force, plan)
    assert outcome.end in ((End.APPLIED, End.UNCHANGED) if step == "unlock" else (End.APPLIED,)), outcome
    # What the killed run armed must not fire into the new state.
    assert idle(device)
    assert running(device).compute_digest() == plan.devices[0].states[-1]


@pytest.mark.parametrize("step", ["read", "confirm"])
def test_killed_twice_the_switch_still_goes_back_by_itself(
    in_force: City, devices: list[Device], tmp_path: Path, step: str
) -> None:
    device = devices[0]
    old = running(device)
    plan = planned(without(in_force, WITHOUT), (device.school.id,))
    kill_at(plan, tmp_path, "read back", "start")
    kill_at(plan, tmp_path, step, "start")
    assert not idle(device)
    assert wait_until(lambda: running(device) == old, PATIENCE)
    assert not wait_until(lambda: running(device) != old, RESTORE_SECONDS + 1.0)


def test_what_a_killed_apply_locked_runs_out_by_itself(
    in_force: City, devices: list[Device], apply_now: Apply, tmp_path: Path
) -> None:
    device = devices[0]
    kill_at(planned(without(in_force, WITHOUT), (device.school.id,)), tmp_path, "read", "start")
    other = without(in_force, "parents")
    plan = planned(other, (device.school.id,))
    (outcome,) = apply_now(other, plan)
    assert outcome.end is End.FAILED
    assert "lock is held" in outcome.reason
    assert wait_until(lambda: apply_now(other, plan)[0].end is End.APPLIED, PATIENCE, every=0.5)


def test_killed_after_it_is_confirmed_the_change_stays_and_is_seen_as_not_saved(
    in_force: City, devices: list[Device], apply_now: Apply, tmp_path: Path
) -> None:
    device = devices[0]
    changed = without(in_force, WITHOUT)
    plan = planned(changed, (device.school.id,))
    kill_at(plan, tmp_path, "save", "start")
    again = planned(changed, (device.school.id,)).devices[0]
    assert again.steps == ()
    assert not again.saved
    (outcome,) = apply_now(in_force, plan)
    assert outcome.end is End.APPLIED
    assert planned(changed, (device.school.id,)).devices[0].saved


def test_killed_between_two_steps_the_same_plan_finishes_from_the_state_in_between(
    in_force: City, devices: list[Device], apply_now: Apply, tmp_path: Path
) -> None:
    device = devices[0]
    swapped = {"staff": "pupil", "pupil": "staff"}
    hosts = [
        host.model_copy(update={"segment": swapped.get(host.segment, host.segment)})
        for host in in_force.virtual_estate.hosts
    ]
    moved = in_force.replace_file(LAB, in_force.virtual_estate.model_copy(update={"hosts": tuple(hosts)}))
    plan = planned(moved, (device.school.id,))
    seen, *between, wanted = plan.devices[0].states
    assert between, "a port that moves takes more than one step"
    kill_at(plan, tmp_path, "first command", "end")
    assert running(device).compute_digest() in between
    assert seen not in between
    (outcome,) = apply_now(moved, plan)
    assert outcome.end is End.APPLIED, outcome
    assert running(device).compute_digest() == wanted
