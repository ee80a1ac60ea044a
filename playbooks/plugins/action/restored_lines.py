"""The action behind the module of this name: the lines of a backup that a restored device does not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.inventory import load_playbook_host
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.ssh_transport import SshTransport
from controller.recovery.device_backup import read_device_backup
from controller.recovery.device_replacement import find_lines_not_back
from controller.recovery.device_restore import prepare_restore


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Reads one device over SSH and compares it with its backup."""

    _VALID_ARGS = frozenset(("backup",))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Compare the device; that lines are missing is a result, not a failure."""
        super().run(tmp, task_vars)
        backup = self._task.args.get("backup")
        if not backup:
            return {"failed": True, "msg": "restored_lines needs `backup`: the folder or the file of a backup"}

        def compare() -> TaskResult:
            host, place = load_playbook_host(task_vars or {}), Path(backup)
            kept = read_device_backup(host.device, place.parent if place.suffix == ".cfg" else place)
            source = prepare_restore(host.city, host.device, kept, host.operations, resolve_secret)
            return {"changed": False, "lost": list(find_lines_not_back(source, SshTransport(host.operations.access)))}

        return answer_task(compare)
