"""What the virtual Catalyst does with packets, line by line."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from controller.lab.virtual_switches.catalyst import C9300, fit_ports
from controller.lab.virtual_switches.forwarding import (
    Forwarding,
    InterfaceForwarding,
    PortForwarding,
    SampledPacket,
    permits_packet,
)
from tests.lab.virtual_switches.catalyst.scene import Scene

PORT = "interface GigabitEthernet1/0/1"
BASE = "vtp mode transparent\nvlan 10\nvlan 20\nvlan 30\n"
VLAN = "interface Vlan20\n ip address 10.2.0.1 255.255.255.0\n"
SOME = int(IPv4Address("10.2.0.5"))
OTHER = int(IPv4Address("10.9.0.1"))


def port(scene: Scene, name: str = "GigabitEthernet1/0/1") -> PortForwarding:
    return next(one for one in scene.device.get_forwarding().ports if one.name == name)


def interface(scene: Scene, vlan: int = 20) -> InterfaceForwarding:
    return next(one for one in scene.device.get_forwarding().interfaces if one.vlan == vlan)


def web(*, established: bool = False, number: int = 443) -> SampledPacket:
    return SampledPacket(4, 6, SOME, OTHER, 50000, number, established)


def test_ports_carry_their_vlans() -> None:
    scene = Scene(BASE)
    assert port(scene) == PortForwarding("GigabitEthernet1/0/1", untagged=1)
    scene.configure(PORT, "switchport access vlan 20", "switchport protected", "switchport voice vlan 30")
    assert port(scene) == PortForwarding("GigabitEthernet1/0/1", untagged=20, tagged=frozenset({30}), isolated=True)
    scene.configure(PORT, "switchport mode trunk")
    assert port(scene).tagged == {10, 20, 30}
    scene.configure(PORT, "switchport trunk allowed vlan 10,20,99", "switchport trunk native vlan 10")
    assert port(scene).untagged == 10
    assert port(scene).tagged == {20}
    scene.configure(PORT, "shutdown")
    assert not port(scene).up


def test_a_vlan_that_is_not_active_forwards_nothing() -> None:
    for line in ("shutdown", "state suspend"):
        scene = Scene(BASE)
        scene.configure(PORT, "switchport access vlan 20", "vlan 20", line)
        assert 20 not in scene.device.get_forwarding().vlans
        assert port(scene).untagged is None
    scene.configure("no vlan 20")
    assert port(scene).untagged is None


def test_an_interface_of_a_vlan_is_up_where_a_port_carries_it() -> None:
    scene = Scene(BASE + VLAN)
    assert not interface(scene).up
    scene.configure(PORT, "switchport access vlan 20")
    assert interface(scene) == InterfaceForwarding(20, up=True, addresses=("10.2.0.1/24",))
    scene.configure("interface Vlan20", "ip helper-address 10.0.0.67", "ipv6 address 2001:db8::1/64")
    assert interface(scene).relays == ("10.0.0.67",)
    assert interface(scene).addresses == ("10.2.0.1/24", "2001:db8::1/64")
    scene.configure("vlan 20", "shutdown")
    assert not interface(scene).up


def test_each_entry_acts_when_it_is_typed_and_the_first_turns_the_end_on() -> None:
    scene = Scene(BASE + VLAN)
    seen = []
    lines = ["configure terminal", "interface Vlan20", "ip access-group X in", "ip access-list extended X"]
    lines += ["permit tcp any any eq 22", "permit tcp any any eq 443", "exit", "no ip access-list extended X"]
    for line in lines:
        scene.enter(line)
        seen.append(permits_packet(interface(scene).incoming, web()))
    assert seen == [True, True, True, True, False, True, True, True]


def test_established_remembers_nothing_and_addresses_are_prefixes() -> None:
    text = "ip access-list extended X\n permit tcp any 10.9.0.0 0.0.0.255 established\n"
    text += " permit udp 10.2.0.0 0.0.255.255 any\n"
    scene = Scene(BASE + VLAN + " ip access-group X out\n" + text)
    lists = interface(scene).outgoing
    assert interface(scene).incoming == ()
    assert permits_packet(lists, web(established=True))
    assert not permits_packet(lists, web())
    assert permits_packet(lists, SampledPacket(4, 17, SOME, OTHER, 1, 53))
    assert not permits_packet(lists, SampledPacket(4, 17, OTHER, SOME, 1, 53))
    assert permits_packet(lists, SampledPacket(6, 17, 1, 2, 1, 53)), "a list is about its family"


def test_wildcards_that_are_no_prefix_and_ports_by_all_words() -> None:
    scene = Scene(BASE + VLAN + " ip access-group X in\n")
    scene.configure(
        "ip access-list extended X", "deny tcp 10.0.0.5 0.255.0.0 any neq 80 443", "permit tcp any any lt 1024"
    )
    lists = interface(scene).incoming
    assert permits_packet(lists, web(number=443))
    assert not permits_packet(lists, web(number=22))
    assert permits_packet(lists, replace(web(number=22), source=SOME + 1))
    assert not permits_packet(lists, replace(web(number=1024), source=SOME + 1))
    rule = lists[0].rules[0]
    assert rule.source == IPv4Network("10.0.0.5/32")
    assert len(lists[0].rules) == 257


def test_an_ipv6_list_ends_with_neighbour_discovery() -> None:
    scene = Scene(
        BASE + "interface Vlan20\n ipv6 traffic-filter Z in\nipv6 access-list Z\n permit tcp any any eq 443\n"
    )
    lists = interface(scene).incoming
    address = int(IPv6Address("2001:db8::5"))
    permitted = [kind for kind in range(256) if permits_packet(lists, SampledPacket(6, 58, address, address, 0, kind))]
    assert permitted == [135, 136]
    scene.configure("ipv6 access-list Z", "deny ipv6 any any")
    assert not permits_packet(interface(scene).incoming, SampledPacket(6, 58, address, address, 0, 135))


def test_a_port_list_stands_on_its_port() -> None:
    scene = Scene(BASE + f"{PORT}\n ip access-group X in\nip access-list extended X\n permit udp any any\n")
    assert [one.name for one in port(scene).lists] == ["X"]
    assert not permits_packet(port(scene).lists, web())


def test_routes_and_routing() -> None:
    scene = Scene(BASE)
    assert scene.device.get_forwarding().routes == frozenset()
    scene.configure(
        "ip routing", "ipv6 unicast-routing", "ip route 0.0.0.0 0.0.0.0 10.9.0.2", "ipv6 route ::/0 2001:db8::9"
    )
    forwarding: Forwarding = scene.device.get_forwarding()
    assert forwarding.routes == {4, 6}
    assert [str(one.gateway) for one in forwarding.static_routes] == ["10.9.0.2", "2001:db8::9"]
    assert scene.configure("ip route 10.1.0.5 255.255.255.0 10.9.0.2") == "%Inconsistent address and mask"
    scene.configure("no ip route 0.0.0.0 0.0.0.0 10.9.0.2", "no ip routing")
    assert scene.device.get_forwarding().routes == {6}
    assert len(scene.device.get_forwarding().static_routes) == 1


def test_a_routed_port_is_alone_in_a_vlan_of_its_own() -> None:
    scene = Scene(BASE)
    assert scene.configure(PORT, "no switchport", "ip address 10.9.0.1 255.255.255.252") == ""
    assert scene.block(PORT) == ["no switchport", "ip address 10.9.0.1 255.255.255.252"]
    number = port(scene).untagged
    assert number is not None
    assert number > 4094
    assert interface(scene, number).addresses == ("10.9.0.1/30",)
    assert sum(one.untagged == number for one in scene.device.get_forwarding().ports) == 1


def test_a_group_forwards_for_its_ports_and_a_member_that_differs_is_left_out() -> None:
    scene = Scene(BASE)
    scene.configure(
        "interface range gi1/0/1 - 2", "channel-group 1 mode on", "interface Port-channel1", "switchport access vlan 20"
    )
    names = [one.name for one in scene.device.get_forwarding().ports]
    assert "Port-channel1" in names
    assert not {"GigabitEthernet1/0/1", "GigabitEthernet1/0/2"} & set(names)
    assert port(scene, "Port-channel1") == PortForwarding("Port-channel1", untagged=20)
    scene.configure("interface range gi1/0/1 - 2", "switchport access vlan 30")
    assert not port(scene, "Port-channel1").up


def test_a_model_takes_the_ports_of_a_text() -> None:
    text = "interface TwoGigabitEthernet3/0/1\n description a\ninterface GigabitEthernet0/2\ninterface Vlan20\n"
    assert fit_ports(C9300, text).ports == ("TwoGigabitEthernet3/0/1", "GigabitEthernet0/2")
    assert Scene(text, fit_ports(C9300, text)).block("interface TwoGigabitEthernet3/0/1") == ["description a"]
