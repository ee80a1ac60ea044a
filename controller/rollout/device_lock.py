"""One change of a device at a time on this machine; the lock dies with its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from controller.errors import DeviceBusy, FileLocked
from controller.storage.file_lock import hold_file_lock


@contextmanager
def hold_device_lock(folder: Path, device: str) -> Iterator[None]:
    """Hold the local lock of a device.

    Raises:
        DeviceBusy: another process of this machine changes the device right now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(hold_file_lock(folder / f"{device}.lock"))
        except FileLocked as error:
            message = f"another change runs on this machine (process {error.holder or 'unknown'}); wait for its end"
            raise DeviceBusy(device, message) from None
        yield
