"""Mutated configurations in two minds: what a virtual switch does with packets, and what our reading of its text says.

    python -m tests.security.fuzz.switch_oracle --texts 20000 --seed 7

A text is entered into a virtual switch, which was written from the vendor's documents and shares no code with our
platforms; what it then shows is read by ours. Ours may refuse it, or name what decides beside it (`conflicting`,
`remarks`, `unfiltered`). Else ports, VLANs and the verdict on sampled packets must be those of the switch: a difference
is a silent misread. Prints one JSON document; exit code 1 where there is one.

LAGs are drawn, too: a member that the switch has out of service, or a LAG without members, must not count as in
service, and a port of ours that is shut down, or a VLAN that is disabled or suspended, must not be read in silence.
LACP has no partner on a virtual x530: of its LAGs what they carry is compared, not whether they are up. A Catalyst
begins with a LAG of either mode, too. The virtual one compares members in the VLANs of the mode that is not set, as
well; whether a switch does was not found, so ours says that it may.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal, Protocol

from controller.errors import TsunaguError
from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.lab.virtual_switches.catalyst.model import C9300
from controller.lab.virtual_switches.forwarding import (
    Forwarding,
    PacketList,
    PortForwarding,
    SampledPacket,
    permits_packet,
)
from controller.lab.virtual_switches.x530.device import X530
from controller.model.network.device_state import (
    DeviceState,
    Filter,
    PortMode,
    PortRole,
    PortState,
    build_device_state,
)
from controller.model.network.lags import Lag, LagMode
from controller.model.network.packets import Direction, Family, Packet
from controller.platforms.base import Observation
from controller.platforms.registry import load_platform
from controller.prove.filters.evaluation import evaluate_filter
from tests.platforms.states import CISCO_PORTS, example, trunk_example
from tests.platforms.x530_device import TypedX530

V4, V6 = Family.V4, Family.V6
FAMILIES: dict[Family, Literal[4, 6]] = {V4: 4, V6: 6}
MOST_FAULTS = 20
PACKETS = 12


class Loaded(Protocol):
    """A switch that has taken a text."""

    def show_running(self) -> str:
        """Return its running configuration."""

    def get_forwarding(self) -> Forwarding:
        """Return what it does with packets."""


@dataclass(frozen=True)
class Vendor:
    """A platform's seed texts, its virtual switch, and lines that decide what ours mean wherever they stand."""

    platform: str
    seeds: tuple[str, ...]
    load: Callable[[str], Loaded]
    lines: tuple[str, ...]


AWPLUS_LINES = (
    "shutdown", "switchport mode access", "switchport trunk native vlan 20", "switchport trunk native vlan 1",
    "channel-group 1 mode active", "channel-group 3 mode passive", "static-channel-group 2", "no channel-group",
    "no static-channel-group", "static-channel-group 2 member-filters", "description TSN-member", "interface po1",
    "interface sa2", "interface port1.0.23", "interface port1.0.22", "no shutdown",
    "switchport trunk allowed vlan add 10", "switchport trunk allowed vlan add 20-30", "switchport access vlan 20",
    "switchport trunk allowed vlan remove 20", "switchport trunk allowed vlan none", "access-group OTHER",
    "ipv6 traffic-filter OTHER6", "description TSN-hosts",
    "description TSN-gateway", "description TSN-port", "description printer", "no description",
    "permit ip any any", "deny ip any any", "permit ip any any vlan 20", "deny ip any any vlan 20",
    "permit tcp any any eq 443 vlan 20", "permit icmp any any vlan 10", "permit proto 47 any any vlan 20",
    "permit udp any any ne 53 vlan 20", "permit tcp any any lt 1024 vlan 20", "permit ipv6 any any",
    "permit ip 10.1.20.0 0.0.0.255 any vlan 20", "deny ipv6 any any vlan 20", "5 permit ip any any",
    "vlan 20 state disable", "vlan 10,20 state disable", "vlan 20 name OTHERS", "vlan 30 name TSN-staff",
    "vlan 10-30 state enable", "vlan 40", "no vlan 20", "interface port1.0.1-1.0.2", "interface port1.0.24",
    "interface vlan20", "ip address 10.1.20.1/24", "ipv6 forwarding", "access-list hardware OTHER",
    "ipv6 access-list OTHER6", "vlan access-map M", "match access-group OTHER", "vlan filter M vlan-list 20 input",
    "ip route 0.0.0.0/0 10.1.20.254", "spanning-tree mode mstp", "exit", "!",
)  # fmt: skip
CISCO_LINES = (
    "shutdown", "no shutdown", "switchport mode access", "switchport mode trunk", "switchport trunk native vlan 20",
    "switchport trunk allowed vlan 20", "switchport trunk allowed vlan add 30", "switchport trunk allowed vlan none",
    "switchport access vlan 20", "switchport protected", "no switchport", "state suspend", "name OTHERS",
    "name TSN-staff", "description TSN-port", "description printer", "ip access-group OTHER in",
    "ip access-group OTHER out", "ipv6 traffic-filter OTHER6 in", "no ip access-group TSN in", "permit ip any any",
    "deny ip any any", "permit tcp any any established", "permit tcp any any eq www", "permit icmp any any echo",
    "permit ipv6 any any", "5 permit ip any any", "permit udp any any range 1 9", "permit ip host 10.1.20.5 any",
    "interface GigabitEthernet1/0/1", "interface Vlan20", "interface Vlan10", "vlan 20", "vlan 30", "no vlan 20",
    "ip address 10.1.20.9 255.255.255.0", "ip address 10.9.9.1 255.255.255.0 secondary", "ip routing",
    "no ip routing", "ipv6 unicast-routing", "ip access-list extended OTHER", "ipv6 access-list OTHER6",
    "channel-group 1 mode on", "channel-group 1 mode active", "channel-group 2 mode passive", "no channel-group",
    "description TSN-member", "interface Port-channel1", "interface GigabitEthernet1/0/23",
    "interface GigabitEthernet1/0/22",
    "state active", "ip route 0.0.0.0 0.0.0.0 10.1.20.254", "ip helper-address 10.0.0.67", "exit", "!",
)  # fmt: skip


