"""The action behind the module of this name: what on a device is in conflict with the policy, and changes nothing."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.inventory import load_playbook_host
from controller.plan.playbook_tasks.onboarding import list_conflicts
from controller.platforms.transport.ssh_transport import SshTransport


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Reads one device over SSH and lists what would have to be settled before it can be planned."""

    _VALID_ARGS: frozenset[str] = frozenset()
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """List the conflicts; that there are some is a result, not a failure."""
        super().run(tmp, task_vars)

        def find_conflicts() -> TaskResult:
            host = load_playbook_host(task_vars or {})
            found = list_conflicts(host.city, host.device, SshTransport(host.operations.access))
            return {"changed": False, "conflicts": list(found.conflicts), "state": found.state}

        return answer_task(find_conflicts)
