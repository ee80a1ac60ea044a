"""A virtual switch on a real data plane: what its dump says of packets, and what comes out at its wires.

Packets of hosts go in at a port of VLAN 20 and come out on the other side, and the other way round. Which come out is
computed from the switch's own dump, twice: by a twin that boots with it, and by our reading of it.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from controller.errors import TsunaguError
from controller.lab.network.data_plane.bridges import name_bridge
from controller.lab.network.data_plane.port_wires import PortWire, find_vlan
from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.lab.virtual_switches.forwarding import (
    Forwarding,
    InterfaceForwarding,
    PacketList,
    SampledPacket,
    permits_packet,
)
from controller.lab.virtual_switches.x530.device import X530
from controller.model.network.device_state import DeviceState, PortMode, PortRole, build_vlan_interface
from controller.model.network.packets import Direction, Family, Packet
from controller.model.sites.devices import Device
from controller.platforms.base import Observation
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.prove.filters.evaluation import evaluate_filter
from tests.lab.network.data_plane.switch_namespace import HOST_MAC, SWITCH, Bench, ip, write_frame
from tests.rollout.cli_families import ARCHIVE, draw_ends, hurry
from tests.rollout.cli_families import WANTED as CATALYST
from tests.rollout.cli_scene import NAME, CliScene
from tests.rollout.unrestored_scenes import AWPLUS_WANTED, build_unrestored

HOSTS, OUTSIDE = 20, 30
PORTS = {
    "cisco_ios": ("GigabitEthernet1/0/1", "GigabitEthernet1/0/9"),
    "allied_telesis_awplus": ("port1.0.1", "port1.0.24"),
}
"""The port of the hosts, and the one on the other side."""
WIRES = {
    "cisco_ios": [PortWire("hosts", PORTS["cisco_ios"][0]), PortWire("outside", PORTS["cisco_ios"][1])],
    "allied_telesis_awplus": [
        PortWire("hosts", PORTS["allied_telesis_awplus"][0], HOSTS),
        PortWire("outside", PORTS["allied_telesis_awplus"][1], HOSTS),
    ],
}
GATEWAYS = {4: "10.9.0.254", 6: "2001:db8:9::254"}
NEAR = {4: ("10.1.20.5", "10.1.20.77"), 6: ("2001:db8:1:20::5", "2001:db8:1:20::77")}
ELSEWHERE = {4: "10.1.21.5", 6: "2001:db8:1:21::5"}
FAR = {
    4: ("10.0.0.53", "10.0.0.54", "203.0.113.3", "203.0.113.16", "10.0.1.7", "10.0.2.1"),
    6: ("2001:db8:f::443", "2001:db8:f::444"),
}
PROTOCOLS: dict[int, tuple[int, ...]] = {4: (6, 6, 17, 1), 6: (6, 6, 17, 58)}
TCP_OR_UDP = {6, 17}
TYPES = {1: (0, 8), 58: (128, 129, 134)}
NUMBERS = (52, 53, 67, 443, 444, 4999, 5000, 5100, 5101, 50000)
PACKETS = 40
BROADCAST = b"\xff" * 6

_OTHERS = """interface GigabitEthernet1/0/9
 switchport access vlan 30
 switchport mode access
interface Vlan30
 ip address 10.9.0.1 255.255.255.0
 ipv6 address 2001:db8:9::1/64
ip routing
ipv6 unicast-routing
ip route 0.0.0.0 0.0.0.0 10.9.0.254
ipv6 route ::/0 2001:db8:9::254
vlan 30
 name OTHERS
