"""A drill of a region as a playbook's task: looked at before, drilled in a process of its own, judged by its record.

The record is read again from where it is kept: what a command says of itself proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.cloud.pulumi_engine import LAB
from controller.drills.conduct import describe_targets
from controller.drills.drill_record import DrillRecord, list_targets, parse_drill_record
from controller.drills.drill_store import KeptDrill, find_kept_drill
from controller.errors import DrillRefused
from controller.lab.lab_operations import load_lab_operations
from controller.lab.trials.region.conduct_region import say_switched_back
from controller.lab.trials.region.drill_request import STEPS, check_drill_request
from controller.lab.trials.region.region_network import list_drill_namespaces
from controller.lab.trials.region.region_scene import Machine, check_drill_requirements
from controller.lab.trials.region.rehearsed_stack import choose_drilled_stack, find_stack_file
from controller.messages import LANGUAGES
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import VirtualCity
from controller.plan.playbook_tasks.own_command import CommandEndUnknown, run_own_command


@dataclass(frozen=True, slots=True)
class RegionTask:
    """What a playbook asks for: the region, the policies, who takes part beside this user, where records are kept."""

    region: str
    policies: Path
    state: Path
    people: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DrillEnd:
    """How a drill ended for the playbook: `done`, `differs` (a target is missed) or `failed`, why, and its files."""

    end: str
    reason: str
    record: Path
    reports: tuple[Path, ...]


def preview_region_drill(task: RegionTask, machine: Machine) -> str:
    """Say what a drill would do, where everything that it needs is there; nothing is changed.

    Raises:
        DrillRefused: the machine, the stack, its pair or the policy's targets are not what a drill needs.
        PolicyError: the policies cannot be loaded.
    """
    stack = choose_drilled_stack(find_stack_file(LAB))
    check_drill_request(stack, task.region, STEPS)
    check_drill_requirements(machine)
    city = load_city(task.policies, estate=VirtualCity, bounds=load_lab_operations().get_bounds())
    targets = list_targets(city, frozenset({stack.application}))
    if not targets:
        message = f"{stack.application} has no targets, so that every drill of it would pass: write "
        raise DrillRefused(message + "'recovery: {rto: 4h, rpo: 1d}' in access/applications.yaml")
    most = "; ".join(f"RTO {one.rto_seconds:,.0f} s, RPO {one.rpo_seconds:,.0f} s" for one in targets)
    return (
        f"{task.region} can be lost in the virtual city: {', '.join(STEPS)} of {stack.application} "
        f"({stack.primary.id} to {stack.standby.id} and back), held against {most}. Nothing was drilled"
    )


def drill_region(task: RegionTask) -> DrillEnd:
    """Drill a region in a process of its own, as `tsunagu drill region` does, and judge the record that it kept.

    Raises:
        DrillRefused: nobody knows how it ended, or its record or reports are not kept.
        TsunaguError: it was refused; with its own words.
    """
    words = ["drill", "region", task.region, f"--policies={task.policies}", f"--state={task.state}"]
    words += [f"--with={name}" for name in task.people]
    try:
        document = run_own_command(words, "passed", "the drill")
    except CommandEndUnknown as error:
        message = f"{error}; it did not pass. What it has left on this machine is removed by the next drill"
        raise DrillRefused(message) from None
    record = parse_drill_record(json.dumps(dict(document)).encode(), "what the drill said")
    return choose_drill_end(task, record, find_kept_drill(record, task.state), list_drill_namespaces())


def choose_drill_end(task: RegionTask, record: DrillRecord, kept: KeptDrill, left: Sequence[str]) -> DrillEnd:
    """Judge a record that is kept, and what is left on the machine: `done` only where nothing at all is wrong.

    `left` are the drill's namespaces that are still there.
    """
    wrong = [record.failure] if record.failure else []
    back = say_switched_back(task.region, 0)
    if not record.failure and not any(one.startswith(back) for one in record.findings):
        wrong.append(f"the record does not say that the switchover back to {task.region} lost 0 rows")
    if None in (record.measured.rto_seconds, record.measured.rpo_seconds) and not record.failure:
        wrong.append("RTO or RPO was not measured")
    if not record.expected and not record.failure:
        wrong.append("no target was held against it")
    absent = {*LANGUAGES} - {path.name.split(".")[-2] for path in kept.reports}
    if absent:
        wrong.append(f"no report in {' and '.join(sorted(absent))}")
    if left:
        wrong.append(f"left on this machine, and removed by the next drill: {', '.join(left)}")
    missed = [f"missed: {one}" for one in describe_targets(record)]
    said = "; ".join([*wrong, *missed])
    if wrong:
        return DrillEnd("failed", said, kept.path, kept.reports)
    if missed:
        return DrillEnd("differs", said, kept.path, kept.reports)
    if not record.passed:
        return DrillEnd("failed", "its record says that it did not pass", kept.path, kept.reports)
    return DrillEnd("done", "", kept.path, kept.reports)
