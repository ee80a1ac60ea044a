"""Reads the running configuration of a switch of `dialect.switch`; what is ours in it is told there.

A port of ours is switched, in the VLANs that we give it, and unfiltered (filters of ours are bound to interfaces in
VLANs). A line that says otherwise would make a plan that "changes nothing" untrue, so it is refused. A device never
prints a thing twice; a saved file that holds one was edited, and which of the two would be in force cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

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
from controller.model.network.packets import Family
from controller.platforms.base import ConfigLine, Observation
from controller.platforms.common.managed import LAST_VLAN, parse_filter_name, parse_vlan_list
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.acl import read_filter
from controller.platforms.dialect.blocks import Block, Reading, find_repeated, join_words, lines_starting, read_blocks
from controller.platforms.dialect.switch import PORT_MARK, SwitchGrammar
from controller.platforms.dialect.unmanaged_paths import read_unmanaged_paths
from controller.platforms.dialect.vlan_interface import read_interface

_OURS = f"{PREFIX}-"
_ONCE = ("description", "switchport mode", "switchport access vlan")
_ALLOWED = "switchport trunk allowed vlan"


def parse_switch(grammar: SwitchGrammar, text: str, source: str) -> Observation:
    """Understand a running configuration.

    Raises:
        ConfigRefused: something inside what is ours is not understood, or stands where none of ours belongs.
    """
    lines, blocks = read_blocks(text, grammar.layout)
    reading = _SwitchReading(grammar, source)
    for block in blocks:
        reading.read_block(block)
    state = build_device_state(
        reading.vlans, reading.ports, reading.filters, reading.bindings, interfaces=reading.interfaces
    )
    seen = read_unmanaged_paths(grammar.paths, blocks, reading.managed)
    return reading.observe(lines, state, paths=seen.paths, routes=seen.routes)


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
            case ["vlan", numbers] if re.fullmatch(r"[\d,-]+", numbers):
                self._read_vlan(block.header, numbers, block.children)
            case ["interface", *parts]:
                name = self.grammar.port_joiner.join(parts)
                found = self._vlan_interface.fullmatch(name)
                if found:
                    self._read_vlan_interface(block.header, int(found[1]), block.children)
                else:
                    self._read_port(block.header, name, block.children)
            case ["ip" | "ipv6", "access-list", *_, name] if name.startswith(_OURS):
                expected = f"{self.grammar.acl.lists[Family.V4]} NAME"
                self.refuse(block.header, f"a list under our prefix that is none of ours; expected {expected}")

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
        elif not numbers.isdigit():
            self.refuse(header, "one name of ours for many VLANs")
        else:
            self.refuse_each(find_repeated(names))
            self.vlans.append(Vlan(int(numbers), self._read_name(managed[0])))
            self.manage(header, managed[0])

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
                if direction is not None:
                    self.conflicting[number, direction, family] = line
            elif direction is None or parse_filter_name(name) is None:
                self.refuse(
                    line, f"expected {self.grammar.bindings[family]} {_OURS}VLAN-from-4-DIGEST in, or to-... out"
                )
            elif (number, direction, family) in {one.key for one in self.bindings}:
                self.refuse(line, "a second filter for the same VLAN, direction and family")
            else:
                self.bindings.append(FilterBinding(number, direction, family, name))
                self.manage(header, line)

    def _read_port(self, header: ConfigLine, name: str, children: Sequence[ConfigLine]) -> None:
        for line, _, bound, _ in self._find_bound(children):
            if bound.startswith(_OURS):
                words = f"{bound} is ours, and none of ours belongs on {name}; expected interface VlanN"
                self.refuse(line, words + advise(ConflictKind.STRAY_LIST, place=name, line=join_words(line)))
        described = lines_starting("description", children)
        mark = next((line for line in described if self._read_words(line, "description")[:1] == [PORT_MARK]), None)
        self.expect_once(f"interface {name.lower()}", header, managed=mark is not None)
        if mark is None:
            others = [*described, *(line for line, _ in self._find_conflicts(children))]
            if others:
                self.conflicting[name] = others[0]
            return
        self.manage(header, mark)
        self.refuse_each(self._find_port_problems(name, mark, children))
        mode, vlans = self._read_carried(children)
        for line in lines_starting("switchport trunk native vlan", children):
            if mode is PortMode.TRUNK and line.text.split()[-1] in map(str, vlans):
                words = f"conflict: {name} is ours and carries a VLAN of ours untagged: {join_words(line)!r}"
                self.refuse(line, words + advise(ConflictKind.NATIVE_VLAN, place=name))
        isolated = [line for line in children if self.grammar.isolated and join_words(line) == self.grammar.isolated]
        self.manage(*isolated)
        if mode is None or not vlans:
            out = f"port {name} counts as out of service: its mode or its VLANs are not as we set them"
            self.remarks.append(ConfigLine(header.number, out))
        else:
            self.ports.append(PortState(name, mode, vlans, isolated=bool(isolated)))

    def _find_conflicts(self, children: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
        for line in children:
            words = join_words(line)
            yield from ((line, what) for pattern, what in self.grammar.port_conflicts if pattern.fullmatch(words))

    def _find_port_problems(
        self, name: str, mark: ConfigLine, children: Sequence[ConfigLine]
    ) -> Iterator[tuple[ConfigLine, str]]:
        """Yield the lines of a port of ours that cannot stand there; `mark` is what makes it ours."""
        for line, what in self._find_conflicts(children):
            ours = f"{name} is ours ({join_words(mark)!r}, line {mark.number})"
            advice = advise(ConflictKind.PORT_LINE, place=name, line=join_words(line))
            yield line, f"conflict: {ours} and {what}: {join_words(line)!r}{advice}"
        for words in _ONCE:
            yield from find_repeated(lines_starting(words, children))
        yield from find_repeated([line for line in children if join_words(line) == self.grammar.isolated])
        for index, line in enumerate(lines_starting(_ALLOWED, children)):
            if join_words(line).startswith(f"{_ALLOWED} add ") != bool(index):
                yield line, f"in {name}, {_ALLOWED!r} must stand once, continued only by lines with 'add' after it"

    def _read_carried(self, children: Sequence[ConfigLine]) -> tuple[PortMode | None, tuple[int, ...]]:
        """Return the mode and the VLANs of a port of ours; lines that do not count in its mode stay unmanaged."""
        modes = lines_starting("switchport mode", children)
        words = {join_words(line).removeprefix("switchport mode ") for line in modes}
        mode = next((mode for mode in PortMode if words == {mode.value}), None)
        if mode is None:
            return None, ()
        access = mode is PortMode.ACCESS
        lines = lines_starting("switchport access vlan" if access else _ALLOWED, children)
        self.manage(*modes, *lines)
        if access and not lines:
            return mode, (1,)
        return mode, tuple(sorted({number for line in lines for number in self._read_listed(line)}))

    def _read_listed(self, line: ConfigLine) -> list[int]:
        text = join_words(line)
        known = re.fullmatch(rf"(?:switchport access vlan|{_ALLOWED}(?: add)?) ([\d,-]+)", text)
        if known and (text.startswith(_ALLOWED) or known[1].isdecimal()):
            return self._read_numbers(line, known[1])
        if text != f"{_ALLOWED} none":
            self.refuse(line, f"unknown word in {text!r}; expected a list of VLANs, add, or none (access: one VLAN)")
        return []
