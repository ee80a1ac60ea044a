"""The action behind the module of this name: runs where Ansible runs, and reads the device as the controller does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from controller.errors import DeviceUnreachable, TsunaguError
from controller.plan.backup import back_up_device
from controller.plan.inventory import load_city_once, load_operations_once
from controller.plan.select import find_device
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.ssh_transport import SshTransport


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Reads, redacts, understands and saves one device's running configuration."""

    _VALID_ARGS = frozenset(("folder",))
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Save the configuration; the result never holds its text.

        Raises:
            AnsibleConnectionFailure: nobody answers there; Ansible counts the host as unreachable.
        """
        super().run(tmp, task_vars)
        known = task_vars or {}
        folder = self._task.args.get("folder")
        if not folder:
            return {"failed": True, "msg": "running_configuration needs `folder`: where DEVICE.cfg is to be saved"}
        try:
            policies = str(known["tsunagu_policies"])
            city = load_city_once(policies, known["tsunagu_estate"])
            device = find_device(city, str(known["inventory_hostname"]))
            transport = SshTransport(load_operations_once(policies).access)
            kept = back_up_device(device, Path(folder), transport, SystemClock())
        except DeviceUnreachable as error:
            raise AnsibleConnectionFailure(str(error)) from None
        except TsunaguError as error:
            return {"failed": True, "msg": str(error)}
        # The device itself is not changed; the file is new with every run.
        return {"changed": False, "backup": asdict(kept), "path": str(Path(folder) / f"{device.id}.cfg")}
