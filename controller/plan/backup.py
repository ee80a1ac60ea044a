"""Keeping what a device runs: read over SSH, secrets taken out, understood again, and only then written.

The folder of a backup is good for `tsunagu plan --configs`: it holds a `DEVICE.cfg` for each device, and beside it
`DEVICE.json` with what is known of the text.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from controller.errors import ConfigRefused, TsunaguError
from controller.model.sites.devices import Device
from controller.plan.observe import NotSupported
from controller.platforms.base import Platform, Readable
from controller.platforms.common.understanding import redact_configuration, understand
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import is_supported, load_platform_of
from controller.platforms.transport.base import Clock, Transport
from controller.storage.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class Backup:
    """A saved running configuration. `read_at` is UTC (ISO 8601); `state` the digest of what in it is ours.

    `lines` counts those that are no blanks or comments, `ours` those of them that are ours, `redacted` those that a
    secret was taken out of.
    """

    device: str
    school: str
    platform: str
    read_at: str
    sha256: str
    state: str
    lines: int
    ours: int
    redacted: int


def is_operable(device: Device) -> bool:
    """Whether the device's running configuration can be asked for."""
    return is_supported(device.platform) and isinstance(load_platform_of(device), Readable)


def back_up_device(
    device: Device, folder: Path, transport: Transport, clock: Clock, *, only_look: bool = False
) -> Backup:
    """Save what a device runs as `folder/DEVICE.cfg`, readable by its owner alone; `only_look`: write nothing.

    Raises:
        NotSupported: the platform cannot be asked over SSH.
        DeviceError: the device does not answer, does not let us in, or is not the pinned one.
        ConfigRefused: its text is not understood; nothing is saved.
        TsunaguError: the redacted text would not mean the same, or cannot be written.
    """
    system = load_platform_of(device) if is_supported(device.platform) else None
    if not isinstance(system, Readable):
        raise NotSupported(device, "cannot be read over SSH yet")
    with transport.open_session(device, system.device_type) as session:
        text = system.read(session)
    if only_look:
        return describe_backup(device, system, text, clock.now())
    return save_backup(device, system, text, folder, clock.now())


def save_backup(device: Device, system: Platform, text: DeviceText, folder: Path, read_at: datetime) -> Backup:
    """Save a text that a device runs as `folder/DEVICE.cfg`, without its secrets, and what is known of it beside it.

    Raises:
        ConfigRefused: the text is not understood; nothing is saved.
        TsunaguError: the redacted text would not mean the same, or cannot be written.
    """
    kept = describe_backup(device, system, text, read_at)
    content, _ = redact_configuration(system, text, device.id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(content.encode(), folder / f"{device.id}.cfg")
        write_whole((json.dumps(asdict(kept), indent=1) + "\n").encode(), folder / f"{device.id}.json")
    except OSError as error:
        message = f"{device.id}: the backup cannot be written: {folder}: {error.strerror or error}"
        raise TsunaguError(message) from None
    return kept


def describe_backup(device: Device, system: Platform, text: DeviceText, read_at: datetime) -> Backup:
    """Return what is known of a running configuration once its secrets are out.

    Raises:
        ConfigRefused: the text is not understood.
        TsunaguError: without the secrets it would mean another state; then they stand where only our own lines may.
    """
    seen = understand_whole(system, text, device.id)
    if not seen.lines:
        message = f"{device.id}: what it shows holds no line of a configuration; nothing was saved"
        raise TsunaguError(message)
    content, touched = redact_configuration(system, text, device.id)
    try:
        again = understand(system, DeviceText(content, device.id), device.id)
    except ConfigRefused:
        again = None
    if again is None or (seen.state, seen.lines) != (again.state, again.lines):
        message = f"{device.id}: without its secrets the configuration would mean another state; nothing was saved"
        raise TsunaguError(message)
    return Backup(
        device=device.id,
        school=device.school.id,
        platform=device.platform,
        read_at=read_at.astimezone(UTC).isoformat(timespec="seconds"),
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        state=seen.state.compute_digest(),
        lines=seen.lines,
        ours=seen.managed,
        redacted=touched,
    )
