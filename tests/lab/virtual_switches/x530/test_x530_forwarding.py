"""What the virtual x530 does with packets."""

from __future__ import annotations

import pytest

from controller.lab.virtual_switches.forwarding import PortForwarding, SampledPacket, permits_packet
from controller.lab.virtual_switches.x530.device import Model
from tests.lab.virtual_switches.x530.users import User

WEB = SampledPacket(4, 6, 0x0A000001, 0x0A000002, 5000, 80, vlan=10)


def find_port(user: User, name: str) -> PortForwarding:
    (found,) = (one for one in user.switch.get_forwarding().ports if one.name == name)
    return found


def make_user(*lines: str, model: Model | None = None) -> User:
    user = User(model=model or Model())
    said = user.configure("vlan database", "vlan 10,20,30", *lines, "end")
    assert said == []
    return user


def test_ports_carry_their_vlans_and_no_other() -> None:
    user = make_user(
        "interface port1.0.1", "switchport access vlan 10",
        "interface port1.0.2", "switchport mode trunk", "switchport trunk allowed vlan add 10,20",
        "interface port1.0.3", "switchport mode trunk", "switchport trunk allowed vlan add 10",
        "switchport trunk native vlan none", "shutdown", "vlan database", "vlan 30 state disable",
    )  # fmt: skip
    forwarding = user.switch.get_forwarding()
    assert forwarding.vlans == {1, 10, 20}
    assert forwarding.routes == {4}
    first, second, third = (find_port(user, f"port1.0.{number}") for number in (1, 2, 3))
    assert (first.untagged, first.tagged, first.up) == (10, frozenset(), True)
    assert (second.untagged, second.tagged) == (1, frozenset({10, 20}))
    assert (third.untagged, third.tagged, third.up) == (None, frozenset({10}), False)


def test_lists_are_asked_in_their_order_and_permit_what_matches_nothing() -> None:
    user = make_user(
        "access-list hardware DENY", "deny tcp any any eq 80",
        "access-list hardware PERMIT", "permit tcp any any",
        "interface port1.0.1", "access-group PERMIT", "access-group DENY",
        "interface port1.0.2", "access-group DENY", "access-group PERMIT",
    )  # fmt: skip
    assert permits_packet(find_port(user, "port1.0.1").lists, WEB)
    assert not permits_packet(find_port(user, "port1.0.2").lists, WEB)
    other = SampledPacket(4, 47, 1, 2, vlan=10)
    assert permits_packet(find_port(user, "port1.0.2").lists, other)
    user.configure("interface port1.0.1", "no access-group PERMIT", "end")
    assert not permits_packet(find_port(user, "port1.0.1").lists, WEB)
    assert "port1.0.1" in user.configure("no access-list hardware DENY")[0]


@pytest.mark.parametrize(
    ("ports", "inside", "outside"),
    [("eq 80", 80, 81), ("lt 80", 79, 80), ("gt 80", 81, 80), ("ne 80", 79, 80), ("range 80 90", 90, 91)],
)
def test_port_operators(ports: str, inside: int, outside: int) -> None:
    user = make_user("access-list hardware A", f"deny udp any any {ports}", "interface port1.0.1", "access-group A")
    lists = find_port(user, "port1.0.1").lists
    assert not permits_packet(lists, SampledPacket(4, 17, 1, 2, 5, inside))
    assert permits_packet(lists, SampledPacket(4, 17, 1, 2, 5, outside))


def test_a_vlan_in_an_entry_is_the_tag_and_untagged_packets_have_none_unless_the_model_says_so() -> None:
    lines = (
        "access-list hardware A", "deny ip any any vlan 10", "interface port1.0.1", "switchport access vlan 10",
        "access-group A", "interface port1.0.2", "switchport mode trunk", "switchport trunk allowed vlan add 10,20",
        "access-group A",
    )  # fmt: skip
    user = make_user(*lines)
    assert permits_packet(find_port(user, "port1.0.1").lists, WEB)
    assert not permits_packet(find_port(user, "port1.0.2").lists, WEB)
    assert permits_packet(find_port(user, "port1.0.2").lists, SampledPacket(4, 6, 1, 2, 5, 80, vlan=20))
    user = make_user(*lines, model=Model(tags_of_untagged=True))
    assert not permits_packet(find_port(user, "port1.0.1").lists, WEB)


