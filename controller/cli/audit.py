"""`tsunagu audit`: whether the record of what was done is still what was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import DEFAULT_POLICIES, SCRATCH, Json, Policies, State
from controller.cli.output import Exit, errors, print_line, say_json
from controller.errors import AuditRefused, StoreRefused, TsunaguError
from controller.measure.manual.manual_chain import collect_manual_seals, find_broken_record
from controller.measure.measurement_chain import collect_trail_marks, find_broken_measurement
from controller.measure.measurement_retention import KeptDays, prune_measurements
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.operations.operations import Operations
from controller.operations.operators_file import load_operations
from controller.storage.audit.audit_retention import remove_expired, remove_leftovers
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import AuditReport, verify_trail
from controller.storage.audit.head_copy import HeadCopy, HeadFile, SystemdHead
from controller.storage.sqlite import open_store

audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The audit trail: verify it, remove what is old.")

MOST_DAYS = 36_500
"""A hundred years: no date is so early that it could not be written."""

Days = Annotated[
    int | None,
    typer.Option(
        "--keep-days", min=1, max=MOST_DAYS, help="Keep so many days; what the operators' file says if left out."
    ),
]


def open_audit_trail(state: Path, operations: Operations) -> AuditTrail:
    """The audit trail of a state folder; its head is kept where the operators' file of its estate says.

    The virtual city's own file names no place: its trails are for trying things, and go with it.
    """
    return AuditTrail(state, find_head_copy(operations))


def find_head_copy(operations: Operations) -> HeadCopy | None:
    """Where the newest hash of the trail is kept besides, by the operators' file; None where nobody said."""
    wanted = operations.audit.head
    if wanted is None:
        return None
    return SystemdHead() if wanted == "journal" else HeadFile(Path(wanted))


@contextmanager
def record_end(trail: AuditTrail, kind: AuditKind, **details: str | int) -> Iterator[None]:
    """Write into the audit trail how something ended, then run a block that says it, whatever became of the entry.

    What the block raises stands (the error that something ended with, an exit code); why there is no entry is told
    beside it then.

    Raises:
        AuditRefused: there is no entry, and the block raised nothing.
    """
    refused: BaseException | None = None
    try:
        trail.record(kind, **details)
    except BaseException as error:  # noqa: BLE001 raised below, or told
        refused = error
    try:
        yield
    except BaseException:
        if refused is not None:
            errors.print(str(refused) or refused.__class__.__name__, style="red", markup=False)
        raise
    if refused is not None:
        raise refused


def describe_failure(error: BaseException) -> str:
    """Return what the audit trail says of an error that something ended with."""
    why = str(error) if isinstance(error, TsunaguError) else error.__class__.__name__
    return f"failed: {why}"[:300]


@audit.command("verify")
def verify(*, policies: Policies = DEFAULT_POLICIES, state: State = None, as_json: Json = False) -> None:
    """Follow the hash chain of timelines, measurements and approvals; exit code 1 names the first broken entry.

    Looked at is the trail of the real devices, that of the virtual city in this folder, or instead of both the one of
    --state; besides every trail that the copy of the head names.
    """
    operations = load_operations(policies=policies)
    reports = {one: _verify_state(one, operations) for one in _list_states(operations, state)}
    if state is not None and not state.is_dir():
        reports[state].fault = f"{state}: is no folder; name the state folder with --state"
    faults = [report.fault for report in reports.values() if report.fault is not None]
    if as_json:
        say_json(
            {
                "fault": faults[0] if faults else None,
                "trails": [AuditTrail(one).name for one in reports],
                "entries": sum(len(report.entries) for report in reports.values()),
                "timelines": sum(report.timelines for report in reports.values()),
                "measurement_stores": sum(len(_list_stores(report)) for report in reports.values()),
                "notes": [note for report in reports.values() for note in report.notes],
            }
        )
    else:
        for one, report in reports.items():
            _say_report(one, report)
    if faults:
        raise typer.Exit(Exit.FAILED)


