"""Filters as flows of Open vSwitch, and back.

An entry becomes one flow, or several of one priority where a flow cannot say it at once: a range of ports is a set of
masks, a range of ICMP types is one flow for each, `established` is one flow for ACK and one for RST. Reading back makes
one entry of the flows of a priority and asks that it would be written exactly so: a missing half, a hole in a range or
a word of others cannot pass.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product

from controller.model.network.device_state import Entry, Filter, build_filter
from controller.model.network.packets import ANY_PORTS, Direction, Effect, Family, Match, Ports, Prefix, parse_prefix
from controller.model.network.packets import Protocol as Number
from controller.platforms.common.managed import covers_everything
from controller.platforms.ovs.flows import (
    DROP,
    FILTERS,
    LAST_ENTRY,
    PASS,
    Cookie,
    Flow,
    FlowKind,
    parse_cookie,
    parse_number,
    write_register,
)

MAXIMUM_ENTRIES = 8192
"""Priorities end at 65535; a bundle of 30,000 flows was taken in 0.4 s."""

_LAST_PORT = ANY_PORTS[1]
_LAST_TYPE = 255
_PORTED = (Number.TCP, Number.UDP)
_ICMP = (Number.ICMP, Number.ICMPV6)
_EFFECTS = {Effect.PERMIT: PASS, Effect.FORBID: DROP}
_SAID = {text: effect for effect, text in _EFFECTS.items()}
_ETHER = {Family.V4: "ip", Family.V6: "ipv6"}
_SCTP = 132
_WORDS: dict[tuple[Family, int], str] = {
    (Family.V4, Number.ICMP): "icmp",
    (Family.V4, Number.TCP): "tcp",
    (Family.V4, Number.UDP): "udp",
    (Family.V4, _SCTP): "sctp",
    (Family.V6, Number.ICMPV6): "icmp6",
    (Family.V6, Number.TCP): "tcp6",
    (Family.V6, Number.UDP): "udp6",
    (Family.V6, _SCTP): "sctp6",
}
"""The protocols that the switch prints as one word; every other is `ip,nw_proto=N` (all 256 were tried)."""
_MEANT: dict[str, tuple[Family, int | None]] = {
    **{word: meant for meant, word in _WORDS.items()},
    **{word: (family, None) for family, word in _ETHER.items()},
}
_MOST_KEPT = 16_384
"""Entries that are remembered: a change reads the same flows before it, after it and as they are saved. Only what is
written as ours is kept, so nothing that a device says makes them long."""
_ADDRESSES = {Family.V4: ("nw_src", "nw_dst"), Family.V6: ("ipv6_src", "ipv6_dst")}
_FLAGS = ("tcp_flags=+ack", "tcp_flags=+rst")


def write_filter_flows(one: Filter) -> Iterator[Flow]:
    """The flows of a filter.

    Raises:
        ValueError: the switch cannot express the filter; the message names it and the entry.
    """
    if not one.entries or not covers_everything(one.entries[-1].match) or len(one.entries) > MAXIMUM_ENTRIES:
        message = (
            f"{one.name}: a filter needs a last entry that covers everything, and at most {MAXIMUM_ENTRIES} entries"
        )
        raise ValueError(message)
    if one != build_filter(*one.key, one.entries):
        message = f"{one.name}: flows carry no names; the filter must have the one that its entries give it"
        raise ValueError(message)
    for priority, entry in zip(range(LAST_ENTRY + len(one.entries) - 1, 0, -1), one.entries, strict=False):
        if entry.match.family is not one.family:
            message = f"{one.name}: an entry of the other family: {entry}"
            raise ValueError(message)
        yield from _entry_flows(entry, priority, one.vlan, one.direction)


def read_filter(flows: Iterable[tuple[Flow, str]]) -> Filter:
    """The filter that these flows (all of one cookie), each with the place it was read at, make.

    Raises:
        ValueError: they are not as we write them; its two arguments are the place and the reason.
    """
    by_priority: dict[int, list[tuple[Flow, str]]] = {}
    for flow, place in flows:
        by_priority.setdefault(flow.priority, []).append((flow, place))
    ordered = [by_priority[priority] for priority in sorted(by_priority, reverse=True)]
    entries = tuple(_read_entry([flow for flow, _ in group], group[0][1]) for group in ordered)
    last_flow, last_place = ordered[-1][0]
    if not covers_everything(entries[-1].match):
        raise ValueError(last_place, "this is the filter's last entry, and it does not cover everything")
    cookie = parse_cookie(last_flow.cookie)
    assert cookie.direction is not None  # noqa: S101 a filter entry was read from this cookie
    assert cookie.family is not None  # noqa: S101 the same
    return build_filter(cookie.vlan, cookie.direction, cookie.family, entries)


def _read_entry(group: Sequence[Flow], place: str) -> Entry:
    try:
        entry = _understand_entry(tuple(group))
    except ValueError as error:
        raise ValueError(place, str(error)) from None
    return Entry(entry.effect, entry.match, place)


@lru_cache(_MOST_KEPT)
def _understand_entry(group: tuple[Flow, ...]) -> Entry:
    """The entry that flows of one priority make, without its place.

    Raises:
        ValueError: they make none as we write it.
    """
    entry = _entry_of(group)
    cookie = parse_cookie(group[0].cookie)
    if cookie.direction is None or cookie.family is not entry.match.family:
        message = "the cookie speaks of another family, or of no direction"
        raise ValueError(message)
    expected = set(_entry_flows(entry, group[0].priority, cookie.vlan, cookie.direction))
    if expected != set(group):
        message = (
            f"the flows of priority {group[0].priority} are no entry as we write them; expected for what they look "
            f"like: {'; '.join(sorted(str(flow).strip() for flow in expected))}"
        )
        raise ValueError(message)
    return entry


def _entry_of(group: Sequence[Flow]) -> Entry:
    first = group[0]
    words = dict.fromkeys(word.partition("=")[0] for flow in group for word in flow.match)
    ether = next((word for word in words if word in _MEANT), None)
    if ether is None:
        message = f"a flow of a filter must name one of {', '.join(sorted(_MEANT))}"
        raise ValueError(message)
    family, protocol = _MEANT[ether]
    source, destination = _ADDRESSES[family]
    allowed = {ether, "reg0", source, destination, "nw_proto", "tp_src", "tp_dst", "tcp_flags", "icmp_type"}
    if unknown := words.keys() - allowed - _MEANT.keys():
        message = f"unknown match {', '.join(sorted(unknown))}; ours hold only {', '.join(sorted(allowed))}"
        raise ValueError(message)
    if first.actions not in _SAID:
        message = f"unknown actions {first.actions!r}; ours are {' and '.join(_SAID)}"
        raise ValueError(message)
    fields = [dict(word.partition("=")[::2] for word in flow.match) for flow in group]
    if "nw_proto" in fields[0]:
        protocol = parse_number(fields[0]["nw_proto"])
    ported = "icmp_type" if protocol in _ICMP else "tp_dst"
    match = Match(
        family,
        protocol,
        parse_prefix(fields[0].get(source, str(family.everything))),
        parse_prefix(fields[0].get(destination, str(family.everything))),
        _span(one.get("tp_src") for one in fields),
        _span(one.get(ported) for one in fields),
        "tcp_flags" in words,
    )
    return Entry(_SAID[first.actions], match)


def _span(texts: Iterable[str | None]) -> Ports:
    """From the lowest to the highest port that any of these names."""
    pairs = [_port_bounds(text) for text in texts if text is not None]
    return (min(low for low, _ in pairs), max(high for _, high in pairs)) if pairs else ANY_PORTS


def _port_bounds(text: str) -> Ports:
    value, _, mask = text.partition("/")
    low = parse_number(value)
    return low, low | (~parse_number(mask) & _LAST_PORT if mask else 0)


def _entry_flows(entry: Entry, priority: int, vlan: int, direction: Direction) -> Iterator[Flow]:
    match = entry.match
    cookie = int(Cookie(FlowKind.FILTER, direction, match.family, vlan))
    source, destination = _ADDRESSES[match.family]
    word = _WORDS.get((match.family, match.protocol)) if match.protocol is not None else None
    head = word or _ETHER[match.family]
    fixed = [head, f"reg0={write_register(vlan, direction)}"]
    fixed += [
        f"{name}={_address(p)}" for name, p in ((source, match.source), (destination, match.destination)) if p.prefixlen
    ]
    if match.protocol is not None and word is None:
        fixed.append(f"nw_proto={match.protocol}")
    flags = _FLAGS if match.established else ("",)
    for some in product(*_port_words(entry), flags):
        yield Flow(FILTERS, priority, (*fixed, *(word for word in some if word)), _EFFECTS[entry.effect], cookie)


def _port_words(entry: Entry) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What source and destination ports are as words of a match; an empty word asks nothing."""
    match = entry.match
    source, destination = match.source_ports, match.destination_ports
    if match.protocol in _PORTED:
        sources = tuple(f"tp_src={mask}" for mask in _masks(source)) if source != ANY_PORTS else ("",)
        destinations = tuple(f"tp_dst={mask}" for mask in _masks(destination)) if destination != ANY_PORTS else ("",)
    elif (match.family, match.protocol) in ((Family.V4, Number.ICMP), (Family.V6, Number.ICMPV6)):
        low, high = destination
        types = range(low, high + 1) if destination != ANY_PORTS else ()
        if source != ANY_PORTS or (types and high > _LAST_TYPE):
            message = f"ICMP has types from 0 to {_LAST_TYPE}, and no source ports: {entry}"
            raise ValueError(message)
        sources, destinations = ("",), tuple(f"icmp_type={number}" for number in types) or ("",)
    else:
        sources = destinations = ("",)
        if source != ANY_PORTS or destination != ANY_PORTS:
            message = f"only TCP and UDP have ports: {entry}"
            raise ValueError(message)
    if match.established and match.protocol != Number.TCP:
        message = f"only TCP can be established: {entry}"
        raise ValueError(message)
    return sources, destinations


def _masks(ports: Ports) -> Iterator[str]:
    """A range as the fewest aligned blocks, as the switch prints them."""
    low, high = ports
    if not 0 <= low <= high <= _LAST_PORT:
        message = f"no range of ports: {low}-{high}"
        raise ValueError(message)
    while low <= high:
        size = low & -low or _LAST_PORT + 1
        while low + size - 1 > high:
            size //= 2
        mask = _LAST_PORT & ~(size - 1)
        yield str(low) if size == 1 else f"{low:#x}/{mask:#x}"
        low += size


def _address(network: Prefix) -> str:
    # As the C library writes it (the switch does): Python writes an IPv4-mapped address another way.
    family = socket.AF_INET if Family(network.version) is Family.V4 else socket.AF_INET6
    text = socket.inet_ntop(family, network.network_address.packed)
    return text if network.prefixlen == network.max_prefixlen else f"{text}/{network.prefixlen}"
