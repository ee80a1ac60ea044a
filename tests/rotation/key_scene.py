"""An Open vSwitch in memory whose controller's key is rotated: it lets in whom its keys name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko

from controller.errors import CredentialsRejected, LoginRefused
from controller.model.sites.devices import Device
from controller.operations.device_access import CredentialSource, DeviceAccess
from controller.operations.operations import Operations
from controller.platforms.base import Command
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import Refused
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.session import MemorySession, MemoryTransport
from controller.rollout.waves import Settings
from controller.rotation.credential_rotation import RotatedDevice
from controller.rotation.key_rotation import DueKey, KeyRotation, find_due_key, prepare_key_rotation, rotate_key
from tests.policies import NOON
from tests.rollout.ovs_switch import Switch

KEYS = {name: paramiko.ECDSAKey.generate() for name in ("OLD", "NEW")}


def write_line(name: str) -> str:
    """A key's public part, as a device knows it."""
    return f"{KEYS[name].get_name()} {KEYS[name].get_base64()}"


class KeyedSwitch(Switch):
    """A switch that holds keys, too; what is put back are those of the moment at which it was armed."""

    def __init__(self) -> None:
        super().__init__(["h1", "up1"])
        self.keys = {write_line("OLD")}
        self.armed_keys: frozenset[str] = frozenset()

    def load(self, text: str) -> None:
        super().load(text)
        self.keys = set(self.armed_keys)

    def execute(self, command: Command) -> str:
        verb, _, what = command.line.partition(" ")
        if verb != "own-key":
            return super().execute(command)
        line = (command.stdin or "").strip()
        left = self.keys | {line} if what == "add" else self.keys - {line}
        if not left:
            message = "it is the only line that may change this device; nothing was changed"
            raise Refused(message)
        self.keys = left
        return ""


class KeyedDevice(MemoryDevice):
    """The device of such a switch."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        self.switch = KeyedSwitch()
        super().__init__(name, self.switch, clock)
        self.startup = self.switch.show()

    def answer(self, verb: str, words: tuple[str, ...], command: Command | None = None) -> str:
        if verb == "keys":
            assert self.running  # a restore that is due has run
            return "".join(f"{line}\n" for line in sorted(self.switch.keys))
        armed = frozenset(self.switch.keys)
        said = super().answer(verb, words, command)
        if verb == "arm":
            self.switch.armed_keys = armed
        return said

    def repair_all(self) -> None:
        """Put back, as an operator does, what a restart has left unconfirmed."""
        for line in self.answer("unconfirmed", ()).splitlines():
            if line != "no":
                self.answer("repair", (line.split()[3], "back"))


@dataclass
class KeyScene:
    """A switch that knows keys, and the operators' file."""

    folder: Path
    device: Device
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    turned: bool = False
    shut_out: set[str] = field(default_factory=set)
    """Keys that the device refuses whatever it holds."""
    let_in: set[str] = field(default_factory=set)
    """Keys that another file of the device lets in."""
    logins: list[str] = field(default_factory=list)
    """The key of each session, in their order."""

    def __post_init__(self) -> None:
        self.memory = KeyedDevice(self.device.id, self.clock)

    def operations(self) -> Operations:
        old, new = {"env": "OLD"}, {"env": "NEW"}
        rotation = {"key": new, "previous-key": old} if self.turned else {"key": old, "next-key": new}
        access = {"user": "net", **rotation, "known-hosts": Path("/none")}
        return Operations.model_validate({"access": {self.device.access: access}, "state": self.folder})

    def load_key(self, device: str, source: CredentialSource) -> paramiko.PKey:
        if source.env not in KEYS:
            raise LoginRefused(device, f"the environment variable {source.env} is not set")
        return KEYS[source.env]

    def reach(self, access: DeviceAccess) -> Any:  # noqa: ANN401 a transport
        return KeyTransport(self, access)

    def prepare(self) -> tuple[KeyRotation, DueKey]:
        rotation = prepare_key_rotation(self.device, self.operations(), self.reach, self.load_key)
        return rotation, find_due_key(rotation)

    def rotate(self) -> RotatedDevice:
        rotation, due = self.prepare()
        settings = Settings(60, self.folder, self.reach(rotation.access), self.clock)
        return rotate_key(rotation, due, settings)

    def list_keys(self) -> set[str]:
        """The names of the keys that the device holds, once what is due has run."""
        assert self.memory.running
        return {name for name in KEYS if write_line(name) in self.memory.switch.keys}


class KeyTransport(MemoryTransport):
    """Lets in whom the switch knows."""

    def __init__(self, scene: KeyScene, access: DeviceAccess) -> None:
        super().__init__([scene.memory])
        assert access.key is not None
        self._scene, self._name = scene, str(access.key.env)

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[MemorySession]:
        scene, name = self._scene, self._name
        scene.logins.append(name)
        known = write_line(name) in scene.memory.switch.keys or name in scene.let_in
        if name in scene.shut_out or (scene.memory.running and not known):
            raise CredentialsRejected(device.id, f"the key {name} was refused")
        with super().open_session(device, device_type, changing=changing) as session:
            yield session
