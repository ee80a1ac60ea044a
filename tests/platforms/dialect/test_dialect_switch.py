"""A switch as data: what of its configuration is managed, conflicting or refused, and the commands that change it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import (
    FilterBinding,
    PortMode,
    PortState,
    Vlan,
    build_device_state,
    build_vlan_interface,
)
from controller.model.network.packets import Direction, Family
from controller.platforms.base import Observation, name_interface_place
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.platforms.cisco_ios.text import SWITCH
from controller.platforms.common.managed import find_unsupported, parse_vlan_list
from controller.platforms.dialect.steps import plan_steps
from controller.platforms.dialect.switch import write_allowed_vlans
from controller.platforms.dialect.vlan_interface import change_interface
from tests.platforms.third_party.invented import InventedSwitch

IOS = CiscoIos()
PORT = "GigabitEthernet1/0/1"
V4, V6 = Family.V4, Family.V6
NAME = "TSN-20-from-4-01234567"


def seen(*blocks: str) -> Observation:
    return IOS.parse("".join(f"{block}\n" for block in blocks), "x")


def refused(*blocks: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        seen(*blocks)
    return str(caught.value)


def test_vlans_of_others_are_conflicting_places_each_with_its_line() -> None:
    found = seen("vlan 30,32-33", "vlan 40", " name PRINTERS", "vlan 20", " name TSN-staff")
    assert {number: (line.number, line.text) for number, line in found.conflicting.items()} == {
        30: (1, "vlan 30,32-33"),
        32: (1, "vlan 30,32-33"),
        33: (1, "vlan 30,32-33"),
        40: (3, "vlan 40 PRINTERS"),
    }
    assert (found.managed, len(found.unmanaged)) == (2, 3)
    assert found.state.vlans == (Vlan(20, "TSN-staff"),)


def test_vlans_that_cannot_be() -> None:
    assert "x:1: '4095' is no list of VLANs from 1 to 4094" in refused("vlan 4095", " name x")
    assert "x:3: 'name b' stands twice: 'name TSN-a' is in line 2" in refused("vlan 20", " name TSN-a", " name b")
    assert "x:3: 'vlan 10,20-21' stands twice: 'vlan 20' is in line 1" in refused(
        "vlan 20", " name TSN-a", "vlan 10,20-21"
    )
    assert not seen("vlan 20", " name a", "vlan 20", " name a").managed


def test_filters_bound_to_an_interface() -> None:
    found = seen(
        "interface Vlan20", f" ip access-group {NAME} in", " ipv6 traffic-filter THEIRS out", " ip access-group X both"
    )
    assert [one.key for one in found.state.bindings] == [(20, Direction.FROM, V4)]
    both = {(20, Direction.FROM, V4): 4, (20, Direction.TO, V4): 4}  # words that nobody knows could mean either
    assert {place: line.number for place, line in found.conflicting.items()} == {(20, Direction.TO, V6): 3, **both}
    assert found.managed == 2
    twice = refused("interface Vlan20", f" ip access-group {NAME} in", f" ip access-group {NAME[:-1]}8 in")
    assert "x:3: a second filter for the same VLAN, direction and family" in twice
    for line in (f"ip access-group {NAME}", f"ip access-group {NAME} both", "ip access-group TSN-x in"):
        assert "x:2: expected ip access-group TSN-VLAN-from-4-DIGEST in, or to-... out" in refused(
            "interface Vlan20", f" {line}"
        )
    assert "x:2: 'interface Vlan20' stands twice" in refused(
        "interface Vlan20", "interface Vlan20", f" ip access-group {NAME} in"
    )


def test_an_interface_of_ours_stands_once() -> None:
    ours = ("interface Vlan20", " description TSN-interface", " ip address 10.0.0.1 255.0.0.0")
    assert seen(*ours).managed == 3
    assert "x:4: 'interface Vlan20' stands twice" in refused(*ours, "interface Vlan20")


def test_interfaces_of_others_are_conflicting_places() -> None:
    found = seen("interface Vlan20", " ip address 10.0.0.1 255.0.0.0", "interface Vlan30", " description them")
    assert {place: line.number for place, line in found.conflicting.items()} == {
        name_interface_place(20): 2,
        name_interface_place(30): 4,
    }
    two = refused(
        "interface Vlan20",
        " description TSN-interface",
        " ip address 10.0.0.1 255.0.0.0",
        " ip address 11.0.0.1 255.0.0.0",
    )
    assert "x:3: interface Vlan20 has two primary addresses" in two
    wrong = refused("interface Vlan20", " description TSN-interface", " ip helper-address 2001:db8::1")
    assert "x:3: unknown words in 'ip helper-address 2001:db8::1'" in wrong


def test_ports_in_every_form_that_is_ours() -> None:
    marked = (f"interface {PORT}", " description TSN-port east wing")
    assert seen(*marked, " switchport mode access").state.ports == (PortState(PORT, PortMode.ACCESS, (1,)),)
    isolated = seen(*marked, " switchport mode access", " switchport access vlan 20", " switchport protected")
    assert isolated.state.ports == (PortState(PORT, PortMode.ACCESS, (20,), isolated=True),)
    assert (isolated.managed, isolated.unmanaged) == (5, ())
    trunk = (
        " switchport mode trunk",
        " switchport trunk allowed vlan 10",
        " switchport trunk allowed vlan add 4094,20-21",
    )
    assert seen(*marked, *trunk).state.ports == (PortState(PORT, PortMode.TRUNK, (10, 20, 21, 4094)),)
    assert "untagged" in refused(*marked, *trunk, " switchport trunk native vlan 21")
    assert len(seen(*marked, *trunk, " switchport trunk native vlan 22").unmanaged) == 1
    both = seen(*marked, " switchport mode access", *trunk[1:2])
    assert [line.number for line in both.unmanaged] == [4]
    none = seen(*marked, trunk[0], " switchport trunk allowed vlan none")
    assert (none.state.ports, [line.number for line in none.remarks]) == ((), [1])
    assert "x:4: '4095' is no list" in refused(*marked, trunk[0], " switchport trunk allowed vlan 4095")


def test_ports_of_others() -> None:
    found = seen(
        f"interface {PORT}", " no switchport", " description them", "interface Gi2", " switchport voice vlan 3"
    )
    assert {place: line.number for place, line in found.conflicting.items()} == {PORT: 3, "GigabitEthernet2": 5}
    assert not found.managed
    assert f"x:2: {NAME} is ours, and none of ours belongs on GigabitEthernet2; expected interface VlanN" in refused(
        "interface Gi2", f" ip access-group {NAME} in"
    )
    assert "x:4: 'interface GI2' stands twice" in refused(
        "interface Gi2", " description TSN-port", " switchport mode access", "interface GI2"
    )


def test_lists_under_our_prefix_that_are_none_of_ours() -> None:
    for header in ("ip access-list standard TSN-x", "ipv6 access-list role-based TSN-x", "ip access-list TSN-x"):
        assert "x:1: a list under our prefix that is none of ours; expected ip access-list extended NAME" in refused(
            header
        )
    assert seen("ip access-list extended THEIRS", " permit ip any any").managed == 0
    assert "x:1: 'ip prefix-list TSN-x' names TSN-x, which is ours" in refused("ip prefix-list TSN-x")


@pytest.mark.parametrize(
    ("vlans", "lines"),
    [
        ((5,), ["5"]),
        (range(1, 4094), ["1-4093"]),
        ((1, 2, 4, 5, 6), ["1,2,4-6"]),
        (range(1000, 1026, 2), ["1000,1002,1004,1006,1008,1010,1012,1014,1016,1018,1020,1022", "add 1024"]),
    ],
)
def test_a_list_of_vlans_is_continued_before_it_is_too_long(vlans: range, lines: list[str]) -> None:
    assert write_allowed_vlans(vlans) == [f"switchport trunk allowed vlan {line}" for line in lines]


def test_an_interface_is_changed_by_as_little_as_possible() -> None:
    grammar = SWITCH.addresses
    assert grammar
    old = build_vlan_interface(20, ["10.0.0.1/8", "2001:db8::1/64"], ["10.0.0.9"])
    assert list(change_interface(grammar, old, old)) == []
    relayed = replace(old, relays=("10.0.0.8",))
    assert list(change_interface(grammar, old, relayed)) == [
        "no ip helper-address 10.0.0.9",
        "ip helper-address 10.0.0.8",
    ]
    moved = build_vlan_interface(20, ["10.0.0.2/8", "10.0.0.3/8", "2001:db8::1/64"], ["10.0.0.9"])
    assert list(change_interface(grammar, old, moved)) == [
        "no ip address",
        "ip address 10.0.0.2 255.0.0.0",
        "ip address 10.0.0.3 255.0.0.0 secondary",
    ]
    assert list(change_interface(grammar, None, old))[:3] == [
        "no ip address",
        "no ipv6 address",
        "description TSN-interface",
    ]
    assert list(change_interface(grammar, None, old))[-1] == "no shutdown"
    assert list(change_interface(grammar, old, None)) == [
        "no ip address",
        "no description",
        "no ip helper-address 10.0.0.9",
        "no ipv6 address 2001:DB8::1/64",
    ]


def test_steps_that_change_nothing_are_left_out() -> None:
    empty, wanted = build_device_state(), build_device_state([Vlan(20, "TSN-a")])
    steps = plan_steps(empty, wanted, lambda now, goal: [("none", ["x"], now), ("all", ["y"], goal), ("no", [], goal)])
    assert [(step.title, [one.line for one in step.commands], step.result) for step in steps] == [
        ("all", ["configure terminal", "y", "end"], wanted)
    ]


def test_a_name_that_is_too_long_for_the_platform() -> None:
    can = replace(IOS.capabilities, longest_vlan_name=8, directions=frozenset({Direction.FROM}))
    assert not list(find_unsupported(build_device_state([Vlan(20, "TSN-1234")]), can, "X"))
    assert list(find_unsupported(build_device_state([Vlan(20, "TSN-12345")]), can, "X")) == [
        "TSN-12345: X takes no name as long (capability 'longest_vlan_name, longest_filter_name')"
    ]
    assert not list(
        find_unsupported(build_device_state([Vlan(20, "TSN-12345")]), replace(can, longest_vlan_name=None), "X")
    )


def test_a_line_of_vlans_is_as_long_as_it_may_be() -> None:
    numbers = [*range(100, 126, 2), 1000, 1002]
    first = ",".join(map(str, numbers[:-1]))
    assert len(first) == 56
    assert write_allowed_vlans(numbers) == [
        f"switchport trunk allowed vlan {first}",
        "switchport trunk allowed vlan add 1002",
    ]


@pytest.mark.parametrize(("number", "fits"), [(0, False), (1, True), (4094, True), (4095, False)])
def test_vlans_run_from_1_to_4094(number: int, *, fits: bool) -> None:
    bound = FilterBinding(number, Direction.FROM, V4, f"TSN-{number}-from-4-01234567")
    for state in (
        build_device_state([Vlan(number, "TSN-a")]),
        build_device_state(ports=[PortState(PORT, PortMode.ACCESS, (number,))]),
        build_device_state(interfaces=[build_vlan_interface(number, ["10.0.0.1/8"])]),
        build_device_state(bindings=[bound]),
    ):
        if fits:
            assert IOS.parse(IOS.render(state), "x").state == state
        else:
            with pytest.raises(ValueError, match=r"4094|no VLAN"):
                IOS.render(state)


def test_names_in_quotes() -> None:
    grammar = InventedSwitch.grammar
    assert grammar.quote("TSN-a") == '"TSN-a"'
    assert [grammar.unquote(text) for text in ('"TSN-a"', "TSN-a", '"TSN-a', 'TSN-a"')] == [
        "TSN-a",
        "TSN-a",
        '"TSN-a',
        'TSN-a"',
    ]
    assert SWITCH.unquote('"TSN-a"') == SWITCH.quote('"TSN-a"') == '"TSN-a"'


@pytest.mark.parametrize(
    "line", ["vlan {}", "vlan {} mac-based", "vlan filter M vlan-list {}", "vlan configuration {}"]
)
def test_a_vlan_of_thousands_of_digits_is_no_vlan(line: str) -> None:
    """A number that Python does not turn into one is told, or left to others; it is no error of ours."""
    written = line.format("9" * 5004)
    if line == "vlan {}":
        assert "is no list of VLANs" in refused(written)
    else:
        assert seen(written).state.vlans == ()
    assert parse_vlan_list("9" * 5004) is None
