"""The lists of a `Forwarding` as nftables chains, and the one transaction from what is in force to what shall be.

Lists of a VLAN's interface stand in a table `inet`: at `prerouting` for what comes from the VLAN to be routed or to the
switch itself, at `forward` for what is routed into it (the switch's own packets pass no outgoing list). Lists of a port
stand in a table `netdev`, at the ingress of its wires. Nothing tracks connections: `established` is ACK or RST.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from controller.errors import LabError
from controller.lab.network.data_plane.bridges import name_bridge
from controller.lab.network.data_plane.port_wires import PortWire, pair_wires
from controller.lab.virtual_switches.forwarding import ALL_PORTS, Forwarding, PacketList, PacketRule

TABLE = "switch"
OPEN = "open"
"""The set of families that pass every filter, each until its time is over: the lab's own way past the filters."""
INET, NETDEV = f"inet {TABLE}", f"netdev {TABLE}"
_TCP, _ICMP, _ICMP6 = 6, 1, 58
_WITH_PORTS = {_TCP: "tcp", 17: "udp", 132: "sctp"}
_IP = {4: "ip", 6: "ip6"}
PASS = f"meta protocol @{OPEN} accept"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain by its table and name; `hook` is empty where others jump to it."""

    table: str
    name: str
    hook: str = ""


Side = Literal["in", "out"]
Chains = Mapping[Chain, tuple[str, ...]]


def name_chain(side: Side, vlan: int) -> str:
    """Return the chain of what comes in from a VLAN to its interface, or goes out there."""
    return f"{side}-{name_bridge(vlan)}"


def render_chains(wires: Iterable[PortWire], forwarding: Forwarding) -> Chains:
    """Return every chain with its rules.

    Raises:
        LabError: a rule matches what nftables cannot.
    """
    chains: dict[Chain, tuple[str, ...]] = {}
    incoming, outgoing = [PASS], [PASS]
    for interface in forwarding.interfaces:
        ways: tuple[tuple[Side, list[str], str, tuple[PacketList, ...]], ...] = (
            ("in", incoming, "iifname", interface.incoming),
            ("out", outgoing, "oifname", interface.outgoing),
        )
        for word, hook, key, lists in ways:
            if not lists or interface.vlan not in forwarding.vlans:
                continue
            chain = Chain(INET, name_chain(word, interface.vlan))
            chains[chain] = tuple(_render_lists(lists))
            hook.append(f"{key} {name_bridge(interface.vlan)} jump {chain.name}")
    chains[Chain(INET, "prerouting", "prerouting priority raw")] = tuple(incoming)
    chains[Chain(INET, "forward", "forward priority filter")] = tuple(outgoing)
    for wire, port in pair_wires(wires, forwarding):
        vlan = None if port is None else (port.untagged if wire.tag is None else wire.tag)
        rules = () if port is None else tuple(_render_lists(port.lists, vlan))
        chains[Chain(NETDEV, wire.interface, f'ingress device "{wire.interface}" priority 0')] = (PASS, *rules)
    return chains


def render_transaction(before: Chains, after: Chains) -> str:
    """Return the text for `nft -f` that changes what differs, all at once; empty where nothing does."""
    lines: list[str] = []
    for chain, rules in after.items():
        if chain not in before:
            hook = f"{{ type filter hook {chain.hook}; policy accept; }}" if chain.hook else ""
            lines.append(f"add chain {chain.table} {chain.name} {hook}")
        elif before[chain] != rules:
            lines.append(f"flush chain {chain.table} {chain.name}")
    # All chains are there before one jumps to another, and none goes while one still does.
    for chain, rules in after.items():
        if before.get(chain) != rules:
            lines += [f"add rule {chain.table} {chain.name} {rule}" for rule in rules]
    gone = [chain for chain in before if chain not in after]
    lines += [f"flush chain {chain.table} {chain.name}" for chain in gone]
    lines += [f"delete chain {chain.table} {chain.name}" for chain in gone]
    return "".join(f"{line}\n" for line in lines)


def render_empty_tables() -> str:
    """Return the text for `nft -f` that removes what was left behind and makes the two tables anew."""
    lines = []
    for table in (INET, NETDEV):
        lines += [f"add table {table}", f"delete table {table}", f"add table {table}"]
        lines.append(f"add set {table} {OPEN} {{ type ether_type; flags timeout; }}")
    return "".join(f"{line}\n" for line in lines)


def _render_lists(lists: Iterable[PacketList], vlan: int | None = None) -> Iterator[str]:
    for one in lists:
        for rule in one.rules:
            if rule.family == one.family and rule.vlan in {None, vlan}:
                yield _render_rule(rule)
        if not one.otherwise:
            yield f"meta protocol {_IP[one.family]} counter drop"


def _render_rule(rule: PacketRule) -> str:
    words = [f"meta protocol {_IP[rule.family]}"]
    protocol = _TCP if rule.established else rule.protocol
    if protocol is not None and protocol != rule.protocol and rule.protocol is not None:
        message = f"'established' is about TCP; this rule is about protocol {rule.protocol}"
        raise LabError(message)
    if protocol is not None:
        words.append(f"meta l4proto {protocol}")
    for key, network in (("saddr", rule.source), ("daddr", rule.destination)):
        if network is not None:
            words.append(f"{_IP[rule.family]} {key} {network}")
    for key, ranges in (("sport", rule.source_ports), ("dport", rule.destination_ports)):
        if ranges != ALL_PORTS:
            if protocol not in _WITH_PORTS:
                message = f"a rule names ports of protocol {protocol}, which has none"
                raise LabError(message)
            listed = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
            words.append(f"{_WITH_PORTS[protocol]} {key} {{ {listed} }}")
    words += _render_icmp(rule)
    if rule.established:
        words.append("tcp flags & (ack | rst) != 0")
    return " ".join((*words, "counter", "accept" if rule.permit else "drop"))


def _render_icmp(rule: PacketRule) -> Iterator[str]:
    if rule.icmp is None:
        return
    if rule.protocol not in {_ICMP, _ICMP6}:
        message = f"a rule names a type of ICMP, and protocol {rule.protocol}"
        raise LabError(message)
    word = "icmp" if rule.protocol == _ICMP else "icmpv6"
    yield from (f"{word} {key} {value}" for key, value in zip(("type", "code"), rule.icmp, strict=False))
