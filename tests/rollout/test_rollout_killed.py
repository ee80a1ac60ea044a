"""`kill -9` of the real controller at a real switch: it ends in the old state or the new one by itself.

At every command of the procedure, and what a second apply makes of it: `test_rollout_resumed.py`, in memory.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.lab.state.processes import wait_until
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.document import PlanFile, save_plan
from controller.rollout.outcome import End
from tests.cli.running import ROOT
from tests.conftest import POLICIES
from tests.rollout.conftest import LAB_RESTORE_SECONDS, Apply, is_idle, list_armed_jobs, plan_lab, read_running
from tests.rollout.memory_lab import RULE, without_rule

pytestmark = pytest.mark.lab

BEFORE_CONFIRM = ["push", "confirm"]
PATIENCE = LAB_RESTORE_SECONDS + 15.0


def kill_at(plan: PlanFile, folder: Path, step: str, moment: str) -> None:
    path = folder / "plan.json"
    save_plan(plan, path)
    words = [str(POLICIES), str(path), str(folder / "killed"), str(LAB_RESTORE_SECONDS), step, moment]
    done = subprocess.run(
        [sys.executable, "-m", "tests.rollout.killed_apply", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_killed_before_it_is_confirmed_the_switch_goes_back_by_itself(
    in_force: City, devices: list[Device], tmp_path: Path, step: str
) -> None:
    device = devices[0]
    old = read_running(device)
    plan = plan_lab(without_rule(in_force, RULE), (device.school.id,))
    kill_at(plan, tmp_path, step, "start")
    # What was armed has fired or was never armed: nothing on the switch can still change its state.
    assert wait_until(lambda: is_idle(device), PATIENCE, every=0.1), list_armed_jobs(device)
    assert read_running(device) == old


@pytest.mark.parametrize("step", ["read back", "save"])
def test_killed_a_second_apply_of_the_same_plan_ends_applied(
    in_force: City, devices: list[Device], apply_now: Apply, tmp_path: Path, step: str
) -> None:
    device = devices[0]
    plan = plan_lab(without_rule(in_force, RULE), (device.school.id,))
    kill_at(plan, tmp_path, step, "start")
    (outcome,) = apply_now(in_force, plan)
    assert outcome.end is End.APPLIED, outcome
    # What the killed run armed must not fire into the new state.
    assert is_idle(device)
    assert read_running(device).compute_digest() == plan.devices[0].states[-1]


def test_killed_twice_the_switch_still_goes_back_by_itself(
    in_force: City, devices: list[Device], tmp_path: Path
) -> None:
    device = devices[0]
    old = read_running(device)
    plan = plan_lab(without_rule(in_force, RULE), (device.school.id,))
    kill_at(plan, tmp_path, "read back", "start")
    kill_at(plan, tmp_path, "confirm", "start")
    assert not is_idle(device)
    assert wait_until(lambda: read_running(device) == old, PATIENCE)
    assert not wait_until(lambda: read_running(device) != old, LAB_RESTORE_SECONDS + 1.0)
