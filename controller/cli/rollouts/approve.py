"""`tsunagu rollout approve`: approve a plan before it is started, or a rollout that lacks an approval today."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.audit import open_audit_trail
from controller.cli.devices.approve import (
    As,
    PlanDigest,
    SignWith,
    approve,
    refuse_other_digest,
    say_planned_changes,
)
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, Policies, State, speak
from controller.cli.output import print_message, say_json
from controller.cli.rollouts.estate_rollouts import EstateRollouts, choose_estate_rollouts
from controller.errors import PlanNotApproved, RolloutRefused
from controller.inputs.input_file import read_input_file
from controller.plan.document import PlanFile
from controller.plan.provenance.approvals import (
    MOST_SIGNATURE_BYTES,
    Signer,
    check_approvals,
    find_refused_approvals,
    identify_approver,
)
from controller.plan.provenance.ssh_signatures import sign_bytes
from controller.platforms.transport.base import SystemClock
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.records import RolloutRecord
from controller.rollout.durable.rollout_scene import judge_snapshot
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.snapshot import replace_approvals, unpack_snapshot
from controller.storage.audit.audit_trail import AuditKind

_ROLLOUT = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
_TRIES = 5
Subject = Annotated[
    str,
    typer.Argument(metavar="ROLLOUT|PLAN", help="A rollout that has not ended, or a plan that is not started so far."),
]


@dataclass(frozen=True, slots=True)
class _Approval:
    """An approval of a rollout: of which plan and by whom.

    `refused` are the bytes of the others that are not good today by the ending of their names, `reasons` why.
    """

    plan: PlanFile
    signer: Signer
    signature: bytes
    refused: dict[str, bytes]
    reasons: dict[str, str]

    @property
    def person(self) -> str:
        """Who approves."""
        return self.signer.person


def approve_rollout(  # noqa: PLR0913 the command's options
    subject: Subject,
    *,
    sign_with: SignWith,
    digest: PlanDigest = "",
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    name: As = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Approve a saved plan, or a rollout that the operators' file of today lets go on only with another approval.

    No rollout begins before it is approved: a plan is approved as by `tsunagu approve`. One that has begun lacks an
    approval where its approver was revoked since, or more are asked for; then this one is kept with it, and those that
    are not good any more are dropped. Its plan is derived and proved anew before it is signed.
    """
    speak(lang)
    if not _ROLLOUT.fullmatch(subject):
        approve(
            Path(subject),
            sign_with=sign_with,
            policies=policies,
            state=state,
            name=name,
            digest=digest,
            as_json=as_json,
        )
        return
    if name is not None:
        message = "--as is for the file of a saved plan's approval; a rollout keeps it under its signer's name"
        raise typer.BadParameter(message)
    place, now = choose_estate_rollouts(policies, state, lab=lab), SystemClock().now()
    with use_rollouts(place.folder, server=place.server) as store:
        record = store.load_record(subject)
        _refuse_ended(store, subject)
        approval = _sign(record, store.load_snapshot(subject), place, sign_with, digest, now)
        trail = open_audit_trail(place.folder, place.operations)
        about = {"plan": record.plan, "rollout": subject, "principal": approval.person, "key": approval.signer.key}
        trail.record(AuditKind.APPROVED, **about)
        dropped = _keep(store, record, approval)
        missing = _explain_missing(record, store.load_snapshot(subject), place, now)
    _say(subject, approval, dropped, missing, as_json=as_json)


def _refuse_ended(store: RolloutStore, rollout: str) -> None:
    status = store.load_status(rollout)
    if status.state.is_final:
        message = f"the rollout {rollout} has ended ({status.state}): nothing is left of it to approve"
        raise RolloutRefused(message)


def _sign(  # noqa: PLR0913, PLR0917 what is judged before somebody signs
    record: RolloutRecord, block: bytes, place: EstateRollouts, sign_with: Path, digest: str, now: datetime
) -> _Approval:
    """Judge a rollout's plan as its resumption would, show what it does, and sign exactly its bytes."""
    approvals = place.operations.approvals
    if approvals.allowed_signers is None:
        message = (
            f"the plan of the rollout {record.id}: the operators' file names nobody whose approval counts; name the "
            "people's keys in approvals: allowed-signers"
        )
        raise PlanNotApproved(message)
    with unpack_snapshot(record.id, block) as snapshot:
        signed, plan = snapshot.signed, snapshot.plan
        refuse_other_digest(str(signed), plan, digest)
        judge_snapshot(record, snapshot, place.operations, now)
        say_planned_changes(plan, record.commit)
        signature = sign_bytes(signed.content, sign_with)
        signer = identify_approver(signed, signature, approvals, now)
        found = find_refused_approvals(signed, approvals, now)
        reasons = {path.name.removeprefix(signed.path.name): why for path, why in found.items()}
        judged = (read_input_file(path, most_bytes=MOST_SIGNATURE_BYTES) for path in found)
        refused = dict(zip(reasons, judged, strict=True))
    return _Approval(plan, signer, signature, refused, reasons)


def _keep(store: RolloutStore, record: RolloutRecord, approval: _Approval) -> frozenset[str]:
    """Keep an approval with the rollout, also where somebody else approves it at the same time.

    Return the endings of those that were dropped.
    """
    for _ in range(_TRIES):
        block, latest = store.load_snapshot(record.id), store.load_record(record.id)
        new, dropped = replace_approvals(record.id, block, approval.person, approval.signature, approval.refused)
        approvers = tuple(dict.fromkeys((*latest.approvers, approval.person)))
        if store.replace_snapshot(latest.model_copy(update={"approvers": approvers}), block, new):
            return dropped
    message = f"the rollout {record.id} is approved by others all the time; try again"
    raise RolloutRefused(message)


def _explain_missing(record: RolloutRecord, block: bytes, place: EstateRollouts, now: datetime) -> str:
    """Return what a rollout still lacks before it may go on; "" where it lacks nothing."""
    with unpack_snapshot(record.id, block) as snapshot:
        try:
            check_approvals(snapshot.signed, place.operations.approvals, now, repair=record.repair)
        except PlanNotApproved as error:
            return str(error)
    return ""


def _say(rollout: str, approval: _Approval, dropped: frozenset[str], missing: str, *, as_json: bool) -> None:
    plan = approval.plan
    if as_json:
        touched = sum(one.touched for one in plan.devices)
        about = {"plan": plan.digest(), "signature": "", "approver": approval.person, "devices": touched}
        say_json(
            {**about, "schools": len(plan.touched_schools), "rollout": rollout, "missing": missing}, form="approve"
        )
        return
    for ending in sorted(dropped):
        print_message("rollout.approve-dropped", "yellow", name=ending.lstrip("."), why=approval.reasons[ending])
    print_message("rollout.approve-done", rollout=rollout, person=approval.person)
    if missing:
        print_message("rollout.approve-more", "yellow", why=missing)
    else:
        print_message("rollout.approve-enough", command=f"tsunagu rollout resume {rollout}")