def build_awplus() -> Vendor:
    """Return AlliedWare Plus with its virtual x530."""
    state = trunk_example("port1.0.1", "port1.0.2", "port1.0.24")
    text = load_platform("allied_telesis_awplus").render(state)
    seed = X530(text)
    assert seed.rejected == (), seed.rejected
    joined = [
        load_planned(put_uplink_into_lag(state, name, mode, ("port1.0.23", "port1.0.24")))
        for name, mode in (("sa2", LagMode.STATIC), ("po1", LagMode.LACP))
    ]
    other = "access-list hardware OTHER\n permit ip any any\nipv6 access-list OTHER6\n permit ipv6 any any\n"
    seeds = (seed, X530(other + text), *joined)
    return Vendor("allied_telesis_awplus", tuple(one.show_running() for one in seeds), X530, AWPLUS_LINES)


def load_planned(state: DeviceState) -> X530:
    """Return an x530 that boots with what a plan of ours made of an empty one: a LAG is there once it has a member."""
    made = TypedX530("")
    for step in load_platform("allied_telesis_awplus").plan_steps(build_device_state(), state):
        made.enter(command.line for command in step.commands)
    switch = X530(made.text())
    assert switch.rejected == (), switch.rejected
    return switch


def put_uplink_into_lag(state: DeviceState, name: str, mode: LagMode, members: tuple[str, ...]) -> DeviceState:
    """Return a state whose last port is a LAG of these members."""
    *others, uplink = state.ports
    return build_device_state(
        state.vlans, [*others, replace(uplink, name=name)], state.filters, state.bindings,
        lags=[Lag(name, mode, members)],
    )  # fmt: skip


def load_catalyst(text: str) -> CatalystSwitch:
    """Return a Catalyst that has its VLANs in its running configuration, and partners that speak LACP."""
    return CatalystSwitch(replace(C9300, lacp_partner=True), f"vtp mode transparent\n{text}")


def build_cisco() -> Vendor:
    """Return Cisco IOS with its virtual Catalyst."""
    state = example(*CISCO_PORTS[:3], port_roles=False, vlan_database=True)
    members = ("GigabitEthernet1/0/22", "GigabitEthernet1/0/23")
    text = load_platform("cisco_ios").render(state)
    seed = load_catalyst(text)
    assert seed.refused_at_boot == [], seed.refused_at_boot
    other = "ip access-list extended OTHER\n permit ip any any\nipv6 access-list OTHER6\n permit ipv6 any any\n"
    joined = [
        load_catalyst(load_platform("cisco_ios").render(put_uplink_into_lag(state, "Port-channel1", mode, members)))
        for mode in LagMode
    ]
    assert not [line for one in joined for line in one.refused_at_boot]
    seeds = (seed, load_catalyst(other + text), *joined)
    return Vendor("cisco_ios", tuple(one.show_running() for one in seeds), load_catalyst, CISCO_LINES)