"""
_GATEWAY = build_vlan_interface(HOSTS, ["10.1.20.1/24", "2001:db8:1:20::1/64"])


def build_switch(rng: random.Random, model: Device, folder: Path, family: str) -> CliScene:
    """Return a switch of a family, whose plan changes what hosts of VLAN 20 reach."""
    if family != "cisco_ios":
        old, wanted = draw_ends(rng, AWPLUS_WANTED)
        return hurry(build_unrestored(family, model, folder, old=old, wanted=wanted))
    old, wanted = draw_ends(rng, replace(CATALYST, interfaces=(_GATEWAY,)))
    clock = ManualClock()
    archive = ARCHIVE if rng.random() < 0.7 else ""
    head = f"hostname core1\n{archive}vtp mode transparent\n{_OTHERS}"
    switch = CatalystSwitch(
        startup=f"{head}{load_platform(family).render(old)}end\n", clock=lambda: clock.now().timestamp()
    )
    assert switch.refused_at_boot == []
    switch.save("test")
    return hurry(CliScene(family, switch, clock, old, wanted, model, folder))


def _load_twin(family: str, dump: str) -> Forwarding:
    """Return what a switch does that boots with a dump."""
    if family == "cisco_ios":
        return CatalystSwitch(startup=dump).get_forwarding()
    return X530(dump).get_forwarding()


def draw_packet(rng: random.Random, direction: Direction) -> SampledPacket:
    """Return a packet between hosts and elsewhere, mostly one that a filter of the example is about."""
    family: Literal[4, 6] = rng.choice((4, 6))
    near = rng.choice((*NEAR[family], ELSEWHERE[family] if direction is Direction.FROM else NEAR[family][0]))
    ends = [near, rng.choice(FAR[family])]
    source, destination = (int(ip_address(one)) for one in (ends if direction is Direction.FROM else ends[::-1]))
    protocol = rng.choice(PROTOCOLS[family])
    if protocol not in TCP_OR_UDP:
        return SampledPacket(family, protocol, source, destination, 0, rng.choice(TYPES[protocol]), vlan=HOSTS)
    ports, flags = (rng.choice(NUMBERS), rng.choice(NUMBERS)), protocol == 6 and rng.random() < 0.5
    return SampledPacket(family, protocol, source, destination, *ports, flags, vlan=HOSTS)


@dataclass
class Follower:
    """Carries out what a switch does, line by line, and sends packets through it between the runs."""

    bench: Bench
    rng: random.Random
    family: str
    forwarding: Forwarding = field(default_factory=Forwarding)
    changes: int = 0
    sent: int = 0
    passed: int = 0
    read: int = 0

    def follow(self, scene: CliScene) -> None:
        """Carry out what has changed."""
        assert isinstance(scene.switch, CatalystSwitch | X530), "no other has a data plane"
        forwarding = scene.switch.get_forwarding()
        if forwarding != self.forwarding:
            self.bench.plane.carry_out(forwarding)
            self.forwarding = forwarding
            self.changes += 1

    def look(self, scene: CliScene) -> list[str]:
        """Return where packets are not as the switch's dump says; every line from now on is followed."""
        scene.site.on_line = lambda: self.follow(scene)
        scene.switch.run_timers()
        self.follow(scene)
        self.bench.carry_out(self.forwarding)
        dump = scene.switch.show_running()
        twin, seen = _load_twin(self.family, dump), _read(self.family, dump)
        return [wrong for direction in Direction for wrong in self._compare(direction, twin, seen)]

    def _compare(self, direction: Direction, twin: Forwarding, seen: Observation | None) -> Iterator[str]:
        packets = [draw_packet(self.rng, direction) for _ in range(PACKETS)]
        # A switch that cannot deliver sends the beginning of a packet back: only marks of this look count.
        marked = dict(enumerate(packets, start=self.sent))
        expected = {mark for mark, one in marked.items() if passes(self.family, twin, direction, one)}
        ours = _find_own_verdicts(self.family, seen, direction, marked) if seen else None
        if ours is not None:
            self.read += 1
            if ours != expected:
                yield f"our reading of the dump is another than its twin's: {[marked[one] for one in ours ^ expected]}"
        there, back = ("hosts", "outside") if direction is Direction.FROM else ("outside", "hosts")
        to = BROADCAST if self.family != "cisco_ios" else _prepare_neighbours(direction, self.forwarding)
        self.bench.send(there, [write_frame(packet, mark, to) for mark, packet in marked.items()])
        found = self.bench.receive(back, len(expected)) & marked.keys()
        self.sent, self.passed = self.sent + len(packets), self.passed + len(found)
        for mark in sorted(found ^ expected):
            does = "passes" if mark in found else "is dropped"
            yield f"a packet {does}, and the dump says otherwise: {marked[mark]}"


