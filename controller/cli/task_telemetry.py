"""When a task of the operators ended, and how, as telemetry: a backup that nobody made for weeks is seen by its age."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.errors import TsunaguError
from controller.exit_codes import Exit
from controller.telemetry.otlp import open_telemetry
from controller.telemetry.registry import RESULT, TASK, TASK_LAST_END, Writer
from controller.telemetry.traces.phases import list_configured_signals

_NOT_DONE = frozenset({Exit.USAGE, Exit.INTERRUPTED})
"""What was mistyped or broken off was not done, so it neither ended well nor badly."""
_TOLD: set[str] = set()
"""Tasks of this process whose end was told while their trace was sent."""
_ONLY_SAID = frozenset({"-h", "--help"})


def find_task(command: Sequence[str], words: Sequence[str]) -> str | None:
    """The task that a command is; None where it is none, or only says how it is used.

    >>> find_task(("backup", "create"), ["backup", "create", "--to", "/safe"]), find_task(("plan",), ["plan"])
    ('backup-create', None)
    >>> find_task(("prove",), ["prove", "--help"]) is None
    True
    """
    name = "-".join(command)
    return name if name in TASK.values and not _ONLY_SAID & set(words) else None


def was_told_in_trace(task: str) -> bool:
    """Whether `tell_task_end` told the end of the run that ended now."""
    was_told = task in _TOLD
    _TOLD.discard(task)
    return was_told


@contextmanager
def tell_task_end(name: str, find_exit_code: Callable[[BaseException], int]) -> Iterator[None]:
    """Tell how a traced command ends, if it is a task, before its trace is closed.

    So one sender sends both: it waits once for a monitor that hangs, and says once what is lost.
    """
    code = int(Exit.GOOD)
    try:
        yield
    except BaseException as error:
        code = find_exit_code(error)
        raise
    finally:
        if name in TASK.values:
            _TOLD.add(name)
            send_task_end(name, code)


def send_task_end(task: str, code: int) -> None:
    """Tell the monitor, where there is one, that a task ended now; what keeps that off is logged, and no more."""
    if code in _NOT_DONE or not list_configured_signals():
        return
    result = "good" if code == Exit.GOOD else "bad"
    try:
        with open_telemetry(token=find_token_file(Writer.CONTROLLER, Path("policies"))) as sent:
            sent.record(TASK_LAST_END, time.time(), **{TASK.name: task, RESULT.name: result})
    except (TsunaguError, OSError) as error:
        logging.getLogger("tsunagu").warning("the end of %s was not told to the monitor: %s", task, error)
