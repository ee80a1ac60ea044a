"""Packets, and the sets of packets that policies and filters speak of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Prefix = IPv4Network | IPv6Network
Interval = tuple[int, int]
Ports = Interval

ANY_PORTS: Ports = (0, 65535)


class Family(IntEnum):
    """The address families; every filter speaks of exactly one."""

    V4 = 4
    V6 = 6

    @property
    def bits(self) -> int:
        """Length of an address in bits."""
        return 32 if self is Family.V4 else 128

    @property
    def everything(self) -> Prefix:
        """The prefix that holds every address of the family."""
        return parse_prefix("0.0.0.0/0" if self is Family.V4 else "::/0")

    def format_address(self, value: int) -> str:
        """The usual text of an address given as a number."""
        return str(IPv4Address(value) if self is Family.V4 else IPv6Address(value))


class Protocol(IntEnum):
    """IP protocol numbers that policies speak of (IANA protocol-numbers registry)."""

    ICMP = 1
    TCP = 6
    UDP = 17
    ICMPV6 = 58


class Direction(StrEnum):
    """Seen from the segment's hosts: `from` them into the network, or `to` them out of it."""

    FROM = "from"
    TO = "to"


class Effect(StrEnum):
    """What a rule or a filter entry does."""

    PERMIT = "permit"
    FORBID = "forbid"


@lru_cache(maxsize=1 << 16)
def parse_prefix(text: str) -> Prefix:
    """Parse a prefix or a single address. Host bits must be zero.

    >>> parse_prefix("2001:db8::1")
    IPv6Network('2001:db8::1/128')

    Raises:
        ValueError: `text` is no prefix.
    """
    return ip_network(text)


@lru_cache(maxsize=1 << 16)
def build_prefix(family: Family, first: int, length: int) -> Prefix:
    """The prefix that begins at an address given as a number. Host bits must be zero.

    >>> build_prefix(Family.V4, 0x0A000000, 8)
    IPv4Network('10.0.0.0/8')

    Raises:
        ValueError: it does not fit its length, or the family.
    """
    return IPv4Network((first, length)) if family is Family.V4 else IPv6Network((first, length))


@lru_cache(maxsize=1 << 16)
def format_prefix(network: Prefix) -> str:
    """The usual text of a prefix; writing IPv6 takes long, and a city writes the same ones often."""
    return str(network)


