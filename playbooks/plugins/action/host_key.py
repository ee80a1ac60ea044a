"""The action behind the module of this name: pins a device's host key, or takes it out again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.operations.device_access import require_access
from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.inventory import load_playbook_host
from controller.plan.playbook_tasks.onboarding import decode_key, encode_key, pin_expected_key, read_fingerprint
from controller.platforms.transport.dialing import identify_device
from controller.platforms.transport.host_keys import unpin_host_key


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Pins the key whose fingerprint somebody has read on the device's console, and no other."""

    _VALID_ARGS = frozenset(("fingerprints", "unpin"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Pin the key, or with `unpin` (the key of an earlier result) take it out; in check mode only look."""
        super().run(tmp, task_vars)
        fingerprints, unpin = self._task.args.get("fingerprints"), self._task.args.get("unpin")
        if bool(fingerprints) == bool(unpin):
            return {"failed": True, "msg": "host_key needs one of `fingerprints` (a file) and `unpin` (a pinned key)"}

        def change_pin() -> TaskResult:
            host, only_look = load_playbook_host(task_vars or {}), bool(self._task.check_mode)
            access = require_access(host.operations.access, host.device)
            if unpin:
                key = decode_key(unpin)
                identity = identify_device(host.device, access)
                return {"changed": not only_look and unpin_host_key(identity, key)}
            expected = read_fingerprint(Path(fingerprints), host.device.id)
            pinned = pin_expected_key(host.device, access, expected, only_look=only_look)
            shown, usable = encode_key(pinned.key), not (pinned.new and only_look)
            return {"changed": pinned.new, "key": shown, "pinned_now": pinned.new, "usable": usable}

        return answer_task(change_pin)
