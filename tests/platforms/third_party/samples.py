"""The samples of the platforms of this package, for the contract tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from hypothesis import strategies as st

from controller.model.network.device_state import DeviceState, PortMode, Vlan, build_device_state
from controller.platforms.base import Command
from tests.platforms.samples import Sample, TypedDevice
from tests.platforms.states import VLANS, bound, example, filters, port_states, without_flags
from tests.platforms.third_party.invented_switch import Switch

PORTS = ("gigabitethernet 1/0/1", "gigabitethernet 1/0/2", "port-channel 1")


class InventedDevice(Switch):
    """The emulated switch of Cisco IOS, in the invented switch's spelling."""

    number = r"\d+ "
    flags = re.IGNORECASE
    vlan_interface = "interface vlan"
    interface = r"interface [a-z-]+ \S+"
    order = ("description", "switchport mode", "switchport access", "switchport trunk", "")


@st.composite
def states(draw: st.DrawFn) -> DeviceState:
    """States that the switch can hold."""
    held = draw(filters(icmp_ranges=False, flags=False))
    numbers = {one.vlan for one in held} | set(draw(st.lists(st.sampled_from(VLANS), unique=True)))
    vlans = [Vlan(number, draw(st.sampled_from(("TSN-staff", "TSN-pupil")))) for number in sorted(numbers)]
    in_force = [one for one in held if draw(st.booleans())]
    return build_device_state(vlans, draw(port_states(PORTS, port_roles=False)), held, map(bound, in_force))


@contextmanager
def file_device() -> Iterator[FileDevice]:
    yield FileDevice()


@dataclass
class FileDevice:
    """A device that holds the text that it was given last."""

    held: str = ""

    def run(self, command: Command) -> None:
        assert command.line == "install"
        self.held = command.stdin or ""

    def text(self) -> str:
        return self.held

    def break_off(self) -> None:
        """Nothing is left half done."""


def small_school() -> DeviceState:
    state = without_flags(example(*PORTS, port_roles=False, vlan_database=True))
    assert {port.mode for port in state.ports} == set(PortMode)
    return state


BARE = "".join(f"interface {name}\n no shutdown\n" for name in PORTS)
INVENTED = Sample(states(), small_school, lambda: nullcontext(TypedDevice(InventedDevice(BARE))), PORTS[0])
SHELL = Sample(states(), small_school, file_device, PORTS[0])
