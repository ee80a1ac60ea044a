"""The action behind the module of this name: rotates a device's login, as `tsunagu rotate` does."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.own_command import run_own_command

_TOLD = ("stage", "user", "due", "end", "reason", "logins")


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Rotates one device's login in a process of its own; passwords are known to that process alone."""

    _VALID_ARGS = frozenset(("restore_after", "accept_no_restore"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Rotate the login; how that ended is a result, not a failure. In check mode say what is due."""
        super().run(tmp, task_vars)
        known, given = task_vars or {}, self._task.args
        words = ["rotate", str(known["inventory_hostname"]), "--policies", str(known["tsunagu_policies"])]
        words += ["--check"] if self._task.check_mode else []
        words += [f"--restore-after={given['restore_after']}"] if given.get("restore_after") else []
        accepts = str(given.get("accept_no_restore", "no")).lower() in {"true", "yes"}
        words += ["--accept-no-restore"] if accepts else []
        words += ["--lab"] if known["tsunagu_estate"] == "virtual" else []
        if os.environ.get("TSUNAGU_STATE"):
            words.append(f"--state={os.environ['TSUNAGU_STATE']}")

        def rotate_login() -> TaskResult:
            done = run_own_command(words, "stage", "the rotation")
            return {"changed": done["end"] == "applied", **{name: done[name] for name in _TOLD}}

        return answer_task(rotate_login)
