"""The plan that the daemon proposes: one file in its own folder, with its signature and the approvals beside it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from controller.errors import DaemonRefused, InputRefused, PlanNotApproved, PlanRefused
from controller.inputs.input_file import read_input_file
from controller.operations.daemon_settings import DaemonChanges
from controller.operations.operations import Operations
from controller.plan.document import PlanFile, list_signatures, name_record, name_signature, parse_plan, read_plan
from controller.plan.provenance.approvals import MOST_SIGNATURE_BYTES, SignedPlan, check_approvals
from controller.plan.provenance.made_here import record_made_plan, refuse_foreign_plan
from controller.plan.provenance.signed_plan import save_signed_plan
from controller.plan.provenance.ssh_signatures import SignatureVerifier

NAME = "proposed.json"
_LEFT_HOURS = 1
"""A proposal with less time than this is made anew, so that whoever reads it has the time to."""


def find_proposal(folder: Path) -> SignedPlan | None:
    """Return the proposal that stands there, whole; None where none does: then it is made anew.

    What was broken off in its middle left a plan without its signature, or without the record that it was made here.
    """
    path = folder / NAME
    try:
        content = read_plan(path)
        proposal = SignedPlan(parse_plan(content, path), content, path)
        refuse_foreign_plan(content, path)
    except PlanRefused:
        return None
    return proposal if _is_signed_by_planner(proposal) else None


def _is_signed_by_planner(proposal: SignedPlan) -> bool:
    try:
        signature = read_input_file(name_signature(proposal.path), most_bytes=MOST_SIGNATURE_BYTES)
    except (OSError, InputRefused):
        return False
    with SignatureVerifier(proposal.content, b"", None) as verifier:
        return verifier.find_key(signature) == proposal.plan.planner_key


def is_same_proposal(old: PlanFile, new: PlanFile, now: datetime) -> bool:
    """Tell if an earlier proposal says what a new one would, for long enough: what was approved of it then holds."""
    times = {"made": old.made, "expires": old.expires}
    same = new.model_copy(update=times).format_text() == old.format_text()
    return same and now + timedelta(hours=_LEFT_HOURS) < old.expires and old.made <= now


def save_proposal(plan: PlanFile, folder: Path, key: Path) -> SignedPlan:
    """Sign a plan with the daemon's key and put it in the place of the one before, whose approvals go with it.

    Raises:
        TsunaguError: the key does not sign, or the folder cannot be written to.
    """
    path = folder / NAME
    save_signed_plan(plan, path, key)
    content = read_plan(path)
    record_made_plan(content, path)
    return SignedPlan(plan, content, path)


def remove_proposal(folder: Path) -> None:
    """Remove the proposal with everything that stands beside it.

    Raises:
        DaemonRefused: the folder cannot be written to.
    """
    path = folder / NAME
    try:
        for one in (*list_signatures(path), name_record(path), path):
            one.unlink(missing_ok=True)
    except OSError as error:
        message = f"{path}: the plan proposed before cannot be removed: {error.strerror}"
        raise DaemonRefused(message) from None


def find_reason_to_wait(proposal: SignedPlan, operations: Operations, now: datetime) -> str:
    """Return why a proposal may not be rolled out without (more) people; "" where it may be tried.

    What the approvals' rules ask for is judged once more, by every start of a rollout.

    Raises:
        DaemonRefused: the daemon's key is not that of a program among the allowed signers.
        TsunaguError: the files of the approvals cannot be used.
    """
    settings, approvals = operations.daemon, operations.approvals
    if approvals.allowed_signers is None:
        message = (
            "'daemon: {changes: ...}' needs 'approvals: {allowed-signers: FILE}': who may sign, the daemon's key too"
        )
        raise DaemonRefused(message)
    signers = check_approvals(proposal, approvals, now, repair=True)
    if signers.planner not in approvals.programs:
        message = (
            f"{settings.key}: it is the key of {signers.planner or 'nobody'}; name its owner in 'approvals: "
            "{programs: [...]}' of the operators' file, so that no approval by it ever counts"
        )
        raise DaemonRefused(message)
    if signers.approvers:
        return ""
    if settings.changes is DaemonChanges.APPROVED:
        return "nobody has approved it"
    touched = sum(one.touched for one in proposal.plan.devices)
    schools = len(proposal.plan.touched_schools)
    if touched > settings.most_devices or schools > settings.most_schools:
        return (
            f"it changes {touched} devices of {schools} schools, and without a person the daemon may change "
            f"{settings.most_devices} of {settings.most_schools}"
        )
    return ""


def explain_waiting(proposal: SignedPlan, why: str | PlanNotApproved) -> str:
    """Return what is said of a proposal that waits: why, and what to do."""
    said = str(why).removeprefix(f"{proposal.path}: ")
    advice = "" if "tsunagu approve" in said else f"; approve it with: tsunagu approve {proposal.path} --sign-with KEY"
    return f"a plan waits: {said}{advice}"
