"""Keeps what a device runs before each change: `backups/DEVICE/MOMENT/` in the state folder, secrets taken out."""

from __future__ import annotations

import shutil
from datetime import UTC
from pathlib import Path

from controller.errors import TsunaguError
from controller.model.sites.devices import Device
from controller.plan.backup import save_backup
from controller.platforms.base import Platform
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Clock

FOLDER = "backups"
KEPT = 20
"""Of each device; the oldest go first."""


def keep_before_change(device: Device, system: Platform, state: Path, clock: Clock, text: DeviceText) -> None:
    """Save what a device runs before it is changed; nothing is changed whose way back was not kept.

    Raises:
        TsunaguError: it cannot be kept.
    """
    now = clock.now()
    place = state / FOLDER / device.id / f"{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    save_backup(device, system, text, place, now)
    try:
        for old in list_kept_backups(state, device.id)[:-KEPT]:
            shutil.rmtree(old)
    except OSError as error:
        message = f"{device.id}: old backups cannot be removed: {error.filename}: {error.strerror}; nothing was changed"
        raise TsunaguError(message) from None


def list_kept_backups(state: Path, device: str) -> list[Path]:
    """Return the folders of a device's backups that were kept before its changes, the oldest first."""
    folder = state / FOLDER / device
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
