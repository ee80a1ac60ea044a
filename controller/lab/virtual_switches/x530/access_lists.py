"""Entries of hardware access lists: how they are typed, how they are shown, and what they match.

`[seq] ACTION ip|icmp|tcp|udp|proto N SOURCE [PORTS] DESTINATION [PORTS] [icmp-type N] [vlan V]` (S9 pages 1944 to 1989,
S10 with `ipv6`). What no entry matches is permitted; the first match decides (S9, S9d page 13).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from controller.lab.virtual_switches.forwarding import ALL_PORTS, PacketRule
from controller.lab.virtual_switches.x530.grammar import Incomplete, Refused, UnknownWord, Unmodelled, Word

LAST_NUMBER = 65535
OTHER_ACTIONS = frozenset(
    {"copy-to-cpu", "copy-to-mirror", "send-to-mirror", "send-to-cpu", "send-to-vlan-port"}
)  # S9 page 1944 and what follows
ICMP_TYPES = frozenset({0, 3, 4, 5, 8, *range(11, 19)})
"""S9b page 1491; for IPv6 no list was found, and every type is taken."""
_ICMP = {4: 1, 6: 58}
_PORTED = {"tcp": 6, "udp": 17}
Network = IPv4Network | IPv6Network
Family = Literal[4, 6]
V4: Literal[4] = 4
V6: Literal[6] = 6
LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry without its number; `text` is how the device shows it."""

    text: str
    rule: PacketRule


