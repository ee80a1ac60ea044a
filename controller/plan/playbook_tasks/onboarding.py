"""A switch that was never managed from here: its host key by the console's fingerprint, and its conflicts."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from controller.errors import ConfigRefused, HostKeyRefused, InputRefused, TsunaguError
from controller.inputs.input_file import read_input_text
from controller.inputs.shown_text import shorten_value
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess
from controller.plan.build import consider_device
from controller.plan.observe import observe_device
from controller.platforms.transport.base import Transport
from controller.platforms.transport.dialing import fetch_host_key, identify_device
from controller.platforms.transport.host_keys import (
    format_fingerprint,
    list_pinned_keys,
    pin_host_key,
    read_known_hosts,
)

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """The key that is pinned for a device now, and whether this call pinned it."""

    key: bytes
    new: bool


@dataclass(frozen=True, slots=True)
class FoundConflicts:
    """What has to be settled before a device can be planned, in the words of `plan`, and the digest of its state.

    `state` is empty where the configuration could not be understood because of the conflicts.
    """

    conflicts: tuple[str, ...]
    state: str


def read_fingerprint(path: Path, device: str) -> str:
    """Return the fingerprint that a file has for a device: a line `DEVICE SHA256:...`; `#` begins a comment.

    Raises:
        InputRefused: the file cannot be read, a line has another form, or none is of the device.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_input_text(path).split("\n"), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not _FINGERPRINT.fullmatch(words[1]):  # noqa: PLR2004 the two words of a line
            message = f"expected DEVICE SHA256:... (43 characters of base64), found {shorten_value(line.strip())}"
            raise InputRefused(path, message, number)
        if words[0] in found:
            raise InputRefused(path, f"{shorten_value(words[0])} has a fingerprint further up already", number)
        found[words[0]] = words[1]
    if device not in found:
        raise InputRefused(
            path, f"has no line for {device}; read its fingerprint on its console and write: {device} SHA256:..."
        )
    return found[device]


def encode_key(key: bytes) -> str:
    """Return a host key as the text that a task's result holds."""
    return base64.b64encode(key).decode("ascii")


def decode_key(text: str) -> bytes:
    """Return the host key that a text of `encode_key` holds.

    Raises:
        TsunaguError: it is no such text.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        message = f"expected a host key as an earlier task gave it (base64), found {shorten_value(text)}"
        raise TsunaguError(message) from None


def pin_expected_key(
    device: Device, access: DeviceAccess, expected: str, *, only_look: bool = False, replaces: bool = False
) -> PinnedKey:
    """Pin the key that a device shows, if it is the expected one; with `only_look` nothing is written.

    With `replaces` it takes the place of the key of a dead device.

    Raises:
        DeviceUnreachable: nobody answers there.
        HostKeyRefused: it shows another key, or another one is pinned already: then it is no new device.
    """
    identity = identify_device(device, access)
    shown, pinned = fetch_host_key(device, access), list_pinned_keys(read_known_hosts(identity))
    if format_fingerprint(shown) != expected:
        message = (
            f"it shows the host key {format_fingerprint(shown)}, and {expected} was read on its console; nothing was "
            "pinned. Is it the right device, at the right address?"
        )
        raise HostKeyRefused(device.id, message)
    if shown in pinned:
        return PinnedKey(shown, new=False)
    if pinned and not replaces:
        message = (
            f"{format_fingerprint(pinned[0])} is pinned for it: it was managed before. If it was replaced, pin the new "
            f"key with: tsunagu trust {device.id}"
        )
        raise HostKeyRefused(device.id, message)
    if not only_look:
        pin_host_key(identity, shown)
    return PinnedKey(shown, new=True)


def list_conflicts(city: City, device: Device, transport: Transport) -> FoundConflicts:
    """Read a device and list what contradicts the policy on it.

    Raises:
        DeviceError: it does not answer, does not let us in, or is not the pinned one.
        TsunaguError: it cannot be judged for another reason than what stands in its configuration.
    """
    observed = observe_device(device, transport, only_read=True)
    state = "" if observed.observation is None else observed.observation.state.compute_digest()
    one = consider_device(city, observed)
    if isinstance(one.refusal, ConfigRefused):
        return FoundConflicts(tuple(map(str, one.refusal.problems)), state)
    if one.refusal is not None:
        raise one.refusal
    return FoundConflicts(tuple(path.name_way() for path in one.unjudged), state)
