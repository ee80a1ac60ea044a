"""A playbook run by ansible-runner: hosts and tasks become spans of the timeline, timed by Ansible itself.

Levels: the run is the root, a host a device, a task a step.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from controller.errors import TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.telemetry.timeline import Level, Listener, Span, open_rollout_span

_AGREES = "ansible.builtin.set_fact"
"""The action that only agrees on words: a host for which nothing else was carried out is not done."""
_ENDS = {"runner_on_ok": "ok", "runner_on_failed": "failed", "runner_on_unreachable": "unreachable"}
_SKIPPED = "runner_on_skipped"
THIS_MACHINE = "localhost"
"""The host of a playbook that is about no device."""


class HostEnd(StrEnum):
    """How a playbook ended for a host."""

    DONE = "done"
    DIFFERS = "differs"
    NOT_JUDGED = "not judged"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOT_ATTEMPTED = "not attempted"


@dataclass(slots=True)
class HostOutcome:
    """What became of a host: how it ended, why if not well, and what its tasks gave back (`results`, by task)."""

    host: str
    end: HostEnd = HostEnd.NOT_ATTEMPTED
    reason: str = ""
    results: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook and what it runs on. `hosts` are the inventory's names, all of them, none beside them.

    Where they are `THIS_MACHINE` alone, the inventory has nobody else: no play can reach a device.
    `folder` is the one that holds `ansible.cfg`, the plugins and the inventory; `environment` is given to Ansible.
    `check`: say what would be done, and do it not.
    """

    folder: Path
    name: str
    hosts: Sequence[str]
    environment: Mapping[str, str]
    variables: Mapping[str, object]
    check: bool = False


def check_playbook_name(folder: Path, name: str) -> None:
    """See that a folder has a playbook of this name: a file of its own, right in it.

    Raises:
        TsunaguError: it has none; with the names that there are.
    """
    # Compared with what is there, so that no name is ever a path: not `../x`, not `roles/x`, not an absolute one.
    there = sorted(path.stem for path in folder.glob("*.yml") if path.is_file() and not path.is_symlink())
    if name not in there:
        near = suggest_names(name, there) if there else "; name the folder that holds them with --playbooks DIR"
        message = f"there is no playbook {name[:40]!r} in {folder}; there are: {', '.join(there) or 'none'}{near}"
        raise TsunaguError(message)


def run_playbook(playbook: Playbook, listeners: Sequence[Listener]) -> list[HostOutcome]:
    """Run a playbook to its end; an outcome for each of its hosts, in their order.

    Raises:
        TsunaguError: Ansible refused the playbook or the inventory; with its words.
    """
    # Imported where it is needed: it takes a third of a second.
    import ansible_runner  # noqa: PLC0415

    check_playbook_name(playbook.folder, playbook.name)
    with (
        _hide_ansible_variables(),
        tempfile.TemporaryDirectory(prefix="tsunagu-playbook-") as private,
        open_rollout_span(f"playbook {playbook.name}", listeners, hosts=len(playbook.hosts)) as span,
    ):
        hearing = _Hearing(span, {host: HostOutcome(host) for host in playbook.hosts})
        limit = Path(private) / "hosts"
        limit.write_text("".join(f"{host}\n" for host in playbook.hosts), encoding="utf-8")
        done = ansible_runner.run(
            private_data_dir=private,
            project_dir=str(playbook.folder),
            playbook=f"{playbook.name}.yml",
            limit=f"@{limit}",
            envvars={
                **_environment(playbook.folder),
                **_name_inventory(playbook, Path(private)),
                **playbook.environment,
            },
            extravars=dict(playbook.variables),
            **({"cmdline": "--check"} if playbook.check else {}),
            event_handler=hearing,
            suppress_env_files=True,  # its record of the environment could hold a credential
            quiet=True,
        )
        if done.rc != 0:
            hearing.note_stopped()
        hearing.close()
        outcomes = list(hearing.outcomes.values())
        span.outcome = "good" if all(one.end is HostEnd.DONE for one in outcomes) else "not good"
        if done.status == "canceled":
            raise KeyboardInterrupt
        if done.rc != 0 and all(one.end in (HostEnd.DONE, HostEnd.NOT_ATTEMPTED) for one in outcomes):
            said = "\n".join(hearing.said[-12:]) or f"it ended with {done.status}, exit code {done.rc}"
            message = f"Ansible did not run the playbook {playbook.name}:\n{said}"
            raise TsunaguError(message)
    return outcomes


def _environment(folder: Path) -> dict[str, str]:
    # The Ansible that was installed with us comes first: only that one can load what the plugins import.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "PATH": path}


def _name_inventory(playbook: Playbook, private: Path) -> dict[str, str]:
    """Return what names an inventory of this machine alone; of devices the folder's own inventory holds."""
    if list(playbook.hosts) != [THIS_MACHINE]:
        return {}
    inventory = private / "this_machine.ini"
    inventory.write_text(f"{THIS_MACHINE} ansible_connection=local\n", encoding="ascii")
    return {"ANSIBLE_INVENTORY": str(inventory), "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.ini"}


