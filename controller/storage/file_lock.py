"""Locks between processes: a lock on a file or a folder that ends with its holder, however that ends.

The kernel keeps them (`flock`), so a killed process leaves none behind. Whoever holds a lock file for itself writes its
process number into it, so that others can say who has it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import FileLocked

_LOOK_EVERY_SECONDS = 0.02
_LONGEST_NOTE = 32


@contextmanager
def hold_file_lock(path: Path, *, shared: bool = False, patience: float | None = 0.0) -> Iterator[None]:
    """Hold the lock of a file, which is made if it is missing, and stays where it is afterwards.

    `shared`: together with others who share it, and with nobody else. `patience`: how many seconds to wait for others
    to let go; None waits for ever.

    Raises:
        FileLocked: somebody else held it all the time.
        OSError: the file cannot be made, or is a link.
    """
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    descriptor = _acquire(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, operation, patience)
    try:
        if not shared:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def hold_folder_lock(folder: Path, *, patience: float | None = 0.0) -> Iterator[None]:
    """Hold the lock of a folder itself, which nothing is written to; as `hold_file_lock` otherwise.

    Raises:
        FileLocked: somebody else held it all the time.
        OSError: there is no such folder.
    """
    descriptor = _acquire(folder, os.O_RDONLY | os.O_DIRECTORY, fcntl.LOCK_EX, patience)
    try:
        yield
    finally:
        os.close(descriptor)


def _acquire(path: Path, flags: int, operation: int, patience: float | None) -> int:
    """The descriptor whose lock is held; it is of the file that the path names now."""
    deadline = None if patience is None else time.monotonic() + patience
    while True:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        try:
            while not try_lock_descriptor(descriptor, operation):
                _wait(path, descriptor, deadline)
            # Somebody may have deleted the file meanwhile: a lock that nobody finds any more holds nobody off.
            if _is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def lock_descriptor(descriptor: int, path: Path) -> None:
    """Take the lock of an open file; it ends when the descriptor is closed.

    Raises:
        FileLocked: somebody else holds it.
    """
    if not try_lock_descriptor(descriptor):
        raise FileLocked(path, _read_holder(descriptor))


def try_lock_descriptor(descriptor: int, operation: int = fcntl.LOCK_EX) -> bool:
    """Take the lock of an open file, and tell if it was free; it ends when the descriptor is closed."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(path: Path, descriptor: int, deadline: float | None) -> None:
    if deadline is not None and time.monotonic() >= deadline:
        raise FileLocked(path, _read_holder(descriptor))
    time.sleep(_LOOK_EVERY_SECONDS)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read_holder(descriptor: int) -> int | None:
    """The process that holds it for itself, where it wrote its number."""
    try:
        return int(os.pread(descriptor, _LONGEST_NOTE, 0))
    except (OSError, ValueError):  # a folder, or a lock that others share
        return None
