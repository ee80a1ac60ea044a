"""Virtual switches as devices of a rollout: netmiko's session over a channel without a socket, on a turned clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from controller.errors import DeviceUnreachable, HostKeyRefused
from controller.lab.virtual_switches.faults import Faults
from controller.lab.virtual_switches.in_process import InProcessClient
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.model.sites.devices import Device
from controller.platforms.base import Session
from controller.platforms.transport.cli_session import Patience, open_command_line

QUICK = Patience(show=2.0, line=2.0, quiet=0.0005)
"""Nothing of it is slow: what a device in this process has to say is there before it is asked for."""


class LoggedIn(InProcessClient):
    """A client that is logged in, with what the session asks of ours beside paramiko's."""

    def begin_command(self) -> None:
        """Bound nothing."""

    def refuse_overrun(self, device: str) -> None:
        """Refuse nothing."""


class VirtualTransport:
    """Reaches virtual switches by their names; see `controller.platforms.transport.base.Transport`.

    What is `unreachable` does not answer, and the `impostors` show another host key.
    """

    def __init__(
        self,
        sites: Mapping[str, DeviceSite],
        secret: str | None = None,
        patience: Patience = QUICK,
        user: str = "net01",
    ) -> None:
        self.sites = dict(sites)
        self.user = user
        self.patience = patience
        self.unreachable: set[str] = set()
        self.impostors: set[str] = set()
        self._secret = secret

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        del changing
        if device.id in self.unreachable:
            raise DeviceUnreachable(device.id, "no answer")
        if device.id in self.impostors:
            raise HostKeyRefused(device.id, "it shows another host key")
        client: Any = LoggedIn(self.sites[device.id], self.user)
        session = open_command_line(device.id, client, device_type, self._secret, self.patience)
        try:
            yield session
        finally:
            session.close()


def watch_faults(site: DeviceSite, faults: Faults | None) -> None:
    """Let these faults happen at the lines of a device."""
    site.faults = faults
