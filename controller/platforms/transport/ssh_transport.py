"""SSH as a transport. To load it takes as long as all else that a command loads, so it waits for the first session."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess, require_access
from controller.platforms.base import Session


class SshTransport:
    """Reaches devices by SSH, as the operators' file says; see `controller.platforms.transport.base.Transport`."""

    def __init__(self, access: Mapping[str, DeviceAccess]) -> None:
        self._access = access

    def open_session(
        self, device: Device, device_type: str, *, changing: bool = False
    ) -> AbstractContextManager[Session]:
        """Log in to a device; see `controller.platforms.transport.ssh_session.open_session` for what it refuses.

        Raises:
            LoginRefused: the operators' file has no access of the id that the policies name.
        """
        from controller.platforms.transport.ssh_session import open_session  # noqa: PLC0415 see the module

        return open_session(device, require_access(self._access, device), device_type, changing=changing)
