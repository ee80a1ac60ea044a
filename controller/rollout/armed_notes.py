"""Keeps, of each device, who armed its restore or began to change it: a later run of the same plan knows it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from controller.errors import DeviceBusy, InputRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.character_classes import Line
from controller.inputs.input_file import read_input_file
from controller.model.yaml_source import StrictModel
from controller.platforms.common.device_operation import ArmedNote
from controller.storage.whole_file import write_whole

MOST_BYTES = 4 << 20
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]


class _StoredNote(StrictModel):
    owner: _Word
    run: _Word
    way: Line
    text: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    state: tuple[Line, ...] = ()


class ArmedNoteFile:
    """The note of one device, in a file; see `controller.platforms.common.device_operation.ArmedNotes`."""

    def __init__(self, folder: Path, device: str) -> None:
        self._path = folder / "armed" / f"{device}.json"
        self._device = device

    def load(self) -> ArmedNote | None:
        """Return the note; None where there is none.

        Raises:
            DeviceBusy: it cannot be read, so whose restore is armed is not known.
        """
        try:
            stored = _StoredNote.model_validate(parse_json(read_input_file(self._path, most_bytes=MOST_BYTES)))
        except FileNotFoundError:
            return None
        except (InputRefused, JsonRefused, ValidationError) as error:
            first = str(error).partition("\n")[0]
            message = f"{self._path}: the note of who armed its restore cannot be read ({first}). See that no restore "
            raise DeviceBusy(self._device, message + "is armed on the device, then remove the file") from None
        return ArmedNote(stored.owner, stored.run, stored.way, stored.text, stored.state)

    def store(self, note: ArmedNote) -> None:
        """Keep a note in the place of an older one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        stored = {"owner": note.owner, "run": note.run, "way": note.way, "text": note.text, "state": list(note.state)}
        write_whole(json.dumps(stored, ensure_ascii=False).encode(), self._path)

    def forget(self) -> None:
        """Drop the note."""
        self._path.unlink(missing_ok=True)
