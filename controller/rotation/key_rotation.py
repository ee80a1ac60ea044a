"""The key that changes a Linux device is rotated in two steps, so that nobody is ever locked out.

`next-key` of an access is let in beside its `key`, and proved by a session of its own before that is confirmed. When
every device has it, the operators make it the `key` and name the old one `previous-key`; that one is taken away over a
session of the new one, and proved to be refused. Both are a device step like any other change: what nobody confirms the
device's own restore puts back, its keys, too. A device never lets its last key go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, runtime_checkable

import paramiko

from controller.errors import CommandFailed, CredentialsRejected, RotationRefused, StaleDevice, TsunaguError
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess, require_access
from controller.operations.operations import Operations
from controller.platforms.base import Command, Session
from controller.platforms.common.timed_operation import Changeable, is_changeable
from controller.platforms.common.understanding import understand
from controller.platforms.registry import is_supported, load_platform
from controller.platforms.transport.dialing import load_private_key
from controller.platforms.transport.host_keys import format_fingerprint
from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings
from controller.rotation.credential_rotation import LoginState, Reach, RotatedDevice, RotationStage
from controller.rotation.rotation_change import RotationStep, build_rotation_change
from controller.telemetry.timeline import Listener, open_rollout_span


@runtime_checkable
class HoldsKeys(Protocol):
    """A platform whose devices hold the keys of the controller themselves."""

    def list_keys(self, session: Session) -> frozenset[str]:
        """Return the keys that may change the device, each as `TYPE KEY`.

        Raises:
            CommandFailed: whoever installs the device sets its keys.
        """


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """A key as devices know it: its public part, and what people call it."""

    line: str
    name: str


def describe_key(key: paramiko.PKey) -> RotatedKey:
    """Return the public part of a private key."""
    return RotatedKey(f"{key.get_name()} {key.get_base64()}", f"key {format_fingerprint(key.asbytes())}")


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """What is to be rotated on a device: the key that is let in, or taken away, beside the `own` one of the access."""

    device: Device
    system: Changeable
    keys: HoldsKeys
    access: DeviceAccess
    stage: RotationStage
    own: RotatedKey
    key: RotatedKey
    other: DeviceAccess
    reach: Reach

    @property
    def owner(self) -> str:
        """The name of this change: a later run of it goes on where one was killed."""
        words = f"rotate {self.device.id} {self.stage} {self.key.line}"
        return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class DueKey:
    """The keys that a device lets in now, and the commands that are due; `is_done`: none is."""

    keys: frozenset[str]
    commands: tuple[Command, ...]

    @property
    def is_done(self) -> bool:
        """Tell if nothing is due."""
        return not self.commands


def is_key_rotated(device: Device, operations: Operations) -> bool:
    """Tell if the operators' file asks for another key of a device, rather than for another login."""
    access = operations.access.get(device.access)
    return access is not None and (access.next_key or access.previous_key) is not None


def prepare_key_rotation(
    device: Device,
    operations: Operations,
    reach: Reach,
    load_key: Callable[..., paramiko.PKey] = load_private_key,
) -> KeyRotation:
    """Return what the operators' file asks for; no device is reached.

    Raises:
        RotationRefused: the platform's keys are not rotated from here, or it is the same key.
        LoginRefused: a key cannot be found.
    """
    access = require_access(operations.access, device)
    system = load_platform(device.platform) if is_supported(device.platform) else None
    if system is None or not is_changeable(system) or not isinstance(system, HoldsKeys):
        message = (
            f"{device.id}: keys of the platform {device.platform!r} are not rotated from here: whoever installs it "
            "sets them there"
        )
        raise RotationRefused(message)
    source = access.next_key or access.previous_key
    assert source is not None  # noqa: S101 `is_key_rotated` says so
    assert access.key is not None  # noqa: S101 the file's model says so
    own, key = (describe_key(load_key(device.id, one)) for one in (access.key, source))
    if own == key:
        message = (
            f"{device.id}: next-key and previous-key lead to the {key.name} of the access itself; make another one"
        )
        raise RotationRefused(message)
    stage = RotationStage.ADD if access.next_key is not None else RotationStage.REMOVE
    other = access.model_copy(update={"key": source, "read_key": None, "next_key": None, "previous_key": None})
    return KeyRotation(device, system, system, access, stage, own, key, other, reach)


def find_due_key(rotation: KeyRotation) -> DueKey:
    """Read the keys of a device, and return what is due on it.

    Raises:
        RotationRefused: it does not hold the key that it let in just now: root's own file does.
        DeviceError: it cannot be read.
    """
    found = _read_keys(rotation, rotation.access)
    if rotation.own.line not in found:
        message = (
            f"{rotation.device.id}: the {rotation.own.name}, which it lets in now, is not in the file of its "
            "TSUNAGU_KEYS: whoever installs it has to move it there"
        )
        raise RotationRefused(message)
    verb = "add" if rotation.stage is RotationStage.ADD else "remove"
    if (rotation.key.line in found) is (rotation.stage is RotationStage.ADD):
        _prove_key(rotation, found)
        return DueKey(found, ())
    return DueKey(found, (Command(f"own-key {verb}", f"{rotation.key.line}\n"),))


