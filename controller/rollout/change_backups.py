"""Keeps what a device runs before each change: `backups/DEVICE/MOMENT/` in the state folder, secrets taken out."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
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
_UNDONE = "."
"""What the name of a folder begins with that is being written or taken away: no backup, whatever it holds."""
_COMMENTS = ("!", "#")


def keep_before_change(device: Device, system: Platform, state: Path, clock: Clock, text: DeviceText) -> None:
    """Save what a device runs before it is changed; nothing is changed whose way back was not kept.

    What is the newest backup already is not kept twice: many tries at a device push no older state out.

    Raises:
        TsunaguError: it cannot be kept.
    """
    now = clock.now()
    folder = state / FOLDER / device.id
    try:
        _clear_undone(folder)
        kept = list_kept_backups(state, device.id)
        fresh = folder / f"{_UNDONE}new"
        save_backup(device, system, text, fresh, now)
        if kept and _has_same_lines(kept[-1], fresh, device.id):
            shutil.rmtree(fresh)
        else:
            fresh.rename(folder / _choose_name(now, kept))
        for old in list_kept_backups(state, device.id)[:-KEPT]:
            gone = old.with_name(f"{_UNDONE}{old.name}")
            old.rename(gone)
            shutil.rmtree(gone)
    except OSError as error:
        message = f"{device.id}: the backups cannot be kept: {error.filename}: {error.strerror}; nothing was changed"
        raise TsunaguError(message) from None


def list_kept_backups(state: Path, device: str) -> list[Path]:
    """Return the folders of a device's backups that were kept before its changes, the oldest first."""
    folder = state / FOLDER / device
    found = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(one for one in found if one.is_dir() and not one.name.startswith(_UNDONE))


def _choose_name(now: datetime, kept: list[Path]) -> str:
    """Return a name behind all that are kept: the order is that of the changes, also where the clock was put back.

    >>> noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    >>> _choose_name(noon, [Path("20261129T110000000000Z")])
    '20261129T120000000000Z'
    >>> _choose_name(noon, [Path("20261129T130000000000Z-0009")])
    '20261129T130000000000Z-0010'
    """
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    if not kept or name > kept[-1].name:
        return name
    moment, _, number = kept[-1].name.partition("-")
    return f"{moment}-{int(number or 0) + 1:04}"


def _clear_undone(folder: Path) -> None:
    """Take away what a process left that was killed while it wrote or removed a backup."""
    for one in folder.glob(f"{_UNDONE}*"):
        shutil.rmtree(one)


def _has_same_lines(kept: Path, fresh: Path, device: str) -> bool:
    """Tell if two backups of a device differ in comments at most, such as the time of the last change."""
    old, new = kept / f"{device}.cfg", fresh / f"{device}.cfg"
    whole = old.exists() and old.with_suffix(".json").exists()
    return whole and _list_lines(old) == _list_lines(new)


def _list_lines(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [one for one in lines if one.strip() and not one.lstrip().startswith(_COMMENTS)]
