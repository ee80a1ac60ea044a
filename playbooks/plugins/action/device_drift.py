"""The action behind the module of this name: compares what a device runs with the policy, and changes nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.drift import find_drift
from controller.plan.playbook_tasks.inventory import load_playbook_host
from controller.platforms.transport.ssh_transport import SshTransport


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Reads one device over SSH and tells how it differs from the policy."""

    _VALID_ARGS: frozenset[str] = frozenset()
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Compare the device; a difference is a result, not a failure."""
        super().run(tmp, task_vars)

        def compare_device() -> TaskResult:
            host = load_playbook_host(task_vars or {})
            drift = find_drift(host.city, host.device, SshTransport(host.operations.access))
            return {"changed": False, "drift": {**asdict(drift), "differs": drift.differs}}

        return answer_task(compare_device)
