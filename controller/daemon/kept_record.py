"""A small record of the daemon's in its own folder: written whole, and read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from controller.errors import DaemonRefused
from controller.operations.trusted_files import read_trusted_file
from controller.storage.whole_file import write_whole

MOST_BYTES = 16 << 20
_REFUSED = "What the daemon keeps of lines cannot be used:"
Record = TypeVar("Record", bound=BaseModel)


def find_record(path: Path, form: type[Record]) -> Record | None:
    """Return what was kept; None where nothing was.

    Raises:
        DaemonRefused: it is damaged.
        OperationsRefused: somebody else could have written it.
    """
    try:
        text = read_trusted_file(path, _REFUSED, private=True, most_bytes=MOST_BYTES)
    except FileNotFoundError:
        return None
    try:
        return form.model_validate_json(text)
    except ValidationError:
        message = f"{path}: is damaged. Remove it; today's moves, or how the lines stood, are forgotten then"
        raise DaemonRefused(message) from None


def keep_record(path: Path, record: BaseModel) -> None:
    """Write a record in the place of the one before.

    Raises:
        DaemonRefused: it cannot be written.
    """
    try:
        write_whole(record.model_dump_json(indent=1).encode(), path)
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror}"
        raise DaemonRefused(message) from None
