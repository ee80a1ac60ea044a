"""One daemon works from a state folder; a second one is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import DaemonRefused, FileLocked
from controller.storage.file_lock import hold_file_lock

FOLDER = "daemon"
_LOCK = "daemon.lock"


@contextmanager
def become_daemon(state: Path) -> Iterator[Path]:
    """Be the one daemon of a state folder for the length of a block; yield the daemon's own folder in it.

    Raises:
        DaemonRefused: another process is it, or the folder cannot be made.
    """
    folder = state / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_file_lock(folder / _LOCK):
            yield folder
    except FileLocked as error:
        message = f"{error.held_by} is the daemon of {state} already; a state folder has one"
        raise DaemonRefused(message) from None
