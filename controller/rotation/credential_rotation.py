"""A device's login is rotated in two steps, so that nobody is ever locked out.

`next` of an access is set beside its login and proved by a session of its own while the first one is open. When every
device has it, the operators make it the login of the access and name the old one `previous`; that one is taken away,
again behind a proof: the new login works, the old one does not. Both are a device step like any other change: the
device's own restore where it has one, what is read back decides, and it is saved at the end only. Whatever goes wrong,
the users are put back as they were, and it is said which login works.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from controller.errors import CommandFailed, CredentialsRejected, RotationRefused, StaleDevice, TsunaguError
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess, DeviceLogin, require_access
from controller.operations.operations import Operations
from controller.platforms.base import Command, Step
from controller.platforms.common.timed_operation import Changeable, is_changeable
from controller.platforms.common.understanding import understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import is_supported, load_platform
from controller.platforms.transport.base import Transport
from controller.rollout.change import Change
from controller.rollout.change_backups import keep_before_change
from controller.rollout.device_step import change_device
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings
from controller.rotation.rotation_change import RotationStep, build_rotation_change
from controller.rotation.user_lines import (
    SYNTAX,
    UserLine,
    UserSyntax,
    check_secret,
    find_user,
    list_users,
    write_removal,
    write_user,
    write_user_again,
)
from controller.telemetry.timeline import Listener, Span, open_rollout_span

Reach = Callable[[DeviceAccess], Transport]
"""Makes the transport of an access."""
Users = Mapping[str, tuple[str, ...]]
_STILL_WORKS = "the login {} still works, though its configuration does not have it any more: somebody else holds it"


class RotationStage(StrEnum):
    """Which of the two steps is due, as the operators' file says."""

    ADD = "add"
    REMOVE = "remove"


class LoginState(StrEnum):
    """What a login does on a device."""

    WORKS = "works"
    REFUSED = "refused"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Rotation:
    """What is to be rotated on a device: the login that is added or removed, and how its platform writes users."""

    device: Device
    system: Changeable
    access: DeviceAccess
    stage: RotationStage
    login: DeviceLogin
    syntax: UserSyntax
    secret: str
    reach: Reach

    @property
    def owner(self) -> str:
        """The name of this change: a later run of it goes on where one was killed."""
        words = f"rotate {self.device.id} {self.stage} {self.login.user}"
        return hashlib.sha256(words.encode()).hexdigest()

    def __repr__(self) -> str:
        return f"Rotation({self.device.id!r}, {str(self.stage)!r}, {self.login.user!r})"


@dataclass(frozen=True, slots=True)
class DueRotation:
    """What a device holds of users now, and the commands that are due; `is_done`: nothing is, not even to save it."""

    text: DeviceText
    users: Users = field(repr=False)
    before: UserLine | None
    commands: tuple[Command, ...]
    is_done: bool


@dataclass(frozen=True, slots=True)
class RotatedDevice:
    """How a rotation ended, and what each login does on the device now, by its user."""

    outcome: Outcome
    logins: Mapping[str, LoginState]


def prepare_rotation(
    device: Device, operations: Operations, resolve: Callable[..., str], reach: Reach, *, accept_no_restore: bool
) -> Rotation:
    """Return what the operators' file asks for; no device is reached.

    Raises:
        RotationRefused: it asks for nothing, or the platform's logins are not rotated from here.
        LoginRefused: the file has no such access, or a password cannot be found.
    """
    access = require_access(operations.access, device)
    login = access.next or access.previous
    if login is None:
        message = (
            f"{device.id}: nothing is to be rotated: write access.{device.access}.next into the operators' file (user, "
            f"password), or access.{device.access}.previous where its login has been changed already"
        )
        raise RotationRefused(message)
    syntax = SYNTAX.get(device.platform)
    system = load_platform(device.platform) if is_supported(device.platform) else None
    if syntax is None or system is None or not is_changeable(system):
        message = (
            f"{device.id}: logins of the platform {device.platform!r} are not rotated from here: whoever installs it "
            f"sets them there. Platforms that are: {', '.join(sorted(SYNTAX))}"
        )
        raise RotationRefused(message)
    if not system.capabilities.restores_itself and not accept_no_restore:
        message = (
            f"{device.id}: nothing on it puts its users back by itself; what goes wrong is put back from here, while "
            "it answers. Accept that with --accept-no-restore"
        )
        raise RotationRefused(message)
    assert access.password is not None  # noqa: S101 the file's model says so
    secret = resolve(device.id, login.password)
    if secret == resolve(device.id, access.password):
        message = f"{device.id}: the password of {login.user} is the same as that of {access.user}; make another one"
        raise RotationRefused(message)
    stage = RotationStage.ADD if access.next is not None else RotationStage.REMOVE
    if stage is RotationStage.ADD:
        # One that is taken away is not typed, and often is weak: that is why it goes.
        check_secret(secret, syntax, device.id, login.user)
    return Rotation(device, system, access, stage, login, syntax, secret, reach)