def rotate_key(
    rotation: KeyRotation, due: DueKey, settings: Settings, listeners: Sequence[Listener] = ()
) -> RotatedDevice:
    """Carry a rotation out on one device, and prove it; where it goes wrong the device puts its keys back."""
    device = rotation.device
    about: dict[str, str | int] = {"stage": str(rotation.stage), "user": rotation.key.name, "devices": 1}
    with open_rollout_span(f"rotate {device.id}", listeners, **about) as span:
        outcome = change_device(_build_change(rotation, due, settings), span)
        if outcome.end.good:
            outcome = _check_end(rotation, due, outcome)
        elif outcome.began:
            outcome = _read_end(rotation, due, outcome)
        span.outcome = "good" if outcome.end.good else "not good"
    return RotatedDevice(outcome, _list_states(rotation, good=outcome.end.good))


def _build_change(rotation: KeyRotation, due: DueKey, settings: Settings) -> Change:
    device, system = rotation.device, rotation.system
    transport = rotation.reach(rotation.access)
    with transport.open_session(device, system.device_type, changing=True) as session:
        state = understand(system, system.read(session), device.id).state
        if rotation.keys.list_keys(session) != due.keys:
            message = "stale: its keys were changed since they were read; run this again"
            raise StaleDevice(device.id, message)
    title = f"{'let in' if rotation.stage is RotationStage.ADD else 'take away'} the {rotation.key.name}"
    step = RotationStep(state, title, due.commands, rotation.owner)
    change = build_rotation_change(device, system, step, settings, transport)
    return replace(
        change,
        prove_access=partial(_prove_key, rotation, _list_wanted(rotation, due)),
    )


def _list_wanted(rotation: KeyRotation, due: DueKey) -> frozenset[str]:
    if rotation.stage is RotationStage.ADD:
        return due.keys | {rotation.key.line}
    return due.keys - {rotation.key.line}


def _prove_key(rotation: KeyRotation, wanted: frozenset[str]) -> None:
    """Prove over sessions of their own that the device lets in what it is to let in, and no other key.

    Only the device's own answer proves that a key is refused.

    Raises:
        CommandFailed, DeviceError: it is not so.
    """
    device = rotation.device
    if _read_keys(rotation, rotation.access) != wanted:
        raise CommandFailed(device.id, "the keys that it lets in are not as they are to be")
    if rotation.stage is RotationStage.ADD:
        _read_keys(rotation, rotation.other)
        return
    try:
        _read_keys(rotation, rotation.other)
    except CredentialsRejected:
        return
    message = f"it still lets in the {rotation.key.name}: another file of keys holds it; take it out there"
    raise CommandFailed(device.id, message)


def _read_keys(rotation: KeyRotation, access: DeviceAccess) -> frozenset[str]:
    session = rotation.reach(access).open_session(rotation.device, rotation.system.device_type, changing=True)
    with session as opened:
        return rotation.keys.list_keys(opened)


def _check_end(rotation: KeyRotation, due: DueKey, outcome: Outcome) -> Outcome:
    """Return the outcome, or an unknown one where the device lets in other keys once it has ended."""
    try:
        _prove_key(rotation, _list_wanted(rotation, due))
    except TsunaguError as error:
        return replace(outcome, end=End.UNKNOWN, reason=f"it was confirmed; then: {error}")
    return outcome


def _read_end(rotation: KeyRotation, due: DueKey, outcome: Outcome) -> Outcome:
    """Return how a rotation ended that went wrong: by the keys that the device lets in now."""
    try:
        found = _read_keys(rotation, rotation.access)
    except TsunaguError as error:
        return replace(outcome, end=End.UNKNOWN, reason=f"{outcome.reason}; its keys could not be read: {error}")
    if found == due.keys and outcome.end is End.REVERTED:
        return outcome
    if found == due.keys:
        return replace(outcome, reason=f"{outcome.reason}; its keys are as before")
    return replace(outcome, end=End.UNKNOWN, reason=f"{outcome.reason}; its keys are neither as before nor proved")


def _list_states(rotation: KeyRotation, *, good: bool) -> Mapping[str, LoginState]:
    """Return what each key does now; after a good end it has just been proved, and nobody logs in once more."""
    if good:
        proved = LoginState.WORKS if rotation.stage is RotationStage.ADD else LoginState.REFUSED
        return {rotation.own.name: LoginState.WORKS, rotation.key.name: proved}
    return {
        rotation.own.name: _try_key(rotation, rotation.access),
        rotation.key.name: _try_key(rotation, rotation.other),
    }


def _try_key(rotation: KeyRotation, access: DeviceAccess) -> LoginState:
    try:
        _read_keys(rotation, access)
    except CredentialsRejected:
        return LoginState.REFUSED
    except TsunaguError:
        return LoginState.NOT_KNOWN
    return LoginState.WORKS
