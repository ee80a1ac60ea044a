"""A device of the virtual city that answers on this machine, and the access to it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import paramiko

from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess
from controller.platforms.transport.ssh_session import open_session
from tests.security.fake_ssh_device import FakeDevice

PASSWORD = "Zq7hidden"  # noqa: S105 nobody's


class Reach(Protocol):
    """Returns the access to a port of this machine, with its host key pinned; a password where no key is named."""

    def __call__(self, fake: FakeDevice, port: int, **fields: object) -> DeviceAccess: ...


def write_source(path: Path, text: str) -> dict[str, str]:
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")
    return {"file": str(path)}


def write_key(path: Path, key: paramiko.PKey) -> dict[str, str]:
    path.touch(mode=0o600)
    key.write_private_key_file(str(path))
    return {"file": str(path)}


def log_in(device: Device, access: DeviceAccess) -> None:
    with open_session(device, access, "linux"):
        pass
