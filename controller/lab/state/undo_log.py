"""What the lab has changed on the machine, written down before it is changed: a crash leaves a way back."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from pydantic import ValidationError

from controller.errors import LabError
from controller.lab.state.lab_faults import LabFault
from controller.lab.state.layout import Frozen, Layout
from controller.lab.state.processes import LabProcess

_RECORD = "lab.json"
_PROCESSES = "processes.jsonl"
_APPENDING = threading.Lock()


class KernelSetting(Frozen):
    """A kernel setting of the machine: what it was, and what the lab made of it."""

    before: str
    ours: str


class LabRecord(Frozen):
    """The lab as it is meant to be. `complete` becomes true when `up` has ended well; `broken` is so on purpose."""

    layout: Layout
    settings: dict[str, KernelSetting]
    made_sshd_folder: bool
    complete: bool = False
    broken: tuple[LabFault, ...] = ()


def write_record(state: Path, record: LabRecord) -> None:
    """Keep the record, whole or not at all."""
    fresh = state / f"{_RECORD}.new"
    with fresh.open("w", encoding="utf-8") as file:
        file.write(record.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(state / _RECORD)


def read_record(state: Path) -> LabRecord | None:
    """The record, or None where no lab is.

    Raises:
        LabError: it is damaged, or of another release.
    """
    try:
        return LabRecord.model_validate_json((state / _RECORD).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        message = f"{state / _RECORD} is damaged or of another release; run 'tsunagu lab down', then 'tsunagu lab up'"
        raise LabError(message) from None


def read_active_record(state: Path) -> LabRecord:
    """The record of a lab that is up.

    Raises:
        LabError: none is up, or only half of one.
    """
    record = read_record(state)
    if record is None:
        message = "no lab is up; build it with 'tsunagu lab up'"
        raise LabError(message)
    if not record.complete:
        message = "the lab was only half built; run 'tsunagu lab down', then 'tsunagu lab up'"
        raise LabError(message)
    return record


def add_process(state: Path, process: LabProcess) -> None:
    """Remember a process that was just started."""
    with _APPENDING, (state / _PROCESSES).open("a", encoding="utf-8") as file:
        file.write("\n" + process.model_dump_json() + "\n")  # a line that a crash cut off must not spoil this one


def list_processes(state: Path) -> list[LabProcess]:
    """Every process the lab ever started here, the oldest first; a line cut off by a crash is left out."""
    try:
        lines = (state / _PROCESSES).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [process for process in map(_process, lines) if process is not None]


def _process(line: str) -> LabProcess | None:
    try:
        return LabProcess.model_validate_json(line)
    except ValidationError:
        return None


def list_current_processes(state: Path) -> dict[tuple[str, str], LabProcess]:
    """The last process of each school and name: the one that should be running."""
    return {(process.school, process.name): process for process in list_processes(state)}
