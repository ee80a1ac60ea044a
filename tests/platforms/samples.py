"""What the contract tests need to know of a platform: states that it can hold, and a device to run its commands on.

A package that brings a platform brings its `Sample` by an entry point of the group `tsunagu.platform_samples`,
under the platform's name.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from hypothesis import strategies as st

from controller.lab.virtual_switches.command_line import CommandLine
from controller.model.network.device_state import DeviceState
from controller.platforms.base import Command
from controller.platforms.registry import load_platform
from tests.emulators import frr, ovs
from tests.emulators.alaxala import AlaxalaSwitch
from tests.emulators.hostapd import AccessPoint
from tests.emulators.yamaha_rtx import RtxRouter
from tests.platforms.alaxala.alaxala_states import ALAXALA_PORTS, alaxala_states
from tests.platforms.catalyst_device import TypedCatalyst
from tests.platforms.cisco_ios.texts import BARE
from tests.platforms.frr.routings import NEIGHBOURS, SYSTEM, frr_states
from tests.platforms.hostapd.networks import network_states
from tests.platforms.states import AWPLUS_PORTS, CISCO_PORTS, awplus_states, cisco_states, ovs_states
from tests.platforms.third_party.invented_switch import Switch
from tests.platforms.x530_device import TypedX530
from tests.platforms.yamaha_rtx.rtx_states import PORTS as RTX_PORTS
from tests.platforms.yamaha_rtx.rtx_states import rtx_states

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
    may get when it leaves our care, `free` those in which somebody may write more. `binds_at_ports`: a filter is in
    force only where a port of ours is.
    """

    states: st.SearchStrategy[DeviceState]
    example: Callable[[], DeviceState]
    device: Callable[[], AbstractContextManager[Emulated]]
    port: str = ""
    neutral: frozenset[str] = frozenset()
    released: str = "(?!)"
    free: str = " *description .*"
    binds_at_ports: bool = False


@dataclass
class TypedDevice:
    """A device that takes lines in configuration mode."""

    switch: TypedCatalyst | Switch

    def run(self, command: Command) -> None:
        assert command.stdin is None
        self.switch.enter([command.line])

    def text(self) -> str:
        return self.switch.running()

    def break_off(self) -> None:
        if self.switch.mode:
            self.switch.enter(["end"])


class ShownDevice(Protocol):
    """A device with command lines, and a dump of its own."""

    def open_command_line(self, user: str) -> CommandLine:
        """Log a user in."""

    def show_running(self) -> str:
        """Return the running configuration."""


class LoggedInDevice:
    """A device that takes lines at its prompt, logged in to by some first commands; what it says then is a refusal."""

    def __init__(self, device: ShownDevice, *first: str) -> None:
        self.device, self.first = device, first
        self.line = device.open_command_line("net01")
        self.break_off()

    def run(self, command: Command) -> None:
        assert command.stdin is None
        answer = self.line.enter(command.line)
        assert not answer.lines, f"{command.line}: {answer.lines}"

    def text(self) -> str:
        return self.device.show_running()

    def break_off(self) -> None:
        self.line.hang_up()
        self.line = self.device.open_command_line("net01")
        for line in self.first:
            self.line.enter(line)


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


def _golden(name: str) -> Callable[[], DeviceState]:
    path = Path(__file__).parent / name / "golden" / f"{name}.txt"
    return lambda: load_platform(name).parse(path.read_text(encoding="utf-8"), name).state


BUILT_IN = {
    "alaxala": Sample(
        alaxala_states(),
        _golden("alaxala"),
        lambda: nullcontext(LoggedInDevice(AlaxalaSwitch(ALAXALA_PORTS), "enable")),
        ALAXALA_PORTS[0],
        released="  switchport .*",
    ),
    "allied_telesis_awplus": Sample(
        awplus_states(),
        _golden("allied_telesis_awplus"),
        lambda: nullcontext(TypedX530()),
        AWPLUS_PORTS[0],
        frozenset({"switchport", "vlan database"}),
        # Neighbours with equal lines are merged, so the names in a block's head follow what its ports have.
        r" switchport.*|interface port.*",
    ),
    "yamaha_rtx": Sample(
        rtx_states(),
        _golden("yamaha_rtx"),
        lambda: nullcontext(LoggedInDevice(RtxRouter(), "administrator", "")),
        RTX_PORTS[0],
        binds_at_ports=True,
    ),
    "cisco_ios": Sample(
        cisco_states(),
        _golden("cisco_ios"),
        lambda: nullcontext(TypedDevice(TypedCatalyst(BARE))),
        CISCO_PORTS[0],
    ),
    "frr": Sample(
        frr_states(),
        _golden("frr"),
        lambda: nullcontext(RouterDevice(frr.Router(SYSTEM, NEIGHBOURS))),
        neutral=frozenset({"exit", "end"}),
    ),
    "hostapd": Sample(
        network_states(),
        _golden("hostapd"),
        lambda: nullcontext(AccessPointDevice(AccessPoint())),
        free="auth_server_shared_secret=.*",
    ),
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
