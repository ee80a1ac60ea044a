"""One change of a device at a time on this machine; the lock dies with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import DeviceBusy


@contextmanager
def hold_device_lock(folder: Path, device: str) -> Iterator[None]:
    """Hold the local lock of a device.

    Raises:
        DeviceBusy: another process of this machine changes the device right now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{device}.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            message = f"another change runs on this machine (process {holder}); wait for its end"
            raise DeviceBusy(device, message) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
