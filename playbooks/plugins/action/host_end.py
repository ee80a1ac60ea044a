"""The action behind the module of this name: ends a host as an earlier task found it."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

_DONE, _UNREACHABLE = "done", "unreachable"
_FAILED = ("differs", "not judged", "not attempted", "failed")
_ENDS = (_DONE, *_FAILED, _UNREACHABLE)


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Fails the host where it did not end well, for plain Ansible, and tells `tsunagu playbook run` how it ended."""

    _VALID_ARGS = frozenset(("end", "reason"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """End the host.

        Raises:
            AnsibleConnectionFailure: it is to end as unreachable.
        """
        super().run(tmp, task_vars)
        end, reason = self._task.args.get("end"), self._task.args.get("reason")
        if end not in _ENDS or (not reason and end != _DONE):
            return {"failed": True, "msg": f"host_end needs `reason`, and `end`: one of {', '.join(_ENDS)}"}
        if end == _DONE:
            return {"changed": False, "msg": str(reason or "")}
        if end == _UNREACHABLE:
            raise AnsibleConnectionFailure(str(reason))
        return {"failed": True, "host_end": end, "msg": str(reason)}