def find_due(rotation: Rotation) -> DueRotation:
    """Read the device with the login of its access, and return what is due on it.

    Raises:
        RotationRefused: it does not hold the users itself, or holds one of that name with another password.
        DeviceError: it cannot be read.
    """
    device, system, access = rotation.device, rotation.system, rotation.access
    with rotation.reach(access).open_session(device, system.device_type, changing=True) as session:
        text, saved = system.read(session), system.read_saved(session)
    users = list_users(text, device.id)
    kept = list_users(saved, device.id) if saved else {}
    own, other = find_user(users, access.user, device.id), find_user(users, rotation.login.user, device.id)
    if own is None or access.user not in kept:
        where = "its configuration" if own is None else "what it boots with"
        message = (
            f"{device.id}: the user {access.user}, which it lets in now, is not in {where}: whoever holds its users "
            "(an authentication server?) has to rotate them"
        )
        raise RotationRefused(message)
    name = rotation.login.user
    is_kept = kept.get(name) == users.get(name)
    if rotation.stage is RotationStage.ADD and other is None:
        return DueRotation(text, users, None, write_user(name, own, rotation.syntax, rotation.secret), is_done=False)
    if rotation.stage is RotationStage.REMOVE and other is not None:
        return DueRotation(text, users, other, write_removal(name, rotation.syntax), is_done=False)
    state = try_login(rotation, access.log_in_as(rotation.login))
    if rotation.stage is RotationStage.ADD and state is LoginState.REFUSED:
        message = (
            f"{device.id}: a user {name} is there already, and its password is another one; take another name, or "
            "remove that user by hand"
        )
        raise RotationRefused(message)
    if rotation.stage is RotationStage.REMOVE and state is LoginState.WORKS:
        message = f"{device.id}: {_STILL_WORKS.format(name)}"
        raise RotationRefused(message)
    return DueRotation(text, users, other, (), is_done=is_kept and state is not LoginState.NOT_KNOWN)


def try_login(rotation: Rotation, access: DeviceAccess) -> LoginState:
    """Log in and read the device; tell what became of that."""
    try:
        with rotation.reach(access).open_session(
            rotation.device, rotation.system.device_type, changing=True
        ) as session:
            rotation.system.read(session)
    except CredentialsRejected:
        return LoginState.REFUSED
    except TsunaguError:
        return LoginState.NOT_KNOWN
    return LoginState.WORKS


def rotate_login(
    rotation: Rotation, due: DueRotation, settings: Settings, listeners: Sequence[Listener] = ()
) -> RotatedDevice:
    """Carry a rotation out on one device, prove it, and save it; where it goes wrong, put its users back."""
    device = rotation.device
    about: dict[str, str | int] = {"stage": str(rotation.stage), "user": rotation.login.user, "devices": 1}
    with open_rollout_span(f"rotate {device.id}", listeners, **about) as span:
        change = _build_change(rotation, due, settings)
        outcome = change_device(change, span)
        if outcome.end.good:
            outcome = _check_saved(rotation, outcome)
        elif outcome.began:
            # Where it refused before that, what differs now is another run's: it is not taken back.
            outcome = _put_back(rotation, due, change, outcome, span)
        span.outcome = "good" if outcome.end.good else "not good"
    return RotatedDevice(outcome, _list_logins(rotation, good=outcome.end.good))


def _build_change(rotation: Rotation, due: DueRotation, settings: Settings) -> Change:
    device, system = rotation.device, rotation.system
    state = understand(system, due.text, device.id).state
    title = f"{'set' if rotation.stage is RotationStage.ADD else 'take away'} the login {rotation.login.user}"

    def keep(text: DeviceText) -> None:
        if list_users(text, device.id) != due.users:
            message = "stale: its users were changed since they were read; run this again"
            raise StaleDevice(device.id, message)
        keep_before_change(device, system, settings.state_folder, settings.clock, text)

    def check(text: DeviceText) -> None:
        _check_users(rotation, due, list_users(text, device.id))

    step = RotationStep(state, title, due.commands, rotation.owner)
    change = build_rotation_change(device, system, step, settings, rotation.reach(rotation.access))
    return replace(
        change,
        keep_text=keep,
        check_text=check,
        prove_access=lambda: _prove_logins(rotation),
    )


