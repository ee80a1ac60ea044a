"""The action behind the module of this name: one archive of what earlier tasks saved and the controller has kept."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.errors import TsunaguError
from controller.plan.playbook_tasks.cut_offs import explain_left_out
from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.evidence import collect_records, collect_saved, write_evidence
from controller.plan.playbook_tasks.inventory import load_playbook_host

_MOST_DAYS = 3660
_KEPT = {"backup", "drift"}
"""What a good result of an earlier task has."""


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Writes the archive of the play, once for all its hosts."""

    _VALID_ARGS = frozenset(("folder", "days", "plans", "found"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Write the archive, in check mode none; hosts of which something is missing are named in it."""
        super().run(tmp, task_vars)
        known, given = task_vars or {}, self._task.args
        if not given.get("folder") or not given.get("found"):
            return {"failed": True, "msg": "evidence_archive needs `folder`, and `found`: names of registered results"}

        def write_archive() -> TaskResult:
            host = load_playbook_host(known)
            made = datetime.now(host.city.timezone)
            missing = explain_left_out(host.city, known["ansible_play_hosts_all"])
            missing |= _list_missing(known, given["found"])
            if self._task.check_mode:
                return {"changed": False, "missing": missing}
            state = Path(os.environ.get("TSUNAGU_STATE") or host.operations.state)
            plans = Path(given["plans"]) if given.get("plans") else None
            since = made - timedelta(days=_read_days(str(given.get("days") or "7")))
            files = chain(collect_saved(Path(given["folder"])), collect_records(state, plans, since))
            done = write_evidence(Path(given["folder"]), files, missing, made)
            return {"changed": False, "path": str(done.path), "sha256": done.sha256, "files": done.files}

        return answer_task(write_archive)


def _read_days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 4 and 1 <= int(text) <= _MOST_DAYS):  # noqa: PLR2004
        message = f"days: expected a number from 1 to {_MOST_DAYS}, found {text[:20]!r}"
        raise TsunaguError(message)
    return int(text)


def _list_missing(known: dict[str, Any], names: list[str]) -> dict[str, str]:
    """Return why something of a host is missing, by the host."""
    missing: dict[str, str] = {}
    for host in known["ansible_play_hosts_all"]:
        results = [known["hostvars"][host].get(name) or {} for name in names]
        bad = [str(one.get("msg") or "it was not looked at") for one in results if not _KEPT & one.keys()]
        if bad:
            missing[host] = bad[0]
    return missing
