"""What the contract tests need to know of a platform: states that it can hold, and a device to run its commands on.

A package that brings a platform brings its `Sample` by an entry point of the group `tsunagu.platform_samples`,
under the platform's name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from hypothesis import strategies as st

from controller.model.network.device_state import DeviceState
from controller.platforms.base import Command
from controller.platforms.registry import load_platform
from tests.emulators import allied_telesis_awplus, cisco_ios, frr, ovs
from tests.emulators.hostapd import AccessPoint
from tests.platforms.cisco_ios.texts import BARE
from tests.platforms.frr.routings import NEIGHBOURS, SYSTEM, frr_states
from tests.platforms.hostapd.networks import network_states
from tests.platforms.states import AWPLUS_PORTS, CISCO_PORTS, awplus_states, cisco_states, ovs_states

GROUP = "tsunagu.platform_samples"
_OVS_PORTS = ("h1", "h-2", "2g", "up.1")


class Emulated(Protocol):
    """A device that takes a platform's commands."""

    def run(self, command: Command) -> None:
        """Take a command, or raise."""

    def text(self) -> str:
        """Return the running configuration."""

    def break_off(self) -> None:
        """Lose the session, wherever it is."""


@dataclass(frozen=True)
class Sample:
    """A platform's states, a port of its, and a device out of the box.

    `neutral` are the lines that may be missing or stand twice and change nothing, `released` matches those that a port
    may get when it leaves our care, `free` those in which somebody may write more.
    """

    states: st.SearchStrategy[DeviceState]
    example: Callable[[], DeviceState]
    device: Callable[[], AbstractContextManager[Emulated]]
    port: str = ""
    neutral: frozenset[str] = frozenset()
    released: str = "(?!)"
    free: str = " *description .*"


@dataclass
class TypedDevice:
    """A device that takes lines in configuration mode."""

    switch: cisco_ios.Switch | allied_telesis_awplus.Switch

    def run(self, command: Command) -> None:
        assert command.stdin is None
        self.switch.enter([command.line])

    def text(self) -> str:
        return self.switch.running()

    def break_off(self) -> None:
        if self.switch.mode:
            self.switch.enter(["end"])


@dataclass
class BundledDevice:
    """An Open vSwitch."""

    switch: ovs.OpenVSwitch

    def run(self, command: Command) -> None:
        self.switch.run(command.line, command.stdin)

    def text(self) -> str:
        return self.switch.running()

    def break_off(self) -> None:
        """Nothing is left half done: every command is whole."""


@dataclass
class RouterDevice:
    """A router of FRR."""

    router: frr.Router

    def run(self, command: Command) -> None:
        assert command.line == "configure terminal"
        self.router.configure(command.stdin or "")

    def text(self) -> str:
        return self.router.running()

    def break_off(self) -> None:
        """Nothing is left half done: every command is whole."""


@dataclass
class AccessPointDevice:
    """An access point."""

    point: AccessPoint

    def run(self, command: Command) -> None:
        self.point.run(command)

    def text(self) -> str:
        return self.point.text()

    def break_off(self) -> None:
        """Nothing is left half done: every command is whole."""


@contextmanager
def _access_point() -> Iterator[AccessPointDevice]:
    with tempfile.TemporaryDirectory() as folder:
        yield AccessPointDevice(AccessPoint(Path(folder)))


def _golden(name: str) -> Callable[[], DeviceState]:
    path = Path(__file__).parent / name / "golden" / f"{name}.txt"
    return lambda: load_platform(name).parse(path.read_text(encoding="utf-8"), name).state


BUILT_IN = {
    "allied_telesis_awplus": Sample(
        awplus_states(),
        _golden("allied_telesis_awplus"),
        lambda: nullcontext(TypedDevice(allied_telesis_awplus.Switch(*AWPLUS_PORTS))),
        AWPLUS_PORTS[0],
        frozenset({"switchport", "vlan database"}),
        r" switchport.*",
    ),
    "cisco_ios": Sample(
        cisco_states(),
        _golden("cisco_ios"),
        lambda: nullcontext(TypedDevice(cisco_ios.Switch(BARE))),
        CISCO_PORTS[0],
    ),
    "frr": Sample(
        frr_states(),
        _golden("frr"),
        lambda: nullcontext(RouterDevice(frr.Router(SYSTEM, NEIGHBOURS))),
        neutral=frozenset({"exit", "end"}),
    ),
    "hostapd": Sample(network_states(), _golden("hostapd"), _access_point, free="auth_server_shared_secret=.*"),
    "ovs": Sample(
        ovs_states(_OVS_PORTS),
        _golden("ovs"),
        lambda: nullcontext(BundledDevice(ovs.OpenVSwitch(_OVS_PORTS))),
        _OVS_PORTS[0],
        released=r"[\w.-]+,.*,.*,.*",
    ),
}


def find_sample(name: str) -> Sample:
    """Return the sample of a platform; every platform that is registered must have one."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    assert found, f"the platform {name!r} has no sample: give one by an entry point of the group {GROUP!r}"
    sample = found[0].load()
    assert isinstance(sample, Sample)
    return sample
