"""`tsunagu restore`: a dead device is back from its last state."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import describe_failure, open_audit_trail, record_end
from controller.cli.devices.apply import RestoreAfter
from controller.cli.devices.plan import SignWith
from controller.cli.estates import (
    choose_state_folder,
    find_user_name,
    load_estate_city,
    load_estate_operations,
    load_operations_of,
)
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Policies, State
from controller.cli.output import Exit, errors, print_line, say_json
from controller.operations.device_access import require_access
from controller.plan.playbook_tasks.onboarding import PinnedKey, pin_expected_key
from controller.plan.select import find_device
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.dialing import identify_device
from controller.platforms.transport.host_keys import unpin_host_key
from controller.platforms.transport.ssh_transport import SshTransport
from controller.recovery.device_backup import find_device_backup
from controller.recovery.device_restore import RestoredDevice, RestoreSource, prepare_restore, restore_device
from controller.rollout.ending_signals import end_like_interrupt
from controller.rollout.record_room import refuse_without_room
from controller.rollout.waves import Settings
from controller.storage.audit.audit_trail import AuditKind
from controller.telemetry.registry import Writer
from controller.telemetry.traces.rollout_trace import open_trace


class RestoreDocument(TypedDict):
    """How a restore ended. `left_out`: lines that the operators leave out; `not_judged`: ways of others."""

    device: str
    end: str
    reason: str
    backup: str
    read_at: str
    left_out: list[str]
    not_judged: list[str]


Name = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id, e.g. kw-e01-core1.")]
BackupFolder = Annotated[
    Path | None,
    typer.Option("--backup", help="Folder with DEVICE.cfg and DEVICE.json; the last one before a change if left out."),
]
Fingerprint = Annotated[
    str | None,
    typer.Option("--fingerprint", help="The new device's host key, as its console shows it (SHA256:...): pinned."),
]


def restore_dead_device(  # noqa: PLR0913 the command's options
    name: Name,
    *,
    policies: Policies = DEFAULT_POLICIES,
    lab: Lab = False,
    state: State = None,
    backup: BackupFolder = None,
    fingerprint: Fingerprint = None,
    restore_after: RestoreAfter = 300,
    sign_with: SignWith = None,
    as_json: Json = False,
) -> None:
    """Bring a device that was replaced by an empty one of the same platform back from its last state.

    What the policy says is planned, proved and applied as always; what others had comes from the backup, its secrets
    from where the operators' file says. Exit code 0 only where all of it was read back and saved.
    """
    city = load_estate_city(policies, lab=lab)
    device = find_device(city, name)
    operations = load_estate_operations(city)
    kept = choose_state_folder(city.estate, operations, state, policies)
    refuse_without_room(kept, 1)
    source = prepare_restore(city, device, find_device_backup(device, kept, backup), operations, resolve_secret)
    print_line(f"{name}: from {source.backup.path}, read at {source.backup.read_at:%Y-%m-%d %H:%M %Z}")
    access = require_access(operations.access, device)
    clock = SystemClock()
    trail = open_audit_trail(kept, operations)
    about = {"device": name, "backup": source.backup.about.sha256, "person": find_user_name()}
    trail.record(AuditKind.RESTORED, **about, end="begun")
    timeline = kept / "timeline" / f"{clock.now():%Y%m%dT%H%M%SZ}-restore-{name}.jsonl"
    settings = Settings(restore_after, kept, SshTransport(operations.access), clock)
    heard: list[str] = []

    def hear_signal(said: str) -> None:
        heard.append(said)
        errors.print(f"{said}: the change of {name} has begun, and is brought to its end first", markup=False)

    key: PinnedKey | None = None
    done: RestoredDevice | None = None

    try:
        with (
            end_like_interrupt(),
            open_trace(timeline, token=find_token_file(Writer.CONTROLLER, policies), trail=trail) as trace,
        ):
            if fingerprint is not None:
                key = pin_expected_key(device, access, fingerprint, replaces=True)
            find = partial(load_operations_of, policies=policies, state=state)
            done = restore_device(
                source,
                policies,
                find,
                settings,
                city=city,
                by=find_user_name(),
                listeners=[trace],
                on_signal=hear_signal,
                sign_with=sign_with,
            )
    except BaseException as error:
        if done is not None:
            # It had its end before something else went wrong: the timeline could not be sealed, say.
            with record_end(trail, AuditKind.RESTORED, **about, end=str(done.outcome.end)):
                _say(done, source, key, as_json=as_json)
                raise
        # Whatever ends it, also Ctrl-C: a key that was pinned for nothing goes, and the record has its end.
        with record_end(trail, AuditKind.RESTORED, **about, end=describe_failure(error)):
            if key is not None and key.new and unpin_host_key(identify_device(device, access), key.key):
                errors.print(f"{name}: the host key was taken out again", style="yellow", markup=False)
            raise
    with record_end(trail, AuditKind.RESTORED, **about, end=str(done.outcome.end)):
        _say(done, source, key, as_json=as_json)
        if not done.outcome.end.good:
            raise typer.Exit(Exit.FAILED)
        if heard:
            raise typer.Exit(Exit.INTERRUPTED)


def _say(done: RestoredDevice, source: RestoreSource, key: PinnedKey | None, *, as_json: bool) -> None:
    outcome, backup = done.outcome, source.backup
    left_out = [one.line.text.strip() for one in source.left_out]
    if as_json:
        document: RestoreDocument = {
            "device": outcome.device,
            "end": outcome.end,
            "reason": outcome.reason,
            "backup": str(backup.path),
            "read_at": backup.about.read_at,
            "left_out": left_out,
            "not_judged": list(source.not_judged),
        }
        say_json(document)
    else:
        if key is not None and key.new:
            print_line(f"{outcome.device}: its new host key is pinned")
        for line in left_out:
            print_line(f"left out by the operators' file: {line}", "yellow")
        for way in source.not_judged:
            print_line(f"not judged, as before: {way}", "yellow")
        said = f": {outcome.reason}" if outcome.reason else ""
        print_line(f"{outcome.end:<9} {outcome.device}{said}", "green" if outcome.end.good else "red")
