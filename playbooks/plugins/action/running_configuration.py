"""The action behind the module of this name: runs where Ansible runs, and reads the device as the controller does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.backup import back_up_device
from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.inventory import load_playbook_host
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.ssh_transport import SshTransport


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Reads, redacts, understands and saves one device's running configuration."""

    _VALID_ARGS = frozenset(("folder",))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Save the configuration, in check mode only read it; the result never holds its text."""
        super().run(tmp, task_vars)
        folder = self._task.args.get("folder")
        if not folder:
            return {"failed": True, "msg": "running_configuration needs `folder`: where DEVICE.cfg is to be saved"}

        def save_configuration() -> TaskResult:
            host, only_look = load_playbook_host(task_vars or {}), bool(self._task.check_mode)
            transport = SshTransport(host.operations.access)
            kept = back_up_device(host.device, Path(folder), transport, SystemClock(), only_look=only_look)
            # The device itself is not changed; the file is new with every run.
            return {"changed": False, "backup": asdict(kept), "path": str(Path(folder) / f"{host.device.id}.cfg")}

        return answer_task(save_configuration)