@contextmanager
def _hide_ansible_variables() -> Iterator[None]:
    """Take what the environment says of Ansible away for a while: each of its settings has a variable of its own.

    `ANSIBLE_LIBRARY` or `ANSIBLE_COLLECTIONS_PATH` would go before our `ansible.cfg`, and a relative one leads into the
    working folder. ansible-runner starts from this process's environment and takes nothing away from it.
    """
    hidden = {name: value for name, value in os.environ.items() if name.startswith("ANSIBLE_")}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


class _Hearing:
    """Turns Ansible's events into spans and outcomes. ansible-runner calls it from one thread."""

    def __init__(self, root: Span, outcomes: dict[str, HostOutcome]) -> None:
        self.outcomes = outcomes
        self.said: list[str] = []
        self._root = root
        self._open: dict[str, Span] = {}
        self._last: dict[str, int] = {}
        self._heard: dict[str, list[str]] = {host: [] for host in outcomes}
        """The tasks of each host, also those that were skipped."""
        self._bad = ("", "")
        """The last task that went wrong, and at which host."""
        self._since_bad: set[str] = set()
        """The hosts that were heard of after that."""

    def __call__(self, event: Mapping[str, Any]) -> bool:
        """Hear one event. True keeps ansible-runner writing its own record of it."""
        kind, data = str(event.get("event", "")), event.get("event_data") or {}
        host = str(data.get("host", ""))
        if kind in ("error", "verbose") and event.get("stdout"):
            self.said.append(str(event["stdout"]))
        if host in self.outcomes and kind == "runner_on_start":
            self._span(host, _nanoseconds(data.get("start") or event["created"]))
        elif host in self.outcomes and kind in (*_ENDS, _SKIPPED):
            self._heard[host].append(_name_task(data))
            self._since_bad.add(host)
            if kind in _ENDS:
                self._ended(host, kind, data)
        return True

    def note_stopped(self) -> None:
        """Let no host be done that was stopped with another: one task for all went wrong, and was told of one only."""
        task, bad = self._bad
        for host, outcome in self.outcomes.items():
            known = host in self._since_bad or task in self._heard[host]
            if bad and outcome.end is HostEnd.DONE and not known:
                outcome.end = HostEnd.NOT_ATTEMPTED
                outcome.reason = f"stopped with {bad}: {self.outcomes[bad].reason}"

    def close(self) -> None:
        """End the spans of the hosts."""
        for host, span in self._open.items():
            outcome = self.outcomes[host]
            span.finish(self._last.get(host, span.start), outcome.end, outcome.reason)

    def _span(self, host: str, start: int) -> Span:
        if host not in self._open:
            self._open[host] = self._root.begin(Level.DEVICE, host, start)
        return self._open[host]

    def _ended(self, host: str, kind: str, data: Mapping[str, Any]) -> None:
        result, task, outcome = data.get("res") or {}, str(data.get("task", "")), self.outcomes[host]
        start, end = _nanoseconds(data["start"]), _nanoseconds(data["end"])
        reason = "" if kind == "runner_on_ok" or data.get("ignore_errors") else _reason(host, result)
        whole = self._span(host, start)
        # Ansible takes a task's time just before it says that the host began, and nothing begins before what it is in.
        step = whole.begin(Level.STEP, task, max(start, whole.start))
        step.finish(end, _ENDS[kind], reason)
        self._last[host] = end
        outcome.results[task] = dict(result)
        if not reason:
            begun = outcome.end is not HostEnd.NOT_ATTEMPTED or data.get("task_action") == _AGREES
            outcome.end = outcome.end if begun else HostEnd.DONE
            return
        outcome.end = HostEnd.UNREACHABLE if kind == "runner_on_unreachable" else _choose_end(result)
        outcome.reason = reason
        self._bad, self._since_bad = (_name_task(data), host), set()


def _name_task(data: Mapping[str, Any]) -> str:
    """Return what tells a task from others, also from those of the same name."""
    return str(data.get("task_uuid") or data.get("task", ""))


def _choose_end(result: Mapping[str, Any]) -> HostEnd:
    """Return how a task that failed ends its host: the action `host_end` says so itself."""
    told = result.get("host_end")
    return HostEnd(told) if told in (HostEnd.DIFFERS, HostEnd.NOT_JUDGED, HostEnd.NOT_ATTEMPTED) else HostEnd.FAILED


def _reason(host: str, result: Mapping[str, Any]) -> str:
    said = result.get("msg") or json.dumps(result, default=str)[:400]
    return str(said).removeprefix("Task failed: ").removeprefix(f"{host}: ").strip()


def _nanoseconds(text: str) -> int:
    """Ansible's times are ISO 8601 without a zone, in UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    whole = int(moment.timestamp())
    return whole * 10**9 + moment.microsecond * 1000
