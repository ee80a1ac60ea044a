"""One test of throughput at a time on a line, at a server, and (where its capacity counts) on a machine.

Two tests at once would each measure the half, and an echo beside one would measure its queue; light probes disturb
nobody, and share a line among themselves. The locks are files, so they hold between processes, and a process that
dies lets go.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from controller.errors import TsunaguError
from controller.measure.probes.probe_path import PlaceGone

_EVERY_SECONDS = 0.05


class LineBusy(TsunaguError):
    """Somebody else measures there."""

    temporary = True


@contextmanager
def hold_exclusive_locks(folder: Path, names: Sequence[str], patience: float) -> Iterator[None]:
    """Hold the locks of these names; wait for them for so many seconds at most. The folder's own folder must be there.

    Raises:
        LineBusy: somebody else held one of them all the time.
        PlaceGone: what the folder belongs to is gone.
    """
    with _held(folder, names, patience, fcntl.LOCK_EX):
        yield


@contextmanager
def hold_shared_lock(folder: Path, name: str, patience: float) -> Iterator[None]:
    """Hold a lock together with others who share it, and with nobody who holds it exclusively; waits as the other does.

    Raises:
        LineBusy: somebody was alone there all the time.
        PlaceGone: what the folder belongs to is gone.
    """
    with _held(folder, (name,), patience, fcntl.LOCK_SH):
        yield


@contextmanager
def _held(folder: Path, names: Sequence[str], patience: float, how: int) -> Iterator[None]:
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        message = f"{folder.parent}: no such folder"
        raise PlaceGone(message) from None
    deadline = time.monotonic() + patience
    with ExitStack() as held:
        # Everybody takes them in the same order, so nobody waits for somebody who waits for him.
        for name in sorted(set(names)):
            held.enter_context(_lock(folder / f"{_file_name(name)}.lock", name, deadline, patience, how))
        yield


@contextmanager
def _lock(file: Path, name: str, deadline: float, patience: float, how: int) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        while not _taken(descriptor, how):
            if time.monotonic() >= deadline:
                message = f"{name} has been in use by another measurement for {patience:.0f} s; try again later"
                raise LineBusy(message)
            time.sleep(_EVERY_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in name)
