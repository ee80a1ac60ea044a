"""`tsunagu backup`: the controller's own state into one file, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import find_head_copy, open_audit_trail, record_end
from controller.cli.estates import find_user_name
from controller.cli.options import DEFAULT_POLICIES, Json, Policies
from controller.cli.output import print_line, say_json
from controller.errors import AuditRefused, BackupRefused
from controller.operations.operators_file import load_operations
from controller.recovery.controller_backup import (
    ControllerBackup,
    create_backup,
    explain_silent_trail,
    restore_backup,
)
from controller.storage.audit.audit_trail import AuditKind

backup = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The controller's own state: into one file, and back."
)


class BackupDocument(TypedDict):
    """What a backup of the controller holds; `left_out` names files of the state folder that are not in it."""

    file: str
    made: str
    files: int
    host_keys: int
    left_out: list[str]
    sha256: str


File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup, one file.")]


@backup.command("create")
def create_controller_backup(path: File, *, policies: Policies = DEFAULT_POLICIES, as_json: Json = False) -> None:
    """Write audit trail, rollouts, stores, kept policies, configurations of devices and pinned host keys into a file.

    It may be made while rollouts run. Keys, tokens and the operators' file are not in it.
    """
    operations = load_operations(policies=policies)
    made = create_backup(path, operations, find_head_copy(operations), datetime.now(UTC))
    trail = open_audit_trail(operations.state, operations)
    with record_end(trail, AuditKind.BACKED_UP, file=str(path), sha256=made.sha256, person=find_user_name()):
        for name in made.left_out:
            print_line(f"not in the backup: {operations.state / name}", "yellow")
        if not made.pins:
            print_line("note: the operators' file names no file of pinned host keys that is there", "yellow")
        _say(path, made, as_json=as_json)


@backup.command("restore")
def restore_controller_state(path: File, *, policies: Policies = DEFAULT_POLICIES, as_json: Json = False) -> None:
    """Put a backup back on a machine whose controller has no state yet; nothing that is there is overwritten.

    Write the operators' file first: it says where the state and the pinned host keys stand.
    """
    operations = load_operations(policies=policies)
    found = restore_backup(path, operations)
    trail = open_audit_trail(operations.state, operations)
    try:
        trail.record(
            AuditKind.RESTORED, file=str(path), made=found.made.isoformat(timespec="seconds"), person=find_user_name()
        )
    except AuditRefused as error:
        raise BackupRefused(explain_silent_trail(error)) from None
    _say(path, found, as_json=as_json)


def _say(path: Path, found: ControllerBackup, *, as_json: bool) -> None:
    if as_json:
        document: BackupDocument = {
            "file": str(path),
            "made": found.made.isoformat(timespec="seconds"),
            "files": found.files,
            "host_keys": found.pins,
            "left_out": list(found.left_out),
            "sha256": found.sha256,
        }
        say_json(document)
    else:
        print_line(f"{path}: made {found.made:%Y-%m-%d %H:%M %Z}, {found.files} files, {found.pins} of host keys")
        print_line(f"sha256: {found.sha256}")
