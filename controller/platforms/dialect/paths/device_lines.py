"""The lines of a switch outside of its interfaces and VLANs by which packets of ours are led, copied or dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine
from controller.platforms.dialect.paths.addresses import (
    Lines,
    describe_neighbor,
    describe_own_network,
    describe_route,
    list_plain_addresses,
)
from controller.platforms.dialect.paths.dhcp_pools import find_pool_paths
from controller.platforms.dialect.paths.port_vlans import find_named_vlans
from controller.platforms.dialect.paths.words import (
    BLOCK_LINES,
    DEVICE_LINES,
    NAMED_VLANS,
    NO_RELAYS,
    ONLY_FORGED,
    OWN_NETWORKS,
    RING_CONTROL,
    RING_VLANS,
    RINGS,
)

_ANY_VLAN = frozenset(
    {PathKind.MIRROR, PathKind.UNKNOWN_LINE, PathKind.SECOND_GATEWAY, PathKind.PSEUDOWIRE, PathKind.TUNNEL}
)
"""Kinds whose lines name no VLAN: they may be about any."""


@dataclass(frozen=True)
class DeviceFacts:
    """What other blocks say.

    `trusted` are the ports that each line of trust stands at, `snooped` the VLANs whose hosts are known by DHCP
    snooping, `relaying` those in whose interfaces relays of ours are, `ports` the ports that are ours.
    """

    trusted: Mapping[str, frozenset[str]]
    snooped: frozenset[int]
    relaying: frozenset[int]
    ports: frozenset[str]

    def spares_ours(self, words: str) -> bool:
        """Say if a line that shuts ports down by the hour names others alone, each by its full name."""
        _, between, named = words.partition(" interface ")
        names = [one.replace(" ", "") for one in named.split(",")]
        plain = all(re.fullmatch(r"[a-z]+[0-9]+(/[0-9]+)+", one) for one in names)
        return bool(between) and plain and self.ports.isdisjoint(names)

    def describe_filter(self, line: ConfigLine, words: str, holder: str, vlans: frozenset[int] | None) -> UnmanagedPath:
        """Return a line that drops packets in VLANs; `trusted` where it spares what comes in at ports of trust.

        What judges ARP knows hosts by DHCP snooping: where that is off, it drops whatever no port of trust spares.
        """
        need = next((need for start, need in ONLY_FORGED.items() if words.startswith(start)), "")
        knows = "arp" not in words or (vlans is not None and vlans <= self.snooped)
        trusted = (self.trusted.get(need, frozenset()) if knows else frozenset()) if need else None
        return UnmanagedPath(PathKind.VLAN_FILTER, line.number, words, holder, vlans, trusted=trusted)


def find_device_paths(facts: DeviceFacts, header: ConfigLine, words: str, lines: Lines) -> Iterator[UnmanagedPath]:
    """Yield the ways that a line at the margin and the lines under it show."""
    yield from _read_device_line(facts, header, words)
    yield from _read_own_networks(header, words)
    yield from _read_ring(header, words, lines)
    if words.startswith("monitor session "):
        for line, inner in lines:
            yield from _read_mirror(line, inner)
    yield from _read_inner_lines(words, lines)
    yield from find_pool_paths(words, lines)


def _read_device_line(facts: DeviceFacts, header: ConfigLine, words: str) -> Iterator[UnmanagedPath]:
    if NO_RELAYS.fullmatch(words) and facts.relaying:
        yield UnmanagedPath(PathKind.VLAN_FILTER, header.number, words, vlans=facts.relaying)
    kind = next((kind for pattern, kind in DEVICE_LINES if pattern.fullmatch(words)), None)
    if kind is PathKind.STATIC_ROUTE:
        yield describe_route(header, words)
    elif kind is PathKind.MIRROR:
        yield from _read_mirror(header, words)
    elif kind is PathKind.PROXY_ARP:
        yield describe_neighbor(header, words)
    elif kind is PathKind.VLAN_FILTER:
        yield facts.describe_filter(header, words, "", find_named_vlans(words))
    elif kind is PathKind.SECOND_GATEWAY:
        found = re.search(r"\bvlan([0-9]{1,10})\b", words)
        yield UnmanagedPath(kind, header.number, words, vlans=frozenset({int(found[1])}) if found else None)
    elif words.startswith("schedule-power-control ") and facts.spares_ours(words):
        return
    elif kind is not None and NAMED_VLANS.fullmatch(words):
        yield UnmanagedPath(kind, header.number, words, vlans=find_named_vlans(words))
    elif kind not in {None, PathKind.BRIDGE}:
        yield UnmanagedPath(kind, header.number, words, vlans=None if kind in _ANY_VLAN else frozenset())


def _read_own_networks(header: ConfigLine, words: str) -> Iterator[UnmanagedPath]:
    for begin, length in OWN_NETWORKS.items():
        if words.startswith(begin):
            yield describe_own_network(header, words, words.removeprefix(begin), length)


def _read_mirror(line: ConfigLine, words: str) -> Iterator[UnmanagedPath]:
    """What a session copies, VLANs or what passes at ports, or puts into a VLAN; its port may take frames in."""
    if re.search(r"\bsource \S|\bdestination remote ", words):
        vlans = None if " interface " in words else find_named_vlans(words)
        yield UnmanagedPath(PathKind.MIRROR, line.number, words, vlans=vlans)
    elif " ingress" in words:
        yield UnmanagedPath(PathKind.ACCESS_PORT, line.number, words, vlans=find_named_vlans(words))


def _read_ring(header: ConfigLine, words: str, lines: Lines) -> Iterator[UnmanagedPath]:
    """Yield what a ring decides on, by the lines that name its VLANs; any VLAN where none does."""
    if RINGS.fullmatch(words) is None:
        return
    named = [(line, text) for line, text in ((header, words), *lines) if RING_VLANS.fullmatch(text)]
    control = [(line, text) for line, text in ((header, words), *lines) if RING_CONTROL.fullmatch(text)]
    for line, text in [*named, *control] if named else [(header, words)]:
        unknown = "exclusion-list" in text or not named
        if not re.search("vlan-group .* vlan-mapping", text):  # its VLANs stand with the mapping
            yield UnmanagedPath(
                PathKind.VLAN_FILTER, line.number, text, vlans=None if unknown else find_named_vlans(text)
            )


def _read_inner_lines(header: str, lines: Lines) -> Iterator[UnmanagedPath]:
    for pattern, kind in [(inner, kind) for begins, inner, kind in BLOCK_LINES if begins.fullmatch(header)]:
        for line, words in lines:
            if pattern.fullmatch(words):
                hops = _list_gateways(words) if kind is PathKind.SECOND_GATEWAY else ()
                vlans = None if kind in _ANY_VLAN and not hops else frozenset[int]()
                vlans = find_named_vlans(words) if kind is PathKind.ACCESS_PORT else vlans
                yield UnmanagedPath(kind, line.number, words, vlans=vlans, next_hops=hops)


def _list_gateways(words: str) -> tuple[str, ...]:
    """The gateways that hosts are given; none where a line gives routes, or does not write them as addresses."""
    return () if re.match("option 0*(33|121|249) |route ", words) else list_plain_addresses(words)
