"""A dead Open vSwitch and a dead FRR are back: ours by a plan, what others had only if it is there already."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controller.errors import ConfigRefused, LoginRefused, RestoreRefused
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.operations.device_access import CredentialSource
from controller.plan.backup import back_up_device
from controller.plan.derive import derive_change
from controller.platforms.base import Command
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import Refused
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.recovery.device_backup import read_device_backup
from controller.recovery.device_restore import RestoredDevice, RestoreSource, prepare_restore, restore_device
from controller.rollout.outcome import End
from controller.rollout.waves import Settings
from tests.emulators import frr
from tests.policies import NOON
from tests.rollout.ovs_switch import Switch
from tests.security.plan_scene import Scene, make_operations


class Frr:
    """An emulated router as the configuration of a device in memory."""

    def __init__(self, router: frr.Router) -> None:
        self._router = router
        self._known: dict[str, frr.Router] = {}

    def show(self) -> str:
        """What vtysh shows; what was shown can be loaded again."""
        text = self._router.running()
        self._known.setdefault(text, copy.deepcopy(self._router))
        return text

    def load(self, text: str) -> None:
        """Become what was shown before."""
        self._router = copy.deepcopy(self._known[text])

    def split(self, command: Command) -> tuple[Command, ...]:
        """The command alone."""
        return (command,)

    def execute(self, command: Command) -> str:
        """Take configuration commands."""
        try:
            self._router.configure(command.stdin or "")
        except frr.Refused as error:
            raise Refused(str(error)) from None
        return ""


def find_nothing(device: str, source: CredentialSource) -> str:
    del source
    message = "no secret is asked for here"
    raise LoginRefused(device, message)


@dataclass
class ShellScene:
    """A device of the virtual city that has a shell: backed up, dead, and replaced by a factory-new one."""

    folder: Path
    platform: str
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))

    def __post_init__(self) -> None:
        self.operations = make_operations(self.folder)
        self.scene = Scene(self.folder, 1, self.operations)
        self.city: VirtualCity = self.scene.load()
        self.device = next(
            one
            for school in self.city.estate_schools
            for one in self.city.list_devices(school)
            if one.platform == self.platform
        )
        self.wanted = derive_change(self.city, self.device, DeviceState()).wanted
        self.memory = self.install(self.device)

    def install(self, device: Device, missing: str = "") -> MemoryDevice:
        """Put a factory-new device there; `missing` is a port or a neighbour that nobody connected."""
        if self.platform == "ovs":
            ports = [port.name for port in device.ports] + ["others0"]
            configuration: Switch | Frr = Switch(name for name in ports if name != missing)
        else:
            bindings = self.wanted.routing.bindings
            neighbours = sorted({str(one.neighbour) for one in bindings} - {missing})
            configuration = Frr(frr.Router(bindings[0].system, neighbours))
        self.memory = MemoryDevice(device.id, configuration, self.clock)
        self.transport = MemoryTransport([self.memory])
        return self.memory

    def prepare(self) -> RestoreSource:
        backup = read_device_backup(self.device, self.folder / "backup")
        return prepare_restore(self.city, self.device, backup, self.operations, find_nothing)

    def restore(self) -> RestoredDevice:
        source = self.prepare()
        settings = Settings(60, self.folder / "run", self.transport, self.clock)
        find = {"city": self.city, "by": "hanako"}
        return restore_device(source, self.scene.policies.path, lambda _: self.operations, settings, **find)  # type: ignore[arg-type]

    def back_up(self) -> None:
        back_up_device(self.device, self.folder / "backup", self.transport, self.clock)


@pytest.mark.parametrize("platform", ["ovs", "frr"])
def test_a_dead_device_with_a_shell_is_back(tmp_path: Path, platform: str) -> None:
    scene = ShellScene(tmp_path, platform)
    scene.back_up()
    assert scene.restore().outcome.end is End.APPLIED
    lived = scene.memory.running
    scene.back_up()
    scene.install(scene.device)
    assert scene.memory.running != lived
    done = scene.restore()
    assert (done.outcome.end, done.outcome.reason) == (End.APPLIED, "")
    assert scene.memory.running == lived == scene.memory.startup
    assert not scene.memory.restore_armed


@pytest.mark.parametrize("platform", ["ovs", "frr"])
def test_what_others_had_and_nobody_set_up_again_is_named(tmp_path: Path, platform: str) -> None:
    scene = ShellScene(tmp_path, platform)
    scene.back_up()
    missing = "others0" if platform == "ovs" else str(scene.wanted.routing.bindings[0].neighbour)
    scene.install(scene.device, missing)
    empty = scene.memory.running
    # A neighbour that is missing contradicts the policy itself.
    with pytest.raises(RestoreRefused if platform == "ovs" else ConfigRefused, match=missing.replace(".", r"\.")):
        scene.restore()
    assert scene.memory.running == empty
    assert not any(one.verb in {"arm", "push"} for one in scene.memory.exchanges)
