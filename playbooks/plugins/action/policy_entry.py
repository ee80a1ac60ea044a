"""The action behind the module of this name: writes or deletes one entry of what the policy cuts off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from controller.errors import TsunaguError
from controller.inputs.shown_text import shorten_value
from controller.model.loading.policy_text import PolicyText, restore_policy_text, try_policy_text, write_policy_text
from controller.plan.playbook_tasks.cut_offs import choose_subject, list_holders, refuse_part_of_school
from controller.plan.playbook_tasks.device_task import TaskResult, answer_task
from controller.plan.playbook_tasks.inventory import load_city_with, load_playbook_host
from controller.plan.playbook_tasks.policy_entries import (
    Subject,
    Terms,
    close_school,
    quarantine_subject,
    refuse_vain_release,
    release_subject,
)
from controller.plan.select import find_device

_CHANGES = ("quarantine", "release", "close")
_WORDS = ("device", "port", "until", "reason", "by", "keeps")


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """Changes one entry of the policy, once for all hosts of the play."""

    _VALID_ARGS = frozenset(("change", "restore", "planned", *_WORDS))
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> TaskResult:
        """Write or delete the entry, or with `restore` (an earlier result) write what stood there before."""
        super().run(tmp, task_vars)
        known, given = task_vars or {}, self._task.args
        if (given.get("change") in _CHANGES) == bool(given.get("restore")):
            return {"failed": True, "msg": f"policy_entry needs `change` ({', '.join(_CHANGES)}) or `restore`"}

        def change_entry() -> TaskResult:
            if given.get("restore"):
                earlier = given["restore"]
                text = PolicyText(Path(earlier["path"]), earlier["before"], earlier["after"])
                return {"changed": not self._task.check_mode and restore_policy_text(text)}
            words = {name: str(given[name]) for name in _WORDS if given.get(name)}
            planned = str(given.get("planned", "no")).lower() in {"true", "yes"}
            found, holders = _prepare(known, given["change"], words, planned=planned)
            if found.changed and not self._task.check_mode:
                write_policy_text(found)
            shown = {"before": found.before or "", "after": found.after, "before_header": str(found.path)}
            return {
                "changed": found.changed,
                "msg": found.told,
                "diff": {**shown, "after_header": str(found.path)},
                "path": str(found.path),
                "before": found.before,
                "after": found.after,
                "holders": list(holders),
            }

        return answer_task(change_entry)


def _prepare(
    known: Mapping[str, Any], change: str, words: Mapping[str, str], *, planned: bool
) -> tuple[PolicyText, tuple[str, ...]]:
    """Return the change, and the devices that hold what it cuts off; the policy takes it, or this refuses."""
    host, hosts = load_playbook_host(known), list(known["ansible_play_hosts_all"])
    devices = [find_device(host.city, name) for name in hosts]
    subject = choose_subject(devices, words.get("device", ""), words.get("port", ""))
    holders = list_holders(host.city, subject, hosts)
    policies, school = str(known["tsunagu_policies"]), devices[0].school
    if change == "release" and not planned:
        refuse_vain_release(Path(policies), subject, [school.id, *(one.id for one in host.city.list_devices(school))])
    if change == "close":
        refuse_part_of_school(host.city, school, hosts)
    found = _change_text(Path(policies), change, subject, words, host.city.policy_date)
    if found.changed:
        try_policy_text(found, lambda instead: load_city_with(policies, host.city.estate, instead))
    return found, holders


def _change_text(policies: Path, change: str, subject: Subject, words: Mapping[str, str], today: date) -> PolicyText:
    if change == "release":
        return release_subject(policies, subject, today)
    lacking = [name for name in ("reason", "by") if name not in words]
    if lacking:
        message = f"{' and '.join(lacking)}: say why it is cut off, and who answers for it"
        raise TsunaguError(message)
    if change == "close":
        return close_school(policies, subject.school, (words["reason"], words["by"]), today)
    keeps = tuple(one.strip() for one in words.get("keeps", "").split(",") if one.strip())
    return quarantine_subject(
        policies, subject, Terms(_understand_day(words.get("until", "")), words["reason"], words["by"], keeps), today
    )


def _understand_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"until: expected the last day as YYYY-MM-DD, found {shorten_value(text)}"
        raise TsunaguError(message) from None