def build_vendors() -> tuple[Vendor, ...]:
    """Return every platform that has a virtual switch."""
    return build_awplus(), build_cisco()


def mutate_lines(draw: Random, vendor: Vendor) -> str:
    """Return a seed with one to four lines put in, doubled, moved, dropped or changed in a word or a number."""
    lines = draw.choice(vendor.seeds).splitlines()
    for _ in range(draw.randrange(1, 5)):
        at = draw.randrange(len(lines))
        match draw.randrange(7):
            case 0 | 1 | 2:
                indent = " " if draw.randrange(4) else ""
                lines.insert(at, f"{indent}{draw.choice(vendor.lines)}")
            case 3:
                lines.insert(draw.randrange(len(lines)), lines[at])
            case 4:
                lines.insert(draw.randrange(len(lines)), lines.pop(at))
            case 5:
                del lines[at]
            case _:
                words = lines[at].split(" ")
                place = draw.randrange(len(words))
                words[place] = draw.choice((*draw.choice(lines).split(" "), "10", "20", "30", "any", "no"))
                lines[at] = " ".join(words)
    return "\n".join(lines) + "\n"


def sample_packets(
    draw: Random, one: Filter | None, lists: Sequence[PacketList], vlan: int, family: Family
) -> Iterator[SampledPacket]:
    """Yield packets at the edges of what our filter and the switch's lists speak of."""
    edges: list[tuple[int | None, object, object, Sequence[int], Sequence[int]]] = [
        (each.match.protocol, each.match.source, each.match.destination, each.match.source_ports,
         each.match.destination_ports)
        for each in (one.entries if one else ())
    ]  # fmt: skip
    edges += [
        (rule.protocol, rule.source or family.everything, rule.destination or family.everything,
         [port for span in rule.source_ports for port in span],
         [rule.icmp[0]] if rule.icmp else [port for span in rule.destination_ports for port in span])
        for each in lists if each.family == FAMILIES[family] for rule in each.rules
    ]  # fmt: skip
    edges.append((None, family.everything, family.everything, (0,), (0,)))
    for _ in range(PACKETS):
        protocol, source, destination, from_ports, to_ports = draw.choice(edges)
        chosen = draw.choice((protocol or 6, protocol or 17, 6, 47))
        ports = chosen in {6, 17}
        yield SampledPacket(
            FAMILIES[family],
            chosen,
            draw.choice(_edges_of(source)),
            draw.choice(_edges_of(destination)),
            draw.choice((*from_ports, 5000)) if ports else 0,
            max(0, draw.choice((*to_ports, 7)) - draw.randrange(2)) if ports or chosen in {1, 58} else 0,
            chosen == 6 and draw.random() < 0.5,
            vlan,
        )


def _edges_of(network: object) -> tuple[int, ...]:
    first, last = int(network.network_address), int(network.broadcast_address)  # type: ignore[attr-defined]  # a network
    return first, last, max(0, first - 1), (first + last) // 2


def as_packet(one: SampledPacket, family: Family) -> Packet:
    """Return a sampled packet as our filters see it."""
    return Packet(family, one.protocol, one.source, one.destination, one.source_port, one.destination_port,
                  one.established)  # fmt: skip