def _check_users(rotation: Rotation, due: DueRotation, found: Users) -> None:
    """See that of all users only the one of the rotation has changed, and as it was meant.

    Raises:
        CommandFailed: another one was, too, or that one is not as it must be.
    """
    name, device = rotation.login.user, rotation.device.id
    others = {user: lines for user, lines in found.items() if user != name}
    if others != {user: lines for user, lines in due.users.items() if user != name}:
        raise CommandFailed(device, f"other users than {name} are not as they were")
    user = find_user(found, name, device)
    if rotation.stage is RotationStage.REMOVE:
        if user is not None:
            raise CommandFailed(device, f"the user {name} is still there")
        return
    own = find_user(found, rotation.access.user, device)
    if user is None or own is None or user.level != own.level:
        raise CommandFailed(device, f"the user {name} is not there with the privilege level of {rotation.access.user}")


def _prove_logins(rotation: Rotation) -> None:
    """Prove over a session of its own that the new login works, or that the old one does not any more.

    Only the device's own answer proves the second: a secret that cannot be found or a jump host that refuses does not.

    Raises:
        CommandFailed, DeviceError: it is not so.
    """
    device, system = rotation.device, rotation.system
    transport = rotation.reach(rotation.access.log_in_as(rotation.login))
    removes = rotation.stage is RotationStage.REMOVE
    try:
        with transport.open_session(device, system.device_type, changing=True) as session:
            if not removes:
                system.read(session)
    except CredentialsRejected:
        if removes:
            return
        raise
    if removes:
        raise CommandFailed(device.id, _STILL_WORKS.format(rotation.login.user))


def _check_saved(rotation: Rotation, outcome: Outcome) -> Outcome:
    """Return the outcome, or a failed one where the device would boot with its old users."""
    device, name = rotation.device, rotation.login.user
    try:
        with rotation.reach(rotation.access).open_session(device, rotation.system.device_type) as session:
            saved = rotation.system.read_saved(session)
    except TsunaguError as error:
        return replace(outcome, end=End.UNKNOWN, reason=f"it runs; whether it was saved could not be read: {error}")
    there = bool(saved) and name in list_users(saved, device.id)
    if there is (rotation.stage is RotationStage.ADD):
        return outcome
    reason = f"it runs, but the device would boot with its old users: {name} is {'still' if there else 'not'} saved"
    return replace(outcome, end=End.FAILED, reason=reason)


def _put_back(rotation: Rotation, due: DueRotation, change: Change, outcome: Outcome, span: Span) -> Outcome:
    """Put the users back as they were, where something of the change has stayed; return how it all ended."""
    device, name = rotation.device, rotation.login.user
    try:
        with change.transport.open_session(device, change.system.device_type, changing=True) as session:
            text = change.system.read(session)
        found = list_users(text, device.id)
    except TsunaguError as error:
        if outcome.end is End.FAILED:
            return outcome
        return replace(outcome, end=End.UNKNOWN, reason=f"{outcome.reason}; its users could not be read: {error}")
    if found.get(name) == due.users.get(name):
        return outcome
    commands = write_removal(name, rotation.syntax) if due.before is None else write_user_again(due.before)

    def check(text: DeviceText) -> None:
        if list_users(text, device.id).get(name) != due.users.get(name):
            raise CommandFailed(device.id, f"the user {name} is not as it was before the rotation")

    back = replace(
        change,
        derive=lambda _: (Step(f"put the login {name} back as it was", commands, change.wanted),),
        run=uuid.uuid4().hex[:12],
        keep_text=None,
        check_text=check,
        prove_access=None,
    )
    ended = change_device(back, span)
    if ended.end.good:
        return replace(outcome, end=End.REVERTED, reason=f"{outcome.reason}; the user {name} was put back as it was")
    reason = f"{outcome.reason}; the user {name} could not be put back: {ended.reason}"
    return replace(outcome, end=End.UNKNOWN, reason=reason)


def _list_logins(rotation: Rotation, *, good: bool) -> Mapping[str, LoginState]:
    """Return what each login does now: as the step has just proved, or tried anew where it ended badly."""
    if good:
        other = LoginState.WORKS if rotation.stage is RotationStage.ADD else LoginState.REFUSED
        return {rotation.access.user: LoginState.WORKS, rotation.login.user: other}
    accesses = (rotation.access, rotation.access.log_in_as(rotation.login))
    return {access.user: try_login(rotation, access) for access in accesses}
