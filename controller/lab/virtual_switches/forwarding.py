"""What a virtual switch does with packets, in no vendor's words.

A command line's running configuration is compiled into a `Forwarding`. The data plane carries it out with bridges and
nftables; `permits_packet` computes the same without packets. Nothing here is shared with the platforms that it tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

ALL_PORTS: tuple[tuple[int, int], ...] = ((0, 65535),)
"""Every port, as ranges with both ends in them."""


@dataclass(frozen=True, slots=True)
class PacketRule:
    """One entry of a list: what it matches, and whether it lets that through; None and `ALL_PORTS` match everything.

    `established` matches TCP with ACK or RST set, and remembers nothing. `icmp` is a type, or a type and a code.
    `vlan` is the VLAN that the packet came in.
    """

    permit: bool
    family: Literal[4, 6]
    protocol: int | None = None
    source: IPv4Network | IPv6Network | None = None
    destination: IPv4Network | IPv6Network | None = None
    source_ports: tuple[tuple[int, int], ...] = ALL_PORTS
    destination_ports: tuple[tuple[int, int], ...] = ALL_PORTS
    icmp: tuple[int] | tuple[int, int] | None = None
    established: bool = False
    vlan: int | None = None


@dataclass(frozen=True, slots=True)
class PacketList:
    """A list in force, about packets of its family: the first rule that matches decides; `otherwise` if none does."""

    name: str
    family: Literal[4, 6]
    rules: tuple[PacketRule, ...]
    otherwise: bool


@dataclass(frozen=True, slots=True)
class PortForwarding:
    """A port: the VLAN of its untagged packets (None: none are taken), and the VLANs that are tagged on it.

    A port that is not `up` forwards nothing. `isolated` ports exchange nothing with one another. `lists` filter what
    comes in at the port, in their order; a list is asked only about packets of its family.
    """

    name: str
    up: bool = True
    untagged: int | None = None
    tagged: frozenset[int] = frozenset()
    isolated: bool = False
    lists: tuple[PacketList, ...] = ()


@dataclass(frozen=True, slots=True)
class InterfaceForwarding:
    """The switch's own interface in a VLAN: addresses with lengths (the first IPv4 one is the primary), relays, lists.

    `incoming` and `outgoing` filter what comes from and what goes to the VLAN through the interface, one list a family.
    """

    vlan: int
    up: bool = True
    addresses: tuple[str, ...] = ()
    relays: tuple[str, ...] = ()
    incoming: tuple[PacketList, ...] = ()
    outgoing: tuple[PacketList, ...] = ()


@dataclass(frozen=True, slots=True)
class StaticRoute:
    """A route by hand."""

    destination: IPv4Network | IPv6Network
    gateway: IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Forwarding:
    """All that a switch does with packets. A VLAN that is not in `vlans` forwards nothing.

    `routes` are the families that are routed between interfaces.
    """

    vlans: frozenset[int] = frozenset()
    ports: tuple[PortForwarding, ...] = ()
    interfaces: tuple[InterfaceForwarding, ...] = ()
    routes: frozenset[Literal[4, 6]] = frozenset()
    static_routes: tuple[StaticRoute, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class LearntHost:
    """A host whose packets came in at a port: the VLAN, its hardware address (`02:54:00:00:00:01`), and the port."""

    vlan: int
    mac: str
    port: str


ListLearnt = Callable[[], Iterable[LearntHost]]
"""Asks who carries the packets which hosts they came from; a switch without a data plane has learnt none."""


def list_none_learnt() -> tuple[LearntHost, ...]:
    """Return that no host was seen: of a switch whose packets nobody carries."""
    return ()


def write_dotted(mac: str) -> str:
    """Return a hardware address as switches write it.

    >>> write_dotted("02:54:00:0a:00:01")
    '0254.000a.0001'
    """
    digits = mac.replace(":", "")
    return ".".join(digits[at : at + 4] for at in (0, 4, 8))


@dataclass(frozen=True, slots=True)
class SampledPacket:
    """A packet for `permits_packet`; of ICMP the destination port is the type, and the source port the code."""

    family: Literal[4, 6]
    protocol: int
    source: int
    destination: int
    source_port: int = 0
    destination_port: int = 0
    established: bool = False
    vlan: int | None = field(default=None, compare=False)


def permits_packet(lists: tuple[PacketList, ...], packet: SampledPacket) -> bool:
    """Tell if lists let a packet through: each list of its family in order, the first rule that matches decides.

    A list whose `otherwise` is to permit hands what it does not match to the next list.
    """
    for one in (one for one in lists if one.family == packet.family):
        verdict = next((rule.permit for rule in one.rules if matches_packet(rule, packet)), None)
        if verdict is not None:
            return verdict
        if not one.otherwise:
            return False
    return True


def matches_packet(rule: PacketRule, packet: SampledPacket) -> bool:
    """Tell if a rule is about a packet."""
    return (
        rule.family == packet.family
        and rule.protocol in {None, packet.protocol}
        and rule.vlan in {None, packet.vlan}
        and (rule.source is None or _holds(rule.source, packet.source))
        and (rule.destination is None or _holds(rule.destination, packet.destination))
        and _holds_port(rule.source_ports, packet.source_port)
        and _holds_port(rule.destination_ports, packet.destination_port)
        and (not rule.established or packet.established)
        and (rule.icmp is None or rule.icmp == (packet.destination_port, packet.source_port)[: len(rule.icmp)])
    )


def _holds(network: IPv4Network | IPv6Network, address: int) -> bool:
    return int(network.network_address) <= address <= int(network.broadcast_address)


def _holds_port(ranges: tuple[tuple[int, int], ...], port: int) -> bool:
    return any(low <= port <= high for low, high in ranges)
