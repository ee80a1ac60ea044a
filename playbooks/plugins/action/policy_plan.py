"""The action behind the module of this name: plans and proves what the policy changes on the play's hosts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.cli.devices.saved_plan import record_and_save_plan
from controller.cli.estates import find_user_name
from controller.model.city import City
from controller.model.loading.policy_text import PolicyText, try_policy_text
from controller.model.policy_files import QUARANTINES
from controller.plan.build import PlanOrigin
from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.inventory import load_city_with, load_playbook_host
from controller.plan.playbook_tasks.policy_plan import PolicyPlan, explain_approvals, make_policy_plan
from controller.plan.provenance.git_commit import find_commit
from controller.plan.provenance.ssh_signatures import find_fingerprint
from controller.plan.select import find_device
from controller.platforms.transport.ssh_transport import SshTransport

PLAN = "plan.json"


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Makes one plan for all hosts of the play, as `tsunagu plan -o` does."""

    _VALID_ARGS = frozenset(("folder", "sign_with", "quarantines"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Make, prove and save the plan; in check mode it is not saved. What each host's part is stands in `hosts`."""
        super().run(tmp, task_vars)
        known = task_vars or {}
        folder, sign_with = self._task.args.get("folder"), self._task.args.get("sign_with")
        if not folder:
            return {"failed": True, "msg": f"policy_plan needs `folder`: where {PLAN} is to be saved"}

        def make_plan() -> TaskResult:
            host = load_playbook_host(known)
            policies, key = Path(known["tsunagu_policies"]), Path(sign_with) if sign_with else None
            city = _choose_city(host.city, str(policies), self._task.args.get("quarantines"))
            devices = [find_device(city, name) for name in known["ansible_play_hosts_all"]]
            origin = PlanOrigin(
                find_user_name(),
                find_commit(policies),
                hours=host.operations.plans.expire_after_hours,
                canary=host.operations.rollout.canary,
                planner_key=find_fingerprint(key) if key is not None else "",
            )
            made = make_policy_plan(city, devices, SshTransport(host.operations.access), origin)
            saved, approvals = "", ""
            if made.changes_something and not self._task.check_mode:
                place = Path(folder) / PLAN
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                state = os.environ.get("TSUNAGU_STATE")
                record_and_save_plan(
                    made.document, place, key, host.operations, policies, Path(state) if state else None
                )
                saved, approvals = str(place), explain_approvals(made.document, host.operations, str(place))
            return {"changed": False, "plan": saved, "approvals": approvals, "hosts": _list_parts(made)}

        return answer_task(make_plan)


def _choose_city(city: City, policies: str, quarantines: str | None) -> City:
    """Return the city, with another text of what is cut off where a task in check mode has not written it."""
    if quarantines is None:
        return city
    text = PolicyText(Path(policies) / QUARANTINES.name, None, quarantines)
    return try_policy_text(text, lambda instead: load_city_with(policies, city.estate, instead))


def _list_parts(made: PolicyPlan) -> dict[str, dict[str, object]]:
    return {
        one.device: {
            "end": str(one.end),
            "reason": one.reason,
            "changes": list(one.changes),
            "not_judged": list(one.not_judged),
        }
        for one in made.hosts
    }
