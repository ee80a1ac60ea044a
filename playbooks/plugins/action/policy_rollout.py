"""The action behind the module of this name: rolls a saved plan out, as `tsunagu rollout start` does."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.rollout_process import RolloutEndUnknown, RolloutRequest, run_rollout

_VALUES = {"restore_after": "--restore-after", "force_window": "--force-window"}
_FLAGS = {"undo": "--undo", "accept_no_restore": "--accept-no-restore"}


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Rolls a plan out, wave after wave, once for all hosts of the play."""

    _VALID_ARGS = frozenset(("plan", "accept_wider", *_VALUES, *_FLAGS))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Roll the plan out; how it ended for each host stands in `hosts`. In check mode nothing is done."""
        super().run(tmp, task_vars)
        known, given = task_vars or {}, self._task.args
        if not given.get("plan"):
            return {"failed": True, "msg": "policy_rollout needs `plan`: a plan that policy_plan or tsunagu plan saved"}
        if self._task.check_mode:
            return {"skipped": True, "msg": "nothing is rolled out in check mode"}
        words = [f"{option}={given[name]}" for name, option in _VALUES.items() if given.get(name)]
        words += [option for name, option in _FLAGS.items() if str(given.get(name, "no")).lower() in {"true", "yes"}]
        words += [f"--accept-wider={one}" for one in str(given.get("accept_wider") or "").split(",") if one]
        if os.environ.get("TSUNAGU_STATE"):
            words.append(f"--state={os.environ['TSUNAGU_STATE']}")

        def roll_out() -> TaskResult:
            request = RolloutRequest(Path(given["plan"]), Path(known["tsunagu_policies"]), words)
            try:
                rollout, ends = run_rollout(request, known["ansible_play_hosts_all"])
            except RolloutEndUnknown as error:
                return {"failed": True, "end_unknown": True, "msg": str(error)}
            changed = any(one.state == "applied" for one in ends.values())
            return {"changed": changed, "rollout": rollout, "hosts": {name: asdict(one) for name, one in ends.items()}}

        return answer_task(roll_out)