def test_a_list_for_one_family_does_not_ask_the_other() -> None:
    user = make_user("ipv6 access-list A", "deny ipv6 any any", "interface port1.0.1", "ipv6 traffic-filter A")
    lists = find_port(user, "port1.0.1").lists
    assert permits_packet(lists, WEB)
    assert not permits_packet(lists, SampledPacket(6, 58, 1, 2, 0, 135))


def test_a_vlan_map_asks_the_packets_of_its_vlans_on_every_port() -> None:
    user = make_user(
        "access-list hardware A", "deny tcp any any eq 80", "vlan access-map M", "match access-group A",
        "vlan filter M vlan-list 10 input", "interface port1.0.1", "switchport mode trunk",
        "switchport trunk allowed vlan add 10,20",
    )  # fmt: skip
    lists = find_port(user, "port1.0.1").lists
    assert not permits_packet(lists, WEB)
    assert permits_packet(lists, SampledPacket(4, 6, 1, 2, 5, 80, vlan=20))
    assert user.configure("interface port1.0.1", "access-group A")[0].startswith("% Not modelled")
    assert user.configure("no vlan access-map M")[0].startswith("%")
    assert user.configure("no vlan filter M vlan-list 10 input", "no vlan access-map M") == []


def test_a_static_group_is_a_port_and_one_by_lacp_stays_down() -> None:
    user = make_user(
        "interface port1.0.1-1.0.2", "switchport mode trunk", "switchport trunk allowed vlan add 10",
        "static-channel-group 1", "interface port1.0.3", "channel-group 2 mode active",
    )  # fmt: skip
    assert (find_port(user, "sa1").up, find_port(user, "sa1").tagged) == (True, frozenset({10}))
    assert not find_port(user, "po2").up
    names = {port.name for port in user.switch.get_forwarding().ports}
    assert not names & {"port1.0.1", "port1.0.2", "port1.0.3"}
    (said,) = user.configure("interface port1.0.4", "static-channel-group 1")
    assert said == "% The properties of port1.0.4 don't match other ports in aggregator"
    assert user.configure("interface port1.0.3", "static-channel-group 1") == ["% already under lacp control"]
    assert user.configure("interface port1.0.1", "switchport mode access")[0].startswith("% Not modelled")
    user.configure("interface sa1", "switchport trunk allowed vlan add 20")
    user.configure("interface port1.0.1-1.0.2", "no static-channel-group", "end")
    assert find_port(user, "port1.0.2").tagged == {10, 20}
    assert "sa1" not in user.switch.running.aggregates


def test_interfaces_routes_and_relays() -> None:
    user = make_user(
        "interface vlan10", "ip address 10.0.0.1/24", "ipv6 address 2001:db8::1/64",
        "ip dhcp-relay server-address 10.9.9.9", "interface vlan20", "ip address 10.0.1.1/24", "shutdown",
        "ip route 0.0.0.0 0.0.0.0 10.0.0.254", "ipv6 forwarding",
    )  # fmt: skip
    forwarding = user.switch.get_forwarding()
    first, second = forwarding.interfaces
    assert (first.vlan, first.addresses, first.relays) == (10, ("10.0.0.1/24", "2001:db8::1/64"), ("10.9.9.9",))
    assert (second.vlan, second.up) == (20, False)
    assert forwarding.routes == {4, 6}
    assert [str(one.gateway) for one in forwarding.static_routes] == ["10.0.0.254"]
    assert user.configure("vlan database", "no vlan 10")[0].startswith("% Not modelled")
