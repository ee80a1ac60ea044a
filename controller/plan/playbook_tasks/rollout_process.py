"""A rollout of a playbook: `tsunagu rollout start` in a process of its own, and how it ended for each host.

In a process of its own because a task of Ansible is a fork that Ansible may kill: the rollout then ends as by SIGTERM,
with the devices that have begun, and `tsunagu rollout resume` goes on.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from controller.errors import PlanRefused, TsunaguError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import shorten_value
from controller.plan.document import load_plan

_END_WITH_PARENT = 1
"""Linux' `prctl`: the signal that a process gets when its parent is gone."""
_PROGRAM = "from controller.cli.conventions.entry import start; start()"
_MOST_BYTES = 64 << 20
_EVENT = re.compile(r'\{"format": "rollout-event/')
_LONGEST_HEAD = 64
_MOST_OF_AN_ERROR = 2_000
_GOOD = ("applied", "unchanged")


@dataclass(frozen=True, slots=True)
class HostRollout:
    """How a rollout ended for a host: `done`, `failed` or `not attempted`, and why; `state` is its own word for it."""

    end: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class RolloutRequest:
    """What a playbook asks of a rollout: the plan, the policies, and more words for `tsunagu rollout start`."""

    plan: Path
    policies: Path
    words: Sequence[str] = ()


def run_rollout(request: RolloutRequest, hosts: Collection[str]) -> tuple[str, Mapping[str, HostRollout]]:
    """Roll a plan out; return the rollout's id, and how it ended for each of the hosts.

    Raises:
        PlanRefused: the plan is about devices that are none of the hosts.
        TsunaguError: the rollout was refused, or its end cannot be read; with its own words.
    """
    beside = sorted({one.device for one in load_plan(request.plan).devices} - set(hosts))
    if beside:
        message = f"{request.plan}: is also about {', '.join(beside[:8])}, which this run was not told to change; "
        raise PlanRefused(message + "name their schools, too, or make a plan of these devices alone")
    command = [sys.executable, "-I", "-c", _PROGRAM, "rollout", "start"]
    command += [str(request.plan), "--policies", str(request.policies), "--json", *request.words]
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
        return _read_end(read_last_document(said), _read_last(errors, _MOST_OF_AN_ERROR), done.returncode, hosts)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGTERM)


def read_last_document(file: IO[bytes], most_bytes: int = _MOST_BYTES) -> str:
    r"""Return what a rollout has come to: of a stream of events the line behind them, however many; else all of it.

    >>> from io import BytesIO
    >>> read_last_document(BytesIO(b'{"format": "rollout-event/1"}\n' * 9 + b'{"rollout": "x"}\n'), 40)
    '{"rollout": "x"}'
    """
    file.seek(0)
    streams = _EVENT.match(file.read(_LONGEST_HEAD).decode("utf-8", "replace"))
    said = _read_last(file, most_bytes).strip()
    return said.rpartition("\n")[2] if streams else said


def _read_last(file: IO[bytes], most_bytes: int) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - most_bytes))
    return file.read(most_bytes).decode("utf-8", "replace")


def _read_end(said: str, errors: str, code: int, hosts: Collection[str]) -> tuple[str, Mapping[str, HostRollout]]:
    try:
        document = parse_json(said, most_bytes=_MOST_BYTES)
    except JsonRefused:
        document = None
    if isinstance(document, dict) and "outcomes" in document:
        return str(document["rollout"]), _list_ends(document, hosts)
    if isinstance(document, dict) and isinstance(document.get("error"), dict):
        raise TsunaguError(str(document["error"].get("message")))
    words = errors.strip()[-_MOST_OF_AN_ERROR:] or shorten_value(said)
    message = f"the rollout ended with exit code {code} and said no end: {words}"
    raise TsunaguError(message)


def _list_ends(document: Mapping[str, Any], hosts: Collection[str]) -> dict[str, HostRollout]:
    found = {one["device"]: one for one in document["outcomes"]}
    why = f"the rollout is {document['state']}" + (f": {document['reason']}" if document["reason"] else "")
    how = f"tsunagu rollout show {document['rollout']}"
    ends: dict[str, HostRollout] = {}
    for host in hosts:
        one = found.get(host)
        if one is None:
            ends[host] = HostRollout("not attempted", "", "the plan says nothing about it")
        elif one["end"] in _GOOD:
            ends[host] = HostRollout("done", one["end"], "")
        elif one["end"] is None:
            ends[host] = HostRollout("not attempted", "", f"it was not begun: {why} ({how})")
        else:
            ends[host] = HostRollout("failed", one["end"], f"{one['end']}: {one['reason']} ({how})")
    return ends
