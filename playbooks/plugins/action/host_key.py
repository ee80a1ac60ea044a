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
from controller.platforms.transport.host_keys import list_pinned_keys, read_known_hosts, unpin_host_key


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Pins the key whose fingerprint somebody has read on the device's console, and no other."""

    _VALID_ARGS = frozenset(("fingerprints", "unpin", "forget"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Pin the key; with `unpin` (an earlier result's) or `forget` (any) take it out; in check mode only look."""
        super().run(tmp, task_vars)
        fingerprints, unpin = self._task.args.get("fingerprints"), self._task.args.get("unpin")
        forget = str(self._task.args.get("forget", "no")).lower() in {"true", "yes"}
        if sum((bool(fingerprints), bool(unpin), forget)) != 1:
            message = "host_key needs one of `fingerprints` (a file), `unpin` (a pinned key) and `forget` (yes)"
            return {"failed": True, "msg": message}

        def change_pin() -> TaskResult:
            host, only_look = load_playbook_host(task_vars or {}), bool(self._task.check_mode)
            access = require_access(host.operations.access, host.device)
            if unpin or forget:
                identity = identify_device(host.device, access)
                keys = [decode_key(unpin)] if unpin else list_pinned_keys(read_known_hosts(identity))
                taken = [unpin_host_key(identity, key) for key in keys if not only_look]
                return {"changed": any(taken)}
            expected = read_fingerprint(Path(fingerprints), host.device.id)
            pinned = pin_expected_key(host.device, access, expected, only_look=only_look)
            shown, usable = encode_key(pinned.key), not (pinned.new and only_look)
            return {"changed": pinned.new, "key": shown, "pinned_now": pinned.new, "usable": usable}

        return answer_task(change_pin)
