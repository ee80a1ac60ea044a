"""What was approved last for each device to hold: what brings that back is a repair and needs no new approval.

Only a plan that others had to approve, and did, is recorded, and of it only the devices that it touches: a device that
it merely lists was shown to nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from controller.model.city import City
from controller.operations.trusted_files import read_trusted_file, refuse_file
from controller.plan.document import PlanFile
from controller.plan.verify import VerifiedDevice
from controller.storage.file_lock import hold_folder_lock
from controller.storage.whole_file import write_whole

FOLDER = "approved"
REFUSED = "The record of what was approved cannot be used:"
PATIENCE = 30.0
_MOST_BYTES = 16 << 20
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_DeviceId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]


class ApprovedDevices(BaseModel):
    """The digest of what was approved last, by device."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = 2
    wanted: dict[_DeviceId, _Digest] = Field(default_factory=dict)


class _OlderRecord(BaseModel):
    """The first format: policies by device, also of devices that nobody was asked about. It counts for nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    policies: dict[_DeviceId, _Digest]


_RECORD: TypeAdapter[ApprovedDevices | _OlderRecord] = TypeAdapter(ApprovedDevices | _OlderRecord)


def is_repair(city: City, plan: PlanFile, verified: Iterable[VerifiedDevice], state: Path) -> bool:
    """Tell if a verified plan only brings back, on every device that it touches, what was approved for it last.

    A plan by which objects of others change hands is never one: those are approved by their names, each time.

    Raises:
        OperationsRefused: the record is damaged, or somebody else could have written it.
    """
    known = _read(_path(city, state)).wanted
    wanted = _digest_touched(plan, verified)
    handed = any(one.hand_over is not None for one in plan.devices)
    return not plan.undo and not handed and all(known.get(name) == digest for name, digest in wanted.items())


def record_approved(city: City, plan: PlanFile, verified: Iterable[VerifiedDevice], state: Path) -> None:
    """Keep what a plan that others approved leads each of the devices to that it touches.

    Raises:
        OperationsRefused: it cannot be read or written.
        FileLocked: somebody else writes it all the time.
    """
    path, wanted = _path(city, state), _digest_touched(plan, verified)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_folder_lock(path.parent, patience=PATIENCE):
            record = ApprovedDevices(wanted=dict(sorted((_read(path).wanted | wanted).items())))
            write_whole((record.model_dump_json(indent=1) + "\n").encode(), path)
    except OSError as error:
        raise refuse_file(REFUSED, path, f"cannot be written: {error.strerror}") from None


def _digest_touched(plan: PlanFile, verified: Iterable[VerifiedDevice]) -> dict[str, str]:
    """Return what each touched device is led to: its wanted state, and where it is reached."""
    found = {}
    for planned, one in zip(plan.devices, verified, strict=True):
        if planned.touched:
            device = one.device
            said = (device.id, device.platform, device.management, device.ssh_port, one.derived.wanted.compute_digest())
            found[device.id] = hashlib.sha256("\n".join(map(str, said)).encode()).hexdigest()
    return found


def _read(path: Path) -> ApprovedDevices:
    try:
        content = read_trusted_file(path, REFUSED, private=True, most_bytes=_MOST_BYTES)
        record = _RECORD.validate_json(content)
    except FileNotFoundError:
        return ApprovedDevices()
    except ValidationError:
        message = "is damaged; move it away: every plan then needs its approvals again"
        raise refuse_file(REFUSED, path, message) from None
    return record if isinstance(record, ApprovedDevices) else ApprovedDevices()


def _path(city: City, state: Path) -> Path:
    return state / FOLDER / f"{city.id}-{city.estate}.json"
