"""Sessions with an emulated device by the command line of the transport, without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controller.errors import DeviceUnreachable
from controller.lab.virtual_switches.command_line import CommandLineDevice
from controller.lab.virtual_switches.in_process import InProcessClient
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.model.sites.devices import Device
from controller.platforms.base import Session
from controller.platforms.transport.cli_session import Patience, open_command_line

PATIENCE = Patience(show=5.0, line=5.0, quiet=0.01)


class LoggedInClient(InProcessClient):
    """A client that is logged in already; nothing on the way bounds what comes in."""

    def begin_command(self) -> None:
        """Count nothing."""

    def refuse_overrun(self, device: str) -> None:
        """Refuse nothing."""


@dataclass
class InProcessTransport:
    """A way to an emulated device; `secret` is that of its privileged mode."""

    device: CommandLineDevice
    secret: str | None = None
    is_reachable: bool = True

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        """Log in."""
        del changing
        if not self.is_reachable:
            raise DeviceUnreachable(device.id, "nobody answers")
        client = LoggedInClient(DeviceSite(self.device))
        session = open_command_line(device.id, client, device_type, self.secret, PATIENCE)
        try:
            yield session
        finally:
            session.close()
