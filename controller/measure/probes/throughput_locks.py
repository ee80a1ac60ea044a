"""One test of throughput at a time on a line, at a server, and (where its capacity counts) on a machine.

Two tests at once would each measure the half, and an echo beside one would measure its queue; light probes disturb
nobody, and share a line among themselves. The locks are files, so they hold between processes, and a process that
dies lets go.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from controller.errors import FileLocked, TsunaguError
from controller.measure.probes.probe_path import PlaceGone
from controller.storage.file_lock import hold_file_lock


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
    with _hold(folder, names, patience, shared=False):
        yield


@contextmanager
def hold_shared_lock(folder: Path, name: str, patience: float) -> Iterator[None]:
    """Hold a lock together with others who share it, and with nobody who holds it exclusively; waits as the other does.

    Raises:
        LineBusy: somebody was alone there all the time.
        PlaceGone: what the folder belongs to is gone.
    """
    with _hold(folder, (name,), patience, shared=True):
        yield


@contextmanager
def _hold(folder: Path, names: Sequence[str], patience: float, *, shared: bool) -> Iterator[None]:
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        message = f"{folder.parent}: no such folder"
        raise PlaceGone(message) from None
    deadline = time.monotonic() + patience
    with ExitStack() as held:
        # Everybody takes them in the same order, so nobody waits for somebody who waits for him.
        for name in sorted(set(names)):
            left = max(0.0, deadline - time.monotonic())
            try:
                held.enter_context(hold_file_lock(folder / f"{_file_name(name)}.lock", shared=shared, patience=left))
            except FileLocked:
                message = f"{name} has been in use by another measurement for {patience:.0f} s; try again later"
                raise LineBusy(message) from None
        yield


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in name)
