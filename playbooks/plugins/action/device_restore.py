"""The action behind the module of this name: brings a replaced device back, as `tsunagu restore` does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.own_command import run_own_command

_OPTIONS = {"restore_after": "--restore-after", "sign_with": "--sign-with"}


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Restores one device in a process of its own."""

    _VALID_ARGS = frozenset(("fingerprint", "backup", *_OPTIONS))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Restore the device; how that ended is a result, not a failure. In check mode nothing is done."""
        super().run(tmp, task_vars)
        known, given = task_vars or {}, self._task.args
        if not given.get("fingerprint") or not given.get("backup"):
            return {"failed": True, "msg": "device_restore needs `fingerprint` and `backup`"}
        if self._task.check_mode:
            return {"skipped": True, "msg": "nothing is restored in check mode"}
        backup = Path(given["backup"])
        words = ["restore", str(known["inventory_hostname"]), "--policies", str(known["tsunagu_policies"])]
        words += ["--backup", str(backup.parent if backup.suffix == ".cfg" else backup)]
        words += ["--fingerprint", str(given["fingerprint"])]
        words += [f"{option}={given[name]}" for name, option in _OPTIONS.items() if given.get(name)]
        words += ["--lab"] if known["tsunagu_estate"] == "virtual" else []
        if os.environ.get("TSUNAGU_STATE"):
            words.append(f"--state={os.environ['TSUNAGU_STATE']}")

        def restore_device() -> TaskResult:
            done = run_own_command(words, "end", "the restore")
            return {"changed": done["end"] == "applied", "end": str(done["end"]), "reason": str(done["reason"])}

        return answer_task(restore_device)
