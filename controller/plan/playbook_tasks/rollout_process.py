"""A rollout of a playbook: `tsunagu rollout start` in a process of its own, and how it ended for each host.

Where Ansible is killed, the rollout ends as by SIGTERM, with the devices that have begun, and `tsunagu rollout resume`
goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.errors import PlanRefused, TsunaguError
from controller.plan.document import load_plan
from controller.plan.playbook_tasks.own_command import CommandEndUnknown, run_own_command

_GOOD = ("applied", "unchanged")
_REVERTED = "reverted"


class RolloutEndUnknown(TsunaguError):
    """Nobody knows how a rollout ended, nor which devices it has changed."""


@dataclass(frozen=True, slots=True)
class HostRollout:
    """How a rollout ended for a host: `done`, `failed` or `not attempted`, and why; `state` is its own word for it.

    `touched`: it may hold what was planned, or a part of it. False only where that is known: it was not begun, or it
    was read in its old state. A device that failed may run its change without having saved it.
    """

    end: str
    state: str
    reason: str
    touched: bool


@dataclass(frozen=True, slots=True)
class RolloutRequest:
    """What a playbook asks of a rollout: the plan, the policies, and more words for `tsunagu rollout start`."""

    plan: Path
    policies: Path
    words: Sequence[str] = ()


def run_rollout(request: RolloutRequest, hosts: Collection[str]) -> tuple[str, Mapping[str, HostRollout]]:
    """Roll a plan out; return the rollout's id, and how it ended for each of the hosts.

    Raises:
        PlanRefused: the plan is about devices that are none of the hosts.
        RolloutEndUnknown: it said no end, or broke off after it had begun: devices may be changed.
        TsunaguError: the rollout was refused; with its own words.
    """
    beside = sorted({one.device for one in load_plan(request.plan).devices} - set(hosts))
    if beside:
        message = f"{request.plan}: is also about {', '.join(beside[:8])}, which this run was not told to change; "
        raise PlanRefused(message + "name their schools, too, or make a plan of these devices alone")
    words = ["rollout", "start", str(request.plan), "--policies", str(request.policies), *request.words]
    try:
        document = run_own_command(words, "outcomes", "the rollout")
    except CommandEndUnknown as error:
        message = f"{error}; which devices it has changed is not known here: see tsunagu rollout list"
        raise RolloutEndUnknown(message) from None
    return str(document["rollout"]), _list_ends(document, hosts)


def _list_ends(document: Mapping[str, Any], hosts: Collection[str]) -> dict[str, HostRollout]:
    found = {one["device"]: one for one in document["outcomes"]}
    why = f"the rollout is {document['state']}" + (f": {document['reason']}" if document["reason"] else "")
    how = f"tsunagu rollout show {document['rollout']}"
    ends: dict[str, HostRollout] = {}
    for host in hosts:
        one = found.get(host)
        if one is None:
            ends[host] = HostRollout("not attempted", "", "the plan says nothing about it", touched=False)
            continue
        touched = _is_touched(one)
        if one["end"] in _GOOD:
            ends[host] = HostRollout("done", one["end"], "", touched)
        elif one["end"] is not None:
            ends[host] = HostRollout("failed", one["end"], f"{one['end']}: {one['reason']} ({how})", touched)
        elif touched:
            ends[host] = HostRollout("failed", "", f"it is in the middle of its change: {why} ({how})", touched)
        else:
            ends[host] = HostRollout("not attempted", "", f"it was not begun: {why} ({how})", touched)
    return ends


def _is_touched(one: Mapping[str, Any]) -> bool:
    # What was not attempted has no beginning, whatever its end; one that was lost in an earlier try is unknown.
    return one["end"] == "unknown" or (one["begun"] is not None and one["end"] != _REVERTED)
