"""Builds a plan from what devices hold: compile, prove, compare, order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.compile.network.upstream import describe_delegated
from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import ProofFailed, TsunaguError
from controller.model.city import City
from controller.plan.document import DevicePlan, PlanFile, PlannedCommand, PlannedStep, Unplanned
from controller.plan.observe import NotSupported, Observed
from controller.plan.plan_expiry import find_first_expiry
from controller.plan.proof.city_checks import ParsedDevice, check_paths
from controller.plan.proof.rendered_device import prove_plan_steps, prove_rendered_device
from controller.plan.review import describe_changes, describe_preference
from controller.platforms.base import Observation, Step, refuse_conflicts
from controller.platforms.registry import load_platform


@dataclass(frozen=True, slots=True)
class ConsideredDevice:
    """A device, compiled and compared. Without `refusal`, all the rest is set."""

    observed: Observed
    intent: DeviceIntent | None = None
    steps: tuple[Step, ...] = ()
    changes: tuple[str, ...] = ()
    filters_proved: int = 0
    refusal: TsunaguError | None = None

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
        return bool(self.changes) or not self.saved

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
    system = load_platform(observed.device.platform)
    try:
        intent = compile_device(city, observed.device, system.capabilities)
        refuse_conflicts(observed.observation, intent.wanted, observed.source)
        proved = prove_rendered_device(city, intent, system)
        steps = system.plan_steps(observed.observation.state, intent.wanted)
        prove_plan_steps(city, intent, observed.observation.state, steps, system)
        changes = _changes(city, observed.observation, intent, steps)
    except ProofFailed:
        raise
    except TsunaguError as error:
        return ConsideredDevice(observed, refusal=error)
    return ConsideredDevice(observed, intent, steps, changes, proved)


def _changes(city: City, now: Observation, intent: DeviceIntent, steps: Iterable[Step]) -> tuple[str, ...]:
    """The difference in words; what the platform remarked on, before it."""
    names = {segment.vlan: segment.id for segment in city.segments.values()}
    paths = {str(one.address): one.path for one in intent.routing.neighbours} if intent.routing else {}
    changes = describe_changes(names, now.state, intent.wanted, paths)
    if intent.routing:
        changes = [*describe_preference(intent.routing, now.state.routing, intent.wanted.routing), *changes]
    if not changes and now.state != intent.wanted:
        titles = ", ".join(step.title for step in steps)
        changes = [f"~ {titles or 'same meaning, other form'}"]
    return (*(f"! line {remark.number}: {remark.text}" for remark in now.remarks), *changes)


def build_plan(city: City, considered: Iterable[ConsideredDevice]) -> PlanFile:
    """Return the plan for all that could be considered; what could not is listed in it with its reason.

    Raises:
        ProofFailed: the devices are right one by one, and the paths through them are not what they must be.
    """
    considered = tuple(considered)
    prove_planned_paths(city, considered)
    devices: list[DevicePlan] = []
    unplanned: list[Unplanned] = []
    for one in considered:
        if one.refusal is not None:
            kind = "not supported" if isinstance(one.refusal, NotSupported) else "failed"
            unplanned.append(Unplanned(device=one.observed.device.id, reason=str(one.refusal), kind=kind))
        else:
            devices.append(_device_plan(one))
    # A canary that has nothing to change would show nothing.
    schools = [device.school for device in devices if device.steps] or [device.school for device in devices]
    canary = city.canary if city.canary in schools else next(iter(schools), "")
    return PlanFile(
        city=city.id,
        policy=city.digest,
        on=city.policy_date,
        until=find_first_expiry(city),
        estate=city.estate,
        made=datetime.now(UTC),
        canary=canary,
        devices=tuple(devices),
        unplanned=tuple(unplanned),
    )


def prove_planned_paths(city: City, considered: Iterable[ConsideredDevice]) -> None:
    """Prove who reaches whom through the wanted devices: the policy's paths, no other school, no way to the management.

    Raises:
        ProofFailed: with a packet for each path that differs.
    """
    held = [
        ParsedDevice(one.intent.device, one.intent.wanted, one.intent.delegated)
        for one in considered
        if one.intent is not None
    ]
    differences = [found for check in check_paths(city, held) for found in check.differences]
    if differences:
        raise ProofFailed("The proof of paths failed; nothing was saved or applied:\n  " + "\n  ".join(differences))


def _device_plan(one: ConsideredDevice) -> DevicePlan:
    assert one.intent is not None and one.observed.observation is not None  # noqa: S101, PT018 no refusal
    device = one.observed.device
    system = load_platform(device.platform)
    now = one.observed.observation.state
    return DevicePlan(
        device=device.id,
        school=device.school.id,
        platform=device.platform,
        seen=now.compute_digest(),
        steps=tuple(
            PlannedStep(
                title=step.title,
                commands=tuple(PlannedCommand(line=c.line, stdin=c.stdin) for c in step.commands),
                leads_to=step.result.compute_digest(),
            )
            for step in one.steps
        ),
        wanted=system.render(one.intent.wanted),
        changes=one.changes,
        filters_proved=one.filters_proved,
        saved=one.saved,
        moved=one.delegated,
    )
