"""Cisco IOS as text that is read: what is understood, refused with its line, or a conflict with others."""

from __future__ import annotations

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import PortMode, PortState, build_device_state, build_vlan_interface
from controller.platforms.base import refuse_conflicts
from tests.platforms.catalyst_device import TypedCatalyst
from tests.platforms.cisco_ios.texts import IOS, RUNNING, refusal, walk


def listed(*entries: str, header: str = "ip access-list extended TSN-20-from-4-01234567") -> str:
    return "".join(f"{line}\n" for line in ("version 15.2", header, *(f" {entry}" for entry in entries)))


END = "deny ip any any"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (listed("permit ip any any log", END), 3, "unknown word 'log'; expected the end of the line"),
        (listed("allow ip any any", END), 3, "unknown word 'allow'; expected permit or deny"),
        (listed("permit tcp any neq 5 any", END), 3, "unknown address 'neq' '5'"),
        (listed("permit tcp any any eq 80 443", END), 3, "unknown word '443'; expected eq, range"),
        (listed("permit tcp any any eq ssh", END), 3, "unknown word 'ssh'; expected a port: 0 to 65535, bgp"),
        (listed("permit tcp any any range 9 3", END), 3, "name none"),
        (listed("permit icmp any any host-unreachable", END), 3, "expected an ICMP type without a code"),
        (listed("permit icmp any any 3 4", END), 3, "unknown word '4'"),
        (listed("permit 0 any any", END), 3, "expected a protocol: 1 to 255"),
        (listed("permit ip 10.0.0.0 0.0.255.0 any", END), 3, "the wildcard mask 0.0.255.0 is no prefix"),
        (listed("permit ip 10.0.0.1 0.0.0.255 any", END), 3, "unknown address '10.0.0.1/24'"),
        (listed("permit ip host 2001:db8::1 any", END), 3, "expected IPv4"),
        (listed("permit udp any any established", END), 3, "unknown word 'established'"),
        (listed("20 permit ip any host 10.0.0.1", f"10 {END}"), 4, "the sequence number 10 does not ascend"),
        (listed("evaluate X", END), 3, "unknown word 'evaluate'"),
        (listed("permit tcp any any"), 3, "must end in an entry that covers everything"),
        (listed(), 2, "an empty list permits everything"),
        (listed(END, header="ip access-list extended TSN-mine"), 2, "expected a name like TSN-20-from-4-0123abcd"),
        (listed(END, header="ip access-list extended TSN-20-from-6-01234567"), 2, "expected a name like"),
        (
            listed(END, header="ip access-list standard TSN-20-from-4-01234567"),
            2,
            "a list under our prefix that is none",
        ),
        (
            listed("ip access-group TSN-20-from-4-01234567", header="interface Vlan20"),
            3,
            "expected ip access-group TSN",
        ),
        (listed("ip access-group TSN-own in", header="interface Vlan20"), 3, "expected ip access-group TSN"),
        (
            listed("ip access-group TSN-20-from-4-01234567 in", header="interface Gi1"),
            3,
            "none of ours belongs on Gigabit",
        ),
        (listed("name TSN-x", header="vlan 20-22"), 2, "one name of ours for many VLANs"),
        (
            listed("description TSN-port", "switchport voice vlan 9", header="interface Gi1"),
            4,
            "conflict: GigabitEthernet1 is ours",
        ),
        (
            listed(
                "description TSN-port",
                "switchport mode trunk",
                "switchport trunk allowed vlan except 5",
                header="interface Gi1",
            ),
            5,
            "expected a list of VLANs, add, or none",
        ),
    ],
)
def test_what_is_not_understood_inside_ours_is_refused(text: str, line: int, said: str) -> None:
    message = refusal(text)
    assert f"core1.cfg:{line}: " in message
    assert said in message


PORT = "interface GigabitEthernet1/0/1"
MARKED = ("description TSN-port east", "switchport mode access", "switchport access vlan 20")


