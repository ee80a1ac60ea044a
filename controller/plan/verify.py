"""Verifies a saved plan: what it says must be what the policy and the state seen lead to, derived and proved anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.errors import PlanExpired, PlanRefused, TsunaguError
from controller.inputs.shown_text import shorten_value
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.network.state_lines import parse_state
from controller.model.sites.devices import Device
from controller.plan.build import USUAL_HOURS, build_device_plan, choose_canary
from controller.plan.derive import DeriveChange, DerivedChange, DeriveHandOver, derive_change, prove_wanted_paths
from controller.plan.document import DevicePlan, LineDifference, PlanFile, find_first_difference
from controller.plan.select import find_device
from controller.platforms.common.timed_operation import Changeable, is_changeable
from controller.platforms.registry import is_supported, load_platform_of
from controller.telemetry.traces.phases import trace_phase

CLOCKS_APART = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""


@dataclass(frozen=True, slots=True)
class VerifiedDevice:
    """A device of a verified plan: the state that the plan was made from, and what was derived from it.

    `not_judged` are the ways of others that the plan names.
    """

    device: Device
    system: Changeable
    seen: DeviceState
    derived: DerivedChange
    not_judged: frozenset[str] = frozenset()

    @property
    def known_states(self) -> frozenset[str]:
        """The digests of the states that the device may be in while the plan is carried out."""
        states = (self.seen, self.derived.wanted, *(step.result for step in self.derived.steps))
        return frozenset(state.compute_digest() for state in states)


def verify_plan(  # noqa: PLR0913, PLR0917 what a plan is held against
    city: City,
    plan: PlanFile,
    derive: DeriveChange = derive_change,
    source: str = "the plan",
    canary: str | None = None,
    derive_hand_over: DeriveHandOver | None = None,
) -> tuple[VerifiedDevice, ...]:
    """Derive and prove everything that a plan says from the policy, and return its devices in their order.

    `canary` is the school that the operators named as the first one. Without `derive_hand_over` a plan by which objects
    of others change hands is refused.

    Raises:
        PlanRefused: the plan says something else; names the device, the line of the plan and what it should be.
        ProofFailed: what the policy leads to is not proved.
    """
    refuse_other_policy(city, plan, source)
    _refuse_other_devices(city, plan, source)
    verified = tuple(_verify_device(city, one, derive, source, derive_hand_over) for one in plan.devices)
    prove_wanted_paths(city, (one.derived.intent for one in verified if one.derived.intent is not None))
    expected = [
        build_device_plan(one.device, one.seen, one.derived, saved=planned.saved, not_judged=planned.not_judged)
        for one, planned in zip(verified, plan.devices, strict=True)
    ]
    rebuilt = plan.model_copy(update={"devices": tuple(expected), "canary": choose_canary(city, expected, canary)})
    difference = find_first_difference(rebuilt.format_text(), plan.format_text())
    if difference is not None:
        raise PlanRefused(_explain_difference(plan, rebuilt, difference, source))
    return verified


def refuse_untimely_plan(plan: PlanFile, now: datetime, hours: int = USUAL_HOURS, source: str = "the plan") -> None:
    """Refuse to begin with a plan that is too old, or from the future. A rollout that has begun asks no more.

    Raises:
        PlanExpired: it was made longer ago than it, or the operators, allow.
        PlanRefused: its times cannot be.
    """
    if plan.made > now + CLOCKS_APART or plan.expires < plan.made:
        message = f"{source}: the plan says that it was made at {plan.made:%Y-%m-%d %H:%M %Z} and expires at "
        message += f"{plan.expires:%Y-%m-%d %H:%M %Z}, and now is {now:%Y-%m-%d %H:%M %Z}. Make it anew"
        raise PlanRefused(message)
    last = min(plan.expires, plan.made + timedelta(hours=hours))
    if now > last:
        message = f"{source}: the plan has expired: it was made at {plan.made:%Y-%m-%d %H:%M %Z} and may be begun "
        message += f"until {last:%Y-%m-%d %H:%M %Z}. Make it anew"
        raise PlanExpired(message)


def refuse_other_policy(city: City, plan: PlanFile, source: str) -> None:
    """Refuse a plan that was not made from this policy of this city.

    Raises:
        PlanRefused: says from which policy it was made.
    """
    if plan.city != city.id:
        message = f"{source}: the plan is of the city {shorten_value(plan.city)}; these policies are of {city.id!r}"
        raise PlanRefused(message)
    if plan.estate != city.estate:
        message = f"{source}: the plan is for the {plan.estate} devices, and {city.called} was asked for"
        raise PlanRefused(message)
    if plan.policy != city.digest:
        message = (
            f"{source}: the plan was made from another policy (digest {shorten_value(plan.policy[:12])}) than "
            f"{city.directory} holds now ({city.digest[:12]!r}). Make it anew; to go back to an earlier policy: "
            "tsunagu plan --undo DIGEST"
        )
        raise PlanRefused(message)


def _refuse_other_devices(city: City, plan: PlanFile, source: str) -> None:
    named = Counter([*(one.device for one in plan.devices), *(one.device for one in plan.unplanned)])
    for twice in (name for name, count in named.items() if count > 1):
        message = f"{source}: the plan names the device {shorten_value(twice)} twice"
        raise PlanRefused(message)
    for one in plan.unplanned:
        device = _find_device(city, one.device, source)
        operable = is_supported(device.platform) and is_changeable(load_platform_of(device))
        if (one.kind == "failed") is not operable:
            message = f"{source}: {device.id}: the plan says {one.kind!r}, and its platform {device.platform!r} is "
            raise PlanRefused(message + ("supported" if operable else "not supported"))


def _find_device(city: City, name: str, source: str) -> Device:
    try:
        return find_device(city, name)
    except TsunaguError:
        message = f"{source}: the plan names a device {shorten_value(name)} that {city.called} does not have"
        raise PlanRefused(message) from None


def _verify_device(
    city: City, planned: DevicePlan, derive: DeriveChange, source: str, derive_hand_over: DeriveHandOver | None
) -> VerifiedDevice:
    device = _find_device(city, planned.device, source)
    if device.platform != planned.platform:
        message = f"{device.id}: the plan is for platform {shorten_value(planned.platform)}, the city says "
        raise PlanRefused(message + repr(device.platform))
    system = load_platform_of(device)
    if not is_changeable(system):
        message = f"{device.id}: platform {device.platform!r} is known as text only and cannot be applied to"
        raise PlanRefused(message)
    try:
        seen = parse_state(planned.seen_state)
    except ValueError as error:
        message = f"{source}: {device.id}: the state seen cannot be read: {error}. Make the plan anew"
        raise PlanRefused(message) from None
    if planned.hand_over is not None and derive_hand_over is None:
        message = f"{source}: {device.id}: objects of others change hands by the plan, which cannot be verified here"
        raise PlanRefused(message)
    try:
        with trace_phase("verify device", detail=True, device=device.id, school=device.school.id):
            if planned.hand_over is not None and derive_hand_over is not None:
                derived = derive_hand_over(city, device, planned.hand_over, seen, source)
            else:
                derived = derive(city, device, seen)
    except ValueError as error:
        # The seen state is the plan's own word: what no device can hold leads to no steps.
        message = f"{source}: {device.id}: nothing can be derived from the state seen: {error}. Make the plan anew"
        raise PlanRefused(message) from None
    return VerifiedDevice(device, system, seen, derived, frozenset(planned.not_judged))


def _explain_difference(plan: PlanFile, rebuilt: PlanFile, difference: LineDifference, source: str) -> str:
    both = zip(plan.devices, rebuilt.devices, strict=True)
    name = next((one.device for one, other in both if one != other), "")
    about = f"{name}: " if name and plan.canary == rebuilt.canary else ""
    return (
        f"{source}:{difference.line}: {about}the plan was changed by hand: the policy leads to {difference.expected}, "
        f"the plan says {difference.found}. Nothing was applied; make the plan anew"
    )
