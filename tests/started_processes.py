"""Processes that tests started, and signals to them: never to another that only has the number.

Numbers are used again, on a small machine within minutes. So what is found by a file or a command line is known by its
start time, too, and is asked for it right before it is ended (`controller.lab.state.processes`). What a test started by
itself keeps its number until it has been waited for.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.errors import LabError
from controller.lab.state.processes import LabProcess, describe_process, is_alive, wait_until

_PROC = Path("/proc")
_BOOT = _PROC / "sys/kernel/random/boot_id"
_END_SECONDS = 30.0


def find_processes(*words: str) -> list[LabProcess]:
    """Every process that has all of these among the words of its command line."""
    numbers = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [found for number in numbers for found in _describe(number, words)]


def find_daemon(pid_file: Path) -> LabProcess | None:
    """The process whose number is in a PID file, where that file is named on its command line."""
    return find_named_process(pid_file, str(pid_file)) or find_named_process(pid_file, f"--pidfile={pid_file}")


def find_named_process(pid_file: Path, *words: str) -> LabProcess | None:
    """The process whose number a PID file begins with, where all of these are among the words of its command line."""
    try:
        number = pid_file.read_text(encoding="ascii").split()[0]
    except FileNotFoundError:
        return None
    return next(_describe(int(number), words), None) if number.isdigit() else None


def find_restore_jobs(home: Path) -> list[LabProcess]:
    """The restore jobs that live of the device whose own folder this is, by what `own_restore.sh` writes of each."""
    boot = _BOOT.read_text(encoding="ascii").strip()
    found = []
    for path in home.glob("restores/*/job"):
        number, began, of_boot = path.read_text(encoding="ascii").split()
        job = LabProcess(name=f"the restore {path.parent.name}", school="", pid=int(number), started=int(began))
        if of_boot == boot and is_alive(job):
            found.append(job)
    return found


def kill_restore_jobs(jobs: Iterable[LabProcess]) -> None:
    """End restore jobs at once, with the sleep in their sessions; nobody who only has the number of an ended one."""
    killed = [job for job in jobs if is_alive(job)]
    for job in killed:
        # What has a job's command line and leads no group is a part of the job, and ends with it.
        with suppress(ProcessLookupError):
            if is_alive(job):
                os.killpg(job.pid, signal.SIGKILL)
    left = f"do not end: {', '.join(f'{job.name} ({job.pid})' for job in killed)}"
    assert wait_until(lambda: not any(map(is_alive, killed)), _END_SECONDS), left


def signal_group(leader: subprocess.Popen[Any], number: int) -> None:
    """Send a signal to the group that a process leads, which a test started and has not waited for.

    Raises:
        AssertionError: it has been waited for; nothing is sent.
    """
    assert leader.returncode is None, f"{leader.args!r} has been waited for: its number may be another group's by now"
    os.killpg(leader.pid, number)


def has_ended(process: subprocess.Popen[Any]) -> bool:
    """Whether a process that a test started has; unlike `poll`, this leaves its number with it."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _describe(number: int, words: tuple[str, ...]) -> Iterator[LabProcess]:
    """Describe it first: where the number changes hands meanwhile, the start time is not that of what has the words."""
    try:
        found = describe_process("a test's process", "", number)
        line = (_PROC / str(number) / "cmdline").read_bytes().split(b"\0")
    except (LabError, OSError):
        return  # it has ended meanwhile
    if all(word.encode() in line for word in words):
        yield found
