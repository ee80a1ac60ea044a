"""Reads the entries of a filter of a Yamaha RTX: `pass 10.0.0.0/8 * tcp * 443`, behind the number.

A word that is not known here is refused with what was expected; what an RTX may print besides (lists of addresses,
names of hosts, `established`, TCP flags, `restrict`) is nothing that a filter of ours can say.

Sources: Yamaha command reference ed. 12.01, 8.1.10 and 30.7; the words for ports are those of a public dump.
"""

from __future__ import annotations

import re

from controller.model.network.device_state import Entry
from controller.model.network.packets import ANY_PORTS, Effect, Family, Match, Ports, Prefix, Protocol
from controller.platforms.dialect.words import Words, read_prefix
from controller.platforms.yamaha_rtx.text import PROTOCOLS, find_inexpressible

_EFFECTS = {
    **dict.fromkeys(("pass", "pass-log", "pass-nolog"), Effect.PERMIT),
    **dict.fromkeys(("reject", "reject-log", "reject-nolog"), Effect.FORBID),
}
_NUMBERS = {word: number for number, word in PROTOCOLS.items()}
_PORT_WORDS = {"www": 80, "domain": 53, "netbios_ns": 137, "netbios_dgm": 138}
_LAST_PORT = ANY_PORTS[1]
_LAST_OCTET = 255
_MOST_WORDS = 6


def read_entry(written: str, family: Family, origin: str) -> Entry:
    """Return the entry that stands behind a filter's number; `*` may be left out at the end.

    >>> read_entry("pass 10.0.0.0/8 * tcp * 443", Family.V4, "x:1").match.destination_ports
    (443, 443)

    Raises:
        ValueError: a word that is not known, or means what a filter of ours cannot say.
    """
    said = written.split()
    words = Words([*said, *["*"] * (_MOST_WORDS - len(said))])
    effect = _EFFECTS[words.take_one_of(_EFFECTS)]
    source, destination = _read_address(words, family), _read_address(words, family)
    protocol = _read_protocol(words)
    if protocol == Protocol.ICMP:
        source_ports, destination_ports = ANY_PORTS, _read_octet(words)
        if not words.take_if("*"):
            words.refuse("*: a filter of ours names no code of ICMP")
    elif protocol in {Protocol.TCP, Protocol.UDP}:
        source_ports, destination_ports = _read_ports(words), _read_ports(words)
    else:
        source_ports = destination_ports = ANY_PORTS
        if not (words.take_if("*") and words.take_if("*")):
            words.refuse("*: only TCP and UDP have ports")
    words.expect_end("the end of the line")
    match = Match(family, protocol, source, destination, source_ports, destination_ports)
    if reason := find_inexpressible(match):
        raise ValueError(reason)
    return Entry(effect, match, origin)


def _read_address(words: Words, family: Family) -> Prefix:
    word = words.take()
    return family.everything if word == "*" else read_prefix(words, family, word)


def _read_protocol(words: Words) -> int | None:
    return None if words.take_if("*") else words.take_number_or(_NUMBERS, 1, _LAST_OCTET, "*, or one protocol")


def _read_octet(words: Words) -> Ports:
    if words.take_if("*"):
        return ANY_PORTS
    kind = words.take_number_or({}, 0, _LAST_OCTET, "*, or a type of ICMP") or 0
    return kind, kind


def _read_ports(words: Words) -> Ports:
    word = words.peek()
    if words.take_if("*"):
        return ANY_PORTS
    low, dash, high = word.partition("-")
    first, last = _read_port(low), _read_port(high if dash else low)
    if first is None or last is None or first > last:
        words.refuse("*, a port from 0 to 65535, or two with - between")
    words.take()
    return first or 0, last or 0


def _read_port(text: str) -> int | None:
    if text in _PORT_WORDS:
        return _PORT_WORDS[text]
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and int(text) <= _LAST_PORT else None
