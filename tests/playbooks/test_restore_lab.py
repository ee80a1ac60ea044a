"""A dead Open vSwitch of the lab is replaced by a new, empty one: by the playbook and by `tsunagu restore`."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.lab.state.layout import Layout
from controller.model.city import City
from controller.model.virtual_city import choose_virtual_city
from tests.cli.running import here
from tests.playbooks.lab_run import LabScene, replace_switch, restore_switch

pytestmark = pytest.mark.lab


def test_a_new_switch_runs_what_the_dead_one_did(city: City, fresh_lab: Layout, tmp_path: Path) -> None:
    """Which raises where devices or packets show something else."""
    scene = LabScene(tmp_path, choose_virtual_city(city), fresh_lab)
    first, second = fresh_lab.schools[:2]
    policies = ("--policies", str(scene.policies))
    assert here("plan", "--lab", "--all", "-o", "plan.json", *policies, cwd=scene.work).code == 0
    assert here("apply", "plan.json", *policies, cwd=scene.work).code == 0
    scene.play("backup", "--all", "-o", "kept")
    (kept,) = scene.work.glob("kept/*")
    assert replace_switch(scene, first, kept).startswith("the new switch runs and boots with")
    assert restore_switch(scene, second, kept).startswith("the new switch runs and boots with")
