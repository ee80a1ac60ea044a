"""The backup that a dead device is restored from: found, and held against what it says of itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import AfterValidator, Field, ValidationError

from controller.errors import InputRefused, RestoreRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.input_file import InputFolder
from controller.inputs.shown_text import shorten_value
from controller.model.sites.devices import Device
from controller.model.yaml_source import StrictModel
from controller.plan.backup import Backup
from controller.platforms.device_text.device_text import DeviceText
from controller.rollout.change_backups import list_kept_backups

_MOST_BYTES = 16 << 20
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, le=10_000_000)]
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00$"


def _check_moment(text: str) -> str:
    datetime.fromisoformat(text)  # a day that no calendar has is refused as every other wrong value
    return text


class _Note(StrictModel):
    """`DEVICE.json`, as `controller.plan.backup` writes it."""

    device: _Word
    school: _Word
    platform: _Word
    read_at: Annotated[str, Field(pattern=_MOMENT, alias="read_at"), AfterValidator(_check_moment)]
    sha256: _Digest
    state: _Digest
    lines: _Count
    ours: _Count
    redacted: _Count


@dataclass(frozen=True, slots=True)
class DeviceBackup:
    """A backup of a device: what is known of it, its text without secrets, and the file of that."""

    about: Backup
    text: DeviceText
    path: Path

    @property
    def read_at(self) -> datetime:
        """When the device was read."""
        return datetime.fromisoformat(self.about.read_at)


def find_device_backup(device: Device, state: Path, folder: Path | None = None) -> DeviceBackup:
    """Return the backup of a folder, or where none is named the last one that was kept before a change.

    Raises:
        RestoreRefused: there is none, or it is not what its note says; names the file.
    """
    if folder is None:
        kept = list_kept_backups(state, device.id)
        if not kept:
            message = (
                f"{device.id}: no backup of it was kept before a change ({state}); name the folder of one that the "
                "playbook saved: --backup FOLDER"
            )
            raise RestoreRefused(message)
        folder = kept[-1]
    return read_device_backup(device, folder)


def read_device_backup(device: Device, folder: Path) -> DeviceBackup:
    """Read `DEVICE.cfg` and `DEVICE.json` of a folder, and hold the one against the other.

    Raises:
        RestoreRefused: one is missing, is of another device or platform, or was changed since; names the file.
    """
    path, note = folder / f"{device.id}.cfg", folder / f"{device.id}.json"
    source = InputFolder(folder, most_bytes=_MOST_BYTES)
    try:
        content = source.read_bytes(path.name)
        about = _parse_note(source.read_bytes(note.name), note)
    except (FileNotFoundError, NotADirectoryError) as error:
        missing = path if str(error.filename or "").endswith(".cfg") or not path.is_file() else note
        _refuse(missing, "is missing: a backup is this file and the one beside it, as the playbook `backup` saves them")
    except InputRefused as error:
        raise RestoreRefused(str(error)) from None
    if about.device != device.id:
        _refuse(note, f"is of the device {shorten_value(about.device)}, and not of {device.id}")
    if about.platform != device.platform:
        _refuse(note, f"is of the platform {about.platform}, and {device.id} is {device.platform} by the policy")
    if hashlib.sha256(content).hexdigest() != about.sha256:
        _refuse(path, f"was changed since it was saved: its digest is not that of {note.name}")
    return DeviceBackup(about, DeviceText.decode(content, device.id), path)


def _parse_note(content: bytes, path: Path) -> Backup:
    try:
        return Backup(**_Note.model_validate(parse_json(content)).model_dump())
    except JsonRefused as error:
        message = f"{path}:{error.line}: {error.why}"
        raise RestoreRefused(message) from None
    except ValidationError:
        _refuse(path, "is not as a backup writes it: fields are missing or unknown, or of another form")


def _refuse(path: Path, problem: str) -> NoReturn:
    message = f"{path}:1: {problem}"
    raise RestoreRefused(message)
