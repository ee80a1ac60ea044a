"""What the tests of Cisco IOS share: examples, and how a text is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import DeviceState, build_vlan_interface
from controller.platforms.cisco_ios.driver import CiscoIos
from tests.platforms.catalyst_device import TypedCatalyst
from tests.platforms.states import CISCO_PORTS, example

IOS = CiscoIos()
GOLDEN = Path(__file__).parent / "golden"
PLAIN = example(*CISCO_PORTS[:3], port_roles=False, vlan_database=True)
EXAMPLE = replace(
    PLAIN,
    ports=(replace(PLAIN.ports[0], isolated=True), *PLAIN.ports[1:]),
    interfaces=(
        build_vlan_interface(10, ["10.1.0.1/22", "10.1.0.11/22"]),
        build_vlan_interface(20, ["10.1.20.1/24", "2001:db8:1:20::1/64"], ["10.0.0.67", "2001:db8::67"]),
    ),
)
RUNNING = (GOLDEN / "cisco_ios_running.txt").read_text(encoding="utf-8")
BARE = "interface Port-channel1\n"


def refusal(text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        IOS.parse(text, "core1.cfg")
    return str(caught.value)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


def walk(switch: TypedCatalyst, now: DeviceState, wanted: DeviceState) -> None:
    """Perform the steps; after each the switch is in the state that it promises."""
    for step in IOS.plan_steps(now, wanted):
        switch.enter(command.line for command in step.commands)
        assert IOS.parse(switch.running(), step.title).state == step.result
    assert IOS.parse(switch.running(), "wanted").state == wanted