@dataclass(slots=True)
class AccessList:
    """A hardware list: its entries by number, and those that the hardware has been given.

    The hardware gets edits when the list's mode is left, or by `commit`.
    """

    entries: dict[int, Entry] = field(default_factory=dict)
    active: tuple[Entry, ...] = ()

    def commit(self) -> None:
        """Give the entries to the hardware."""
        self.active = tuple(entry for _, entry in sorted(self.entries.items()))

    def add(self, number: int | None, entry: Entry, step: int) -> None:
        """Take an entry: the same filter again overwrites the old one (S9c page 838)."""
        old = next((place for place, one in self.entries.items() if one == entry), None)
        if number is None:
            number = (max(self.entries, default=0) // step + 1) * step
        if not 1 <= number <= LAST_NUMBER:
            message = "% Unrecognized command"
            raise Refused(message)  # S9c page 838
        if number in self.entries and number != old:
            message = f"an entry at number {number}, which another one has"
            raise Unmodelled(message)
        if old is not None:
            del self.entries[old]
        self.entries[number] = entry


class _Reader:
    """The words of an entry, one after another."""

    def __init__(self, words: list[Word], family: Family) -> None:
        self.words = words
        self.family = family
        self.place = 0

    def next(self) -> Word:
        if self.place >= len(self.words):
            raise Incomplete
        self.place += 1
        return self.words[self.place - 1]

    def peek(self) -> str:
        return self.words[self.place].text.lower() if self.place < len(self.words) else ""

    def number(self, low: int, high: int) -> int:
        word = self.next()
        if not re.fullmatch(r"[0-9]{1,6}", word.text) or not low <= int(word.text) <= high:
            raise UnknownWord(word.column)
        return int(word.text)

    def address(self) -> tuple[str, Network | None]:
        """Return an address as it is shown, and its network: `any`, `host A`, A/len, A with a reverse mask (S9c)."""
        word = self.next()
        if word.text.lower() == "any":
            return "any", None
        if word.text.lower() == "host":
            network = self._network(self.next(), "")
        elif "/" in word.text:
            network = self._network(word, "/")
        elif self.family == V4:
            network = self._reversed(word)
        else:
            raise UnknownWord(word.column)
        return str(network), network

    def _network(self, word: Word, slash: str) -> Network:
        length = word.text.rpartition("/")[2] if slash else ""
        if slash and not re.fullmatch(r"[0-9]{1,3}", length):
            raise UnknownWord(word.column)
        try:
            address = ip_address(word.text.removesuffix(f"/{length}") if slash else word.text)
            network = ip_network(f"{address}/{length}" if slash else str(address), strict=False)
        except ValueError:
            raise UnknownWord(word.column) from None
        if network.version != self.family:
            raise UnknownWord(word.column)
        if network.network_address != address:
            message = f"{word.text}: an address with bits beyond its prefix length"
            raise Unmodelled(message)
        return network

    def _reversed(self, word: Word) -> Network:
        try:
            address = IPv4Address(word.text)
        except ValueError:
            raise UnknownWord(word.column) from None
        mask = self.next()
        try:
            turned = int(IPv4Address(mask.text))
        except ValueError:
            raise UnknownWord(mask.column) from None
        if turned & (turned + 1):
            message = f"{mask.text}: a reverse mask with holes"
            raise Unmodelled(message)
        if int(address) & turned:
            message = f"{word.text} {mask.text}: an address with bits beyond its mask"
            raise Unmodelled(message)
        return IPv4Network((int(address), 32 - turned.bit_length()))

    def ports(self) -> tuple[str, tuple[tuple[int, int], ...]]:
        """Return ports as they are shown, and as ranges (S3e: numbers with eq, lt, gt, ne, and `range A B`)."""
        operator = self.peek()
        if operator not in {"eq", "lt", "gt", "ne", "range"}:
            return "", ALL_PORTS
        self.next()
        first = self.number(0, 65535)
        if operator == "range":
            last = self.number(first, 65535)
            return f" range {first} {last}", ((first, last),)
        below = ((0, first - 1),) if first else ()
        above = ((first + 1, 65535),) if first < LAST_PORT else ()
        ranges = {"eq": ((first, first),), "lt": below, "gt": above, "ne": (*below, *above)}[operator]
        return f" {operator} {first}", ranges


def read_entry(words: list[Word], family: Family) -> tuple[int | None, Entry]:
    """Return an entry, and the number that it asks for; raise `Refused` where it is none."""
    reader = _Reader(words, family)
    number = reader.number(0, 999999) if reader.peek().isdigit() else None
    action = reader.next()
    if action.text.lower() in OTHER_ACTIONS:
        message = f"the action {action.text.lower()}"
        raise Unmodelled(message)
    if action.text.lower() not in {"permit", "deny"}:
        raise UnknownWord(action.column)
    kind = reader.next()
    word = kind.text.lower()
    if word == "mac":
        message = "entries for MAC addresses"
        raise Unmodelled(message)
    every = "ip" if family == V4 else "ipv6"
    if word not in {every, "icmp", "tcp", "udp", "proto"}:
        raise UnknownWord(kind.column)
    protocol = None if word == every else _PORTED.get(word, _ICMP[family])
    shown = word
    if word == "proto":
        protocol = reader.number(1, 255)
        shown = f"proto {protocol}"
    source_text, source = reader.address()
    from_text, from_ports = reader.ports() if word in _PORTED else ("", ALL_PORTS)
    destination_text, destination = reader.address()
    to_text, to_ports = reader.ports() if word in _PORTED else ("", ALL_PORTS)
    icmp, vlan, rest = _read_end(reader, word)
    text = f"{action.text.lower()} {shown} {source_text}{from_text} {destination_text}{to_text}{rest}"
    rule = PacketRule(
        action.text.lower() == "permit",
        family,
        protocol,
        source,
        destination,
        from_ports,
        to_ports,
        None if icmp is None else (icmp,),
        vlan=vlan,
    )
    return number, Entry(text, rule)


def _read_end(reader: _Reader, kind: str) -> tuple[int | None, int | None, str]:
    """Return the ICMP type and the VLAN that an entry ends with, and how they are shown."""
    icmp, vlan, rest = None, None, ""
    if kind == "icmp" and reader.peek() == "icmp-type":
        reader.next()
        place = reader.words[reader.place] if reader.peek() else None
        icmp = reader.number(0, 255)
        if reader.family == V4 and icmp not in ICMP_TYPES and place is not None:
            raise UnknownWord(place.column)
        rest = f" icmp-type {icmp}"
    if reader.peek() == "vlan":
        reader.next()
        vlan = reader.number(1, 4094)
        rest += f" vlan {vlan}"
    if reader.peek():
        left = reader.next()
        if left.text.lower() in {"mac", "inner-vlan"} or re.fullmatch(
            r"[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){2}", left.text
        ):
            message = f"{left.text} in an entry"
            raise Unmodelled(message)
        raise UnknownWord(left.column)
    return icmp, vlan, rest