@pytest.mark.parametrize(
    ("foreign", "what"),
    [
        ("no switchport", "is a routed port"),
        ("ip address 10.9.0.1 255.255.255.0", "has an address, as a routed port has"),
        ("ip address dhcp", "has an address, as a routed port has"),
        ("ipv6 address 2001:DB8::1/64", "has an address, as a routed port has"),
        ("ip access-group LEGACY in", "is filtered by a list that is not ours"),
        ("ip  access-group LEGACY in", "is filtered by a list that is not ours"),
        ("ipv6 traffic-filter LEGACY6 in", "is filtered by a list that is not ours"),
        ("mac access-group LEGACY-MAC in", "is filtered by a list that is not ours"),
        ("switchport private-vlan host-association 20 501", "is in a private VLAN"),
        ("switchport mode private-vlan host", "is in a private VLAN"),
        ("switchport mode private-vlan trunk", "is in a private VLAN"),
        ("switchport voice vlan 9", "carries another VLAN beside ours"),
        ("switchport vlan mapping 20 30", "puts frames into another VLAN"),
        ("authentication event fail action authorize vlan 30", "puts hosts into another VLAN"),
        ("authentication event fail retry 2 action authorize vlan 30", "puts hosts into another VLAN"),
        ("authentication event no-response action authorize vlan 30", "puts hosts into another VLAN"),
        ("authentication event server dead action reinitialize vlan 30", "puts hosts into another VLAN"),
        ("dot1x guest-vlan 30", "puts hosts into another VLAN"),
        ("dot1x auth-fail vlan 30", "puts hosts into another VLAN"),
        ("dot1x critical vlan 30", "puts hosts into another VLAN"),
    ],
)
def test_a_line_that_changes_what_a_port_of_ours_carries_is_a_conflict(foreign: str, what: str) -> None:
    message = refusal(listed(*MARKED, foreign, header=PORT))
    assert "core1.cfg:6: conflict: GigabitEthernet1/0/1 is ours ('description TSN-port east', line 3)" in message
    assert f"and {what}: '{' '.join(foreign.split())}'; depends on it: what th" in message
    others = listed("description PC room", foreign, header=PORT)
    assert not IOS.parse(others, "x").state.ports


def test_a_routed_port_without_a_description_is_not_free_for_ours() -> None:
    seen = IOS.parse(listed("no switchport", "ip address 10.9.0.1 255.255.255.0", header=PORT), "x")
    wanted = build_device_state(ports=[PortState("GigabitEthernet1/0/1", PortMode.ACCESS, (20,))])
    with pytest.raises(
        ConfigRefused, match="x:3: conflict: port GigabitEthernet1/0/1 must stand where 'no switchport'"
    ):
        refuse_conflicts(seen, wanted, "x")


def test_a_routed_port_under_our_mark_is_refused_line_by_line() -> None:
    message = refusal(listed(*MARKED, "no switchport", "ip address 10.9.0.1 255.255.255.0", header=PORT))
    assert "core1.cfg:6: conflict" in message
    assert "core1.cfg:7: conflict" in message


def test_lines_that_change_no_vlan_and_no_filter_are_left_alone() -> None:
    lines = (
        "no ip address",
        "spanning-tree portfast",
        "storm-control broadcast level 5",
        "power inline auto",
        "speed 100",
    )
    seen = IOS.parse(listed(*MARKED, *lines, header=PORT), "x")
    assert seen.state.ports == (PortState("GigabitEthernet1/0/1", PortMode.ACCESS, (20,)),)
    assert len(seen.unmanaged) == 1 + len(lines)


OTHERS = f"{PORT}\n description PC room\n"
MINE = f"{PORT}\n description TSN-port\n switchport mode access\n"
NAMED = "vlan 20\n name TSN-x\n"


@pytest.mark.parametrize(
    ("text", "line", "first"),
    [
        (MINE + MINE, 4, 1),
        (MINE + OTHERS, 4, 1),
        (OTHERS + MINE, 3, 1),
        (MINE + f"{PORT}\n no shutdown\n", 4, 1),
        (MINE + MINE.replace("Ethernet", "ethernet "), 4, 1),
        (NAMED + NAMED, 3, 1),
        (NAMED + "vlan 20\n name PRINTERS\n", 3, 1),
        ("vlan 18,20-22\n" + NAMED, 2, 1),
        (NAMED + " name TSN-y\n", 3, 2),
        ("vlan 20\n name PRINTERS\n name TSN-x\n", 3, 2),
        (MINE + " switchport access vlan 20\n switchport access vlan 30\n", 5, 4),
        (MINE + " switchport mode trunk\n", 4, 3),
        (MINE + " switchport mode access\n", 4, 3),
        (MINE + " description PC room\n", 4, 2),
        (OTHERS + " description TSN-port\n", 3, 2),
        ("interface Vlan20\n ip access-group TSN-20-from-4-01234567 in\n" + "interface Vlan20\n shutdown\n", 3, 1),
    ],
)
def test_what_stands_twice_is_refused_with_both_lines(text: str, line: int, first: int) -> None:
    message = refusal(text)
    assert f"core1.cfg:{line}: " in message
    assert "stands twice" in message
    assert f"is in line {first};" in message


def test_what_others_have_twice_is_left_alone() -> None:
    seen = IOS.parse(OTHERS * 2 + "vlan 30\n name PRINTERS\n" * 2, "x")
    assert seen.state == build_device_state()
    assert len(seen.unmanaged) == 8


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (["switchport trunk allowed vlan 10", "switchport trunk allowed vlan 20"], 6, "must stand once"),
        (["switchport trunk allowed vlan add 10"], 5, "continued only by lines with 'add'"),
    ],
)
def test_the_allowed_vlans_of_a_trunk_of_ours_stand_once(lines: list[str], line: int, said: str) -> None:
    message = refusal(listed("description TSN-port", "switchport mode trunk", *lines, header=PORT))
    assert f"core1.cfg:{line}: in GigabitEthernet1/0/1, " in message
    assert said in message


