"""`tsunagu approve`: say with a signature that a saved plan may be applied."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.adoption.take_over.deriver import HandOverDeriver
from controller.cli.audit import open_audit_trail
from controller.cli.estates import choose_state_folder, find_user_name, load_operations_of
from controller.cli.options import DEFAULT_POLICIES, Json, Policies, State
from controller.cli.output import print_data, print_line, say_json
from controller.errors import PlanRefused, TsunaguError
from controller.inputs.shown_text import shorten_value
from controller.plan.document import PlanFile, name_approval, parse_plan, read_plan
from controller.plan.provenance.approvals import SignedPlan, identify_approver
from controller.plan.provenance.git_commit import refuse_other_commit
from controller.plan.provenance.policy_copies import SHORTEST, choose_policy
from controller.plan.provenance.policy_order import refuse_replayed_plan
from controller.plan.provenance.ssh_signatures import sign_bytes
from controller.plan.verify import refuse_other_policy, refuse_untimely_plan, verify_plan
from controller.platforms.transport.base import SystemClock
from controller.storage.audit.audit_trail import AuditKind
from controller.storage.whole_file import write_whole

PlanPath = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan that `tsunagu plan -o` saved.")]
SignWith = Annotated[
    Path,
    typer.Option("--sign-with", envvar="TSUNAGU_SIGNING_KEY", help="Your SSH key, the private or the public half."),
]
As = Annotated[str | None, typer.Option("--as", help="Your name in the file's name; the user's name if left out.")]
PlanDigest = Annotated[
    str,
    typer.Option("--digest", metavar="DIGEST", help="The plan that you have read; another one is refused."),
]
LONGEST_NAME = 100


class ApprovalDocument(TypedDict):
    """What `approve` and `rollout approve` signed.

    `signature` is its file; "" where a rollout keeps it, which `rollout` names then (else ""). `missing`: why that
    rollout cannot go on yet; "" where it can.
    """

    plan: str
    signature: str
    approver: str
    devices: int
    schools: int
    rollout: str
    missing: str


def approve(  # noqa: PLR0913 the command's options
    plan_path: PlanPath,
    *,
    sign_with: SignWith,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    name: As = None,
    digest: PlanDigest = "",
    as_json: Json = False,
) -> None:
    """Approve a plan: derive and prove it anew, show what it does, and sign exactly the bytes that were read.

    The signature stands in a file of its own beside the plan. How many approvals a plan needs the operators say. A plan
    that could not be applied now (too old, of another policy or commit) is not approved either.
    """
    content = read_plan(plan_path)
    plan = parse_plan(content, plan_path)
    approver = name or find_user_name()
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*", approver) or len(approver) > LONGEST_NAME:
        message = f"{approver!r} cannot be part of a file's name; give letters and digits with --as"
        raise typer.BadParameter(message)
    source, now = str(plan_path), SystemClock().now()
    refuse_other_digest(source, plan, digest)
    operations = load_operations_of(plan.estate, policies, state)
    refuse_untimely_plan(plan, now, operations.plans.expire_after_hours, source)
    with choose_policy(plan, policies, operations, now) as (city, _):
        refuse_other_policy(city, plan, source)
        commit = refuse_other_commit(policies, plan, source)
        # What was taken over is recorded where plans are applied, and held against it there.
        verify_plan(city, plan, source=source, canary=operations.rollout.canary, derive_hand_over=HandOverDeriver())
        refuse_replayed_plan(city, plan, operations, source)
    say_planned_changes(plan, commit)
    signature = sign_bytes(content, sign_with)
    signer = identify_approver(SignedPlan(plan, content, plan_path), signature, operations.approvals, now)
    place = name_approval(plan_path, approver)
    # Who signed, and not what the file is called: nobody else can give that name.
    person = signer.person or find_user_name()
    trail = open_audit_trail(choose_state_folder(plan.estate, operations, state, policies), operations)
    # First: an approval that nothing shows never stands beside a plan, and one that stood there stays.
    trail.record(AuditKind.APPROVED, plan=plan.digest(), principal=person, key=signer.key)
    try:
        write_whole(signature, place)
    except OSError as error:
        message = f"{place}: the approval cannot be saved: {error.strerror}"
        raise TsunaguError(message) from None
    if as_json:
        touched = sum(one.touched for one in plan.devices)
        document = {"plan": plan.digest(), "signature": str(place), "approver": person, "devices": touched}
        say_json({**document, "schools": len(plan.touched_schools), "rollout": "", "missing": ""}, form="approve")
    else:
        print_line(f"approved: {place}")


def refuse_other_digest(source: str, plan: PlanFile, digest: str) -> None:
    """Refuse a plan that is not the one that an approver has read; "" where they did not say which.

    Raises:
        PlanRefused: it is another one, or too little of the digest was given to tell.
    """
    if digest and not (len(digest) >= SHORTEST and plan.digest().startswith(digest)):
        message = (
            f"{source}: it is the plan {plan.digest()[:12]}, and {shorten_value(digest)} was to be approved; read it "
            f"anew ({SHORTEST} letters of a digest at least)"
        )
        raise PlanRefused(message)


def say_planned_changes(plan: PlanFile, commit: str) -> None:
    """Say what a plan does and where it comes from, to who is to approve it."""
    word = "undo, back to" if plan.undo else "policy"
    key = f"signed with {plan.planner_key}" if plan.planner_key else "not signed"
    print_line(
        f"plan {plan.digest()[:12]}, {word} {plan.policy[:12]}{f', commit {commit}' if commit else ''}; planned by "
        f"{plan.planner or 'not known'} ({key}) at {plan.made:%Y-%m-%d %H:%M %Z}"
    )
    for device in plan.devices:
        for change in device.changes:
            print_data(f"{device.device}: {change}")
    schools, devices = len(plan.touched_schools), sum(one.touched for one in plan.devices)
    print_line(f"plan: {devices} of {len(plan.devices)} devices would change, in {schools} schools")
