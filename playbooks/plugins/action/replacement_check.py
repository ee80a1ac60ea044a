"""The action behind the module of this name: judges whether a new device can take a broken one's place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.inventory import load_playbook_host
from controller.plan.playbook_tasks.onboarding import read_fingerprint
from controller.platforms.transport.credentials import resolve_secret
from controller.recovery.device_replacement import find_replacement


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Looks at the backup, its secrets and the new device's host key; nothing is changed."""

    _VALID_ARGS = frozenset(("fingerprints", "backup"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Judge the replacement; no secret is in the result."""
        super().run(tmp, task_vars)
        fingerprints, backup = self._task.args.get("fingerprints"), self._task.args.get("backup")
        if not fingerprints:
            return {"failed": True, "msg": "replacement_check needs `fingerprints`: a file"}

        def judge() -> TaskResult:
            host = load_playbook_host(task_vars or {})
            expected = read_fingerprint(Path(fingerprints), host.device.id)
            state = Path(os.environ.get("TSUNAGU_STATE") or host.operations.state)
            folder = Path(backup) if backup else None
            found = find_replacement(host.city, host.device, host.operations, resolve_secret, state, folder, expected)
            return {
                "changed": False,
                "fingerprint": expected,
                "pinned": found.pinned,
                "backup": str(found.backup.path),
                "read_at": found.backup.about.read_at,
                "left_out": [one.line.text.strip() for one in found.source.left_out],
            }

        return answer_task(judge)
