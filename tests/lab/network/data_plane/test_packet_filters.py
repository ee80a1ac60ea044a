from __future__ import annotations

from collections import Counter
from ipaddress import ip_network

import pytest

from controller.errors import LabError
from controller.lab.network.data_plane.filter_counters import sum_denied_packets
from controller.lab.network.data_plane.packet_filters import INET, NETDEV, render_chains, render_transaction
from controller.lab.network.data_plane.port_wires import PortWire
from controller.lab.virtual_switches.forwarding import (
    Forwarding,
    InterfaceForwarding,
    PacketList,
    PacketRule,
    PortForwarding,
)

WIRES = (PortWire("p1", "1"), PortWire("t2.10", "2", 10), PortWire("t2.20", "2", 20))
WEB = PacketRule(permit=True, family=4, protocol=6, destination_ports=((80, 80), (8000, 8009)))
ANSWERS = PacketRule(permit=True, family=4, protocol=6, established=True)


def on_port(*lists: PacketList) -> Forwarding:
    return Forwarding(frozenset({10}), (PortForwarding("1", untagged=10, lists=lists),))


def on_interface(*lists: PacketList, vlan: int = 10) -> Forwarding:
    return Forwarding(frozenset({10}), interfaces=(InterfaceForwarding(vlan, incoming=lists, outgoing=lists),))


def rules_of(forwarding: Forwarding, chain: str) -> list[str]:
    return [rule for one, rules in render_chains(WIRES, forwarding).items() if one.name == chain for rule in rules]


def test_rules_in_nftables_words() -> None:
    network = PacketRule(
        permit=False, family=6, source=ip_network("fd00::/16"), protocol=58, icmp=(128, 0), destination=None
    )
    lists = PacketList("a", 4, (WEB, ANSWERS), otherwise=False), PacketList("b", 6, (network,), otherwise=True)
    assert rules_of(on_port(*lists), "p1")[1:] == [
        "meta protocol ip meta l4proto 6 tcp dport { 80, 8000-8009 } counter accept",
        "meta protocol ip meta l4proto 6 tcp flags & (ack | rst) != 0 counter accept",
        "meta protocol ip counter drop",
        "meta protocol ip6 meta l4proto 58 ip6 saddr fd00::/16 icmpv6 type 128 icmpv6 code 0 counter drop",
    ]


def test_a_rule_of_a_vlan_stands_at_the_wires_of_that_vlan() -> None:
    rule = PacketRule(permit=False, family=4, vlan=10)
    port = PortForwarding("2", tagged=frozenset({10, 20}), lists=(PacketList("a", 4, (rule,), otherwise=True),))
    forwarding = Forwarding(frozenset({10, 20}), (port,))
    assert len(rules_of(forwarding, "t2.10")) == 2
    assert len(rules_of(forwarding, "t2.20")) == 1


def test_lists_of_an_interface_that_is_in_no_vlan_stand_nowhere() -> None:
    web = PacketList("a", 4, (WEB,), otherwise=False)
    assert rules_of(on_interface(web), "in-vlan10") == rules_of(on_interface(web), "out-vlan10")
    assert not rules_of(on_interface(web, vlan=30), "in-vlan30")


@pytest.mark.parametrize(
    "rule",
    [
        PacketRule(permit=True, family=4, protocol=1, destination_ports=((80, 80),)),
        PacketRule(permit=True, family=4, destination_ports=((80, 80),)),
        PacketRule(permit=True, family=4, protocol=17, established=True),
        PacketRule(permit=True, family=4, protocol=6, icmp=(8,)),
    ],
)
def test_what_no_packet_can_be_is_refused(rule: PacketRule) -> None:
    with pytest.raises(LabError):
        render_chains(WIRES, on_port(PacketList("a", 4, (rule,), otherwise=True)))


def test_a_transaction_holds_what_changes_and_nothing_else() -> None:
    empty = render_chains(WIRES, Forwarding())
    web = render_chains(WIRES, on_interface(PacketList("a", 4, (WEB,), otherwise=False)))
    answers = render_chains(WIRES, on_interface(PacketList("a", 4, (ANSWERS,), otherwise=False)))
    assert render_transaction(empty, empty) == ""
    assert "t2.10" not in render_transaction(empty, web)
    made = render_transaction(empty, web).splitlines()
    assert made.index(f"add chain {INET} in-vlan10 ") < min(
        number for number, line in enumerate(made) if "jump in-vlan10" in line
    )
    assert {line.split()[4] for line in render_transaction(web, answers).splitlines()} == {"in-vlan10", "out-vlan10"}
    removed = render_transaction(web, empty).splitlines()
    assert removed.index(f"flush chain {INET} prerouting") < removed.index(f"delete chain {INET} in-vlan10")
    assert NETDEV not in "".join(removed)


def test_dropped_packets_are_counted_by_chain_and_family() -> None:
    def rule(chain: str, *parts: str) -> str:
        return f'{{"rule": {{"chain": "{chain}", "expr": [{", ".join(parts)}]}}}}'

    counter, drop = '{"counter": {"packets": 3, "bytes": 9}}', '{"drop": null}'
    protocol = '{"match": {"op": "==", "left": {"meta": {"key": "protocol"}}, "right": "ip"}}'
    address = '{"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "saddr"}}, "right": "fd00::1"}}'
    listing = ", ".join(
        (
            '{"chain": {"name": "in-vlan10"}}',
            rule("in-vlan10", protocol, counter, '{"accept": null}'),
            rule("in-vlan10", protocol, counter, drop),
            rule("in-vlan10", address, counter, drop),
            rule("in-vlan10", address, counter, drop),
        )
    )
    assert sum_denied_packets(f'{{"nftables": [{listing}]}}') == Counter({("in-vlan10", 4): 3, ("in-vlan10", 6): 6})
