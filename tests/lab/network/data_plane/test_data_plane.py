"""The data plane against `permits_packet`, with packets: what lists say on paper is what comes out at the wires."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Literal

import pytest

from controller.lab.network.data_plane.bridges import name_bridge
from controller.lab.network.data_plane.filter_counters import count_denied_packets, resume_filters, suspend_filters
from controller.lab.network.data_plane.port_wires import PortWire
from controller.lab.state.processes import wait_until
from controller.lab.virtual_switches.forwarding import (
    ALL_PORTS,
    Forwarding,
    InterfaceForwarding,
    PacketList,
    PacketRule,
    PortForwarding,
    SampledPacket,
    StaticRoute,
    permits_packet,
)
from tests.lab.network.data_plane.switch_namespace import HOST_MAC, SWITCH, Bench, build_bench, ip, write_frame

pytestmark = pytest.mark.lab

WIRES = [PortWire("p1", "1"), PortWire("p2", "2"), PortWire("p3", "3"), PortWire("t4.10", "4", 10)]
GATEWAYS = {4: "10.2.0.9", 6: "fd00:2::9"}
POOLS: dict[int, tuple[str, str]] = {4: ("172.16.0.", "172.17.0."), 6: ("2001:db8:1::", "2001:db8:2::")}
NETWORKS = {
    4: (("172.16.0.0/16", "172.16.0.0/30", "172.16.0.2/32"), ("172.17.0.0/16", "172.17.0.0/31", "172.17.0.3/32")),
    6: (("2001:db8:1::/48", "2001:db8:1::/127"), ("2001:db8:2::/48", "2001:db8:2::2/128")),
}
PROTOCOLS = {4: (6, 17, 1), 6: (6, 17, 58)}
RANGES = (((80, 80),), ((80, 443), (8000, 9000)), ((1024, 65535),))
PORTS = (53, 79, 80, 81, 443, 444, 1023, 1024, 8000, 9001)
TYPES = (1, 8, 128, 129)
ROUNDS, PACKETS = 6, 120


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with build_bench(WIRES) as built:
        yield built


def draw_rule(random_: random.Random, family: Literal[4, 6]) -> PacketRule:
    source, destination = (random_.choice([None, *map(ip_network, names)]) for names in NETWORKS[family])
    protocol = random_.choice((None, *PROTOCOLS[family]))
    ported = protocol in {6, 17}
    return PacketRule(
        permit=random_.random() < 0.6,
        family=family,
        protocol=protocol,
        source=source,
        destination=destination,
        source_ports=random_.choice(RANGES) if ported and random_.random() < 0.3 else ALL_PORTS,
        destination_ports=random_.choice(RANGES) if ported and random_.random() < 0.5 else ALL_PORTS,
        icmp=random_.choice((None, (8,), (128, 0))) if protocol in {1, 58} else None,
        established=protocol == 6 and random_.random() < 0.4,
    )


def draw_lists(random_: random.Random) -> tuple[PacketList, ...]:
    """Lists of both families, as many of each as a place can have."""
    families: list[Literal[4, 6]] = [4, 6, random_.choice((4, 6))]
    return tuple(
        PacketList(
            f"list{number}",
            family,
            tuple(draw_rule(random_, family) for _ in range(random_.randint(0, 5))),
            otherwise=random_.random() < 0.5,
        )
        for number, family in enumerate(families)
        if random_.random() < 0.8
    )


def draw_packet(random_: random.Random) -> SampledPacket:
    family: Literal[4, 6] = random_.choice((4, 6))
    protocol = random_.choice(PROTOCOLS[family])
    source, destination = (int(ip_address(f"{pool}{random_.randint(1, 4)}")) for pool in POOLS[family])
    if protocol in {1, 58}:
        return SampledPacket(family, protocol, source, destination, random_.choice((0, 1)), random_.choice(TYPES))
    ports = random_.choice(PORTS), random_.choice(PORTS)
    return SampledPacket(family, protocol, source, destination, *ports, protocol == 6 and random_.random() < 0.5)


def routed(incoming: tuple[PacketList, ...], outgoing: tuple[PacketList, ...]) -> Forwarding:
    """Port 1 in VLAN 10, port 2 in VLAN 20, and everything is routed to a neighbour behind port 2."""
    return Forwarding(
        frozenset({10, 20}),
        (PortForwarding("1", untagged=10), PortForwarding("2", untagged=20)),
        (
            InterfaceForwarding(10, addresses=("10.1.0.1/24", "fd00:1::1/64"), incoming=incoming),
            InterfaceForwarding(20, addresses=("10.2.0.1/24", "fd00:2::1/64"), outgoing=outgoing),
        ),
        frozenset({4, 6}),
        tuple(
            StaticRoute(ip_network(to), ip_address(GATEWAYS[family])) for family, to in ((4, "0.0.0.0/0"), (6, "::/0"))
        ),
    )


def read_bridge_mac(vlan: int) -> bytes:
    words = ("ip", "-n", SWITCH, "-j", "link", "show", "dev", name_bridge(vlan))
    shown = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return bytes.fromhex(shown[0]["address"].replace(":", ""))


def compare(bench: Bench, out: str, to: bytes, sent: list[SampledPacket], expected: set[int]) -> None:
    bench.send("p1", [write_frame(packet, mark, to) for mark, packet in enumerate(sent)])
    found = bench.receive(out, len(expected))
    assert not (found - expected), [sent[mark] for mark in sorted(found - expected)][:3]
    assert not (expected - found), [sent[mark] for mark in sorted(expected - found)][:3]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_lists_of_interfaces_let_through_what_they_say(bench: Bench, seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311 a seeded test
    incoming, outgoing = draw_lists(random_), draw_lists(random_)
    bench.carry_out(routed(incoming, outgoing))
    for address in GATEWAYS.values():
        mac = HOST_MAC.hex(":")
        ip("-n", SWITCH, "neigh", "replace", address, "lladdr", mac, "dev", name_bridge(20), "nud", "permanent")
    sent = [draw_packet(random_) for _ in range(PACKETS)]
    through = {
        mark
        for mark, packet in enumerate(sent)
        if permits_packet(incoming, packet) and permits_packet(outgoing, packet)
    }
    compare(bench, "p2", read_bridge_mac(10), sent, through)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_lists_of_a_port_let_through_what_they_say(bench: Bench, seed: int) -> None:
    random_ = random.Random(1000 + seed)  # noqa: S311 a seeded test
    lists = draw_lists(random_)
    ports = PortForwarding("1", untagged=10, lists=lists), PortForwarding("3", untagged=10)
    bench.carry_out(Forwarding(frozenset({10}), ports))
    sent = [draw_packet(random_) for _ in range(PACKETS)]
    through = {mark for mark, packet in enumerate(sent) if permits_packet(lists, packet)}
    compare(bench, "p3", b"\xff" * 6, sent, through)


def test_what_reaches_the_switch_in_a_vlan_without_its_interface_is_not_routed(bench: Bench) -> None:
    """A host may still know the hardware address of an interface that has lost its address."""
    both = routed((), ())
    without = replace(both, interfaces=both.interfaces[1:])
    packet = [SampledPacket(4, 17, int(ip_address("172.16.0.1")), int(ip_address("172.17.0.1")), 1, 2)]
    for forwarding, through in ((both, {0}), (without, set[int]()), (both, {0})):
        bench.carry_out(forwarding)
        mac = HOST_MAC.hex(":")
        ip("-n", SWITCH, "neigh", "replace", GATEWAYS[4], "lladdr", mac, "dev", name_bridge(20), "nud", "permanent")
        compare(bench, "p2", read_bridge_mac(10), packet, through)
    bench.plane.start()
    bench.carry_out(without)
    ip("-n", SWITCH, "neigh", "replace", GATEWAYS[4], "lladdr", mac, "dev", name_bridge(20), "nud", "permanent")
    compare(bench, "p2", read_bridge_mac(10), packet, set())


def test_ways_between_ports(bench: Bench) -> None:
    """Who hears a broadcast of port 1: those of its VLAN that are up, a trunk that has it, no other isolated port."""
    packet = [draw_packet(random.Random(0))]  # noqa: S311 a seeded test
    one = PortForwarding("1", untagged=10, isolated=True)
    trunk = PortForwarding("4", tagged=frozenset({10}))

    def check(expected: set[str], *ports: PortForwarding, vlans: frozenset[int] = frozenset({10, 20})) -> None:
        bench.carry_out(Forwarding(vlans, ports))
        bench.send("p1", [write_frame(packet[0], 7, b"\xff" * 6)])
        # Those that must hear it come first: by then the kernel has given the frame to all.
        names = sorted(("p2", "p3", "t4.10"), key=lambda name: name not in expected)
        assert {name for name in names if bench.receive(name, int(name in expected))} == expected

    two, three = PortForwarding("2", untagged=10), PortForwarding("3", untagged=10)
    check({"p2", "t4.10"}, one, two, PortForwarding("3", untagged=20), trunk)
    check({"t4.10"}, one, PortForwarding("2", untagged=10, isolated=True), trunk)
    check({"p3"}, one, PortForwarding("2", up=False, untagged=10), three)
    check(set(), one, three, vlans=frozenset({20}))
    check(set(), PortForwarding("1", up=False, untagged=10), three)


def test_the_lab_passes_every_filter_for_a_moment_and_counts_what_they_drop(bench: Bench) -> None:
    shut = PacketList("shut", 4, (), otherwise=False)
    bench.carry_out(
        Forwarding(frozenset({10}), (PortForwarding("1", untagged=10, lists=(shut,)), PortForwarding("3", untagged=10)))
    )
    packet = SampledPacket(4, 17, int(ip_address("172.16.0.1")), int(ip_address("172.17.0.1")), 1, 2)
    compare(bench, "p3", b"\xff" * 6, [packet] * 3, set())
    assert wait_until(lambda: count_denied_packets(SWITCH) == {("p1", 4): 3}, 10.0), count_denied_packets(SWITCH)
    suspend_filters(SWITCH, 30)
    compare(bench, "p3", b"\xff" * 6, [packet], {0})
    resume_filters(SWITCH)
    compare(bench, "p3", b"\xff" * 6, [packet], set())


def test_a_new_start_lets_nothing_through_until_it_is_told_to(bench: Bench) -> None:
    ports = PortForwarding("1", untagged=10), PortForwarding("3", untagged=10)
    packet = [SampledPacket(4, 17, int(ip_address("172.16.0.1")), int(ip_address("172.17.0.1")), 1, 2)]
    bench.carry_out(Forwarding(frozenset({10}), ports))
    compare(bench, "p3", b"\xff" * 6, packet, {0})
    bench.plane.start()
    compare(bench, "p3", b"\xff" * 6, packet, set())
    bench.carry_out(Forwarding(frozenset({10}), ports))
    compare(bench, "p3", b"\xff" * 6, packet, {0})
