"""The role `cut_off` by real Ansible, its actions answered by the test: when the policy is put back, and when not."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.rollout.playbooks.playbook import HostEnd, HostOutcome, Playbook, run_playbook

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
STAND_IN = """
import json
from pathlib import Path
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        name = self._task.action + ("_restore" if "restore" in self._task.args else "")
        folder = Path(task_vars["answers"])
        with (folder / "asked").open("a") as file:
            file.write(name + "\\n")
        return json.loads((folder / "answers.json").read_text())[name]
"""
CONFIG = f"[defaults]\ninventory = hosts\naction_plugins = actions\nroles_path = {PLAYBOOKS}/roles\n"
BOOK = """
- hosts: all
  gather_facts: false
  roles: [{role: cut_off, cut_off_change: release, cut_off_dated: saved}]
"""
PLANNED = {"end": "planned", "reason": "", "changes": [{}]}


@dataclass
class Role:
    """The role on two hosts, and what its actions answer."""

    folder: Path
    answers: dict[str, dict[str, Any]]

    def run(self) -> tuple[HostOutcome, HostOutcome]:
        """Run it; how it ended for each of the hosts."""
        (self.folder / "answers.json").write_text(json.dumps(self.answers), encoding="utf-8")
        words = {f"cut_off_{name}": "x" for name in ("sign_with", "restore_after", "force_window", "accept_wider")}
        words |= {"cut_off_accept_no_restore": "no", "answers": str(self.folder)}
        one, other = run_playbook(Playbook(self.folder, "book", ["d1", "d2"], {}, words), [])
        return one, other

    @property
    def restores(self) -> int:
        """How often the policy was put back."""
        return (self.folder / "asked").read_text(encoding="utf-8").split().count("policy_entry_restore")


@pytest.fixture
def role(tmp_path: Path) -> Role:
    (tmp_path / "ansible.cfg").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "hosts").write_text("d1\nd2\n[all:vars]\nansible_connection=local\n", encoding="utf-8")
    (tmp_path / "book.yml").write_text(BOOK, encoding="utf-8")
    (tmp_path / "actions").mkdir()
    for name in ("policy_entry", "policy_plan", "policy_rollout", "device_drift", "cut_off"):
        (tmp_path / f"actions/{name}.py").write_text(STAND_IN, encoding="utf-8")
    shutil.copy(PLAYBOOKS / "plugins/action/host_end.py", tmp_path / "actions")
    drift = {"differs": False, "not_judged": [], "changes": [], "saved": True}
    return Role(
        tmp_path,
        {
            "policy_entry": {"changed": True, "path": "p", "before": "b", "after": "a", "holders": ["d1"]},
            "policy_entry_restore": {"changed": True},
            "policy_plan": {"plan": "plan.json", "approvals": "", "hosts": {"d1": PLANNED, "d2": PLANNED}},
            "device_drift": {"drift": drift},
            "cut_off": {"leaks": []},
        },
    )


def end(word: str, state: str, *, touched: bool) -> dict[str, Any]:
    return {"end": word, "state": state, "reason": f"{state}: why", "touched": touched}


@pytest.mark.parametrize("touched", [True, False])
def test_the_policy_is_put_back_only_where_no_device_was_touched(role: Role, *, touched: bool) -> None:
    failed, back = end("failed", "failed", touched=touched), end("failed", "reverted", touched=False)
    role.answers["policy_rollout"] = {"rollout": "r", "hosts": {"d1": failed, "d2": back}}
    ends = role.run()
    assert [one.end for one in ends] == [HostEnd.FAILED, HostEnd.FAILED]
    assert role.restores == (0 if touched else 1)
    assert ("(the policy says again what it said before)" in ends[0].reason) is not touched


@pytest.mark.parametrize("unknown", [True, False])
def test_the_policy_stays_where_nobody_knows_the_end_of_a_rollout(role: Role, *, unknown: bool) -> None:
    role.answers["policy_rollout"] = {"failed": True, "msg": "said no end"} | ({"end_unknown": True} if unknown else {})
    ends = role.run()
    said = "(the policy stays as it was changed)" if unknown else "(the policy says again what it said before)"
    assert [(one.end, one.reason) for one in ends] == [(HostEnd.FAILED, f"said no end {said}")] * 2
    assert role.restores == (0 if unknown else 1)
