"""The plan of a playbook: what the policy changes on its hosts, proved, and how far each host is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.errors import DeviceUnreachable
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.operations import Operations
from controller.plan.build import ConsideredDevice, PlanOrigin, build_plan, consider_device
from controller.plan.document import PlanFile
from controller.plan.observe import NotSupported, read_devices
from controller.platforms.transport.base import Transport


class HostPlanEnd(StrEnum):
    """What a plan means for a host; only of a planned one anything is changed."""

    PLANNED = "planned"
    UNCHANGED = "unchanged"
    NOT_JUDGED = "not judged"
    LEFT_OUT = "not attempted"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What a plan means for one host: what it changes there, or why it changes nothing.

    `not_judged` are the ways of others on it that touch ours, whatever its end.
    """

    device: str
    end: HostPlanEnd
    changes: tuple[str, ...] = ()
    reason: str = ""
    not_judged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """A plan that was made and proved, and what it means for each host that was asked for."""

    document: PlanFile
    hosts: tuple[HostPlan, ...]

    @property
    def changes_something(self) -> bool:
        """Tell if anything is to be done on a host."""
        return any(one.end is HostPlanEnd.PLANNED for one in self.hosts)


def make_policy_plan(city: City, devices: Sequence[Device], transport: Transport, origin: PlanOrigin) -> PolicyPlan:
    """Read devices and plan what the policy changes on them, as `tsunagu plan` does; nothing is changed.

    Raises:
        ProofFailed: what the policy leads to is not what it says; nothing may be planned then.
    """
    found = read_devices(devices, transport, lambda _: None)
    considered = [consider_device(city, one) for one in found]
    document = build_plan(city, considered, origin)
    touched = {one.device for one in document.devices if one.touched}
    return PolicyPlan(document, tuple(_describe_host(one, touched) for one in considered))


def _describe_host(one: ConsideredDevice, touched: set[str]) -> HostPlan:
    name = one.observed.device.id
    ways = tuple(path.name_way() for path in one.unjudged)
    if one.refusal is not None:
        kinds = ((DeviceUnreachable, HostPlanEnd.UNREACHABLE), (NotSupported, HostPlanEnd.LEFT_OUT))
        end = next((end for kind, end in kinds if isinstance(one.refusal, kind)), HostPlanEnd.FAILED)
        return HostPlan(name, end, reason=str(one.refusal).removeprefix(f"{name}: "), not_judged=ways)
    if one.left_out:
        return HostPlan(name, HostPlanEnd.LEFT_OUT, reason=one.left_out, not_judged=ways)
    if name in touched:
        return HostPlan(name, HostPlanEnd.PLANNED, one.changes, not_judged=ways)
    if ways:
        return HostPlan(name, HostPlanEnd.NOT_JUDGED, reason="; ".join(ways), not_judged=ways)
    return HostPlan(name, HostPlanEnd.UNCHANGED)


def explain_approvals(document: PlanFile, operations: Operations, path: str) -> str:
    """Return who else must approve a plan before it may be rolled out, and how; "" where nobody must."""
    asked = []
    for rule in operations.approvals.find_rules(len(document.touched_schools)):
        people = f" of {', '.join(rule.from_)}" if rule.from_ else ""
        asked.append(f"{rule.approvals} approvals{people}")
    if not asked:
        return ""
    return (
        f"{path} needs {' and '.join(asked)}: tsunagu approve {path} --sign-with KEY; then run this again with: "
        f"--set plan={path}"
    )
