"""Which policy was approved last for each device: what brings that back is a repair and needs no new approval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.model.city import City
from controller.operations.trusted_files import read_trusted_file, refuse_file
from controller.plan.document import PlanFile
from controller.storage.whole_file import write_whole

FOLDER = "approved"
REFUSED = "The record of what was approved cannot be used:"
_MOST_BYTES = 16 << 20
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_DeviceId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]


class ApprovedDevices(BaseModel):
    """The digest of the policy that was approved last, by device."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    policies: dict[_DeviceId, _Digest] = Field(default_factory=dict)


def is_repair(city: City, plan: PlanFile, state: Path) -> bool:
    """Tell if a plan only brings back, on every device that it touches, what was approved for it last.

    Raises:
        OperationsRefused: the record is damaged, or somebody else could have written it.
    """
    touched = [one.device for one in plan.devices if one.touched]
    known = _read(_path(city, state)).policies
    return not plan.undo and all(known.get(name) == plan.policy for name in touched)


def record_approved(city: City, plan: PlanFile, state: Path) -> None:
    """Keep for every device of an approved plan that its policy is the one approved last.

    Raises:
        OperationsRefused: it cannot be read or written.
    """
    path = _path(city, state)
    known = dict(_read(path).policies) | {one.device: plan.policy for one in plan.devices}
    record = ApprovedDevices(policies=dict(sorted(known.items())))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole((record.model_dump_json(indent=1) + "\n").encode(), path)
    except OSError as error:
        raise refuse_file(REFUSED, path, f"cannot be written: {error.strerror}") from None


def _read(path: Path) -> ApprovedDevices:
    try:
        return ApprovedDevices.model_validate_json(
            read_trusted_file(path, REFUSED, private=True, most_bytes=_MOST_BYTES)
        )
    except FileNotFoundError:
        return ApprovedDevices()
    except ValidationError:
        message = "is damaged; move it away: every plan then needs its approvals again"
        raise refuse_file(REFUSED, path, message) from None


def _path(city: City, state: Path) -> Path:
    return state / FOLDER / f"{city.id}-{city.estate}.json"
