"""Keeps the last counts of old computers: one file in the state folder, readable by its owner alone.

It holds the MAC addresses and names of computers, and no person's name unless a computer is called so. A count stays
until a newer one of the same kind takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.errors import InputRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.input_file import read_input_file
from controller.integration.computers.computer_counts import (
    NO_COUNTS,
    ListedComputers,
    SchoolCounts,
    SeenComputers,
)
from controller.model.sites.schools import Identifier
from controller.storage.file_lock import hold_folder_lock
from controller.storage.whole_file import write_whole

NAME = "computers.json"
FOLDER = "computers"
MOST_BYTES = 32 << 20
PATIENCE_SECONDS = 30.0


class CountFile(BaseModel):
    """The file: the last counts of each school of a city."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    city: Identifier
    schools: dict[Identifier, SchoolCounts] = Field(default_factory=dict)


def read_computer_counts(state: Path, city: str) -> Mapping[str, SchoolCounts]:
    """Return the last counts of a city's schools, by their id; empty where nobody has counted.

    Raises:
        InputRefused: the file is damaged, or another city's.
    """
    path = state / FOLDER / NAME
    try:
        return parse_computer_counts(read_input_file(path, most_bytes=MOST_BYTES), path, city).schools
    except FileNotFoundError:
        return {}


def find_computer_counts(state: Path, city: str, school: str) -> SchoolCounts:
    """Find the last counts of a school: the inventory's figure and the switches', each with its own date.

    Raises:
        InputRefused: the file is damaged, or another city's.
    """
    return read_computer_counts(state, city).get(school, NO_COUNTS)


def parse_computer_counts(content: bytes, path: Path, city: str) -> CountFile:
    """Return the counts that the bytes of a file hold.

    Raises:
        InputRefused: they are none, or another city's; says what to do.
    """
    try:
        found = CountFile.model_validate(parse_json(content, most_bytes=MOST_BYTES), strict=False)
    except JsonRefused as refused:
        raise _refuse_file(path, f"is damaged ({refused.why})", refused.line) from None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"][:3])
        raise _refuse_file(path, f"is damaged (at {where})") from None
    if found.city != city:
        raise _refuse_file(path, f"holds counts of another city ({found.city})")
    return found


def keep_computer_counts(
    state: Path,
    city: str,
    listed: Mapping[str, ListedComputers],
    seen: Mapping[str, SeenComputers],
) -> Mapping[str, SchoolCounts]:
    """Keep new counts beside the old ones, and return all; of what is not counted anew the last count stays.

    Raises:
        InputRefused: the file cannot be written, or what stands there cannot be used.
        FileLocked: somebody else keeps counts all the time.
    """
    folder = state / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_folder_lock(folder, patience=PATIENCE_SECONDS):
            known = dict(read_computer_counts(state, city))
            for school in dict.fromkeys((*listed, *seen)):
                last = known.get(school, NO_COUNTS)
                known[school] = SchoolCounts(listed=listed.get(school, last.listed), seen=seen.get(school, last.seen))
            file = CountFile(city=city, schools=known)
            write_whole((file.model_dump_json(indent=1) + "\n").encode(), folder / NAME)
    except OSError as error:
        raise InputRefused(folder / NAME, f"cannot be written: {error.strerror or error}") from None
    return known


def _refuse_file(path: Path, why: str, line: int = 1) -> InputRefused:
    return InputRefused(path, f"{why}; move it away, and count again with tsunagu integrate computers", line)