def _prepare_neighbours(direction: Direction, forwarding: Forwarding) -> bytes:
    """Let the switch know every neighbour by its MAC address, and return its own where packets come in."""
    shown = subprocess.run(("ip", "-n", SWITCH, "-j", "link", "show"), check=True, capture_output=True).stdout
    links = {str(one["ifname"]): str(one["address"]) for one in json.loads(shown)}
    for interface in (one for one in forwarding.interfaces if one.up and name_bridge(one.vlan) in links):
        hosts = {HOSTS: (*NEAR[4], *NEAR[6]), OUTSIDE: tuple(GATEWAYS.values())}.get(interface.vlan, ())
        for host in (one for one in hosts if _has_address(interface, ip_address(one).version)):
            words = ("lladdr", HOST_MAC.hex(":"), "dev", name_bridge(interface.vlan), "nud", "permanent")
            ip("-n", SWITCH, "neigh", "replace", host, *words)
    inside = name_bridge(HOSTS if direction is Direction.FROM else OUTSIDE)
    return bytes.fromhex(links.get(inside, "02:00:00:00:00:99").replace(":", ""))


def _read(family: str, dump: str) -> Observation | None:
    try:
        return load_platform(family).parse(dump, NAME)
    except TsunaguError:
        return None


def passes(family: str, forwarding: Forwarding, direction: Direction, packet: SampledPacket) -> bool:
    """Tell if a packet comes out on the other side, by what a switch does."""
    ports = {port.name: port for port in forwarding.ports}
    wires = {wire.interface: wire for wire in WIRES[family]}
    inside, outside = (find_vlan(one, ports.get(one.port), forwarding.vlans) for one in wires.values())
    if family != "cisco_ios":
        entry = ports[PORTS[family][0 if direction is Direction.FROM else 1]]
        return inside == outside == HOSTS and permits_packet(entry.lists, packet)
    interfaces = {one.vlan: one for one in forwarding.interfaces if one.up}
    hosts = interfaces.get(HOSTS)
    routed = packet.family in forwarding.routes and OUTSIDE in interfaces
    if inside != HOSTS or outside != OUTSIDE or hosts is None or not routed or not _has_address(hosts, packet.family):
        return False
    return permits_packet(_choose_lists(hosts, direction), packet)


def _has_address(interface: InterfaceForwarding, family: int) -> bool:
    return any(ip_address(one.partition("/")[0]).version == family for one in interface.addresses)


def _choose_lists(interface: InterfaceForwarding, direction: Direction) -> tuple[PacketList, ...]:
    return interface.incoming if direction is Direction.FROM else interface.outgoing


def _find_own_verdicts(
    family: str, seen: Observation, direction: Direction, marked: Mapping[int, SampledPacket]
) -> set[int] | None:
    """Return which packets come out by our reading; None where it says that something there is not as ours is."""
    state, names = seen.state, {one.name for one in seen.state.ports}
    ours = PORTS[family][:1] if family == "cisco_ios" else PORTS[family]
    if seen.remarks or seen.unfiltered or not names.issuperset(ours):
        return None
    return {mark for mark, one in marked.items() if _passes_by_reading(family, state, direction, one)}


def _passes_by_reading(family: str, state: DeviceState, direction: Direction, packet: SampledPacket) -> bool:
    protocol = Family(packet.family)
    ports = {one.name: one for one in state.ports}
    if HOSTS not in {one.number for one in state.vlans}:
        return False
    if family == "cisco_ios":
        port = ports[PORTS[family][0]]
        held = [one for one in state.interfaces if one.vlan == HOSTS]
        addressed = any(
            ip_address(each.partition("/")[0]).version == protocol for one in held for each in one.addresses
        )
        if port.mode is not PortMode.ACCESS or port.vlans != (HOSTS,) or not addressed:
            return False
    else:
        carried = all(HOSTS in ports[name].vlans for name in PORTS[family])
        if not carried or ports[PORTS[family][0]].role is not PortRole.HOST_FACING:
            return False
    bound = {(one.vlan, one.direction, one.family): one.filter for one in state.bindings}
    name = bound.get((HOSTS, direction, protocol))
    kept = next((one for one in state.filters if one.name == name), None)
    asked = Packet(
        protocol,
        packet.protocol,
        packet.source,
        packet.destination,
        packet.source_port,
        packet.destination_port,
        packet.established,
    )
    return kept is None or evaluate_filter(kept, asked)