def _list_states(operations: Operations, state: Path | None) -> list[Path]:
    """The state folders whose trails are looked at, each once."""
    here = [SCRATCH] if (SCRATCH / "audit").is_dir() else []
    found = [operations.state, *here] if state is None else [state]
    head = find_head_copy(operations)
    if head is not None:
        known = {AuditTrail(one).name for one in found}
        # An unreadable copy is told of by the verification of each trail.
        with suppress(AuditRefused):
            found += [Path(name).parent for name in head.list_trails() if name not in known]
    return found


def _verify_state(state: Path, operations: Operations) -> AuditReport:
    trail = AuditTrail(state)
    report = verify_trail(trail, find_head_copy(operations))
    if report.fault is None:
        report.fault = _find_fault_in_stores(trail, report)
    return report


def _say_report(state: Path, report: AuditReport) -> None:
    for note in report.notes:
        print_line(f"note: {note}", "yellow")
    if report.fault is not None:
        print_line(f"broken: {report.fault}", "red")
        return
    stores = len(_list_stores(report))
    print_line(
        f"audit: {len(report.entries)} entries, {report.timelines} timelines, {stores} stores of measurements: "
        f"as they were written ({state})"
    )


@audit.command("prune")
def prune(
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    keep_days: Days = None,
    as_json: Json = False,
) -> None:
    """Remove what is older than the operators keep, in whole sealed parts; the last hash of each stays in the trail."""
    operations = load_operations(policies=policies)
    state = state or operations.state
    if not state.is_dir():
        message = f"{state}: is no folder; name the state folder with --state"
        raise TsunaguError(message)
    for name in remove_leftovers(AuditTrail(state)):
        print_line(f"removed {name}, which an interrupted run had left")
    report = _verify_state(state, operations)
    if report.fault is not None:
        message = f"the audit trail is broken, so nothing is removed: {report.fault}"
        raise TsunaguError(message)
    days = keep_days if keep_days is not None else operations.retention.audit_days
    now = datetime.now(UTC)
    before = now - timedelta(days=days)
    trail = open_audit_trail(state, operations)
    kept = find_kept_days(operations, keep_days)
    for name in _list_stores(report):
        found = prune_measurements(trail, report.entries, name, now, kept)
        for line in found.describe_removed():
            print_line(f"removed {name}: {line}")
    names = remove_expired(trail, before)
    for name in names:
        print_line(f"removed {name}")
    print_line(f"audit: {len(names)} files are older than {days} days and removed")
    if as_json:
        say_json({"removed": [str(name) for name in names], "keep_days": days})


def find_kept_days(operations: Operations, keep_days: int | None = None) -> KeptDays:
    """Return how long measurements are kept; a row never shorter than what its program said."""
    if keep_days is not None:
        return KeptDays(keep_days, keep_days, keep_days, keep_days)
    kept = operations.retention
    rows = kept.measurements_days
    return KeptDays(min(kept.outputs_days, rows), rows, kept.hourly_figures_days, kept.daily_figures_days)


def _list_stores(report: AuditReport) -> list[str]:
    """The stores of measurements that the trail names."""
    kinds = (AuditKind.MEASUREMENTS, AuditKind.MANUAL_MEASUREMENTS)
    return sorted({str(entry.get("file")) for kind in kinds for entry in report.list_kind(kind)})


def _find_fault_in_stores(trail: AuditTrail, report: AuditReport) -> str | None:
    for name in _list_stores(report):
        path = trail.state / name
        if not path.is_file():
            return f"{path}: is missing; the trail names its measurements"
        try:
            with closing(open_store(path, MEASUREMENT_STORE)) as connection:
                fault = find_broken_measurement(connection, collect_trail_marks(report.entries, name))
                fault = fault or find_broken_record(connection, collect_manual_seals(report.entries, name))
        except StoreRefused as refused:
            return str(refused)
        if fault is not None:
            return f"{path}: {fault}"
    return None
