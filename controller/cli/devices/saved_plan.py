"""What `plan` and `adopt --release` share: a plan is signed, saved, and written into the audit trail."""

from __future__ import annotations

from pathlib import Path

from controller.cli.audit import open_audit_trail
from controller.cli.conventions.traced_command import remember_command
from controller.cli.estates import choose_state_folder
from controller.cli.output import print_line
from controller.errors import TsunaguError
from controller.operations.operations import Operations
from controller.plan.document import PlanFile
from controller.plan.provenance.made_here import record_made_plan
from controller.plan.provenance.signed_plan import sign_plan, write_signed_plan
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.telemetry.traces.trace_links import TraceOf


def record_and_save_plan(  # noqa: PLR0913, PLR0917 a plan, its place, and who answers for it
    document: PlanFile,
    output: Path,
    key: Path | None,
    operations: Operations,
    policies: Path,
    state: Path | None = None,
) -> None:
    """Sign a plan where there is a key, write into the audit trail that it is made, then save it.

    Raises:
        TsunaguError: the key does not sign, or the place cannot be written to.
    """
    signature = sign_plan(document, key) if key is not None else None
    kept = choose_state_folder(document.estate, operations, state, policies)
    record_planned(document, open_audit_trail(kept, operations))
    save_plan_here(document, output, signature)
    remember_command(kept, [(TraceOf.PLAN, document.digest()), (TraceOf.PLAN_OF_POLICY, document.policy)])


def record_planned(document: PlanFile, trail: AuditTrail) -> None:
    """Write into the audit trail that a plan is made."""
    trail.record(AuditKind.PLANNED, **_describe_origin(document))


def _describe_origin(document: PlanFile) -> dict[str, str]:
    """What the audit trail says of a plan that is saved: which, of what, by whom and with which key."""
    return {
        "plan": document.digest(),
        "planner": document.planner,
        "key": document.planner_key,
        "policy": document.policy,
        "commit": document.commit,
        "undo": "yes" if document.undo else "no",
    }


def save_plan_here(document: PlanFile, output: Path, signature: bytes | None) -> None:
    """Save a plan with its signature, and record that it was made here."""
    write_signed_plan(document, output, signature)
    try:
        record_made_plan(document.format_text().encode(), output)
    except TsunaguError as error:
        print_line(f"{error}; apply it with a signature, or with --made-elsewhere", "yellow")
