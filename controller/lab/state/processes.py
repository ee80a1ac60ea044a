"""Processes that the lab started: known by number and start time, so that no other process is ever ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from controller.errors import LabError
from controller.lab.state.layout import Frozen
from controller.platforms.transport import namespace

Identity = tuple[int, int]
"""A namespace as the kernel knows it: the device and number of its file."""

_PROC = Path("/proc")
_AFTER_NAME_STATE = 0
_AFTER_NAME_THREADS = 17
_AFTER_NAME_STARTED = 19
_POLITE_SECONDS = 1.5
_FIRM_SECONDS = 5.0


class LabProcess(Frozen):
    """A process: `started` in clock ticks after the machine's start; a number used again has another one."""

    name: str
    school: str
    pid: int
    started: int


def describe_process(name: str, school: str, pid: int) -> LabProcess:
    """A running process, so that it can be found again.

    Raises:
        LabError: it has already ended.
    """
    started = _started(pid)
    if started is None:
        message = f"{name} of {school or 'the lab'} ended as soon as it had started"
        raise LabError(message)
    return LabProcess(name=name, school=school, pid=pid, started=started)


def is_alive(process: LabProcess) -> bool:
    """Whether exactly this process still runs."""
    return _started(process.pid) == process.started


def identify_namespaces(namespaces: Iterable[str]) -> set[Identity]:
    """What the kernel knows network namespaces by, even when their names are gone."""
    found = (_identity(namespace.FOLDER / name) for name in namespaces)
    return {identity for identity in found if identity is not None}


def list_inhabitants(wanted: set[Identity]) -> list[LabProcess]:
    """Every process whose network is one of these namespaces."""
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and _identity(entry / "ns" / "net") in wanted:
            started = _started(int(entry.name))
            if started is not None:
                found.append(LabProcess(name=_command(entry), school="", pid=int(entry.name), started=started))
    return found


def signal_process(process: LabProcess, number: signal.Signals) -> bool:
    """Send exactly this process a signal; whether it still ran."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False  # it ended by itself in this very moment
    return True


def end_processes(processes: Iterable[LabProcess]) -> int:
    """End processes, politely first; returns how many were still running.

    Raises:
        LabError: one does not end.
    """
    running = [process for process in processes if is_alive(process)]
    for number, seconds in ((signal.SIGTERM, _POLITE_SECONDS), (signal.SIGKILL, _FIRM_SECONDS)):
        for process in running:
            signal_process(process, number)
        if wait_until(lambda: not any(map(is_alive, running)), seconds):
            return len(running)
    left = ", ".join(f"{process.name} ({process.pid})" for process in running if is_alive(process))
    message = f"these processes of the lab do not end: {left}"
    raise LabError(message)


def kill_process(process: LabProcess) -> None:
    """End a process at once, as a crash would.

    Raises:
        LabError: it does not end.
    """
    signal_process(process, signal.SIGKILL)
    if not wait_until(lambda: not is_alive(process), _FIRM_SECONDS):
        message = f"{process.name} ({process.pid}) does not end"
        raise LabError(message)


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Wait until a condition holds, for so many seconds at most; whether it came to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True


def _started(pid: int) -> int | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    if fields[_AFTER_NAME_STATE] in ("Z", "X") and int(fields[_AFTER_NAME_THREADS]) <= 1:
        # Ended; only its parent has not asked yet. While other threads of it still end, its locks and sockets are held.
        return None
    return int(fields[_AFTER_NAME_STARTED])


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None  # the process has ended, or it is a kernel thread
    return found.st_dev, found.st_ino


def _command(entry: Path) -> str:
    try:
        return (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"
