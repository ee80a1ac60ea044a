"""Entries of access lists: a line as it is typed becomes the line that is shown, and what it matches.

Wildcard bits clear the bits of the address (10.0.0.0 255.0.0.0 gives 0.0.0.0), a wildcard of zeros is shown as `host`,
one of ones as `any`. `deny   any` is padded in standard lists (oxidized, C9200L 17.9.4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import pairwise, product
from typing import Literal

from controller.lab.virtual_switches.catalyst.configuration.list_words import (
    ALIASES,
    ICMP_4,
    ICMP_6,
    PORTS,
    PROTOCOLS_4,
    PROTOCOLS_6,
    choose_words,
)
from controller.lab.virtual_switches.catalyst.grammar import (
    NOT_MODELLED,
    Ambiguous,
    Incomplete,
    InvalidAt,
    LineRefused,
    reject_unmodelled,
)
from controller.lab.virtual_switches.forwarding import ALL_PORTS, PacketRule

Family = Literal[4, 6]
Network = IPv4Network | IPv6Network
V4: Literal[4] = 4
V6: Literal[6] = 6
_ALL = {4: (1 << 32) - 1, 6: (1 << 128) - 1}
_SPLIT_BITS = 8
"""A wildcard that is no prefix is carried out as up to this many bits' worth of prefixes."""
_KNOWN_ELSEWHERE = (
    *("dscp", "precedence", "tos", "fragments", "time-range", "reflect", "option", "ttl", "ack", "fin", "psh", "rst"),
    *(
        "syn",
        "urg",
        "match-all",
        "match-any",
        "routing",
        "flow-label",
        "undetermined-transport",
        "sequence",
        "evaluate",
    ),
)
_PORT_OPERATORS = ("eq", "gt", "lt", "neq", "range")
_MOST_PORTS = 10
_LAST_PORT = 65535
_LAST_BYTE = 255
_TCP = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a list: its number, the text that is shown, and what it matches; a remark matches nothing."""

    number: int
    text: str
    rules: tuple[PacketRule, ...] = ()

    @property
    def is_remark(self) -> bool:
        """Whether it only says something."""
        return self.text.startswith("remark ")


class _Reader:
    """The words of an entry, taken one by one; a word that does not fit is named by its column."""

    def __init__(self, line: str, spans: list[tuple[int, str]], *, newer: bool = True) -> None:
        self.line = line
        self.newer = newer
        self.spans = spans
        self.place = 0

    @property
    def ended(self) -> bool:
        return self.place >= len(self.spans)

    def look(self) -> str:
        """Return the next word without taking it."""
        if self.ended:
            raise Incomplete
        return self.spans[self.place][1].lower()

    def take(self) -> str:
        """Take the next word."""
        word = self.look()
        self.place += 1
        return word

    def refuse_last(self) -> InvalidAt | LineRefused:
        """Return the error of the word that was taken last."""
        column, word = self.spans[self.place - 1]
        if word.lower() in _KNOWN_ELSEWHERE or word.lower().startswith("object-group"):
            return LineRefused(NOT_MODELLED + self.line.strip())
        return InvalidAt(column)

    def take_keyword(self, *known: str) -> str:
        """Take one of these words, by its unique prefix."""
        word = self.take()
        if word in known:
            return word
        begins = [one for one in known if one.startswith(word)]
        if len(begins) == 1:
            return begins[0]
        if begins:
            raise Ambiguous(self.line.strip())
        raise self.refuse_last()


def read_entry(family: Family, number: int, line: str, spans: list[tuple[int, str]], *, newer: bool) -> Entry:
    """Return the entry of an extended or an IPv6 list that a line says, from `permit` or `deny` on.

    `newer`: the image has the words that came with 16.

    Raises:
        Ambiguous: a word could be several.
        Incomplete: it says too little.
        InvalidAt: it is no entry from a column on.
        LineRefused: it is an entry that is not modelled.
    """
    reader = _Reader(line, spans, newer=newer)
    action = reader.take_keyword("permit", "deny")
    protocol, shown_protocol = _take_protocol(reader, family)
    sources, shown_source = _take_address(reader, family)
    source_ports, shown_source_ports = _take_ports(reader, protocol)
    destinations, shown_destination = _take_address(reader, family)
    destination_ports, shown_destination_ports = _take_ports(reader, protocol)
    words = [action, shown_protocol, shown_source, *shown_source_ports, shown_destination, *shown_destination_ports]
    icmp, shown_type = _take_icmp(reader, protocol, family)
    words += shown_type
    established = protocol == _TCP and not reader.ended and _means(reader.look(), "established", 2)
    if established:
        reader.take()
        words.append("established")
    if not reader.ended:
        words.append(reader.take_keyword("log", "log-input"))
    if not reader.ended:
        reader.take()
        raise reader.refuse_last()
    rule = PacketRule(
        action == "permit",
        family,
        protocol,
        source_ports=source_ports,
        destination_ports=destination_ports,
        icmp=icmp,
        established=established,
    )
    rules = tuple(
        replace(rule, source=source, destination=destination) for source, destination in product(sources, destinations)
    )
    return Entry(number, " ".join(words), rules)


def read_standard_entry(number: int, line: str, spans: list[tuple[int, str]]) -> Entry:
    """Return the entry of a standard list that a line says.

    Raises:
        Ambiguous: a word could be several.
        Incomplete: it says too little.
        InvalidAt: it is no entry from a column on.
    """
    reader = _Reader(line, spans)
    action = reader.take_keyword("permit", "deny")
    if _is_address(reader.look()) and (
        len(reader.spans) == reader.place + 1 or not _is_address(reader.spans[reader.place + 1][1])
    ):
        address = IPv4Address(reader.take())
        networks: tuple[Network, ...] = (IPv4Network(address),)
        shown = str(address)
    else:
        networks, shown = _take_address(reader, 4)
        shown = shown.removeprefix("host ")
    words = [f"{action:6}", shown]
    if not reader.ended:
        words.append(reader.take_keyword("log"))
    if not reader.ended:
        reader.take()
        raise reader.refuse_last()
    return Entry(
        number,
        " ".join(words) if action == "permit" else f"deny   {' '.join(words[1:])}",
        tuple(PacketRule(action == "permit", 4, source=network) for network in networks),
    )


def _means(word: str, keyword: str, least: int) -> bool:
    return len(word) >= least and keyword.startswith(word)


def _take_protocol(reader: _Reader, family: Family) -> tuple[int | None, str]:
    known = choose_words(PROTOCOLS_4, newer=reader.newer) if family == V4 else PROTOCOLS_6
    word = reader.look()
    if word.isascii() and word.isdigit():
        reader.take()
        if int(word) > _LAST_BYTE:
            raise reader.refuse_last()
        return int(word), next((name for name, number in known.items() if number == int(word)), str(int(word)))
    everything = "ip" if family == V4 else "ipv6"
    name = reader.take_keyword(everything, *known)
    return known.get(name), name


def _is_address(word: str) -> bool:
    try:
        IPv4Address(word)
    except ValueError:
        return False
    return True


def _take_address(reader: _Reader, family: Family) -> tuple[tuple[Network, ...], str]:
    word = reader.look()
    if word == "any":
        reader.take()
        return (IPv4Network("0.0.0.0/0") if family == V4 else IPv6Network("::/0"),), "any"
    if word == "host":
        reader.take()
        return _take_host(reader, family)
    if family == V6:
        return _take_prefix(reader)
    if not _is_address(word):
        reader.take_keyword("any", "host")
        reader.place -= 1
        return _take_address_word(reader, family)
    address = int(IPv4Address(reader.take()))
    if not _is_address(reader.take()):
        raise reader.refuse_last()
    wildcard = int(IPv4Address(reader.spans[reader.place - 1][1]))
    return _split_wildcard(reader, address & ~wildcard & _ALL[4], wildcard)


def _take_address_word(reader: _Reader, family: Family) -> tuple[tuple[Network, ...], str]:
    word = reader.take_keyword("any", "host")
    if word == "host":
        return _take_host(reader, family)
    return (IPv4Network("0.0.0.0/0"),), "any"


def _take_host(reader: _Reader, family: Family) -> tuple[tuple[Network, ...], str]:
    word = reader.take()
    try:
        if family == V4:
            address = IPv4Address(word)
            return (IPv4Network(address),), f"host {address}"
        address_6 = IPv6Address(word)
    except ValueError:
        raise reader.refuse_last() from None
    return (IPv6Network(address_6),), f"host {str(address_6).upper()}"


def _take_prefix(reader: _Reader) -> tuple[tuple[Network, ...], str]:
    word = reader.take()
    if "/" not in word:
        raise reader.refuse_last()
    try:
        network = IPv6Network(word, strict=False)
    except ValueError:
        raise reader.refuse_last() from None
    return (network,), "any" if not network.prefixlen else str(network).upper()


def _split_wildcard(reader: _Reader, address: int, wildcard: int) -> tuple[tuple[Network, ...], str]:
    if wildcard == _ALL[4]:
        return (IPv4Network("0.0.0.0/0"),), "any"
    low = 0
    while wildcard >> low & 1:
        low += 1
    free = [bit for bit in range(low, 32) if wildcard >> bit & 1]
    if len(free) > _SPLIT_BITS:
        reject_unmodelled(reader.line.strip())
    networks = tuple(
        IPv4Network((address | sum(1 << bit for bit, on in zip(free, choice, strict=True) if on), 32 - low))
        for choice in product((False, True), repeat=len(free))
    )
    shown = f"{IPv4Address(address)} {IPv4Address(wildcard)}" if wildcard else f"host {IPv4Address(address)}"
    return networks, shown


def _take_ports(reader: _Reader, protocol: int | None) -> tuple[tuple[tuple[int, int], ...], list[str]]:
    if protocol not in {6, 17, 132} or reader.ended or reader.look() not in _PORT_OPERATORS:
        return ALL_PORTS, []
    operator = reader.take()
    if operator == "range":
        low, high = _take_port(reader, protocol), _take_port(reader, protocol)
        if low[0] > high[0]:
            reject_unmodelled(reader.line.strip())
        return ((low[0], high[0]),), [operator, low[1], high[1]]
    ports = [_take_port(reader, protocol)]
    while operator in {"eq", "neq"} and not reader.ended and len(ports) < _MOST_PORTS:
        if not _is_port(reader, protocol):
            break
        ports.append(_take_port(reader, protocol))
    shown = [operator, *(name for _, name in ports)]
    first = ports[0][0]
    match operator:
        case "gt":
            return (((first + 1, _LAST_PORT),) if first < _LAST_PORT else ()), shown
        case "lt":
            return (((0, first - 1),) if first else ()), shown
        case "neq":
            return _all_but({number for number, _ in ports}), shown
        case _:
            return tuple((number, number) for number, _ in ports), shown


def _all_but(numbers: set[int]) -> tuple[tuple[int, int], ...]:
    ends = [-1, *sorted(numbers), _LAST_PORT + 1]
    return tuple((low + 1, high - 1) for low, high in pairwise(ends) if low + 1 <= high - 1)


def _is_port(reader: _Reader, protocol: int) -> bool:
    word = reader.look()
    if word.isascii() and word.isdigit():
        return int(word) <= _LAST_PORT
    return word in choose_words(PORTS.get(protocol, {}), newer=reader.newer) or word in ALIASES.get(protocol, {})


def _take_port(reader: _Reader, protocol: int) -> tuple[int, str]:
    known = choose_words(PORTS.get(protocol, {}), newer=reader.newer)
    word = reader.take()
    if word.isascii() and word.isdigit():
        number = int(word)
        if number > _LAST_PORT:
            raise reader.refuse_last()
    else:
        reader.place -= 1
        aliases = ALIASES.get(protocol, {})
        name = reader.take_keyword(*known, *aliases)
        number = known[name] if name in known else aliases[name]
    return number, next((name for name, value in known.items() if value == number), str(number))


def _take_icmp(
    reader: _Reader, protocol: int | None, family: Family
) -> tuple[tuple[int] | tuple[int, int] | None, list[str]]:
    if reader.ended or (protocol, family) not in {(1, 4), (58, 6)}:
        return None, []
    known = ICMP_4 if family == V4 else ICMP_6
    word = reader.look()
    if "log".startswith(word) or word == "log-input" or word in _KNOWN_ELSEWHERE:
        return None, []
    if not (word.isascii() and word.isdigit()):
        name = reader.take_keyword(*known)
        return known[name], [name]
    kind = _take_byte(reader)
    found: tuple[int] | tuple[int, int] = (kind,)
    if not reader.ended and reader.look().isascii() and reader.look().isdigit():
        found = (kind, _take_byte(reader))
    name_of = next((name for name, value in known.items() if value == found), None)
    return found, [name_of] if name_of else [str(part) for part in found]


def _take_byte(reader: _Reader) -> int:
    word = reader.take()
    if int(word) > _LAST_BYTE:
        raise reader.refuse_last()
    return int(word)
