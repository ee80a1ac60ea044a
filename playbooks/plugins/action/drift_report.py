"""The action behind the module of this name: writes what `device_drift` found of all hosts of the play."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from pydantic import TypeAdapter

from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.drift import Drift, write_drift_report
from controller.plan.playbook_tasks.inventory import load_playbook_host

_NOT_LOOKED_AT = "it did not answer, or could not be understood"


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Writes the report of the play, once for all its hosts."""

    _VALID_ARGS = frozenset(("folder", "found"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Write `drift.json` and its pages for people, in check mode none; hosts without a result are named in them."""
        super().run(tmp, task_vars)
        known = task_vars or {}
        folder, variable = self._task.args.get("folder"), self._task.args.get("found")
        if not folder or not variable:
            return {
                "failed": True,
                "msg": "drift_report needs `folder`, and `found`: what device_drift was registered as",
            }

        def write_report() -> TaskResult:
            found: list[Drift] = []
            missing: dict[str, str] = {}
            for name in known["ansible_play_hosts_all"]:
                result = known["hostvars"][name].get(variable) or {}
                if "drift" in result:
                    fields = {key: value for key, value in result["drift"].items() if key != "differs"}
                    found.append(TypeAdapter(Drift).validate_python(fields))
                else:
                    missing[name] = str(result.get("msg") or _NOT_LOOKED_AT)
            if self._task.check_mode:
                return {"changed": False, "files": []}
            made = datetime.now(load_playbook_host(known).city.timezone)
            files = write_drift_report(Path(folder), found, missing, made)
            return {"changed": False, "files": [str(file) for file in files]}

        return answer_task(write_report)