@dataclass
class Comparison:
    """One text's reading beside what its switch does."""

    seen: Observation
    forwarding: Forwarding
    draw: Random
    packets: int = 0

    def find_misreads(self) -> Iterator[str]:
        """Yield what ours says and the switch does not do."""
        state = self.seen.state
        told = self.seen.conflicting
        for vlan in sorted({one.number for one in state.vlans} - self.forwarding.vlans):
            yield f"VLAN {vlan} is there, and the switch forwards nothing in it"
        ports = {port.name: port for port in self.forwarding.ports}
        for port in state.ports:
            if port.name not in told and not self.seen.remarks:
                yield from self._compare_port(port, ports.get(port.name), state)
        if not any(port.role is not PortRole.UNFILTERED for port in state.ports):
            yield from self._compare_interfaces(state)

    def _compare_port(self, ours: PortState, theirs: PortForwarding | None, state: DeviceState) -> Iterator[str]:
        if theirs is None:
            yield f"the switch has no {ours.name}"
            return
        lacp = any(one.name == ours.name and one.mode is LagMode.LACP for one in state.lags)
        if not theirs.up and not (lacp and ours.name.startswith("po")):
            yield f"{ours.name} is down"
        trunk = ours.mode is PortMode.TRUNK
        expected = (None, frozenset(ours.vlans)) if trunk else (ours.vlans[0], frozenset[int]())
        # A VLAN that the switch has not is not carried; a plan makes it.
        missing = frozenset(ours.vlans) - self.forwarding.vlans
        untagged = theirs.untagged if trunk or not missing else expected[0]
        if (untagged, theirs.tagged - missing) != (expected[0], expected[1] - missing):
            yield f"{ours.name} carries {theirs.untagged} untagged and {sorted(theirs.tagged)} tagged, not {expected}"
        if ours.isolated != theirs.isolated:
            yield f"{ours.name}: isolated is {theirs.isolated}"
        direction = {PortRole.HOST_FACING: Direction.FROM, PortRole.UPLINK: Direction.TO}.get(ours.role)
        if direction is not None and trunk and not lacp:
            for vlan in ours.vlans:
                yield from self._compare_lists(state, vlan, direction, theirs.lists, ours.name)

    def _compare_interfaces(self, state: DeviceState) -> Iterator[str]:
        interfaces = {one.vlan: one for one in self.forwarding.interfaces}
        for vlan, direction in {(one.vlan, one.direction) for one in state.bindings}:
            if vlan in interfaces:
                lists = interfaces[vlan].incoming if direction is Direction.FROM else interfaces[vlan].outgoing
                yield from self._compare_lists(state, vlan, direction, lists, f"interface {vlan}")

    def _compare_lists(
        self, state: DeviceState, vlan: int, direction: Direction, lists: tuple[PacketList, ...], where: str
    ) -> Iterator[str]:
        filters = {one.name: one for one in state.filters}
        for family in Family:
            if (vlan, direction, family) in self.seen.conflicting or (direction, family) in self.seen.unfiltered:
                continue
            bound = [one.filter for one in state.bindings if (one.vlan, one.direction, one.family)
                     == (vlan, direction, family)]  # fmt: skip
            if bound and bound[0] not in filters:
                continue
            ours = filters[bound[0]] if bound else None
            for packet in sample_packets(self.draw, ours, lists, vlan, family):
                self.packets += 1
                expected = evaluate_filter(ours, as_packet(packet, family)) if ours else True
                if permits_packet(lists, packet) is not expected:
                    yield f"{where}, VLAN {vlan}: the switch {'drops' if expected else 'permits'} {packet}"
                    break


@dataclass
class Run:
    """What a run saw, by platform: texts, those that ours refused, packets that were compared, and misreads."""

    texts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    packets: Counter[str] = field(default_factory=Counter)
    misreads: list[dict[str, str]] = field(default_factory=list)

    def try_text(self, vendor: Vendor, text: str, draw: Random) -> None:
        """Enter a text into the switch, and read what it shows."""
        switch = vendor.load(text)
        shown = switch.show_running()
        self.texts[vendor.platform] += 1
        try:
            seen = load_platform(vendor.platform).parse(shown, "switch")
        except TsunaguError:
            self.refused[vendor.platform] += 1
            return
        comparison = Comparison(seen, switch.get_forwarding(), draw)
        for found in comparison.find_misreads():
            if len(self.misreads) < MOST_FAULTS:
                self.misreads.append({"platform": vendor.platform, "misread": found, "entered": text, "shown": shown})
        self.packets[vendor.platform] += comparison.packets


def run_oracle(texts: int, seed: int, vendors: Sequence[Vendor], seconds: float = 7200.0) -> Run:
    """Try so many mutated texts, in turn of the vendors', until the time is over."""
    found, ends = Run(), time.monotonic() + seconds
    for number in range(texts):
        if time.monotonic() > ends:
            break
        vendor = vendors[number % len(vendors)]
        draw = Random(f"{seed}/{number}")  # noqa: S311 inputs, no secrets
        found.try_text(vendor, mutate_lines(draw, vendor), draw)
    return found


def main(words: list[str]) -> int:
    """Run, and print what was seen."""
    parser = argparse.ArgumentParser(prog="switch oracle")
    for name, default in (("texts", 20_000), ("seed", 1), ("seconds", 3600)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="", help="a part of a platform's name")
    asked = parser.parse_args(words)
    vendors = [one for one in build_vendors() if asked.only in one.platform]
    began = time.process_time()
    found = run_oracle(asked.texts, asked.seed, vendors, asked.seconds)
    document = {
        "seed": asked.seed,
        "texts": dict(found.texts),
        "refused": dict(found.refused),
        "packets": dict(found.packets),
        "cpu_seconds": round(time.process_time() - began, 1),
        "misreads": found.misreads,
    }
    print(json.dumps(document))  # noqa: T201 what whoever started it reads
    return 1 if found.misreads else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
