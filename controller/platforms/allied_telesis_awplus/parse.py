"""Reading a running configuration of AlliedWare Plus; what is ours in it is told in `text`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from controller.model.network.device_state import PREFIX, Filter, Vlan, build_device_state
from controller.model.network.packets import Direction, Family
from controller.platforms.allied_telesis_awplus import own_lines
from controller.platforms.allied_telesis_awplus.acl import ACCESS_LISTS
from controller.platforms.allied_telesis_awplus.lags import join_lags
from controller.platforms.allied_telesis_awplus.ports import Port, find_range_fault, list_port_names, read_port
from controller.platforms.allied_telesis_awplus.text import LAYOUT, PORT_NAME
from controller.platforms.base import ConfigLine, Observation
from controller.platforms.common.managed import LAST_VLAN, parse_vlan_list
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.acl import read_filter
from controller.platforms.dialect.blocks import Block, Reading, find_layout_faults, join_words, read_blocks
from controller.platforms.dialect.paths.reader import PathGrammar, read_unmanaged_paths
from controller.platforms.dialect.paths.words import KnownLines

_OURS = f"{PREFIX}-"
PATHS = PathGrammar(
    PORT_NAME,
    trunks_carry_all=False,
    undecided_mode=False,
    channels={"channel-group": "po", "static-channel-group": "sa"},
)
_VLAN = re.compile(r"vlan (?P<numbers>[0-9,-]+)(?: name (?P<name>\S+))?(?P<rest>.*)")
_STATE = re.compile(r"vlan (?P<numbers>[0-9,-]+) state (?P<state>enable|disable)")
"""A device prints the states of many VLANs in one line, after the lines of their names."""


def parse(text: str, source: str) -> Observation:
    """Understand a running configuration.

    Raises:
        ConfigRefused: something inside what is ours is not understood, or stands where none of ours belongs.
    """
    lines, blocks = read_blocks(text, LAYOUT)
    reading = _AwplusReading(source)
    reading.refuse_each(find_layout_faults(text, LAYOUT))
    for block in blocks:
        reading.read_block(block)
    reading.read_states()
    joined, lags = join_lags(reading, reading.ports, reading.others)
    reading.refuse_each(joined.problems)
    for line in reading.other_filters if joined.bindings else ():
        words = f"{join_words(line)!r} judges packets before filters of ours do"
        reading.refuse(line, words + advise(ConflictKind.JUDGED_BEFORE, line=join_words(line)))
    reading.remarks += joined.remarks
    seen = read_unmanaged_paths(PATHS, blocks, reading.managed, KnownLines(ports=own_lines.ON_PORTS))
    state = build_device_state(reading.vlans, joined.ports, reading.filters, joined.bindings, lags=lags)
    return reading.observe(lines, state, paths=seen.paths, routes=seen.routes)


class _AwplusReading(Reading):
    """One pass over the configuration of a switch; `other_filters` are lists of others that judge every port."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.vlans: list[Vlan] = []
        self.states: list[tuple[ConfigLine, list[int], str]] = []
        self.ports: list[Port] = []
        self.others: list[Port] = []
        self.filters: list[Filter] = []
        self.other_filters: list[ConfigLine] = []

    def read_block(self, block: Block) -> None:
        header = block.header
        match join_words(header).split():
            case ["vlan", "database"]:
                for line in block.children:
                    self._read_vlan(header, line)
            case ["interface", *parts]:
                self._read_interface(header, "".join(parts), block.children)
            case ["access-list", "hardware", name] if name.startswith(_OURS):
                self._read_filter(block, Family.V4)
            case ["ipv6", "access-list", name] if name.startswith(_OURS):
                self._read_filter(block, Family.V6)
            case ["access-list" | "ipv6", *words] if any(word.startswith(_OURS) for word in words):
                expected = f"{ACCESS_LISTS.lists[Family.V4]} NAME"
                self.refuse(header, f"a list under our prefix that is none of ours; expected {expected}")
            case ["access-group" | "vlan", *words] if words[:1] not in (["access-map"], ["classifier"]):
                self._read_filter_of_others(header)

    def _read_filter(self, block: Block, family: Family) -> None:
        one = read_filter(ACCESS_LISTS, self, block, family)
        self.filters += [one] if one else []

    def _read_filter_of_others(self, line: ConfigLine) -> None:
        found = re.fullmatch(r"vlan filter \S+ vlan-list ([0-9,-]+) input", join_words(line))
        numbers = parse_vlan_list(found[1]) if found else None
        if numbers is None:
            self.other_filters.append(line)
        for number in numbers or ():
            for direction in Direction:
                for family in Family:
                    self.conflicting[number, direction, family] = line

    def read_states(self) -> None:
        """Hold the states of VLANs against the names, which were read before: a VLAN of ours is never disabled."""
        ours = {vlan.number for vlan in self.vlans}
        for line, numbers, state in self.states:
            for number in numbers:
                self.expect_once(f"state of vlan {number}", line, managed=number in ours)
                if number not in ours:
                    self.conflicting.setdefault(number, line)
                elif state == "disable":
                    self.refuse(line, f"VLAN {number} of ours is disabled, so it forwards nothing; expected: enable")

    def _read_vlan(self, header: ConfigLine, line: ConfigLine) -> None:
        stated = _STATE.fullmatch(join_words(line))
        stated_numbers = parse_vlan_list(stated["numbers"]) if stated else None
        if stated and stated_numbers:
            self.states.append((line, list(stated_numbers), stated["state"]))
            self.understood.add(line.number)  # no word of it can be a secret, and without "state" it names VLANs twice
            return
        found = _VLAN.fullmatch(join_words(line))
        numbers = parse_vlan_list(found["numbers"]) if found else None
        name = (found["name"] if found else None) or ""
        managed = name.startswith(_OURS)
        if found is None or numbers is None:
            if _OURS in line.text:
                self.refuse(line, f"expected: vlan NUMBER name {_OURS}..., from 1 to {LAST_VLAN}")
            return
        for number in numbers:
            self.expect_once(f"vlan {number}", line, managed=managed)
        if not managed:
            self.conflicting.update(dict.fromkeys(numbers, line))
        elif len(numbers) != 1 or found["rest"] not in ("", " state enable"):
            self.refuse(
                line, f"unknown words in {join_words(line)!r}; expected one number, a name, and no state but enable"
            )
        else:
            self.vlans.append(Vlan(numbers[0], name))
            self.manage(header, line)

    def _read_interface(self, header: ConfigLine, written: str, children: Sequence[ConfigLine]) -> None:
        if fault := find_range_fault(written):
            self.refuse(header, f"{join_words(header)!r} {fault}")
        for name in list_port_names(written):
            port = read_port(name, header, children)
            self.expect_once(f"interface {name}", header, managed=port.managed)
            self.refuse_each(port.problems)
            self.manage(*port.lines)
            if port.conflict is not None and not port.managed:
                self.conflicting[name] = port.conflict
            (self.ports if port.managed else self.others).append(port)
