"""An address that goes from one interface to another: off the first before it is on the second."""

from __future__ import annotations

import pytest

from controller.model.network.device_state import Vlan, VlanInterface, build_device_state, build_vlan_interface
from controller.platforms.cisco_ios.driver import CiscoIos
from tests.platforms.catalyst_device import TypedCatalyst
from tests.platforms.cisco_ios.texts import BARE

IOS = CiscoIos()
VLANS = [Vlan(number, f"TSN-{number}") for number in (10, 20, 30)]
A, B, C = "10.1.0.1/24", "10.2.0.1/24", "10.3.0.1/24"
A6, B6 = "2001:db8:1::1/64", "2001:db8:2::1/64"


def at(vlan: int, *addresses: str, relays: tuple[str, ...] = ()) -> VlanInterface:
    return build_vlan_interface(vlan, addresses, relays)


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        pytest.param([at(20, A)], [at(10, A)], id="to the interface that is set first"),
        pytest.param([at(10, A)], [at(20, A)], id="to the one that is set last"),
        pytest.param([at(20, A6)], [at(10, A6)], id="of IPv6"),
        pytest.param([at(10, A), at(20, B)], [at(10, B), at(20, A)], id="two change places"),
        pytest.param([at(10, A), at(20, B), at(30, C)], [at(10, B), at(20, C), at(30, A)], id="three in a ring"),
        pytest.param([at(10, A, A6), at(20, B, B6)], [at(10, A, B6), at(20, B, A6)], id="one family of two"),
        pytest.param([at(20, A, B)], [at(10, A), at(20, B)], id="the primary one"),
        pytest.param([at(20, A, B)], [at(10, B), at(20, A)], id="the secondary one"),
        pytest.param([at(20, "10.1.0.9/24")], [at(10, A)], id="another of the same network"),
        pytest.param([at(20, "10.1.0.9/25")], [at(10, A)], id="a network in the other"),
        pytest.param([at(20, "10.1.1.1/23")], [at(10, A)], id="a network around the other"),
        pytest.param([at(20, A, relays=("10.0.0.67",))], [at(10, A, relays=("10.0.0.67",)), at(20, B)], id="relays"),
    ],
)
def test_a_switch_takes_each_move_and_the_state_between_has_addresses_of_both_alone(
    now: list[VlanInterface], wanted: list[VlanInterface]
) -> None:
    first, last = (build_device_state(VLANS, interfaces=held) for held in (now, wanted))
    switch = TypedCatalyst(BARE)
    for step in IOS.plan_steps(build_device_state(), first):
        switch.enter(command.line for command in step.commands)
    steps = IOS.plan_steps(first, last)
    assert steps[0].title == "take addresses off"
    between = {(one.vlan, address) for one in steps[0].result.interfaces for address in one.addresses}
    assert between < {(one.vlan, address) for one in now for address in one.addresses}
    for step in steps:
        switch.enter(command.line for command in step.commands)
        assert IOS.parse(switch.running(), step.title).state == step.result
    assert IOS.parse(switch.running(), "wanted").state == last


def test_an_address_that_is_in_nobodys_way_stays_until_its_interface_is_set() -> None:
    first = build_device_state(VLANS, interfaces=[at(10, A), at(20, B)])
    last = build_device_state(VLANS, interfaces=[at(10, C), at(20, B)])
    assert [step.title for step in IOS.plan_steps(first, last)] == ["set interfaces"]
