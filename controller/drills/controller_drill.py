"""A drill of the controller's own loss: its newest backup is put back in a private place and read there."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from controller.drills.conduct import DrillResult
from controller.drills.drill_record import MeasuredRecovery, measure_age
from controller.errors import DrillRefused
from controller.inputs.input_file import read_input_file
from controller.operations.operations import Operations
from controller.platforms.transport.base import Clock
from controller.recovery.controller_archive import MOST_BYTES
from controller.recovery.controller_backup import restore_backup
from controller.rollout.durable.carry_out import find_database, use_rollouts
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail


def find_newest_backup(trail: AuditTrail) -> tuple[Path, str]:
    """Return the backup that was made last by the audit trail, and the SHA-256 that it had then.

    Raises:
        DrillRefused: none was made from here.
    """
    made = [entry for entry in trail.read_entries() if entry.get("kind") == AuditKind.BACKED_UP]
    if not made:
        message = (
            f"{trail.folder}: no backup of the controller was made from here; make one: tsunagu backup create FILE"
        )
        raise DrillRefused(message)
    return Path(str(made[-1].get("file"))), str(made[-1].get("sha256"))


def drill_controller_restore(path: Path, sha256: str, operations: Operations, clock: Clock) -> DrillResult:
    """Restore a backup into a private place, read the audit trail and the rollouts there, and measure that.

    `sha256` is what the backup must be, "" where nobody knows. Nothing of the living controller is touched.

    Raises:
        TsunaguError: it cannot be restored; says why.
    """
    began = clock.monotonic()
    try:
        found = hashlib.sha256(read_input_file(path, most_bytes=MOST_BYTES)).hexdigest()
    except FileNotFoundError:
        message = f"{path}: the backup is not there"
        raise DrillRefused(message) from None
    if sha256 and found != sha256:
        message = f"{path}: is not the backup that was made: its SHA-256 is another one than the audit trail names"
        raise DrillRefused(message)
    with tempfile.TemporaryDirectory(prefix="tsunagu-drill-") as name:
        private = move_operations(operations, Path(name))
        restored = restore_backup(path, private)
        trail = AuditTrail(private.state)
        report = verify_trail(trail)
        rollouts = 0
        if find_database(private.state).exists():
            with use_rollouts(private.state) as store:
                rollouts = len(store.list_rollouts())
    seconds = clock.monotonic() - began
    age = measure_age(restored.made, clock.now(), str(path))
    findings = (
        f"{path} of {restored.made:%Y-%m-%d %H:%M %Z}: {restored.files} files, {restored.pins} of host keys",
        f"{len(report.entries)} entries of the audit trail, {rollouts} rollouts",
    )
    return DrillResult(MeasuredRecovery(rto_seconds=seconds, rpo_seconds=age), findings, report.fault or "")


def move_operations(operations: Operations, folder: Path) -> Operations:
    """Return the operators' file with its state and its pinned host keys in another folder.

    >>> moved = move_operations(Operations(), Path("/private"))
    >>> str(moved.state)
    '/private/state'
    """
    access = {}
    for name, one in operations.access.items():
        moved: dict[str, object] = {"known_hosts": folder / "pins" / name}
        if one.jump_host is not None:
            moved["jump_host"] = one.jump_host.model_copy(update={"known_hosts": folder / "pins" / f"{name}-jump"})
        access[name] = one.model_copy(update=moved)
    return operations.model_copy(update={"state": folder / "state", "access": access})