@pytest.mark.parametrize("vlans", ["20,30", "20-22", "add 20", "none", "dynamic"])
def test_an_access_port_of_ours_has_one_vlan(vlans: str) -> None:
    lines = ("description TSN-port", "switchport mode access", f"switchport access vlan {vlans}")
    assert "core1.cfg:5: unknown word in 'switchport access vlan" in refusal(listed(*lines, header=PORT))


def test_all_problems_are_told_at_once() -> None:
    message = refusal(listed("permit ip any any log", "permit gre any any 5", END) * 2)
    assert [f"core1.cfg:{line}:" in message for line in (3, 4, 8, 9)] == [True] * 4
    assert "stands twice" in message


@pytest.mark.parametrize(
    "lines",
    [
        ["switchport mode trunk"],
        ["switchport mode trunk", "switchport trunk allowed vlan none"],
        ["switchport mode dynamic auto", "switchport access vlan 20"],
        ["switchport access vlan 20"],
    ],
)
def test_a_port_of_ours_that_is_not_as_we_set_it_counts_as_out_of_service(lines: list[str]) -> None:
    seen = IOS.parse(listed("description TSN-port", *lines, header="interface GigabitEthernet1/0/1"), "x")
    assert not seen.state.ports
    assert ["counts as out of service" in line.text for line in seen.remarks] == [True]
    assert seen.lines == seen.managed + len(seen.unmanaged)


OURS = "interface Vlan20\n description TSN-interface staff\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ip address dhcp", "unknown words in 'ip address dhcp'"),
        ("ip address 10.1.0.1 255.0.255.0", "unknown words"),
        ("ip unnumbered Loopback0", "unknown words"),
        ("ipv6 address FE80::1 link-local", "unknown words"),
        ("ip helper-address global 10.0.0.67", "unknown words"),
        ("vrf forwarding GUEST", "is in a routing table of others"),
        ("ip policy route-map OUT", "routes packets by a policy of others"),
        ("description PC room", "a second description"),
    ],
)
def test_what_is_not_understood_inside_an_interface_of_ours_is_refused(line: str, said: str) -> None:
    message = refusal(f"{OURS} ip address 10.1.20.1 255.255.255.0\n {line}\n")
    assert "core1.cfg:4: " in message
    assert said in message
    assert IOS.parse(f"interface Vlan20\n {line}\n", "x").unmanaged


def test_an_interface_that_is_down_or_bare_counts_as_out_of_service() -> None:
    for lines in (" ip address 10.1.20.1 255.255.255.0\n shutdown\n", ""):
        seen = IOS.parse(f"{OURS}{lines}", "x")
        assert not seen.state.interfaces
        assert ["interface Vlan20 counts as out of service" in line.text for line in seen.remarks] == [True]
    switch = TypedCatalyst(f"{OURS} ip address 10.1.20.9 255.255.255.0\n ipv6 address 2001:DB8::9/64\n shutdown\n")
    wanted = build_device_state(interfaces=[build_vlan_interface(20, ["10.1.20.1/24", "10.1.20.9/24"])])
    walk(switch, build_device_state(), wanted)


def test_an_address_of_others_where_ours_must_stand_is_a_conflict() -> None:
    wanted = build_device_state(interfaces=[build_vlan_interface(1, ["10.1.0.9/24"])])
    with pytest.raises(
        ConfigRefused, match=r"x:38: conflict: interface in VLAN 1 must stand where 'ip address 10.1.0.1"
    ):
        refuse_conflicts(IOS.parse(RUNNING, "x"), wanted, "x")


def test_a_secondary_address_becomes_the_primary_one() -> None:
    switch = TypedCatalyst("")
    first = build_device_state(
        interfaces=[build_vlan_interface(20, ["10.1.20.1/24", "10.1.20.9/24", "2001:db8::1/64"])]
    )
    second = build_device_state(interfaces=[build_vlan_interface(20, ["10.1.20.9/24", "10.1.20.1/24"], ["10.0.0.67"])])
    walk(switch, build_device_state(), first)
    walk(switch, first, second)
    walk(switch, second, first)


def test_a_native_vlan_of_ours_is_a_conflict() -> None:
    trunk = ("description TSN-port", "switchport trunk allowed vlan 10,20", "switchport mode trunk")
    assert "carries a VLAN of ours untagged" in refusal(listed(*trunk, "switchport trunk native vlan 20", header=PORT))
    assert IOS.parse(listed(*trunk, "switchport trunk native vlan 999", header=PORT), "x").state.ports


@pytest.mark.parametrize("header", ["interface range GigabitEthernet1/0/1-2", "interface range Gi1/0/1 - 99999999"])
def test_a_range_is_no_port(header: str) -> None:
    assert "core1.cfg:2: 'interface range " in refusal(listed(*MARKED, header=header))
