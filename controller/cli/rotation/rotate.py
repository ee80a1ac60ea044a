"""`tsunagu rotate`: a device's login is changed, and nobody is locked out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import describe_failure, open_audit_trail, record_end
from controller.cli.devices.apply import AcceptNoRestore, RestoreAfter
from controller.cli.estates import choose_state_folder, find_user_name, load_estate_city, load_estate_operations
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Policies, State
from controller.cli.output import Exit, errors, print_data, print_line, say_json
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess, require_access
from controller.operations.operations import Operations
from controller.plan.select import find_device
from controller.platforms.base import Command
from controller.platforms.transport.base import SystemClock, Transport
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.ending_signals import end_like_interrupt, hear_signals
from controller.rollout.outcome import End
from controller.rollout.record_room import refuse_without_room
from controller.rollout.waves import Settings
from controller.rotation.credential_rotation import (
    LoginState,
    RotatedDevice,
    RotationStage,
    find_due,
    prepare_rotation,
    rotate_login,
)
from controller.rotation.key_rotation import find_due_key, is_key_rotated, prepare_key_rotation, rotate_key
from controller.storage.audit.audit_trail import AuditKind
from controller.telemetry.registry import Writer
from controller.telemetry.timeline import Listener
from controller.telemetry.traces.rollout_trace import open_trace


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
    """Give a device the next login or key of its access, or take the previous one away, as the operators' file says.

    The new one is proved by a session of its own while the first one is open, and it is saved at the end only.
    Exit code 2 with --check where something is due.
    """
    city = load_estate_city(policies, lab=lab)
    device = find_device(city, name)
    operations = load_estate_operations(city)
    kept = choose_state_folder(city.estate, operations, state, policies)

    def reach(access: DeviceAccess) -> Transport:
        return SshTransport({device.access: access})

    work = _prepare(device, operations, reach, accept_no_restore=accept_no_restore or check)
    if check or work.is_done:
        _say_due(work, as_json=as_json)
        if not work.is_done:
            raise typer.Exit(Exit.DIFFERS)
        return
    refuse_without_room(kept, 1)
    trail = open_audit_trail(kept, operations)
    about = {"device": name, "stage": str(work.stage), "user": work.other, "person": find_user_name()}
    trail.record(AuditKind.ROTATED, **about, end="begun")
    clock = SystemClock()
    timeline = kept / "timeline" / f"{clock.now():%Y%m%dT%H%M%SZ}-rotate-{name}.jsonl"
    settings = Settings(restore_after, kept, reach(require_access(operations.access, device)), clock)
    heard: list[str] = []

    def hear_signal(said: str) -> None:
        heard.append(said)
        errors.print(f"{said}: the change of {name} has begun, and is brought to its end first", markup=False)

    done: RotatedDevice | None = None
    try:
        with (
            end_like_interrupt(),
            open_trace(timeline, token=find_token_file(Writer.CONTROLLER, policies), trail=trail) as trace,
            hear_signals(hear_signal),
        ):
            done = work.carry_out(settings, [trace])
    except BaseException as error:
        # It may have had its end before something else went wrong: the timeline could not be sealed, say.
        end = describe_failure(error) if done is None else str(done.outcome.end)
        with record_end(trail, AuditKind.ROTATED, **about, end=end):
            if done is not None:
                _say_end(work, done, as_json=as_json)
            raise
    with record_end(trail, AuditKind.ROTATED, **about, end=str(done.outcome.end)):
        _say_end(work, done, as_json=as_json)
        if heard:
            raise typer.Exit(Exit.INTERRUPTED)
        if not done.outcome.end.good:
            raise typer.Exit(Exit.FAILED)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is due on a device: the `other` login or key comes or goes.

    `noun` stands before a login's name where people read it: what a key is called says already that it is one.
    """

    device: Device
    stage: RotationStage
    noun: str
    other: str
    commands: tuple[Command, ...]
    is_done: bool
    carry_out: Callable[[Settings, Sequence[Listener]], RotatedDevice]
    advice: str


def _prepare(
    device: Device, operations: Operations, reach: Callable[[DeviceAccess], Transport], *, accept_no_restore: bool
) -> _Work:
    """Find what the operators' file asks for, and what of it is due on the device."""
    if is_key_rotated(device, operations):
        of_key = prepare_key_rotation(device, operations, reach)
        due_key = find_due_key(of_key)
        advice = "make its next-key the key of it in the operators' file, and its key the previous-key"
        return _Work(
            device,
            of_key.stage,
            "",
            of_key.key.name,
            due_key.commands,
            due_key.is_done,
            partial(rotate_key, of_key, due_key),
            advice,
        )
    of_login = prepare_rotation(device, operations, resolve_secret, reach, accept_no_restore=accept_no_restore)
    due = find_due(of_login)
    own, other = of_login.access.user, of_login.login.user
    return _Work(
        device,
        of_login.stage,
        "login ",
        other,
        due.commands,
        due.is_done,
        partial(rotate_login, of_login, due),
        f"make {other} its login in the operators' file, and {own} its previous one",
    )


def _say_due(work: _Work, *, as_json: bool) -> None:
    if as_json:
        end = str(End.UNCHANGED) if work.is_done else ""
        say_json(_build_document(work, "", {}, due=not work.is_done, end=end))
        return
    for command in work.commands:
        print_data(f"would type  {work.device.id}: {command.shown_line}")
    said = "nothing is due" if work.is_done else f"{work.stage} the {work.noun}{work.other} is due"
    print_line(f"{work.device.id}: {said}", "green" if work.is_done else "yellow")


def _say_end(work: _Work, done: RotatedDevice, *, as_json: bool) -> None:
    outcome = done.outcome
    if as_json:
        end = str(outcome.end)
        say_json(_build_document(work, outcome.reason, done.logins, due=not outcome.end.good, end=end))
        return
    said = f": {outcome.reason}" if outcome.reason else ""
    print_line(f"{outcome.end:<9} {outcome.device}{said}", "green" if outcome.end.good else "red")
    for user, does in done.logins.items():
        print_line(f"{work.noun}{user}: {does}")
    if outcome.end.good and work.stage is RotationStage.ADD:
        print_line(f"when every device of the access {work.device.access} has it: {work.advice}; then run this again")


def _build_document(
    work: _Work, reason: str, logins: Mapping[str, LoginState], *, due: bool, end: str
) -> RotationDocument:
    return {
        "device": work.device.id,
        "stage": str(work.stage),
        "user": work.other,
        "due": due,
        "end": end,
        "reason": reason,
        "logins": {user: str(does) for user, does in logins.items()},
    }
