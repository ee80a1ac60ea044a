"""A drill of a lost switch: its newest backup is restored onto an empty virtual switch in this process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.drills.conduct import DrillResult
from controller.drills.controller_drill import move_operations
from controller.drills.drill_record import MeasuredRecovery, measure_age
from controller.errors import DrillRefused
from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.lab.virtual_switches.in_process import InProcessClient
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.operations import Approvals, Operations
from controller.platforms.base import Session
from controller.platforms.transport.base import Clock
from controller.platforms.transport.cli_session import Patience, open_command_line
from controller.platforms.transport.credentials import resolve_secret
from controller.recovery.device_backup import DeviceBackup
from controller.recovery.device_restore import prepare_restore, restore_device
from controller.rollout.waves import Settings

PLATFORM = "cisco_ios"
"""The platform of which there is a virtual switch whose restore is known to be like the real one's."""
_EMPTY = (
    "version 17.9\nhostname {name}\narchive\n path flash:saved\n maximum 5\n!\nvtp mode transparent\nip routing\nend\n"
)
_QUICK = Patience(show=5.0, line=5.0, quiet=0.0005)
_RESTORE_SECONDS = 300
_USER = "drill"


class _PrivateSwitch:
    """Reaches the one virtual switch of a drill; see `controller.platforms.transport.base.Transport`."""

    def __init__(self, site: DeviceSite) -> None:
        self._site = site

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        del changing
        client: Any = _LoggedIn(self._site, _USER)
        session = open_command_line(device.id, client, device_type, None, _QUICK)
        try:
            yield session
        finally:
            session.close()


class _LoggedIn(InProcessClient):
    """A client that is logged in, with what a session asks of ours beside paramiko's."""

    def begin_command(self) -> None:
        """Bound nothing: the switch is ours."""

    def refuse_overrun(self, device: str) -> None:
        """Refuse nothing."""


def drill_device_restore(  # noqa: PLR0913, PLR0917 what a restore is carried out with
    city: City, device: Device, backup: DeviceBackup, policies: Path, operations: Operations, clock: Clock, by: str
) -> DrillResult:
    """Restore a device's backup onto an empty virtual switch, and measure that; nothing of the city is touched.

    The state, the audit trail and the approvals are those of a private place that goes with the drill.

    Raises:
        DrillRefused: there is no virtual switch of its platform.
        TsunaguError: it could not be brought back whole; says why.
    """
    if device.platform != PLATFORM:
        message = (
            f"{device.id}: there is no virtual switch of the platform {device.platform!r} to restore it onto; "
            f"name a device of {PLATFORM}, or drill the controller's own restore"
        )
        raise DrillRefused(message)
    began, now = clock.monotonic(), clock.now()
    source = prepare_restore(city, device, backup, operations, resolve_secret)
    switch = CatalystSwitch(startup=_EMPTY.format(name=device.id), clock=lambda: clock.now().timestamp())
    switch.save(_USER)
    with tempfile.TemporaryDirectory(prefix="tsunagu-drill-") as name:
        moved = move_operations(operations, Path(name))
        private = moved.model_copy(update={"approvals": Approvals(require=()), "anchors": "not-kept"})
        settings = Settings(_RESTORE_SECONDS, private.state, _PrivateSwitch(DeviceSite(switch)), clock)
        done = restore_device(source, policies, lambda _: private, settings, city=city, by=by)
    age = measure_age(backup.read_at, now, str(backup.path))
    measured = MeasuredRecovery(rto_seconds=clock.monotonic() - began, rpo_seconds=age)
    outcome = done.outcome
    finding = f"{device.id} from {backup.path}, read at {backup.read_at:%Y-%m-%d %H:%M %Z}: {outcome.end}"
    failure = "" if outcome.end.good else f"it ended {outcome.end}: {outcome.reason}"
    return DrillResult(measured, (finding, *(f"not judged, as before: {one}" for one in source.not_judged)), failure)
