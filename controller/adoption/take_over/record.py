"""The record of what was taken over, by device, where only the controller writes: what giving back goes by.

It is written before a device is changed: one that is missing could not be made again. An object of it that was never
taken over is still as others left it, and giving back leaves it so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from controller.adoption.take_over.excerpt import read_list_lines
from controller.adoption.take_over.objects import find_old_lists
from controller.errors import OperationsRefused
from controller.operations.trusted_files import read_trusted_file, refuse_file
from controller.plan.document import Digest, HandOverPlan, Name, TakenObject
from controller.storage.file_lock import hold_folder_lock
from controller.storage.whole_file import write_whole

FOLDER = "taken-over"
REFUSED = "The record of what was taken over cannot be used:"
PATIENCE = 30.0
_MOST_BYTES = 16 << 20


class RecordedObject(BaseModel):
    """An object that was taken over: as it was, by which plan, when.

    `lists` are the digests of the lists that judged there, in the order of `find_old_lists`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    taken: TakenObject
    lists: tuple[Digest, ...] = ()
    plan: Digest
    at: AwareDatetime


class TakenRecord(BaseModel):
    """All that was taken over on a device, in the order in which it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    device: Name
    objects: Annotated[tuple[RecordedObject, ...], Field(max_length=10_000)] = ()


def read_taken_record(state: Path, device: str) -> TakenRecord:
    """Return what was taken over on a device from here; an empty record where nothing was.

    Raises:
        OperationsRefused: it is damaged, of another device, or somebody else could have written it.
    """
    path = _name_file(state, device)
    try:
        record = TakenRecord.model_validate_json(read_trusted_file(path, REFUSED, private=True, most_bytes=_MOST_BYTES))
    except FileNotFoundError:
        return TakenRecord(device=device)
    except ValidationError:
        raise _damaged(path) from None
    if record.device != device:
        raise _damaged(path)
    return record


def record_taken_objects(  # noqa: PLR0913, PLR0917 what a record says
    state: Path,
    device: str,
    platform: str,
    planned: HandOverPlan,
    taken: Iterable[TakenObject],
    plan: str,
    now: datetime,
) -> None:
    """Keep objects as they are before a plan takes them over; what an earlier record says of the same ones goes.

    Raises:
        OperationsRefused: it cannot be read or written.
        FileLocked: somebody else writes it all the time.
    """
    lists = read_list_lines(platform, "".join(f"{line}\n" for line in planned.text))
    entries = [
        RecordedObject(
            taken=one,
            lists=tuple(digest_list(lists.get(name)) for name in find_old_lists(one)),
            plan=plan,
            at=now,
        )
        for one in taken
    ]
    if entries:
        names = {one.taken.name for one in entries}
        _change(state, device, lambda known: (*(one for one in known if one.taken.name not in names), *entries))


def digest_list(entries: Sequence[str] | None) -> str:
    """Return the digest of a list's entries; that of a list that does not exist is of none.

    >>> digest_list(None) == digest_list(["permit ip any any"])
    False
    """
    return hashlib.sha256("\n".join(["-"] if entries is None else ["+", *entries]).encode()).hexdigest()


def drop_released_objects(state: Path, device: str, released: Iterable[TakenObject]) -> None:
    """Take objects out of the record that were given back.

    Raises:
        OperationsRefused: it cannot be read or written.
        FileLocked: somebody else writes it all the time.
    """
    names = {one.name for one in released}
    _change(state, device, lambda known: tuple(one for one in known if one.taken.name not in names))


def _change(
    state: Path, device: str, change: Callable[[tuple[RecordedObject, ...]], tuple[RecordedObject, ...]]
) -> None:
    path = _name_file(state, device)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_folder_lock(path.parent, patience=PATIENCE):
            record = TakenRecord(device=device, objects=change(read_taken_record(state, device).objects))
            write_whole((record.model_dump_json(indent=1) + "\n").encode(), path)
    except OSError as error:
        raise refuse_file(REFUSED, path, f"cannot be written: {error.strerror}") from None


def _name_file(state: Path, device: str) -> Path:
    return state / FOLDER / f"{device}.json"


def _damaged(path: Path) -> OperationsRefused:
    message = "is damaged, or another device's; restore it from a backup: without it nothing can be given back"
    return refuse_file(REFUSED, path, message)
