"""Puts together a change of stage: the devices compared with both stages, the checks, the effects and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.errors import TsunaguError
from controller.integration.change_order import order_devices
from controller.integration.effects import StageEffects, find_stage_effects
from controller.integration.interruption import Interruption, list_interruptions
from controller.integration.pre_checks.check import CheckName, CheckScene
from controller.integration.pre_checks.registry import JudgedCheck, ask_checks
from controller.integration.pre_checks.stage_claims import StageClaims, prove_stage_claims
from controller.integration.stage_policy import StagePolicy
from controller.integration.way_back import WayBack, list_moving_devices, prove_way_back
from controller.plan.build import ConsideredDevice, consider_device
from controller.plan.observe import Observed

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A change of stage that was looked at from all sides; nothing is written or planned so far."""

    checks: tuple[JudgedCheck, ...]
    effects: StageEffects
    interruptions: tuple[Interruption, ...]
    way_back: WayBack
    claims: StageClaims

    @property
    def open_checks(self) -> tuple[JudgedCheck, ...]:
        """The checks that stand in the way."""
        return tuple(one for one in self.checks if not one.passed)

    @property
    def can_be_planned(self) -> bool:
        """Tell if every check passed, or was passed by its name, and the way back and the next stage are proved."""
        return not (self.open_checks or self.way_back.faults or self.claims.differences)


def compare_with_both(
    policy: StagePolicy, observed: Sequence[Observed], canary: str
) -> tuple[list[ConsideredDevice], list[ConsideredDevice]]:
    """Return devices compared with the stage that they are in, and with the one that comes, as they change.

    The school of the canary comes first; within a school see `order_devices`.

    Raises:
        TsunaguError: the stages have other devices: to exchange those is no change of stage.
    """
    later = {
        one.id: one for school in policy.schools for one in policy.after.list_devices(policy.after.school_by_id[school])
    }
    before = {
        one.id for school in policy.schools for one in policy.before.list_devices(policy.before.school_by_id[school])
    }
    others = sorted(before ^ later.keys())
    if others:
        shown = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
        message = f"{len(others)} devices are there in one of the stages only: {shown}"
        message += "; a change of stage exchanges no device: give both the same ones (city/blueprints.yaml)"
        raise TsunaguError(message)
    ordered = sorted(observed, key=lambda one: one.device.school.id != canary)
    now = {one.device.id: consider_device(policy.before, one) for one in ordered}
    compared = [consider_device(policy.after, replace(one, device=later[one.device.id])) for one in ordered]
    found = order_devices(compared)
    return [now[one.observed.device.id] for one in found], found


def refuse_done_change(policy: StagePolicy, later: Sequence[ConsideredDevice]) -> None:
    """Refuse to plan a change again that a rollout has carried out: every device holds what the next stage wants.

    Raises:
        TsunaguError: says how to write so.
    """
    if policy.may_be_done and later and all(holds_policy(one) for one in later):
        noun, name = policy.subject.noun, policy.subject.name
        message = (
            f"every device of {noun} {name} ({len(later)}) is as {policy.stage} wants it; nothing is to be planned:"
        )
        message += f" write that it is done, tsunagu integrate confirm {noun}:{name} --write"
        raise TsunaguError(message)


def holds_policy(one: ConsideredDevice) -> bool:
    """Tell if a device was read and compared, and is as the policy wants it."""
    return one.refusal is None and not one.left_out and one.derived is not None and not one.differs


def plan_stage_change(
    scene: CheckScene, reasons: Mapping[CheckName, str], on_device: Callable[[str], None]
) -> StagePlan:
    """Ask the checks, find what changes for whom, prove the next stage and the way back from every state on the way."""
    cities = scene.policy.before, scene.policy.after
    way_back = prove_way_back(cities, scene.later, on_device)
    return StagePlan(
        ask_checks(scene, reasons),
        find_stage_effects(cities, scene.policy.schools),
        list_interruptions(list_moving_devices(scene.later)),
        way_back,
        prove_stage_claims(cities, scene.policy.schools),
    )
