"""Builds a plan from what devices hold: compile, prove, compare, order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.compile.network.upstream import describe_delegated
from controller.compile.network.wanted_device_state import DeviceIntent
from controller.errors import ProofFailed, TsunaguError
from controller.inputs.shown_text import escape_lines
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.network.state_lines import format_state
from controller.model.sites.devices import Device
from controller.plan.derive import DerivedChange, derive_change, find_reason_unplanned, prove_wanted_paths
from controller.plan.document import DevicePlan, PlanFile, PlannedCommand, PlannedStep, Unplanned
from controller.plan.observe import NotSupported, Observed
from controller.plan.proof.unjudged import find_unjudged_on
from controller.platforms.base import Step
from controller.platforms.registry import load_platform_of
from controller.prove.reachability.unmanaged_paths import UnjudgedPath

USUAL_HOURS = 24
"""How long a plan may be applied where the operators say nothing else."""


@dataclass(frozen=True, slots=True)
class PlanOrigin:
    """Where a plan comes from: who made it, from which git commit, whether it goes back to an earlier policy.

    `planner_key` is the fingerprint of the key that is going to sign it, empty where none is.
    `hours` and `canary` are the operators' own: how long it may be applied, which school is changed first.
    """

    planner: str = ""
    commit: str = ""
    undo: bool = False
    hours: int = USUAL_HOURS
    canary: str | None = None
    planner_key: str = ""


@dataclass(frozen=True, slots=True)
class ConsideredDevice:
    """A device, compiled and compared. Without `refusal` and `left_out`, all the rest is set.

    `unjudged` are the ways of others that touch what is ours, seen also where nothing could be planned.
    `left_out` says why nothing is planned on a device that was read: its school is not adopted so far.
    """

    observed: Observed
    intent: DeviceIntent | None = None
    steps: tuple[Step, ...] = ()
    changes: tuple[str, ...] = ()
    filters_proved: int = 0
    refusal: TsunaguError | None = None
    derived: DerivedChange | None = None
    left_out: str = ""
    unjudged: tuple[UnjudgedPath, ...] = ()

    @property
    def states_proved(self) -> int:
        """Return how many states on the way were proved to be no worse than both ends."""
        return max(0, len(self.steps) - 1)

    @property
    def policies_proved(self) -> int:
        """Return how many route policies were proved, each at its neighbour."""
        return len(self.intent.wanted.routing.bindings) if self.intent else 0

    @property
    def differs(self) -> bool:
        """Tell if the device is not as the policy wants it, running or at its next boot."""
        return not self.left_out and (bool(self.changes) or not self.saved)

    @property
    def delegated(self) -> tuple[str, ...]:
        """Return what of the policy the device leaves to another one, in words."""
        return tuple(describe_delegated(self.intent.delegated)) if self.intent else ()

    @property
    def saved(self) -> bool:
        """Tell if the device would boot with what it runs; taken for granted where only its text is known."""
        saved, now = self.observed.saved, self.observed.observation
        return now is None or not self.observed.knows_saved or saved == now.state


def consider_device(city: City, observed: Observed) -> ConsideredDevice:
    """Compile the policy for a device, prove the result, and compare it with what the device holds.

    Raises:
        ProofFailed: the rendered filters are not what the policy says; nothing may be planned then.
    """
    if observed.refusal is not None or observed.observation is None:
        return ConsideredDevice(observed, refusal=observed.refusal)
    observation = observed.observation
    unjudged = find_unjudged_on(city, observed.device, observation)
    try:
        left_out = find_reason_unplanned(city, observed.device)
        if left_out:
            return ConsideredDevice(observed, left_out=left_out)
        derived = derive_change(city, observed.device, observation.state, observation, observed.source)
    except ProofFailed:
        raise
    except TsunaguError as error:
        return ConsideredDevice(observed, refusal=error, unjudged=unjudged)
    unjudged = find_unjudged_on(city, observed.device, observation, {port.name for port in derived.wanted.ports})
    # What the platform remarked on is not part of any state; it comes first.
    remarks = (f"! line {remark.number}: {remark.text}" for remark in observation.remarks)
    changes = (*remarks, *derived.changes)
    return ConsideredDevice(
        observed,
        derived.intent,
        derived.steps,
        changes,
        derived.filters_proved,
        derived=derived,
        unjudged=unjudged,
    )


def build_plan(
    city: City, considered: Iterable[ConsideredDevice], origin: PlanOrigin | None = None, now: datetime | None = None
) -> PlanFile:
    """Return the plan for all that could be considered; what could not is listed in it with its reason.

    A device of which nothing is managed is no part of the plan.

    Raises:
        ProofFailed: the devices are right one by one, and the paths through them are not what they must be.
    """
    considered, origin = tuple(considered), origin or PlanOrigin()
    prove_wanted_paths(city, (one.intent for one in considered if one.intent is not None))
    devices: list[DevicePlan] = []
    unplanned: list[Unplanned] = []
    for one in considered:
        if one.left_out:
            continue
        if one.derived is None or one.observed.observation is None:
            kind = "not supported" if isinstance(one.refusal, NotSupported) else "failed"
            unplanned.append(Unplanned(device=one.observed.device.id, reason=escape_lines(str(one.refusal)), kind=kind))
        else:
            ways = tuple(sorted({escape_lines(path.name_way()) for path in one.unjudged}))
            now_held = one.observed.observation.state
            devices.append(
                build_device_plan(one.observed.device, now_held, one.derived, saved=one.saved, not_judged=ways)
            )
    made = now or datetime.now(UTC)
    return PlanFile(
        city=city.id,
        estate=city.estate,
        policy=city.digest,
        commit=origin.commit,
        undo=origin.undo,
        planner=origin.planner,
        planner_key=origin.planner_key,
        on=city.policy_date,
        made=made,
        expires=made + timedelta(hours=origin.hours),
        canary=choose_canary(city, devices, origin.canary),
        devices=tuple(devices),
        unplanned=tuple(unplanned),
    )


def choose_canary(city: City, devices: Iterable[DevicePlan], named: str | None = None) -> str:
    """Return the school that is changed first: the one that the operators named; "" where nothing is planned.

    Where they named none, or one that has nothing to change and so would show nothing, it is the one of the fewest
    pupils.
    """
    devices = tuple(devices)
    schools = [device.school for device in devices if device.steps] or [device.school for device in devices]
    canary = named or city.canary
    return canary if canary in schools else min(schools, key=lambda one: _count_pupils(city, one), default="")


def _count_pupils(city: City, school: str) -> int:
    known = city.school_by_id.get(school)
    return known.pupils if known else 0


def build_device_plan(
    device: Device, now: DeviceState, derived: DerivedChange, *, saved: bool, not_judged: tuple[str, ...] = ()
) -> DevicePlan:
    """Return the part of a plan for one device; `not_judged` are the ways of others on it, as they are named."""
    return DevicePlan(
        device=device.id,
        school=device.school.id,
        platform=device.platform,
        seen=now.compute_digest(),
        seen_state=format_state(now),
        wanted=tuple(load_platform_of(device).render(derived.wanted).splitlines()),
        saved=saved,
        changes=tuple(map(escape_lines, derived.changes)),
        delegated=derived.delegated,
        not_judged=not_judged,
        filters_proved=derived.filters_proved,
        hand_over=derived.hand_over,
        steps=tuple(
            PlannedStep(
                title=step.title,
                commands=tuple(PlannedCommand(line=c.line, stdin=c.stdin) for c in step.commands),
                leads_to=step.result.compute_digest(),
            )
            for step in derived.steps
        ),
    )
