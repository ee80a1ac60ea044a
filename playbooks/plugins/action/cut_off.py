"""The action behind the module of this name: whether a device cuts off what the policy wants cut off."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.playbook_tasks.cut_offs import find_leaks
from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.inventory import load_playbook_host
from controller.platforms.transport.ssh_transport import SshTransport


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Reads one device over SSH and lists what of it is not cut off."""

    _VALID_ARGS: frozenset[str] = frozenset()
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """List what passes; that something does is a result, not a failure."""
        super().run(tmp, task_vars)

        def list_leaks() -> TaskResult:
            host = load_playbook_host(task_vars or {})
            found = find_leaks(host.city, host.device, SshTransport(host.operations.access))
            return {"changed": False, "leaks": list(found)}

        return answer_task(list_leaks)
