"""`tsunagu rotate`: a device's login is changed, and nobody is locked out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import open_audit_trail
from controller.cli.devices.apply import AcceptNoRestore, RestoreAfter
from controller.cli.estates import choose_state_folder, find_user_name, load_estate_city, load_estate_operations
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Policies, State
from controller.cli.output import Exit, errors, print_data, print_line, say_json
from controller.errors import TsunaguError
from controller.operations.device_access import DeviceAccess
from controller.plan.select import find_device
from controller.platforms.transport.base import SystemClock, Transport
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.ending_signals import end_like_interrupt, hear_signals
from controller.rollout.outcome import End
from controller.rollout.record_room import refuse_without_room
from controller.rollout.waves import Settings
from controller.rotation.credential_rotation import (
    DueRotation,
    LoginState,
    RotatedDevice,
    Rotation,
    RotationStage,
    find_due,
    prepare_rotation,
    rotate_login,
)
from controller.storage.audit.audit_trail import AuditKind
from controller.telemetry.registry import Writer
from controller.telemetry.tracing import open_trace


class RotationDocument(TypedDict):
    """How a rotation ended, or with --check what is due.

    `stage`: add or remove; `user`: whose login that is; `due`: whether something is to be done; `end` is empty where
    nothing was tried. `logins`: what each login does now (works, refused, not known), by its user.
    """

    device: str
    stage: str
    user: str
    due: bool
    end: str
    reason: str
    logins: dict[str, str]


Name = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id, e.g. kw-e01-core1.")]
Check = Annotated[bool, typer.Option("--check", help="Say what would be done, and do it not.")]


def rotate(  # noqa: PLR0913 the command's options
    name: Name,
    *,
    policies: Policies = DEFAULT_POLICIES,
    lab: Lab = False,
    state: State = None,
    check: Check = False,
    restore_after: RestoreAfter = 120,
    accept_no_restore: AcceptNoRestore = False,
    as_json: Json = False,
) -> None:
    """Give a device the next login of its access, or take the previous one away, as the operators' file says.

    The new login is proved by a session of its own while the first one is open, and it is saved at the end only.
    Exit code 2 with --check where something is due.
    """
    city = load_estate_city(policies, lab=lab)
    device = find_device(city, name)
    operations = load_estate_operations(city)
    kept = choose_state_folder(city.estate, operations, state, policies)

    def reach(access: DeviceAccess) -> Transport:
        return SshTransport({device.access: access})

    accepts = accept_no_restore or check
    rotation = prepare_rotation(device, operations, resolve_secret, reach, accept_no_restore=accepts)
    due = find_due(rotation)
    if check or due.is_done:
        _say_due(rotation, due, as_json=as_json)
        if not due.is_done:
            raise typer.Exit(Exit.DIFFERS)
        return
    refuse_without_room(kept, 1)
    trail = open_audit_trail(kept, operations)
    about = {"device": name, "stage": str(rotation.stage), "user": rotation.login.user, "person": find_user_name()}
    trail.record(AuditKind.ROTATED, **about, end="begun")
    clock = SystemClock()
    timeline = kept / "timeline" / f"{clock.now():%Y%m%dT%H%M%SZ}-rotate-{name}.jsonl"
    settings = Settings(restore_after, kept, reach(rotation.access), clock)
    heard: list[str] = []

    def hear_signal(said: str) -> None:
        heard.append(said)
        errors.print(f"{said}: the change of {name} has begun, and is brought to its end first", markup=False)

    def tell_end(done: RotatedDevice) -> None:
        try:
            trail.record(AuditKind.ROTATED, **about, end=str(done.outcome.end))
        finally:
            # The device is as it is, also where the trail cannot be written.
            _say_end(rotation, done, as_json=as_json)

    done: RotatedDevice | None = None
    try:
        with (
            end_like_interrupt(),
            open_trace(timeline, token=find_token_file(Writer.CONTROLLER, policies), trail=trail) as trace,
            hear_signals(hear_signal),
        ):
            done = rotate_login(rotation, due, settings, [trace])
    except BaseException as error:
        if done is not None:
            # It had its end before something else went wrong: the timeline could not be sealed, say.
            tell_end(done)
            raise
        why = str(error) if isinstance(error, TsunaguError) else error.__class__.__name__
        trail.record(AuditKind.ROTATED, **about, end=f"failed: {why}"[:300])
        raise
    tell_end(done)
    if heard:
        raise typer.Exit(Exit.INTERRUPTED)
    if not done.outcome.end.good:
        raise typer.Exit(Exit.FAILED)


def _say_due(rotation: Rotation, due: DueRotation, *, as_json: bool) -> None:
    if as_json:
        end = str(End.UNCHANGED) if due.is_done else ""
        say_json(_build_document(rotation, "", {}, due=not due.is_done, end=end))
        return
    for command in due.commands:
        print_data(f"would type  {rotation.device.id}: {command.shown_line}")
    said = "nothing is due" if due.is_done else f"{rotation.stage} the login {rotation.login.user} is due"
    print_line(f"{rotation.device.id}: {said}", "green" if due.is_done else "yellow")


def _say_end(rotation: Rotation, done: RotatedDevice, *, as_json: bool) -> None:
    outcome = done.outcome
    if as_json:
        end = str(outcome.end)
        say_json(_build_document(rotation, outcome.reason, done.logins, due=not outcome.end.good, end=end))
        return
    said = f": {outcome.reason}" if outcome.reason else ""
    print_line(f"{outcome.end:<9} {outcome.device}{said}", "green" if outcome.end.good else "red")
    for user, does in done.logins.items():
        print_line(f"login {user}: {does}")
    if outcome.end.good and rotation.stage is RotationStage.ADD:
        access = rotation.device.access
        print_line(
            f"when every device of the access {access} has it: make {rotation.login.user} its login in the operators' "
            f"file, and {rotation.access.user} its previous one; then run this again"
        )


def _build_document(
    rotation: Rotation, reason: str, logins: Mapping[str, LoginState], *, due: bool, end: str
) -> RotationDocument:
    return {
        "device": rotation.device.id,
        "stage": str(rotation.stage),
        "user": rotation.login.user,
        "due": due,
        "end": end,
        "reason": reason,
        "logins": {user: str(does) for user, does in logins.items()},
    }