@lru_cache(maxsize=1 << 16)
def get_bounds(network: Prefix) -> Interval:
    """First and last address of a prefix, as numbers.

    >>> get_bounds(parse_prefix("0.0.1.0/24"))
    (256, 511)
    """
    return int(network.network_address), int(network.broadcast_address)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as a filter sees it. The ICMP type rides in `destination_port`."""

    family: Family
    protocol: int
    source: int
    destination: int
    source_port: int
    destination_port: int
    established: bool

    def __str__(self) -> str:
        name = Protocol(self.protocol).name.lower() if self.protocol in set(Protocol) else str(self.protocol)
        source, destination = self.family.format_address(self.source), self.family.format_address(self.destination)
        if self.protocol in (Protocol.ICMP, Protocol.ICMPV6):
            return f"{name} type {self.destination_port} {source} -> {destination}"
        if self.protocol not in (Protocol.TCP, Protocol.UDP):
            return f"protocol {name} {source} -> {destination}"
        state = " established" if self.established else ""
        return f"{name} {source} port {self.source_port} -> {destination} port {self.destination_port}{state}"


@dataclass(frozen=True, slots=True)
class Match:
    """The packets that one filter entry names.

    `protocol` None means every protocol; then ports and `established` must be unrestricted.
    `established` means TCP with ACK or RST set, as vendors' `established` keyword does.
    The ICMP type rides in `destination_ports`.
    """

    family: Family
    protocol: int | None
    source: Prefix
    destination: Prefix
    source_ports: Ports = ANY_PORTS
    destination_ports: Ports = ANY_PORTS
    established: bool = False

    def covers(self, packet: Packet) -> bool:
        """Whether the packet is one of these."""
        return (
            packet.family == self.family
            and self.protocol in (None, packet.protocol)
            and is_in_interval(packet.source, get_bounds(self.source))
            and is_in_interval(packet.destination, get_bounds(self.destination))
            and is_in_interval(packet.source_port, self.source_ports)
            and is_in_interval(packet.destination_port, self.destination_ports)
            and (packet.established or not self.established)
        )


def is_in_interval(value: int, interval: Interval) -> bool:
    """Tell if a number lies in an interval, both ends included.

    >>> [is_in_interval(port, (80, 443)) for port in (79, 80, 443, 444)]
    [False, True, True, False]
    """
    return interval[0] <= value <= interval[1]


@dataclass(frozen=True)
class AddressSet:
    """The addresses in `included` and not in `excluded`. Empty `included` is the empty set, never "any"."""

    included: tuple[Prefix, ...]
    excluded: tuple[Prefix, ...] = ()

    def in_family(self, family: Family) -> AddressSet:
        """The part that is of one family."""
        return AddressSet(
            tuple(p for p in self.included if p.version == family),
            tuple(p for p in self.excluded if p.version == family),
        )

    def contains(self, address: int) -> bool:
        """Whether an address (of the family this set was narrowed to) is in the set."""
        return any(is_in_interval(address, get_bounds(p)) for p in self.included) and not any(
            is_in_interval(address, get_bounds(p)) for p in self.excluded
        )

    def get_intervals(self) -> tuple[Interval, ...]:
        """The same set as ordered, disjoint, non-adjacent intervals; of one set always the same object.

        >>> AddressSet((parse_prefix("0.0.0.0/29"),), (parse_prefix("0.0.0.2/31"),)).get_intervals()
        ((0, 1), (4, 7))
        """
        return self._intervals

    @cached_property
    def _intervals(self) -> tuple[Interval, ...]:
        kept = merge_intervals(get_bounds(p) for p in self.included)
        for low, high in merge_intervals(get_bounds(p) for p in self.excluded):
            kept = subtract_interval(kept, low, high)
        return kept

    @cached_property
    def text(self) -> str:
        """What is included, a minus, and what is excluded: as many texts as there are sets."""
        return f"{','.join(map(format_prefix, self.included))}-{','.join(map(format_prefix, self.excluded))}"


def merge_intervals(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Intervals in order, overlapping and adjacent ones joined.

    >>> merge_intervals([(10, 20), (5, 9), (18, 30), (40, 41)])
    ((5, 30), (40, 41))
    """
    joined: list[Interval] = []
    for low, high in sorted(intervals):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def subtract_interval(intervals: Iterable[Interval], low: int, high: int) -> tuple[Interval, ...]:
    """What is left of intervals outside the addresses from `low` to `high`.

    >>> subtract_interval([(0, 9), (20, 29)], 5, 24)
    ((0, 4), (25, 29))
    """
    return tuple(piece for interval in intervals for piece in _without(interval, low, high))


def _without(interval: Interval, low: int, high: int) -> Iterable[Interval]:
    first, last = interval
    if high < first or last < low:
        yield interval
        return
    if first < low:
        yield first, low - 1
    if high < last:
        yield high + 1, last


@dataclass(frozen=True, slots=True)
class Service:
    """A protocol and the destination ports of a service."""

    protocol: Protocol
    ports: Ports

    def __str__(self) -> str:
        low, high = self.ports
        return f"{self.protocol.name.lower()}/{low}" + (f"-{high}" if high != low else "")


def parse_service(text: str) -> Service:
    """Parse `tcp/443` or `udp/5000-5100`.

    >>> parse_service("udp/5000-5100").ports
    (5000, 5100)

    Raises:
        ValueError: anything else; the message says what is allowed.
    """
    name, _, ports = text.partition("/")
    low, dash, high = ports.partition("-")
    numbers = (low, high if dash else low)
    if name not in ("tcp", "udp") or not all(n.isascii() and n.isdigit() for n in numbers):
        message = f"{text!r} is no service; write tcp/PORT, udp/PORT or tcp/FIRST-LAST"
        raise ValueError(message)
    first, last = int(numbers[0]), int(numbers[1])
    if not 1 <= first <= last <= ANY_PORTS[1]:
        message = f"{text!r}: ports run from 1 to 65535, the first not above the last"
        raise ValueError(message)
    return Service(Protocol[name.upper()], (first, last))
