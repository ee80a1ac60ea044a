"""The action behind the module of this name: drills the loss of a region, as `tsunagu drill region` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.inputs.real_path import find_real_path
from controller.lab.trials.region.region_scene import ThisMachine
from controller.lab.trials.region_playbook import RegionTask, drill_region, preview_region_drill
from controller.plan.playbook_tasks.device_task import TaskResult, answer_task


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Looks whether a region can be drilled, drills it, and judges the record that was kept."""

    _VALID_ARGS = frozenset(("region", "policies", "state", "people"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Drill; in check mode it only looks, and says in `preview` what would be done."""
        super().run(tmp, task_vars)
        given = self._task.args
        missing = [name for name in ("region", "policies", "state") if not given.get(name)]
        if missing:
            return {"failed": True, "msg": f"region_drill needs {', '.join(missing)}"}
        people = tuple(one for one in str(given.get("people") or "").split(",") if one)
        policies, state = (find_real_path(Path(given[name])) for name in ("policies", "state"))
        task = RegionTask(str(given["region"]), policies, state, people)

        def work() -> TaskResult:
            preview = preview_region_drill(task, ThisMachine())
            if self._task.check_mode:
                return {"changed": False, "preview": preview}
            end = drill_region(task)
            reports = [str(path) for path in end.reports]
            return {
                "changed": True,
                "end": end.end,
                "reason": end.reason,
                "record": str(end.record),
                "reports": reports,
            }

        return answer_task(work)
