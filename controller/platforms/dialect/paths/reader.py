"""Reads the ways of others out of a switch's configuration; what of them touches ours is judged elsewhere.

A port that is shut down is no way. The words are compared without capitals: a text that somebody typed leads as far as
one that a device printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine
from controller.platforms.common.managed import LAST_VLAN, parse_vlan_list
from controller.platforms.dialect.blocks import Block, find_typed_lines, join_words
from controller.platforms.dialect.paths.addresses import (
    Lines,
    find_addressed,
    is_address,
    list_addresses,
)
from controller.platforms.dialect.paths.device_lines import DeviceFacts, find_device_paths
from controller.platforms.dialect.paths.port_vlans import (
    PortVlans,
    find_classified_vlans,
    find_named_vlans,
    find_numbers,
    find_voice_profiles,
    is_routed,
    list_interfaces,
    read_port_vlans,
)
from controller.platforms.dialect.paths.words import (
    ASKING_PORTS,
    ASSIGNED_VLANS,
    BRIDGES,
    HARMLESS_IN_VLANS,
    HARMLESS_ON_PORTS,
    HARMLESS_ON_VLAN_INTERFACES,
    INTERFACE_LINES,
    MAY_JOIN,
    NO_VOICE_VLAN,
    ONLY_FORGED,
    OWN_ADDRESSES,
    RELAYS,
    TUNNELS,
    KnownLines,
)


@dataclass(frozen=True)
class PathGrammar:
    """How a system shows its ports.

    `switch_ports` matches their names. `trunks_carry_all`: a trunk that names no VLAN carries every one.
    `undecided_mode`: a port without a mode may become a trunk. `isolated` is the line of an isolated port ("": there is
    none), `channels` give the name of the channel that a member's line is about, `complete_name` writes the name of an
    interface in full.

    A device routes unless its text says otherwise by a line of `routing_off`: where models differ in what they do
    without such a line, what could lead further does. `routing_on` are the lines that must stand in the text of one
    that has to route, since some models do not without them; `begins` matches the lines by which a text is told from a
    part of one, which need not have them.
    """

    switch_ports: re.Pattern[str]
    trunks_carry_all: bool
    undecided_mode: bool
    isolated: str = ""
    channels: Mapping[str, str] = field(default_factory=dict)
    complete_name: Callable[[str], str] = str
    routing_off: frozenset[str] = frozenset({"no ip forwarding"})
    routing_on: tuple[str, ...] = ()
    begins: re.Pattern[str] = re.compile(r"version \S.*|hostname \S.*")


OF_UNKNOWN_HABITS = PathGrammar(
    re.compile(r"[a-z][a-z-]*[0-9]+(/[0-9]+)*"), trunks_carry_all=True, undecided_mode=False
)
"""A system of which nobody said how it behaves where its text says nothing: what could lead further does."""


@dataclass(frozen=True, slots=True)
class ReadPaths:
    """The ways of others, and whether the device may route between its interfaces, as far as its text tells."""

    paths: tuple[UnmanagedPath, ...]
    routes: bool


def read_unmanaged_paths(
    grammar: PathGrammar, blocks: Iterable[Block], managed: Container[int], known: KnownLines | None = None
) -> ReadPaths:
    """Return the ways of others in a configuration.

    `managed` are the numbers of the lines that are ours, `known` the lines that may stand beside them.
    """
    listed = tuple(blocks)
    reader = _PathReader(grammar, listed, managed, known or KnownLines())
    paths = tuple(reader.read())
    return ReadPaths(
        (*paths, *find_typed_lines(listed, {one.line for one in paths if one.kind is PathKind.UNKNOWN_LINE})),
        reader.routes(),
    )


class _PathReader:
    """One pass over the blocks of a configuration."""

    def __init__(
        self, grammar: PathGrammar, blocks: Sequence[Block], managed: Container[int], known: KnownLines
    ) -> None:
        self.grammar, self.managed = grammar, managed
        self.in_vlans = known.vlans or HARMLESS_IN_VLANS
        self.on_ports = known.ports or HARMLESS_ON_PORTS
        self.on_interfaces = known.interfaces or HARMLESS_ON_VLAN_INTERFACES
        self.blocks = [
            (block.header, join_words(block.header).lower(), [(one, join_words(one).lower()) for one in block.children])
            for block in blocks
        ]
        self.interfaces = {name for _, words, _ in self.blocks for name in self._list_names(words)}
        self.classified = find_classified_vlans(self.blocks)
        self.profiles = find_voice_profiles(self.blocks)
        self.assigns = any(ASSIGNED_VLANS.fullmatch(words) for _, words, _ in self.blocks)
        trusted = {words: frozenset(self._list_trusted(words)) for words in ONLY_FORGED.values()}
        ports = {
            name for header, words, _ in self.blocks if header.number in managed for name in self._list_names(words)
        }
        self.facts = DeviceFacts(
            trusted, frozenset(self._list_snooped()), frozenset(self._list_relaying()), frozenset(ports)
        )

    def routes(self) -> bool:
        """Say if the device may route between its interfaces, as far as its text tells."""
        said = {words for _, words, _ in self.blocks}
        return not said & self.grammar.routing_off or "ipv6 unicast-routing" in said

    def _find_untold_routing(self) -> Iterator[UnmanagedPath]:
        """Yield the lines without which a switch may route nothing and that a whole text does not have."""
        said = {words for _, words, _ in self.blocks}
        begins = [(header, words) for header, words, _ in self.blocks if self.grammar.begins.fullmatch(words)]
        for header, words in begins[:1]:
            for line in self.grammar.routing_on:
                if not said & {line, f"no {line}"}:
                    yield UnmanagedPath(PathKind.ROUTING_UNTOLD, header.number, words, line)

    def read(self) -> Iterator[UnmanagedPath]:
        yield from self._find_untold_routing()
        for header, words, lines in self.blocks:
            if words.startswith("interface ") and not words.startswith("interface range "):
                yield from self._read_interface(header, words, lines)
            elif (configured := re.fullmatch(r"vlan configuration ([0-9,-]+)", words)) is not None:
                numbers = frozenset(parse_vlan_list(configured[1]) or ())
                for line, text in lines:
                    yield UnmanagedPath(PathKind.VLAN_FILTER, line.number, text, words, numbers)
            elif re.fullmatch(r"vlan [0-9,-]+", words):
                yield from self._read_vlan(header, words.removeprefix("vlan "), lines)
            elif words == "vlan database":
                yield from self._read_vlan_database(lines)
            else:
                yield from find_device_paths(self.facts, header, words, lines)

    def _list_relaying(self) -> Iterator[int]:
        """Yield the VLANs whose interface has a relay of ours."""
        for _, words, lines in self.blocks:
            if any(line.number in self.managed and text.startswith(RELAYS) for line, text in lines):
                yield from (int(name[4:]) for name in self._list_names(words) if re.fullmatch("vlan[0-9]{1,4}", name))

    def _list_trusted(self, trust: str) -> Iterator[str]:
        """Yield the ports that are in use and have a line of trust."""
        for _, words, lines in self.blocks:
            texts = {text for _, text in lines}
            if trust in texts and "shutdown" not in texts:
                yield from self._list_names(words)

    def _list_snooped(self) -> Iterator[int]:
        """Yield the VLANs whose hosts are known by DHCP snooping."""
        for _, words, lines in self.blocks:
            if words.startswith("ip dhcp snooping vlan "):
                yield from find_named_vlans(words) or ()
            elif any(text == "ip dhcp snooping" for _, text in lines):
                yield from (int(name[4:]) for name in self._list_names(words) if re.fullmatch("vlan[0-9]{1,4}", name))

    def _list_names(self, words: str) -> list[str]:
        return [self.grammar.complete_name(name).lower() for name in list_interfaces(words)]

    # VLANs

    def _read_vlan(self, header: ConfigLine, numbers: str, lines: Lines) -> Iterator[UnmanagedPath]:
        own = frozenset(parse_vlan_list(numbers) or ())
        for line, words in lines:
            if words.startswith("private-vlan"):
                yield UnmanagedPath(
                    PathKind.PRIVATE_VLAN, line.number, words, f"vlan {numbers}", own | find_numbers(words)
                )
            elif header.number in self.managed and self._is_strange(line, words, self.in_vlans):
                yield UnmanagedPath(PathKind.UNKNOWN_LINE, line.number, words, f"vlan {numbers}", own, in_managed=True)

    def _read_vlan_database(self, lines: Lines) -> Iterator[UnmanagedPath]:
        for line, words in lines:
            if "private-vlan" in words:
                yield UnmanagedPath(PathKind.PRIVATE_VLAN, line.number, words, "vlan database", find_numbers(words))
            elif words.startswith("no vlan "):
                yield UnmanagedPath(PathKind.UNKNOWN_LINE, line.number, words, "vlan database", find_named_vlans(words))

    def _is_strange(self, line: ConfigLine, words: str, known: re.Pattern[str]) -> bool:
        return line.number not in self.managed and known.fullmatch(words) is None

    # Interfaces

    def _read_interface(self, header: ConfigLine, words: str, lines: Lines) -> Iterator[UnmanagedPath]:
        ours = header.number in self.managed
        if not ours and any(text == "shutdown" for _, text in lines):
            return
        for written in self._list_names(words):
            # Whatever else stands there is no name that may be shown.
            name = written if re.fullmatch(r"[a-z][a-z-]{0,23}[0-9./:-]{0,24}", written) else "an interface"
            if (found := re.fullmatch(r"vlan([0-9]{1,10})", name)) and 1 <= int(found[1]) <= LAST_VLAN:
                yield from self._read_vlan_interface(header, int(found[1]), lines, ours=ours)
            elif TUNNELS.fullmatch(name) or BRIDGES.fullmatch(name):
                kind = PathKind.TUNNEL if TUNNELS.fullmatch(name) else PathKind.BRIDGE
                yield UnmanagedPath(kind, header.number, words, name, None, *list_addresses(lines))
            elif OWN_ADDRESSES.fullmatch(name):
                yield from find_addressed(PathKind.ROUTED_PORT, header, name, frozenset(), lines)
            elif self.grammar.switch_ports.fullmatch(name):
                yield from self._read_port(header, name, lines, ours=ours)
            elif re.search(r"[0-9]-", written):
                yield UnmanagedPath(PathKind.UNKNOWN_LINE, header.number, words, name, None)
            else:
                yield from self._read_routed_port(header, name, lines)

    def _read_vlan_interface(
        self, header: ConfigLine, number: int, lines: Lines, *, ours: bool
    ) -> Iterator[UnmanagedPath]:
        holder, vlans = f"interface vlan{number}", frozenset({number})
        for line, words in lines:
            kind = _find_kind(words)
            if line.number not in self.managed and words in ONLY_FORGED:
                yield replace(self.facts.describe_filter(line, words, holder, vlans), in_managed=ours)
                continue
            if line.number in self.managed or (kind is None and not self._is_unknown(line, words, ours=ours)):
                continue
            kept = kind or PathKind.UNKNOWN_LINE
            yield UnmanagedPath(kept, line.number, words, holder, vlans | _private(kept, words), in_managed=ours)
        # What an interface of ours makes for itself changes nothing there.
        addressing = [
            (line, words)
            for line, words in lines
            if line.number not in self.managed and not (ours and ("link-local" in words or words == "ipv6 enable"))
        ]
        yield from find_addressed(PathKind.VLAN_INTERFACE, header, holder, vlans, addressing)

    def _is_unknown(self, line: ConfigLine, words: str, *, ours: bool) -> bool:
        harmless = self.on_interfaces if ours else HARMLESS_ON_VLAN_INTERFACES
        known = is_address(words) or harmless.fullmatch(words) or _is_access_group(words)
        return line.number not in self.managed and not known

    def _read_routed_port(self, header: ConfigLine, name: str, lines: Lines) -> Iterator[UnmanagedPath]:
        """A port without VLANs, one of its parts, or an interface that is not known: what it leads to, if anything."""
        tagged = [find_numbers(words) for _, words in lines if re.match(r"encapsulation (dot1q|isl)\b|rewrite ", words)]
        vlans = frozenset(number for numbers in tagged for number in numbers)
        yield from find_addressed(PathKind.ROUTED_PORT, header, name, vlans, lines)
        for line, words in lines:
            kind = _find_kind(words)
            if kind is not None:
                everything = vlans or None
                yield UnmanagedPath(kind, line.number, words, name, everything)

    # Ports

    def _read_port(self, header: ConfigLine, name: str, lines: Lines, *, ours: bool) -> Iterator[UnmanagedPath]:
        channel = self._find_channel(lines)
        if channel is not None and channel[1].number not in self.managed:
            yield from self._read_member(name, channel, ours=ours)
        if ours:
            yield from self._read_own_port(name, lines)
            return
        if channel is not None and channel[0] in self.interfaces:
            return
        texts = [words for _, words in lines]
        if is_routed(texts):
            yield from self._read_routed_port(header, name, lines)
            return
        vlans = read_port_vlans(
            texts, trunks_carry_all=self.grammar.trunks_carry_all, undecided_mode=self.grammar.undecided_mode
        )
        isolated = bool(self.grammar.isolated) and self.grammar.isolated in texts
        first = next((line for line, words in lines if vlans.decided_by and words.startswith(vlans.decided_by)), header)
        if vlans.kind is not None:
            text = join_words(first).lower()
            yield UnmanagedPath(vlans.kind, first.number, text, name, vlans.carried, is_isolated=isolated)
        yield from self._read_port_lines(name, lines, vlans, isolated=isolated)

    def _read_port_lines(self, name: str, lines: Lines, vlans: PortVlans, *, isolated: bool) -> Iterator[UnmanagedPath]:
        for line, words in lines:
            carried, kind = vlans.carried, _find_kind(words)
            if kind in {PathKind.UNKNOWN_LINE, PathKind.MIRROR} or words.startswith("service instance "):
                carried = None
            if re.match(r"switchport (vlan (mapping|translation)|vlan-stacking)", words):
                kind, carried = (
                    PathKind.VLAN_TRANSLATION,
                    None if carried is None else carried | find_numbers(words),
                )
            elif words.startswith("vlan classifier activate"):
                kind, carried = PathKind.VLAN_TRANSLATION, self.classified
            elif words.startswith("switchport voice vlan ") and not NO_VOICE_VLAN.fullmatch(words):
                voice = find_numbers(words)
                kind, carried = PathKind.VOICE_VLAN, None if carried is None or not voice else carried | voice
            elif re.match(r"(auth|authentication|dot1x)\b.*\bvlan\b", words) or "dynamic-vlan-creation" in words:
                dynamic = "dynamic-vlan" in words or not find_numbers(words)
                kind, carried = PathKind.ACCESS_PORT, None if dynamic else find_numbers(words)
            elif kind is PathKind.PRIVATE_VLAN:
                carried = find_numbers(words) or carried
            elif kind is None and words.startswith("switchport ") and not vlans.knows(words):
                kind, carried = (None, carried) if HARMLESS_ON_PORTS.fullmatch(words) else (PathKind.UNKNOWN_LINE, None)
            if kind is not None:
                yield UnmanagedPath(kind, line.number, words, name, carried, is_isolated=isolated)

        yield from self._read_told_elsewhere(name, lines, vlans.carried)

    def _read_told_elsewhere(self, name: str, lines: Lines, carried: frozenset[int] | None) -> Iterator[UnmanagedPath]:
        """Yield the lines of a port whose VLANs stand in a profile, or are told by a server."""
        for line, words in lines:
            voice = self.profiles.get(f"network-policy profile {words.partition(' ')[2]}")
            if re.fullmatch(r"network-policy [0-9]+", words) and voice != frozenset():
                both = None if carried is None or voice is None else carried | voice
                yield UnmanagedPath(PathKind.VOICE_VLAN, line.number, words, name, both)
            elif self.assigns and ASKING_PORTS.fullmatch(words):
                yield UnmanagedPath(PathKind.ACCESS_PORT, line.number, words, name, None)

    def _find_channel(self, lines: Lines) -> tuple[str, ConfigLine] | None:
        """Return the name of the channel that a port is a member of, and the line that says so."""
        for line, words in lines:
            for start, name in self.grammar.channels.items():
                if (found := re.match(rf"{start} ([0-9]+)", words)) is not None:
                    return f"{name}{found[1]}", line
        return None

    def _read_member(self, name: str, channel: tuple[str, ConfigLine], *, ours: bool) -> Iterator[UnmanagedPath]:
        """A member carries what its channel does: a port of ours not what we say, another one what no line says."""
        line = channel[1]
        if ours or channel[0] not in self.interfaces:
            text = join_words(line).lower()
            yield UnmanagedPath(PathKind.CHANNEL_MEMBER, line.number, text, name, None, in_managed=ours)

    def _read_own_port(self, name: str, lines: Lines) -> Iterator[UnmanagedPath]:
        """Yield the lines beside ours on a port of ours that are not known to lead nowhere."""
        for line, words in lines:
            carried = words.startswith(("switchport trunk ", "switchport access vlan ", "switchport mode "))
            member = any(words.startswith(start) for start in self.grammar.channels)
            if carried or member or _is_access_group(words):
                continue
            kind = _find_kind(words)
            if kind is None and (words.startswith(MAY_JOIN) or self._is_strange(line, words, self.on_ports)):
                kind = PathKind.UNKNOWN_LINE
            if kind is not None and line.number not in self.managed:
                yield UnmanagedPath(kind, line.number, words, name, None, in_managed=True)


def _find_kind(words: str) -> PathKind | None:
    return next((kind for pattern, kind in INTERFACE_LINES if pattern.fullmatch(words)), None)


def _private(kind: PathKind, words: str) -> frozenset[int]:
    return find_numbers(words) if kind is PathKind.PRIVATE_VLAN else frozenset()


def _is_access_group(words: str) -> bool:
    """Filters of others are in the state, or in conflict with ours: they are no way."""
    return re.match(r"(ip access-group|ipv6 traffic-filter|access-group|mac access-group) ", words) is not None
