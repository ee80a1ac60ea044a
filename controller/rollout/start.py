"""The start of a rollout: everything that is judged once, before the first device is reached."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from controller.adoption.take_over.deriver import HandOverDeriver
from controller.errors import PlanRefused
from controller.model.city import City
from controller.model.sites.devices import EstateName
from controller.operations.anchors import AnchorName, WiderAnchor
from controller.operations.applied_policies import find_applied_policy, judge_anchors, record_applied_policy
from controller.operations.operations import Operations
from controller.plan.document import PlanFile, parse_plan, read_plan
from controller.plan.plan_expiry import refuse_expired_exceptions
from controller.plan.provenance.approvals import SignedPlan, check_approvals
from controller.plan.provenance.approved_devices import is_repair, record_approved
from controller.plan.provenance.git_commit import refuse_other_commit
from controller.plan.provenance.made_here import refuse_foreign_plan
from controller.plan.provenance.policy_copies import choose_policy, find_policy_copy, keep_policy, name_judged
from controller.plan.provenance.policy_order import refuse_replayed_plan
from controller.plan.verify import VerifiedDevice, refuse_other_policy, refuse_untimely_plan, verify_plan
from controller.rollout.waves import Accountability
from controller.telemetry.traces.phases import trace_phase

FindOperations = Callable[[EstateName], Operations]


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What an operator asks for: a plan, and the policies that it must come from.

    `undo` says that going back to an earlier policy is meant, `accepted` which anchors may become wider. `applier` is
    who asks. `made_elsewhere` says that an unsigned plan is taken although no record shows that this user made it,
    `accept_no_restore` that devices are changed, too, that cannot put their old state back by themselves.
    """

    plan_path: Path
    policies: Path
    find_operations: FindOperations
    applier: str
    undo: bool = False
    accepted: Collection[AnchorName] = ()
    made_elsewhere: bool = False
    accept_no_restore: bool = False


@dataclass(frozen=True, slots=True)
class StartedRollout:
    """A rollout that may begin: its policy as loaded from the copy that is kept, its plan, derived and proved anew.

    `content` are the bytes of the plan; `repair`: it only brings back what was approved before; `approved`: others had
    to approve it, and did. `policy_before` is the digest of the policy that was applied last before it; "" where none
    was.
    """

    city: City
    plan: PlanFile
    verified: tuple[VerifiedDevice, ...]
    answers: Accountability
    operations: Operations
    wider: tuple[WiderAnchor, ...]
    content: bytes
    repair: bool
    approved: bool
    policy_before: str


def judge_start(request: StartRequest, now: datetime) -> StartedRollout:
    """Judge whether a plan may be begun. No device is reached, and nothing says so far that it was begun.

    Call `record_start` once nothing refuses it any more (room on the disk, the audit trail), and before the first
    device is changed: what is refused between leaves the way back as it was.

    Raises:
        PlanRefused: the plan is not what it must be; names what, where, and what to do.
        AnchorWidened: the policy is wider than the last one in what proofs take for granted.
        ProofFailed: what the policy leads to is not proved.
    """
    content = read_plan(request.plan_path)
    plan, source = parse_plan(content, request.plan_path), str(request.plan_path)
    operations = request.find_operations(plan.estate)
    if plan.undo is not request.undo:
        raise PlanRefused(_explain_undo(plan, source))
    refuse_untimely_plan(plan, now, operations.plans.expire_after_hours, source)
    with ExitStack() as opened:
        with trace_phase("load policy"):
            city, folder = opened.enter_context(choose_policy(plan, request.policies, operations, now))
        refuse_other_policy(city, plan, source)
        commit = refuse_other_commit(request.policies, plan, source)
        refuse_expired_exceptions(city, plan.on)
        wider = judge_anchors(city, operations, request.accepted)
        hands = HandOverDeriver(operations.state)
        with trace_phase("verify plan", devices=len(plan.devices)):
            verified = verify_plan(city, plan, source=source, canary=operations.rollout.canary, derive_hand_over=hands)
        unrestored = list_unrestored(verified)
        refuse_unrestored(unrestored, source, accepted=request.accept_no_restore)
        refuse_replayed_plan(city, plan, operations, source)
        # Only what is verified may be a repair: until then the plan itself says what it would touch.
        repair = is_repair(city, plan, verified, operations.state)
        signed = SignedPlan(plan, content, request.plan_path)
        signers = check_approvals(signed, operations.approvals, now, repair=repair)
        if not (signers.planner or request.made_elsewhere):
            refuse_foreign_plan(content, request.plan_path)
        keep_policy(city, folder, name_judged(operations.state))
    before = find_applied_policy(city, operations)
    unsigned = "not signed, made elsewhere" if request.made_elsewhere else "not signed"
    planner = signers.planner or f"{plan.planner or 'not known'} ({unsigned})"
    answers = Accountability(planner, signers.approvers, request.applier, commit, plan.policy, plan.undo, unrestored)
    earlier = "" if before is None else before.policy
    return StartedRollout(
        city, plan, verified, answers, operations, wider, content, repair, signers.counted, policy_before=earlier
    )


def record_start(started: StartedRollout, now: datetime) -> None:
    """Remember that a plan was begun: from now on its policy is the one that was applied last.

    That is written last of all: whoever finds it knows that everything was remembered.

    Raises:
        TsunaguError: it cannot be written, or what was kept before cannot be used.
    """
    state = started.operations.state
    keep_policy(started.city, find_policy_copy(started.city.digest, name_judged(state)), state)
    if started.approved:
        record_approved(started.city, started.plan, started.verified, state)
    record_applied_policy(started.city, started.operations, now, started.answers.applier)


def list_unrestored(verified: Iterable[VerifiedDevice]) -> tuple[str, ...]:
    """Return the devices that a plan changes and that cannot put their old state back by themselves."""
    return tuple(one.device.id for one in verified if one.derived.steps and not one.system.capabilities.restores_itself)


def refuse_unrestored(devices: Sequence[str], source: str, *, accepted: bool) -> None:
    """Refuse to change devices without a restore of their own, unless somebody accepts that.

    Raises:
        PlanRefused: names them.
    """
    if devices and not accepted:
        message = (
            f"{source}: {', '.join(devices)}: nothing on these devices puts the old state back when a change goes "
        )
        raise PlanRefused(message + "wrong; they are changed last of all, and only with: --accept-no-restore")


def _explain_undo(plan: PlanFile, source: str) -> str:
    if plan.undo:
        return f"{source}: the plan goes back to an earlier policy ({plan.policy[:12]}); if that is meant, add: --undo"
    return f"{source}: the plan does not go back to an earlier policy; make one with: tsunagu plan --undo DIGEST"
