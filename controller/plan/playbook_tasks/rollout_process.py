"""A rollout of a playbook: `tsunagu rollout start` in a process of its own, and how it ended for each host.

Where Ansible is killed, the rollout ends as by SIGTERM, with the devices that have begun, and `tsunagu rollout resume`
goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.errors import PlanRefused
from controller.plan.document import load_plan
from controller.plan.playbook_tasks.own_command import run_own_command

_GOOD = ("applied", "unchanged")


@dataclass(frozen=True, slots=True)
class HostRollout:
    """How a rollout ended for a host: `done`, `failed` or `not attempted`, and why; `state` is its own word for it."""

    end: str
    state: str
    reason: str


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
        TsunaguError: the rollout was refused, or its end cannot be read; with its own words.
    """
    beside = sorted({one.device for one in load_plan(request.plan).devices} - set(hosts))
    if beside:
        message = f"{request.plan}: is also about {', '.join(beside[:8])}, which this run was not told to change; "
        raise PlanRefused(message + "name their schools, too, or make a plan of these devices alone")
    words = ["rollout", "start", str(request.plan), "--policies", str(request.policies), *request.words]
    document = run_own_command(words, "outcomes", "the rollout")
    return str(document["rollout"]), _list_ends(document, hosts)


def _list_ends(document: Mapping[str, Any], hosts: Collection[str]) -> dict[str, HostRollout]:
    found = {one["device"]: one for one in document["outcomes"]}
    why = f"the rollout is {document['state']}" + (f": {document['reason']}" if document["reason"] else "")
    how = f"tsunagu rollout show {document['rollout']}"
    ends: dict[str, HostRollout] = {}
    for host in hosts:
        one = found.get(host)
        if one is None:
            ends[host] = HostRollout("not attempted", "", "the plan says nothing about it")
        elif one["end"] in _GOOD:
            ends[host] = HostRollout("done", one["end"], "")
        elif one["end"] is None:
            ends[host] = HostRollout("not attempted", "", f"it was not begun: {why} ({how})")
        else:
            ends[host] = HostRollout("failed", one["end"], f"{one['end']}: {one['reason']} ({how})")
    return ends
