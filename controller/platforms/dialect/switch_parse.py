"""Reads the running configuration of a switch of `dialect.switch`; what is ours in it is told there.

A port of ours is switched, in the VLANs that we give it, and unfiltered (filters of ours are bound to interfaces in
VLANs). A line that says otherwise would make a plan that "changes nothing" untrue, so it is refused. A device never
prints a thing twice; a saved file that holds one was edited, and which of the two would be in force cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from controller.model.network.device_state import (
    PREFIX,
    Filter,
    FilterBinding,
    PortMode,
    PortState,
    Vlan,
    VlanInterface,
    build_device_state,
)
from controller.model.network.lags import Lag, LagMode
from controller.model.network.packets import Direction, Family
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine, Observation
from controller.platforms.common.managed import LAST_VLAN, parse_filter_name, parse_vlan_list
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.acl import read_filter
from controller.platforms.dialect.blocks import (
    Block,
    Reading,
    find_layout_faults,
    find_repeated,
    join_words,
    lines_starting,
    read_blocks,
    takes_back,
)
from controller.platforms.dialect.lags import MEMBER_MARK, LagReading, ReadMember, describe_unknown_lag
from controller.platforms.dialect.paths.port_vlans import list_used_ports
from controller.platforms.dialect.paths.reader import read_unmanaged_paths
from controller.platforms.dialect.port_lines import (
    ALLOWED_VLANS,
    find_conflicting_lines,
    find_port_problems,
    is_member_mark,
)
from controller.platforms.dialect.switch import PORT_MARK, SwitchGrammar
from controller.platforms.dialect.vlan_interface import read_interface
from controller.platforms.dialect.vlan_table import VlanTable

_OURS = f"{PREFIX}-"
_BACKS_UP = "switchport backup interface "
"""The port that it names carries nothing while the one that says so does."""


def parse_switch(grammar: SwitchGrammar, text: str, source: str) -> Observation:
    """Understand a running configuration.

    Raises:
        ConfigRefused: something inside what is ours is not understood, or stands where none of ours belongs.
    """
    lines, blocks = read_blocks(text, grammar.layout)
    table = grammar.read_vlan_table(text)
    behind = {row.line.number for row in table.rows}
    blocks = [block for block in blocks if block.header.number not in behind]
    reading = _SwitchReading(grammar, source)
    reading.refuse_each(find_layout_faults(text, grammar.layout))
    for block in blocks:
        reading.read_block(block)
    reading.read_vlan_table(table)
    ports, lags = reading.read_lags()
    reading.refuse_port_uses()
    state = build_device_state(
        reading.vlans, ports, reading.filters, reading.bindings, interfaces=reading.interfaces, lags=lags
    )
    known = grammar.known_lines
    if grammar.addresses is not None:
        known = replace(known, interfaces=grammar.addresses.known)
    seen = read_unmanaged_paths(grammar.paths, blocks, reading.managed, known)
    gaps = () if table.gap is None else (table.gap,)
    gap = [UnmanagedPath(PathKind.VLAN_DATABASE, one.number, join_words(one).lower(), vlans=None) for one in gaps]
    observed = reading.observe(lines, state, paths=(*seen.paths, *gap), routes=seen.routes)
    return replace(observed, has_vlans=table.gap is None, vlan_client=table.client)


class _SwitchReading(Reading):
    """One pass over the configuration of a switch."""

    def __init__(self, grammar: SwitchGrammar, source: str) -> None:
        super().__init__(source)
        self.grammar = grammar
        self.vlans: list[Vlan] = []
        self.ports: list[PortState] = []
        self.filters: list[Filter] = []
        self.bindings: list[FilterBinding] = []
        self.interfaces: list[VlanInterface] = []
        self._uses: list[ConfigLine] = []
        self._vlan_filters: list[ConfigLine] = []
        self.lags = LagReading(self)
        self._vlan_interface = re.compile(grammar.vlan_interface.format("([0-9]{1,10})"))
        words = "|".join(grammar.bindings.values())
        self._binding = re.compile(rf"({words}) (\S+)(?: (.*))?")
        self._families = {bound: family for family, bound in grammar.bindings.items()}
        self._directions = {word: direction for direction, word in grammar.sides.items()}

    def read_block(self, block: Block) -> None:
        header = join_words(block.header)
        for family, words in self.grammar.acl.lists.items():
            if header.startswith(f"{words} {_OURS}") and " " not in header.removeprefix(f"{words} "):
                one = read_filter(self.grammar.acl, self, block, family)
                self.filters += [one] if one else []
                return
        match header.split():
            case ["vlan", numbers] if re.fullmatch(r"[0-9,-]+", numbers):
                self._read_vlan(block.header, numbers, block.children)
            case ["interface", *parts]:
                self._uses += [one for one in block.children if join_words(one).lower().startswith(_BACKS_UP)]
                self._read_interface(block, parts)
            case ["vlan", number, _] if re.fullmatch(r"[0-9]{1,4}", number):
                self.conflicting[int(number)] = block.header  # by protocols, by MAC addresses
            case ["vlan", "filter", *_]:
                self._read_vlan_filter(block.header, header)
            case ["monitor", "session", _, "destination", *_]:
                self._uses.append(block.header)
            case ["monitor", "session", _, "type", *_]:
                inside = [one for one in block.children if re.match("destination interface ", join_words(one).lower())]
                self._uses += inside
            case ["ip" | "ipv6", "access-list", *_, name] if name.startswith(_OURS):
                expected = f"{self.grammar.acl.lists[Family.V4]} NAME"
                self.refuse(block.header, f"a list under our prefix that is none of ours; expected {expected}")

    def _read_interface(self, block: Block, parts: Sequence[str]) -> None:
        header = join_words(block.header)
        if parts[:1] in (["range"], ["range-macro"]):
            words = "a command for several ports, and no device prints it; write each by its name"
            self.refuse(block.header, f"{header!r} is {words}, or save the running configuration anew")
            return
        name = self.grammar.complete_name(self.grammar.port_joiner.join(parts))
        if fault := self.grammar.find_name_fault(name):
            self.refuse(block.header, f"{header!r} {fault}")
        found = self._vlan_interface.fullmatch(name)
        if found:
            self._read_vlan_interface(block.header, int(found[1]), block.children)
        else:
            self._read_port(block.header, name, block.children)

    def _read_words(self, line: ConfigLine, before: str) -> list[str]:
        return self.grammar.unquote(join_words(line).removeprefix(f"{before} ")).split()

    def _read_name(self, line: ConfigLine) -> str:
        return " ".join(self._read_words(line, "name"))

    def _read_vlan(self, header: ConfigLine, numbers: str, children: Sequence[ConfigLine]) -> None:
        names = lines_starting("name", children)
        managed = [line for line in names if self._read_name(line).startswith(_OURS)]
        listed = self._read_numbers(header, numbers)
        for number in listed:
            self.expect_once(f"vlan {number}", header, managed=bool(managed))
        if not managed:
            for number in listed:
                shown = f"vlan {number} {self._read_name(names[0])}" if names else ""
                self.conflicting[number] = ConfigLine(names[0].number, shown) if names else header
        elif re.search("[,-]", numbers):
            self.refuse(header, "one name of ours for many VLANs")
        elif listed:
            self.refuse_each(find_repeated(names))
            self.refuse_each(self._find_vlan_problems(numbers, managed[0], children))
            self.vlans.append(Vlan(int(numbers), self._read_name(managed[0])))
            self.manage(header, managed[0])

    def _find_vlan_problems(
        self, number: str, mark: ConfigLine, children: Sequence[ConfigLine]
    ) -> Iterator[tuple[ConfigLine, str]]:
        """Yield the lines of a VLAN of ours of which nobody said that they change nothing of it."""
        known = self.grammar.known_lines.vlans
        for line in children if known is not None else ():
            words = join_words(line)
            if not words.startswith("name ") and known is not None and known.fullmatch(words) is None:
                ours = f"VLAN {number} is ours ({join_words(mark)!r}, line {mark.number})"
                advice = advise(ConflictKind.VLAN_LINE, place=f"VLAN {number}", line=words)
                yield line, f"conflict: {ours} and {words!r} is not known to change nothing of it{advice}"

    def read_vlan_table(self, table: VlanTable) -> None:
        """Read the VLANs that stand outside of the blocks, too; a block and a row of one VLAN must agree."""
        self.understood.update(line.number for line in table.understood)
        there = {one.number: one for one in self.vlans}
        for row in table.rows:
            managed = row.name.startswith(_OURS)
            if row.number in there or row.number in self.conflicting:
                name = there[row.number].name if row.number in there else ""
                if managed != bool(name) or (managed and name != row.name):
                    words = f"VLAN {row.number} has another name in the running configuration; read both again"
                    self.refuse(row.line, words)
            elif managed:
                self.vlans.append(Vlan(row.number, row.name))
            elif row.number != 1:
                self.conflicting[row.number] = ConfigLine(row.line.number, f"vlan {row.number} {row.name}")
            if managed and row.state != "active":
                advice = advise(ConflictKind.VLAN_LINE, place=f"VLAN {row.number}", line="shutdown")
                self.refuse(row.line, f"conflict: VLAN {row.number} is ours and is {row.state}{advice}")
            if managed:
                self.manage(row.line)

    def _read_vlan_filter(self, line: ConfigLine, words: str) -> None:
        """A map of others judges every packet of a VLAN before ours do; of all VLANs where its list is not told."""
        listed = parse_vlan_list(words.partition(" vlan-list ")[2].replace(" ", ""))
        if listed is None:
            self._vlan_filters.append(line)
        for number in listed or ():
            for direction in Direction:
                for family in Family:
                    self.conflicting.setdefault((number, direction, family), line)

    def refuse_port_uses(self) -> None:
        """Refuse ports of ours that other lines use up, and maps that judge every VLAN where filters of ours stand."""
        ours = {one.name.lower(): one.name for one in self.ports}
        for line in self._uses:
            taken = [
                ours[name] for name in list_used_ports(join_words(line), self.grammar.complete_name) if name in ours
            ]
            for name in taken:
                advice = advise(ConflictKind.PORT_LINE, place=name, line=join_words(line))
                words = f"conflict: {name} is ours and {join_words(line)!r} takes it out of its VLANs"
                self.refuse(line, words + advice)
        for line in self._vlan_filters if self.bindings else ():
            words = f"{join_words(line)!r} judges packets before filters of ours do"
            self.refuse(line, words + advise(ConflictKind.JUDGED_BEFORE, line=join_words(line)))

    def _read_numbers(self, line: ConfigLine, text: str) -> list[int]:
        numbers = parse_vlan_list(text)
        if numbers is None:
            self.refuse(line, f"{text!r} is no list of VLANs from 1 to {LAST_VLAN}")
        return numbers or []

    def _find_bound(self, children: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, Family, str, str]]:
        for line in children:
            found = self._binding.fullmatch(join_words(line))
            if found:
                yield line, self._families[found[1]], found[2], found[3] or ""

    def _read_vlan_interface(self, header: ConfigLine, number: int, children: Sequence[ConfigLine]) -> None:
        bound = list(self._find_bound(children))
        managed = any(name.startswith(_OURS) for _, _, name, _ in bound)
        if self.grammar.addresses is not None:
            addressed, interface = read_interface(self.grammar.addresses, self, header, number, children)
            managed = managed or addressed
            self.interfaces += [interface] if interface else []
        self.expect_once(f"interface vlan{number}", header, managed=managed)
        for line, family, name, side in bound:
            direction = self._directions.get(side)
            if not name.startswith(_OURS):
                for one in Direction if direction is None else (direction,):
                    self.conflicting[number, one, family] = line
            elif direction is None or parse_filter_name(name) is None:
                self.refuse(
                    line, f"expected {self.grammar.bindings[family]} {_OURS}VLAN-from-4-DIGEST in, or to-... out"
                )
            elif (number, direction, family) in {one.key for one in self.bindings}:
                self.refuse(line, "a second filter for the same VLAN, direction and family")
            else:
                self.bindings.append(FilterBinding(number, direction, family, name))
                self.manage(header, line)
        if managed and self.grammar.addresses is None:
            self.refuse_each(self._find_interface_problems(number, children))

    def _find_interface_problems(self, number: int, children: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
        """Yield the lines beside filters of ours of which nobody said that they change nothing of the interface."""
        known = self.grammar.known_lines.interfaces
        bound = {line.number for line, *_ in self._find_bound(children)}
        texts = [join_words(line) for line in children]
        for line in children if known is not None else ():
            words = join_words(line)
            # Addresses and ways are judged where they lead.
            judged = line.number in bound or words.startswith(("description ", "ip address ", "ipv6 address "))
            strange = known is not None and (known.fullmatch(words) is None or takes_back(words, texts))
            if not judged and strange:
                name = self.grammar.vlan_interface.format(number)
                advice = advise(ConflictKind.PORT_LINE, place=f"interface {name}", line=words)
                ours = f"interface {name} holds filters of ours"
                yield line, f"conflict: {ours} and {words!r} is not known to change nothing of it{advice}"

    def _read_port(self, header: ConfigLine, name: str, children: Sequence[ConfigLine]) -> None:
        for line, _, bound, _ in self._find_bound(children):
            if bound.startswith(_OURS):
                words = f"{bound} is ours, and none of ours belongs on {name}; expected interface VlanN"
                self.refuse(line, words + advise(ConflictKind.STRAY_LIST, place=name, line=join_words(line)))
        described = lines_starting("description", children)
        marks = {MEMBER_MARK, PORT_MARK} if self.grammar.lags else {PORT_MARK}
        mark = next((line for line in described if marks & {*self._read_words(line, "description")[:1]}), None)
        joined = self._find_join(children)
        self.expect_once(f"interface {name.lower()}", header, managed=mark is not None)
        if mark is None:
            others = [*described, *(line for line, _ in find_conflicting_lines(self.grammar, children))]
            if joined is not None:
                others.append(joined[0])
                self.lags.note_other(joined[1], joined[0])
            if others:
                self.conflicting[name] = others[0]
            return
        if joined is not None and not self._is_member(mark):
            self.refuse(joined[0], describe_unknown_lag(name, joined[1], mark, joined[0]))
        self._read_own_port(header, name, mark, children)

    def _read_own_port(self, header: ConfigLine, name: str, mark: ConfigLine, children: Sequence[ConfigLine]) -> None:
        self.manage(header, mark)
        self.lags.note_lines(name, children)
        bound = [line for line, _, what, _ in self._find_bound(children) if what.startswith(_OURS)]
        self.refuse_each(find_port_problems(self.grammar, name, mark, children, bound))
        mode, vlans = self._read_carried(children)
        for line in lines_starting("switchport trunk native vlan", children):
            if mode is PortMode.TRUNK and line.text.split()[-1] in map(str, vlans):
                words = f"conflict: {name} is ours and carries a VLAN of ours untagged: {join_words(line)!r}"
                self.refuse(line, words + advise(ConflictKind.NATIVE_VLAN, place=name))
        isolated = [line for line in children if self.grammar.isolated and join_words(line) == self.grammar.isolated]
        words = self.grammar.encapsulation if mode is PortMode.TRUNK else ""
        named = [line for line in children if words and join_words(line) == words]
        self.manage(*isolated, *named)
        state = PortState(name, mode, vlans, isolated=bool(isolated), names_dot1q=bool(named)) if mode else None
        if self._is_member(mark):
            self._read_member(name, mark, children, state if vlans else None)
        elif state is None or not vlans:
            out = f"port {name} counts as out of service: its mode or its VLANs are not as we set them"
            self.remarks.append(ConfigLine(header.number, out))
        else:
            self.ports.append(state)
            self.lags.headers[name] = header

    def read_lags(self) -> tuple[list[PortState], list[Lag]]:
        """Return the ports in service and the LAGs, once every block was read."""
        if self.grammar.lags is None:
            return self.ports, []
        return self.lags.read_ports(self.ports, self.grammar.lags.support)

    def _is_member(self, mark: ConfigLine) -> bool:
        return is_member_mark(self.grammar, mark)

    def _find_join(self, children: Sequence[ConfigLine]) -> tuple[ConfigLine, str, LagMode | None] | None:
        """Return the line that puts a port into a LAG, the LAG's name and its mode, if that is one of ours."""
        for line in children if self.grammar.lags else ():
            found = self.grammar.lags.read_join(join_words(line)) if self.grammar.lags else None
            if found is not None:
                return line, *found
        return None

    def _read_member(
        self, name: str, mark: ConfigLine, children: Sequence[ConfigLine], carries: PortState | None
    ) -> None:
        shut = [line for line in children if join_words(line) == "shutdown"]
        self.manage(*shut)
        joined = self._find_join(children)
        if joined is None:
            out = f"port {name} counts as out of service: it is marked as a member of a LAG, and is in none"
            self.remarks.append(ConfigLine(mark.number, out))
            self.lags.unjoined.append(name)
            return
        line, lag, mode = joined
        self.manage(line)
        if mode is None:
            expected = " or ".join(self.grammar.lags.joins.values()) if self.grammar.lags else ""
            self.refuse(line, f"{join_words(line)!r}: expected {expected.replace('{n}', 'NUMBER')}")
        else:
            self.lags.members.append(ReadMember(name, mark, line, lag, mode, carries, bool(shut)))

    def _read_carried(self, children: Sequence[ConfigLine]) -> tuple[PortMode | None, tuple[int, ...]]:
        """Return the mode and the VLANs of a port of ours; lines that do not count in its mode stay unmanaged."""
        modes = lines_starting("switchport mode", children)
        words = {join_words(line).removeprefix("switchport mode ") for line in modes}
        mode = next((mode for mode in PortMode if words == {mode.value}), None)
        if mode is None:
            return None, ()
        access = mode is PortMode.ACCESS
        lines = lines_starting("switchport access vlan" if access else ALLOWED_VLANS, children)
        self.manage(*modes, *lines)
        if access and not lines:
            return mode, (1,)
        return mode, tuple(sorted({number for line in lines for number in self._read_listed(line)}))

    def _read_listed(self, line: ConfigLine) -> list[int]:
        text = join_words(line)
        known = re.fullmatch(rf"(?:switchport access vlan|{ALLOWED_VLANS}(?: add)?) ([0-9,-]+)", text)
        if known and (text.startswith(ALLOWED_VLANS) or known[1].isdecimal()):
            return self._read_numbers(line, known[1])
        if text != f"{ALLOWED_VLANS} none":
            self.refuse(line, f"unknown word in {text!r}; expected a list of VLANs, add, or none (access: one VLAN)")
        return []
