"""Room for the record of a rollout, looked for before its first device."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from controller.errors import AuditRefused

BYTES_A_DEVICE = 128 << 10
"""What the timeline, the notes, the lock and the kept configuration of a device take.

Measured: 9.5 KB of timeline where all goes well, 36 KB the text of a Catalyst, 79 KB that of an Open vSwitch.
"""
BYTES_BESIDE = 256 << 10
"""What is kept once: the copy of the policy, the plan, the entries of the audit trail."""


def find_free_bytes(folder: Path) -> int:
    """Return how much this user can still write where a folder is, or would be made."""
    nearest = folder.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    found = os.statvfs(nearest)
    return found.f_bavail * found.f_frsize


def refuse_without_room(folder: Path, devices: int, find_free: Callable[[Path], int] = find_free_bytes) -> None:
    """Refuse a rollout whose record would not find room; nothing shall be changed that the record cannot show.

    Raises:
        AuditRefused: names the folder, what is needed and what is free.
    """
    needed, free = BYTES_BESIDE + devices * BYTES_A_DEVICE, find_free(folder)
    if free < needed:
        message = (
            f"{folder}: no room for the record: a rollout of {devices} devices needs about {needed >> 10} KiB, and "
            f"{free >> 10} KiB are free. Make room, then apply again; nothing was changed"
        )
        raise AuditRefused(message)
