"""Reading the configuration of a Yamaha RTX; what is ours in it is told in `text`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from controller.model.network.device_state import (
    DeviceState,
    Filter,
    FilterBinding,
    PortMode,
    PortState,
    build_device_state,
    build_filter_name,
)
from controller.model.network.line_routes import DefaultRoute, LineGateway, TunnelInterface, name_tunnel_gateway
from controller.model.network.packets import Direction, Family
from controller.platforms.base import ConfigLine, Observation, name_route_place
from controller.platforms.common.managed import covers_everything
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import Block, Layout, Reading, find_typed_lines, join_words, read_blocks
from controller.platforms.dialect.words import Words, read_prefix
from controller.platforms.yamaha_rtx.entries import read_entry
from controller.platforms.yamaha_rtx.models import find_timer_fault
from controller.platforms.yamaha_rtx.numbers import (
    FilterBlock,
    ReservedNumbers,
    find_block_of_name,
    name_in_block,
)
from controller.platforms.yamaha_rtx.router_paths import read_router_paths
from controller.platforms.yamaha_rtx.shown_text import refuse_broken_text
from controller.platforms.yamaha_rtx.text import (
    ENCAPSULATIONS,
    MARK,
    MOST_GATEWAYS,
    PORT_MARK,
    PORT_NAME,
    SIDES,
    WATCH,
    write_mark,
)

_LAYOUT = Layout(comment="#")
_FAMILIES = {"ip": Family.V4, "ipv6": Family.V6}
_DIRECTIONS = {word: direction for direction, word in SIDES.items()}
_KINDS = {word: kind for kind, word in ENCAPSULATIONS.items()}
_FILTER = re.compile(r"(ip|ipv6) filter ([0-9]{1,10}) (.+)")
_SECURE = re.compile(r"(ip|ipv6) (\S+) secure filter (in|out|name) (.+)")
_KEEPALIVE = re.compile(r"ip keepalive ([0-9]{1,5}) (.+)")
_ROUTE = re.compile(r"(ip|ipv6) route default (.+)")
_VLAN = re.compile(r"vlan (\S+) 802\.1q (.+)")
_DIVIDED = re.compile(r"lan type (\S+) .*divide-network.*|vlan port mapping (lan[0-9]{1,2})\..*")
_CONTEXT = re.compile(r"(pp|tunnel) select (\S+)")
_LOST = re.compile(r"(?:tunnel (?!select )|pp (?!select )|(?:ip|ipv6|ipsec) (?:tunnel|pp) )")
_TUNNEL = {
    "kind": re.compile(r"tunnel encapsulation (\S+)"),
    "peer": re.compile(r"tunnel endpoint address (\S+)"),
    "mtu": re.compile(r"ip tunnel mtu ([0-9]{1,5})"),
    "enabled": re.compile(r"tunnel enable ([0-9]{1,5})"),
}
_HEADER = re.compile(r"# (?:RTX[0-9]{3,4}|vRX) Rev\.[0-9.]{1,20}(?: \([A-Za-z0-9: ]{1,30}\))?")
"""The model and its revision, which a backup must tell; it holds nothing else."""
_FREE_TEXT = re.compile(r"(?:description|snmp|console prompt|login|user|mail|dns static) .*")


def parse(numbers: ReservedNumbers, text: str, source: str) -> Observation:
    """Understand a configuration.

    Raises:
        ConfigRefused: it is none, or something inside what is ours is not understood, or something of others uses it.
    """
    refuse_broken_text(text, source)
    lines, blocks = read_blocks(text, _LAYOUT)
    reading = _RtxReading(numbers, source)
    first = text.partition("\n")[0].rstrip()
    if _HEADER.fullmatch(first):
        reading.understood.add(1)
        if fault := find_timer_fault(first):
            reading.remarks.append(ConfigLine(1, f"{fault}: nothing can be applied to it over SSH"))
    for block in blocks:
        reading.read_block(block)
    state = reading.build_state()
    for block in blocks:
        for line in (block.header, *block.children):
            if line.number not in reading.managed:
                reading.refuse_reference(line)
    paths = (*read_router_paths(blocks, reading.managed), *find_typed_lines(blocks))
    return reading.observe(lines, state, paths=paths, routes=True)


class _RtxReading(Reading):
    """One pass over the configuration of a router."""

    def __init__(self, numbers: ReservedNumbers, source: str) -> None:
        super().__init__(source)
        self.numbers = numbers
        self.mark: ConfigLine | None = None
        self.used: list[ConfigLine] = []
        self.filters: dict[tuple[Family, int], tuple[ConfigLine, str]] = {}
        self.secure: list[tuple[ConfigLine, Family, str, Direction, list[str]]] = []
        self.keepalives: dict[int, tuple[ConfigLine, str]] = {}
        self.routes: list[tuple[ConfigLine, Family, str]] = []
        self.tunnels: dict[int, TunnelInterface] = {}
        self.ports: list[PortState] = []
        self.beside: list[tuple[ConfigLine, Family, str, Direction | None]] = []
        self.tagged: list[tuple[ConfigLine, int]] = []
        self.divided: dict[str, ConfigLine] = {}

    # Lines

    def read_block(self, block: Block) -> None:
        header, words = block.header, join_words(block.header)
        context = _CONTEXT.fullmatch(words)
        if context and context[1] == "tunnel" and re.fullmatch(r"[0-9]{1,5}", context[2]):
            line = self.numbers.find_line(int(context[2]))
            if line is not None:
                self._read_tunnel(header, int(context[2]), line, block.children)
            return
        if context is None:
            if _LOST.match(words):
                self.refuse(header, f"{words!r} stands in no context; 'show config' indents what is in one")
            self._read_line(header, words)
            if block.children and header.number in self.managed:
                self.refuse(
                    block.children[0], f"{join_words(block.children[0])!r} is indented, and stands in no context"
                )

    def _read_line(self, line: ConfigLine, words: str) -> None:
        if (found := _FILTER.fullmatch(words)) and self.numbers.holds_filter(int(found[2])):
            self._read_filter(line, _FAMILIES[found[1]], int(found[2]), found[3])
        elif (found := _SECURE.fullmatch(words)) is not None:
            listed = found[4].split()
            if found[3] in _DIRECTIONS and any(map(self.numbers.holds_filter, _list_numbers(listed))):
                self.secure.append((line, _FAMILIES[found[1]], found[2], _DIRECTIONS[found[3]], listed))
                self._own(line)
            else:
                self.beside.append((line, _FAMILIES[found[1]], found[2], _DIRECTIONS.get(found[3])))
        elif (found := _DIVIDED.fullmatch(words)) is not None:
            self.divided[found[1] or found[2]] = line
        elif (found := _VLAN.fullmatch(words)) is not None:
            self._read_vlan(line, found[1], found[2])
        elif (found := _KEEPALIVE.fullmatch(words)) and self.numbers.holds_keepalive(int(found[1])):
            self.expect_once(f"ip keepalive {found[1]}", line, managed=True)
            self.keepalives[int(found[1])] = line, found[2]
            self._own(line)
        elif (found := _ROUTE.fullmatch(words)) is not None:
            family = _FAMILIES[found[1]]
            named = re.findall(r"keepalive ([0-9]{1,5})(?= |$)", found[2])
            ours = any(self.numbers.holds_keepalive(int(number)) for number in named)
            self.expect_once(f"{found[1]} route default", line, managed=ours)
            if ours:
                self.routes.append((line, family, found[2]))
                self._own(line)
            else:
                self.conflicting[name_route_place(family)] = line

    def _own(self, *lines: ConfigLine) -> None:
        self.manage(*lines)
        self.used += lines

    def _read_filter(self, line: ConfigLine, family: Family, number: int, written: str) -> None:
        self.expect_once(f"filter {int(family)} {number}", line, managed=True)
        if number == self.numbers.mark and family is Family.V4 and written == MARK:
            self.mark = line
            self.manage(line)
            return
        self.filters[family, number] = line, written
        self._own(line)

    def _read_vlan(self, line: ConfigLine, name: str, rest: str) -> None:
        found = re.fullmatch(rf"vid=([0-9]{{1,4}}) name={PORT_MARK}", rest)
        self.expect_once(f"vlan {name}", line, managed=PORT_MARK in rest)
        if found and PORT_NAME.fullmatch(name) and 2 <= int(found[1]) <= 4094:  # noqa: PLR2004 as a tag can be
            self.ports.append(PortState(name, PortMode.ACCESS, (int(found[1]),)))
            self._own(line)
        elif PORT_MARK in rest:
            self.refuse(
                line, f"unknown words in {join_words(line)!r}; expected vlan lan1/1 802.1q vid=20 name={PORT_MARK}"
            )
        else:
            self.conflicting[name] = line
            if tag := re.match(r"vid=([0-9]{1,4})(?: |$)", rest):
                self.tagged.append((line, int(tag[1])))

    def _read_tunnel(self, header: ConfigLine, number: int, line: str, children: Sequence[ConfigLine]) -> None:
        self.expect_once(f"tunnel select {number}", header, managed=True)
        self._own(header, *children)
        values: dict[str, str] = {}
        for child in children:
            words = join_words(child)
            key, found = next(
                ((key, found) for key, pattern in _TUNNEL.items() if (found := pattern.fullmatch(words))), ("", None)
            )
            if found is None or key in values:
                self.refuse(
                    child, f"{words!r} is not understood in tunnel {number}, which is ours, or stands there twice"
                )
                continue
            values[key] = found[1]
        if values.get("enabled", str(number)) != str(number) or values.get("kind", "ipip") not in _KINDS:
            self.refuse(header, f"tunnel {number} is ours, and is no tunnel of a kind that we write, enabled as such")
        elif values.keys() == _TUNNEL.keys():
            try:
                peer = read_prefix(Words(()), Family.V6, values["peer"])
            except ValueError as error:
                self.refuse(header, f"in tunnel {number}: {error}")
                return
            if peer.prefixlen != Family.V6.bits or str(peer.network_address) != values["peer"]:
                self.refuse(header, f"in tunnel {number}: {values['peer']!r} is no address of another router")
                return
            self.tunnels[number] = TunnelInterface(line, _KINDS[values["kind"]], values["peer"], int(values["mtu"]))
        else:
            self.remarks.append(
                ConfigLine(header.number, f"tunnel {number} counts as out of service: a part is missing")
            )

    # What they make together

    def build_state(self) -> DeviceState:
        filters = list(self._build_filters())
        state = build_device_state(
            (),
            self.ports,
            filters.copy(),
            self._build_bindings(filters),
            tunnels=self.tunnels.values(),
            default_routes=self._build_routes(),
        )
        if self.mark is None:
            for line in self.used:
                self.refuse(
                    line,
                    f"conflict: {join_words(line)!r} takes what is reserved for ours, and the mark of the range "
                    f"({write_mark(self.numbers)!r}) is not there{advise(ConflictKind.NUMBER, line=join_words(line))}",
                )
        return state

    def _build_filters(self) -> Iterator[Filter]:
        def block_of(key: tuple[Family, int]) -> tuple[Family, FilterBlock]:
            return key[0], self.numbers.find_block(key[1])

        for (family, block), keys in groupby(sorted(self.filters), key=block_of):
            held = list(keys)
            entries = []
            for key in held:
                line, written = self.filters[key]
                try:
                    entries.append(read_entry(written, family, f"{self.source}:{line.number}"))
                except ValueError as error:
                    self.refuse(line, f"in filter {key[1]}, which is ours: {error}")
            expected = self.numbers.list_numbers(block, len(held))
            last = self.filters[held[-1]][0]
            if tuple(number for _, number in held) != expected:
                self.refuse(
                    last,
                    f"the filters {held[0][1]} to {held[-1][1]} are ours; expected {expected[0]} to {expected[-1]}",
                )
            elif not entries or not covers_everything(entries[-1].match):
                self.refuse(last, f"the last filter of ours, {held[-1][1]}, must be about every packet")
            elif not 1 <= block.vlan <= 4094:  # noqa: PLR2004 as a tag can be
                self.refuse(last, f"the filter {held[-1][1]} is ours and stands for no VLAN")
            else:
                plain = build_filter_name(block.vlan, block.direction, family, entries)
                yield Filter(name_in_block(plain, block), block.vlan, block.direction, family, tuple(entries))

    def _build_bindings(self, filters: Sequence[Filter]) -> list[FilterBinding]:
        blocks = {(one.family, find_block_of_name(one.name)): one for one in filters}
        vlans = {port.name: port.vlans[0] for port in self.ports}
        bindings = []
        for line, family, name, direction, listed in self.secure:
            self.expect_once(f"{int(family)} {name} secure filter {direction}", line, managed=True)
            numbers = _list_numbers(listed)
            first = next(number for number in numbers if self.numbers.holds_filter(number))
            one = blocks.get((family, self.numbers.find_block(first)))
            wanted = self.numbers.list_numbers(self.numbers.find_block(first), len(one.entries)) if one else ()
            if one is None or tuple(numbers) != wanted or len(numbers) != len(listed):
                words = f"conflict: {join_words(line)!r} does not name all entries of one filter of ours in order"
                self.refuse(line, f"{words}; expected the numbers {wanted[0]} to {wanted[-1]}" if wanted else words)
            elif vlans.get(name) != one.vlan or direction is not one.direction:
                words = f"{join_words(line)!r}: a filter of ours for VLAN {one.vlan} {one.direction} stands elsewhere"
                self.refuse(line, words + advise(ConflictKind.STRAY_LIST, place=name, line=join_words(line)))
            else:
                bindings.append(FilterBinding(one.vlan, direction, family, one.name))
        for port in self.ports:
            if [own.vlans for own in self.ports].count(port.vlans) > 1:
                self.refuse(self.used[0], f"VLAN {port.vlans[0]} is on two interfaces of ours; one is expected")
        self._refuse_beside_ports(vlans)
        return bindings

    def _refuse_beside_ports(self, vlans: Mapping[str, int]) -> None:
        """Refuse what of others judges packets on interfaces of ours, or carries their VLANs beside them."""
        own = {(family, name, direction) for _, family, name, direction, _ in self.secure}
        problems = []
        for line, family, name, direction in self.beside:
            for side in Direction if direction is None else (direction,):
                if name in vlans:
                    self.conflicting[vlans[name], side, family] = line
                if (family, name, side) in own:
                    problems.append((line, f"takes the place of a filter of ours on {name}", name))
        for line, vlan in self.tagged:
            if vlan in vlans.values():
                problems.append((line, f"is a second interface in VLAN {vlan}, which is ours", f"VLAN {vlan}"))
        for name in vlans:
            parted = self.divided.get(name.partition("/")[0])
            if parted is not None:
                problems.append((parted, f"parts the interface that {name}, which is ours, stands on", name))
        for line, what, place in problems:
            advice = advise(ConflictKind.PORT_LINE, place=place, line=join_words(line))
            self.refuse(line, f"conflict: {join_words(line)!r} {what}{advice}")

    def _build_routes(self) -> Iterator[DefaultRoute]:
        for line, family, written in self.routes:
            words = written.split()
            gateways: list[LineGateway] = []
            while words and len(gateways) < MOST_GATEWAYS:
                taken = self._take_gateway(words, len(gateways))
                if taken is None:
                    break
                gateways.append(taken)
            if words or not gateways or family is not Family.V4:
                form = f"gateway ADDRESS keepalive {self.numbers.keepalives}"
                expected = f"ip route default {form} [gateway ... keepalive {self.numbers.keepalives + 1} weight 0]"
                self.refuse(line, f"{join_words(line)!r} is ours by its keepalive; expected {expected}")
            else:
                yield DefaultRoute(family, tuple(gateways))

    def _take_gateway(self, words: list[str], place: int) -> LineGateway | None:
        """Take a gateway and its keepalive off the words; None where they are not as ours are."""
        number = self.numbers.keepalives + place
        tunnel = words[1:2] == ["tunnel"]
        length = 3 if tunnel else 2
        behind = ["keepalive", str(number), *(["weight", "0"] if place else [])]
        if words[0] != "gateway" or words[length : length + len(behind)] != behind or number not in self.keepalives:
            return None
        gateway = words[length - 1]
        if tunnel:
            known = re.fullmatch(r"[0-9]{1,5}", gateway) is not None and int(gateway) in self.tunnels
            gateway = name_tunnel_gateway(self.tunnels[int(gateway)].line) if known else ""
        line, written = self.keepalives[number]
        watched = written.removeprefix(f"{WATCH} ")
        if watched == written or not _is_address(watched) or not (tunnel or _is_address(gateway)) or not gateway:
            self.refuse(line, f"{join_words(line)!r} is ours; expected ip keepalive {number} {WATCH} ADDRESS, in use")
            return None
        del words[: length + len(behind)]
        return LineGateway(gateway, watched)

    def refuse_reference(self, line: ConfigLine) -> None:
        """Refuse a line of others that uses a number or a name of ours: the next plan would change its meaning."""
        words = join_words(line).lower()
        if _FREE_TEXT.fullmatch(words):
            return
        listed = [int(word) for word in re.findall(r"(?<![\w.:/-])[0-9]{1,8}(?![\w.:/-])", words)]
        keepalives = [int(number) for number in re.findall(r"keepalive ([0-9]{1,5})(?= |$)", words)]
        uses = ("filter" in words and any(map(self.numbers.holds_filter, listed))) or any(
            map(self.numbers.holds_keepalive, keepalives)
        )
        if uses or "tsn-" in words:
            advice = advise(ConflictKind.NUMBER, line=join_words(line))
            self.refuse(line, f"conflict: {join_words(line)!r} uses what is ours, where none of ours belongs{advice}")


def _list_numbers(words: Sequence[str]) -> list[int]:
    """Return the numbers among words; one with more digits than a filter's can have is none."""
    return [int(word) for word in words if re.fullmatch(r"[0-9]{1,8}", word)]


def _is_address(text: str) -> bool:
    try:
        return read_prefix(Words(()), Family.V4, text).prefixlen == Family.V4.bits and "/" not in text
    except ValueError:
        return False
