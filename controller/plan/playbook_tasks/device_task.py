"""How a task of a playbook answers Ansible: with its result, or with what was refused, in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleConnectionFailure

from controller.errors import DeviceUnreachable, TsunaguError

TaskResult = dict[str, Any]
"""What a task returns to Ansible; `failed` and `msg` are Ansible's own words."""


def answer_task(work: Callable[[], TaskResult]) -> TaskResult:
    """Return what a task leads to; a refusal is a failure with its message.

    Raises:
        AnsibleConnectionFailure: nobody answers there; Ansible counts the host as unreachable.
    """
    try:
        return work()
    except DeviceUnreachable as error:
        raise AnsibleConnectionFailure(str(error)) from None
    except TsunaguError as error:
        return {"failed": True, "msg": str(error)}
