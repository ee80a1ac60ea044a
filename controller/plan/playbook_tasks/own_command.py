"""A command of Tsunagu in a process of its own, and what it said in JSON: for tasks of playbooks.

In a process of its own because a task of Ansible is a fork that Ansible may kill: what has begun on a device is then
brought to its end as by SIGTERM.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from controller.errors import DeviceUnreachable, TsunaguError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import shorten_value

_END_WITH_PARENT = 1
"""Linux' `prctl`: the signal that a process gets when its parent is gone."""
_PROGRAM = "from controller.cli.conventions.entry import start; start()"
_MOST_BYTES = 64 << 20
_EVENT = re.compile(r'\{"format": "rollout-event/')
_LONGEST_HEAD = 64
_MOST_OF_AN_ERROR = 2_000
_UNREACHABLE = "device-unreachable"
"""The code of the error document where nobody answers."""
_BEGUN, _MAY_HAVE_BEGUN = "rollout-kept", ("interrupted", "fault")
"""Codes of the error document that refuse nothing: what they tell of went wrong behind the beginning, or may have."""


class CommandEndUnknown(TsunaguError):
    """A command of Tsunagu said no end, or broke off in the middle: it may have changed devices, or not."""


def run_own_command(words: Sequence[str], field: str, what: str) -> Mapping[str, Any]:
    """Run a command of Tsunagu with `--json` and return its document, which has a field of this name.

    `what` names it in errors, e.g. `the rollout`.

    Raises:
        DeviceUnreachable: nobody answered where it was to change something.
        CommandEndUnknown: it said no end, or broke off after it had begun.
        TsunaguError: it was refused; with its own words.
    """
    command = [sys.executable, "-I", "-c", _PROGRAM, *words, "--json"]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        done = subprocess.run(  # noqa: S603 this program, with words of ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=errors,
            check=False,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        end = _CommandEnd(
            read_last_document(said), _read_last(errors, _MOST_OF_AN_ERROR), done.returncode, began=_streams(said)
        )
        return _read_document(end, field, what)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGTERM)


def read_last_document(file: IO[bytes], most_bytes: int = _MOST_BYTES) -> str:
    r"""Return what a command has come to: of a stream of events the line behind them, however many; else all of it.

    >>> from io import BytesIO
    >>> read_last_document(BytesIO(b'{"format": "rollout-event/1"}\n' * 9 + b'{"rollout": "x"}\n'), 40)
    '{"rollout": "x"}'
    """
    said = _read_last(file, most_bytes).strip()
    return said.rpartition("\n")[2] if _streams(file) else said


def _streams(file: IO[bytes]) -> bool:
    file.seek(0)
    return _EVENT.match(file.read(_LONGEST_HEAD).decode("utf-8", "replace")) is not None


def _read_last(file: IO[bytes], most_bytes: int) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - most_bytes))
    return file.read(most_bytes).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _CommandEnd:
    """What a command said last, to whom, and how it ended; `began`: it had told of what it does."""

    said: str
    errors: str
    code: int
    began: bool


def _read_document(end: _CommandEnd, field: str, what: str) -> Mapping[str, Any]:
    try:
        document = parse_json(end.said, most_bytes=_MOST_BYTES)
    except JsonRefused:
        document = None
    if isinstance(document, dict) and field in document:
        return document
    if isinstance(document, dict) and isinstance(error := document.get("error"), dict):
        told, device = str(error.get("message")), str(error.get("device", ""))
        if end.began or error.get("code") in (_BEGUN, *_MAY_HAVE_BEGUN):
            when = "after it had begun" if end.began or error.get("code") == _BEGUN else "and may have begun"
            message = f"{what} broke off {when}: {told}"
            raise CommandEndUnknown(message)
        if error.get("code") == _UNREACHABLE:
            raise DeviceUnreachable(device, told.removeprefix(f"{device}: "))
        raise TsunaguError(told)
    words = end.errors.strip()[-_MOST_OF_AN_ERROR:] or shorten_value(end.said)
    message = f"{what} ended with exit code {end.code} and said no end: {words}"
    raise CommandEndUnknown(message)
