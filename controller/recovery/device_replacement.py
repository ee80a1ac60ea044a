"""A broken device is replaced: what must be so before the new one is touched, and what must be so afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.errors import RestoreRefused
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess, require_access
from controller.operations.operations import Operations
from controller.plan.observe import observe_device
from controller.plan.playbook_tasks.onboarding import pin_expected_key
from controller.platforms.transport.base import Transport
from controller.platforms.transport.dialing import fetch_host_key, identify_device
from controller.platforms.transport.host_keys import format_fingerprint, list_pinned_keys, read_known_hosts
from controller.recovery.device_backup import DeviceBackup, find_device_backup
from controller.recovery.device_restore import RestoreSource, prepare_restore
from controller.recovery.secret_lines import Resolve
from controller.recovery.unmanaged_lines import find_lost_lines


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a new device would be restored from, and whether its host key is pinned already."""

    source: RestoreSource
    pinned: bool

    @property
    def backup(self) -> DeviceBackup:
        """The backup that everything comes from."""
        return self.source.backup


def find_replacement(  # noqa: PLR0913, PLR0917 what a replacement is judged by
    city: City,
    device: Device,
    operations: Operations,
    resolve: Resolve,
    state: Path,
    folder: Path | None,
    expected: str,
) -> Replacement:
    """Judge whether the device at a dead one's address can take its place; nothing is changed or pinned.

    `folder` holds the backup, where it is not the last one before a change; `expected` is the fingerprint that somebody
    read on the new device's console.

    Raises:
        RestoreRefused: there is no backup, a secret of it is not found, or the old device still answers.
        HostKeyRefused: what answers is neither the old device nor the expected one.
        DeviceUnreachable: nobody answers: the new device is not there yet.
    """
    source = prepare_restore(city, device, find_device_backup(device, state, folder), operations, resolve)
    access = require_access(operations.access, device)
    _refuse_living_device(device, access, expected)
    found = pin_expected_key(device, access, expected, only_look=True, replaces=True)
    return Replacement(source, pinned=not found.new)


def _refuse_living_device(device: Device, access: DeviceAccess, expected: str) -> None:
    """Refuse to replace a device that still answers at its address.

    Raises:
        RestoreRefused: it does.
    """
    shown = fetch_host_key(device, access)
    pinned = list_pinned_keys(read_known_hosts(identify_device(device, access)))
    if shown in pinned and format_fingerprint(shown) != expected:
        message = (
            f"{device.id}: the device that is pinned ({format_fingerprint(shown)}) still answers at its address: it is "
            "not replaced. Switch it off, or put right what differs on it: tsunagu plan"
        )
        raise RestoreRefused(message)


def find_lines_not_back(source: RestoreSource, transport: Transport) -> tuple[str, ...]:
    """Read a restored device, and return the lines of others in its backup that it does not show, without secrets.

    A line that the operators leave out is not asked for. A secret that the device shows as a hash is not compared.

    Raises:
        TsunaguError: it cannot be read, or what it runs is not understood.
    """
    device = source.device
    observed = observe_device(device, transport, only_read=True)
    if observed.refusal is not None:
        raise observed.refusal
    assert observed.text is not None  # noqa: S101 one of the two is set
    lost = find_lost_lines(source.system, source.lines, observed.text, device.id, source.filled)
    return tuple(one.line.text.strip() for one in lost)
