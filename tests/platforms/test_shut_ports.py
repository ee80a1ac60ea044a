"""A port of ours that somebody shut stays shut: each spelling and kind is a conflict that offers the command."""

from __future__ import annotations

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import (
    DeviceState,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    build_device_state,
)
from controller.model.network.lags import Lag, LagMode
from controller.platforms.registry import load_platform

VLANS = [Vlan(10, "TSN-staff"), Vlan(20, "TSN-pupil")]


def build_state(port: str, lag: str = "", mode: LagMode = LagMode.LACP, *, access: bool = False) -> DeviceState:
    """A port of ours, or a LAG of that port."""
    carried = (10,) if access else (10, 20)
    role = PortRole.HOST_FACING if port.startswith("port") else PortRole.UNFILTERED
    one = PortState(lag or port, PortMode.ACCESS if access else PortMode.TRUNK, carried, role)
    return build_device_state(VLANS, [one], lags=[Lag(lag, mode, (port,))] if lag else [])


CATALYST, X530 = "GigabitEthernet1/0/1", "port1.0.1"


@pytest.mark.parametrize(
    ("platform", "state", "name"),
    [
        ("cisco_ios", build_state(CATALYST), CATALYST),
        ("cisco_ios", build_state(CATALYST, access=True), CATALYST),
        ("cisco_ios", build_state("TenGigabitEthernet1/1/1"), "TenGigabitEthernet1/1/1"),
        ("cisco_ios", build_state(CATALYST, "Port-channel1"), "Port-channel1"),
        ("cisco_ios", build_state(CATALYST, "Port-channel1", LagMode.STATIC), "Port-channel1"),
        ("allied_telesis_awplus", build_state(X530), X530),
        ("allied_telesis_awplus", build_state(X530, access=True), X530),
        ("allied_telesis_awplus", build_state(X530, "po1"), "po1"),
        ("allied_telesis_awplus", build_state(X530, "sa2", LagMode.STATIC), "sa2"),
    ],
)
@pytest.mark.parametrize("line", [" shutdown\n", "  shutdown \n"])
def test_a_port_of_ours_that_is_shut_is_a_conflict_that_offers_to_open_it(
    platform: str, state: DeviceState, name: str, line: str
) -> None:
    system = load_platform(platform)
    header = f"interface {name}\n"
    text = system.render(state)
    assert system.parse(text, "x").state == state
    with pytest.raises(ConfigRefused) as caught:
        system.parse(text.replace(header, header + line, 1), "x")
    said = str(caught.value)
    assert f"conflict: {name} is ours" in said
    assert "no shutdown" in said
