"""Reading a running configuration of Cisco IOS; what is ours in it is told in `controller.platforms.cisco_ios.text`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.errors import ConfigRefused, Origin, Problem
from controller.model.network.device_state import (
    PREFIX,
    Entry,
    Filter,
    FilterBinding,
    PortMode,
    PortState,
    Vlan,
    VlanInterface,
    build_device_state,
)
from controller.model.network.packets import Family
from controller.platforms.base import ConfigLine, Observation, Place, interface_place
from controller.platforms.cisco_ios.acl import read_entry
from controller.platforms.cisco_ios.interface import Read, read_interface
from controller.platforms.cisco_ios.port import conflicting, port_problems
from controller.platforms.cisco_ios.text import BINDINGS, ISOLATED, LISTS, PORT_MARK, SIDES
from controller.platforms.common.lines import blocks, plain, starting, twice
from controller.platforms.common.managed import LAST_VLAN, covers_everything, filter_key, listed_vlans

_OURS = f"{PREFIX}-"
_HEADER = re.compile(r"Building configuration|Current configuration|Last configuration change|NVRAM config last")
_BANNER = re.compile(r"banner \S+ (\^C|\S)(.*)")
_ENTRY = {
    Family.V4: re.compile(r"(?:(?P<number>\d+) )?(?P<entry>.*)"),
    Family.V6: re.compile(r"(?:sequence (?P<number>\d+) )?(?P<entry>.*?)(?: sequence (?P<after>\d+))?"),
}
_BINDING = re.compile(r"(ip access-group|ipv6 traffic-filter) (\S+)(?: (.*))?")
_FAMILIES = {words: family for family, words in BINDINGS.items()}
_DIRECTIONS = {word: direction for direction, word in SIDES.items()}


def parse(text: str, source: str) -> Observation:
    """Understand a running configuration.

    Raises:
        ConfigRefused: something inside what is ours is not understood, or stands where none of ours belongs.
    """
    return _Reading(source).observation(text)


class _Reading:
    """One pass over a configuration: every line goes to exactly one of managed and unmanaged."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.managed: set[int] = set()
        self.remarks: list[ConfigLine] = []
        self.conflicting: dict[Place, ConfigLine] = {}
        self.vlans: list[Vlan] = []
        self.ports: list[PortState] = []
        self.filters: list[Filter] = []
        self.bindings: list[FilterBinding] = []
        self.interfaces: list[VlanInterface] = []
        self.places: list[tuple[str, ConfigLine, bool]] = []

    def observation(self, text: str) -> Observation:
        lines = list(_lines(text))
        for header, children in blocks(lines):
            self._block(header, children)
        for line, message in twice(self.places):
            self._problem(line, message)
        if self.problems:
            what = f"{self.source}: the configuration is refused; nothing was changed:"
            raise ConfigRefused(what, self.problems)
        foreign = tuple(line for line, _ in lines if line.number not in self.managed)
        if len(lines) != len(self.managed) + len(foreign):
            message = f"{self.source}: {len(lines)} lines, {len(self.managed)} understood, {len(foreign)} foreign"
            raise AssertionError(message)
        state = build_device_state(self.vlans, self.ports, self.filters, self.bindings, interfaces=self.interfaces)
        return Observation(state, foreign, len(self.managed), len(lines), tuple(self.remarks), self.conflicting)

    def _problem(self, line: ConfigLine, message: str) -> None:
        self.problems.append(Problem(Origin(self.source, line.number), "", message))

    def _understand(self, *lines: ConfigLine) -> None:
        self.managed.update(line.number for line in lines)

    def _block(self, header: ConfigLine, children: list[ConfigLine]) -> None:
        words = header.text.split()
        match words:
            case ["vlan", numbers] if re.fullmatch(r"[\d,-]+", numbers):
                self._vlan(header, numbers, children)
            case ["interface", *parts] if re.fullmatch(r"Vlan\d+", "".join(parts)):
                self._vlan_interface(header, int("".join(parts).removeprefix("Vlan")), children)
            case ["interface", *parts]:
                self._port(header, "".join(parts), children)
            case ["ip", "access-list", "extended", name] if name.startswith(_OURS):
                self._filter(header, name, Family.V4, children)
            case ["ipv6", "access-list", name] if name.startswith(_OURS):
                self._filter(header, name, Family.V6, children)
            case ["ip" | "ipv6", "access-list", *_, name] if name.startswith(_OURS):
                self._problem(header, f"a list under our prefix that is none of ours; expected {LISTS[Family.V4]} NAME")

    def _vlan(self, header: ConfigLine, numbers: str, children: list[ConfigLine]) -> None:
        names = starting("name", children)
        ours = [line for line in names if plain(line).startswith(f"name {_OURS}")]
        listed = self._vlan_numbers(header, numbers)
        self.places.extend((f"vlan {number}", header, bool(ours)) for number in listed)
        if not ours:
            for number in listed:
                self.conflicting[number] = (
                    ConfigLine(names[0].number, f"vlan {number} {_after_name(names[0])}") if names else header
                )
        elif not numbers.isdigit():
            self._problem(header, "one name of ours for many VLANs")
        else:
            for line, message in twice(("name", line, True) for line in names):
                self._problem(line, message)
            self.vlans.append(Vlan(int(numbers), _after_name(ours[0])))
            self._understand(header, ours[0])

    def _vlan_numbers(self, line: ConfigLine, text: str) -> list[int]:
        numbers = listed_vlans(text)
        if numbers is None:
            self._problem(line, f"{text!r} is no list of VLANs from 1 to {LAST_VLAN}")
        return numbers or []

    def _bound(self, children: list[ConfigLine]) -> Iterator[tuple[ConfigLine, Family, str, str]]:
        for line in children:
            found = _BINDING.fullmatch(plain(line))
            if found:
                yield line, _FAMILIES[found[1]], found[2], found[3] or ""

    def _vlan_interface(self, header: ConfigLine, number: int, children: list[ConfigLine]) -> None:
        bound = list(self._bound(children))
        read = read_interface(number, children)
        ours = read.ours or any(name.startswith(_OURS) for _, _, name, _ in bound)
        self._own_interface(header, number, read)
        self.places.append((f"interface vlan{number}", header, ours))
        for line, family, name, side in bound:
            direction = _DIRECTIONS.get(side)
            if not name.startswith(_OURS):
                if direction is not None:
                    self.conflicting[number, direction, family] = line
            elif direction is None or filter_key(name) is None:
                self._problem(line, f"expected {BINDINGS[family]} {_OURS}VLAN-from-4-DIGEST in, or to-... out")
            elif (number, direction, family) in {(one.vlan, one.direction, one.family) for one in self.bindings}:
                self._problem(line, "a second filter for the same VLAN, direction and family")
            else:
                self.bindings.append(FilterBinding(number, direction, family, name))
                self._understand(header, line)

    def _own_interface(self, header: ConfigLine, number: int, read: Read) -> None:
        for line, message in read.problems:
            self._problem(line, message)
        if read.conflicting is not None:
            self.conflicting[interface_place(number)] = read.conflicting
        if read.ours:
            self._understand(header, *read.managed)
        if read.remark:
            self.remarks.append(ConfigLine(header.number, read.remark))
        if read.state is not None:
            self.interfaces.append(read.state)

    def _port(self, header: ConfigLine, name: str, children: list[ConfigLine]) -> None:
        for line, _, bound, _ in self._bound(children):
            if bound.startswith(_OURS):
                self._problem(line, f"{bound} is ours, and none of ours belongs on {name}; expected interface VlanN")
        said = starting("description", children)
        mark = next((line for line in said if line.text.split()[1] == PORT_MARK), None)
        self.places.append((f"interface {name.lower()}", header, mark is not None))
        if mark is None:
            others = [*said, *(line for line, _ in conflicting(children))]
            if others:
                self.conflicting[name] = others[0]
            return
        self._understand(header, mark)
        for line, message in port_problems(name, mark, children):
            self._problem(line, message)
        mode, vlans = self._carried(children)
        for line in starting("switchport trunk native vlan", children):
            if mode is PortMode.TRUNK and line.text.split()[-1] in map(str, vlans):
                self._problem(line, f"conflict: {name} is ours and carries a VLAN of ours untagged: {plain(line)!r}")
        isolated = [line for line in children if plain(line) == ISOLATED]
        self._understand(*isolated)
        if mode is None or not vlans:
            self.remarks.append(
                ConfigLine(
                    header.number, f"port {name} counts as out of service: its mode or its VLANs are not as we set them"
                )
            )
        else:
            self.ports.append(PortState(name, mode, vlans, isolated=bool(isolated)))

    def _carried(self, children: list[ConfigLine]) -> tuple[PortMode | None, tuple[int, ...]]:
        """The mode and the VLANs of a port of ours; lines that do not count in its mode stay unmanaged."""
        modes = starting("switchport mode", children)
        words = {plain(line).removeprefix("switchport mode ") for line in modes}
        mode = next((mode for mode in PortMode if words == {mode.value}), None)
        if mode is None:
            return None, ()
        access = mode is PortMode.ACCESS
        lines = starting("switchport access vlan" if access else "switchport trunk allowed vlan", children)
        self._understand(*modes, *lines)
        if access and not lines:
            return mode, (1,)
        return mode, tuple(sorted({number for line in lines for number in self._listed(line)}))

    def _listed(self, line: ConfigLine) -> list[int]:
        text = plain(line)
        last = text.split()[-1]
        known = re.fullmatch(r"switchport (access vlan \d+|trunk allowed vlan (add )?[\d,-]+)", text)
        if known is None and text != "switchport trunk allowed vlan none":
            self._problem(line, f"unknown word in {text!r}; expected a list of VLANs, add, or none (access: one VLAN)")
        return self._vlan_numbers(line, last) if known else []

    def _filter(self, header: ConfigLine, name: str, family: Family, children: list[ConfigLine]) -> None:
        self._understand(header, *children)
        self.places.append((f"{LISTS[family]} {name}", header, True))
        key = filter_key(name)
        if key is None or key[2] is not family:
            self._problem(header, f"expected a name like {_OURS}20-from-{int(family)}-0123abcd, found {name!r}")
            return
        entries: list[Entry] = []
        previous = 0
        for line in children:
            found = _ENTRY[family].fullmatch(" ".join(line.text.split()))
            assert found is not None  # noqa: S101 both patterns take any line
            parts = found.groupdict()
            number = int(parts["number"] or parts.get("after") or previous + 1)
            if number <= previous:
                self._problem(line, f"the sequence number {number} does not ascend")
            previous = number
            if parts["entry"].split()[:1] == ["remark"]:
                continue
            try:
                entries.append(read_entry(parts["entry"], family, f"{self.source}:{line.number}"))
            except ValueError as error:
                self._problem(line, f"in {name}: {error}")
        last = children[-1] if children else header
        if not entries or not covers_everything(entries[-1].match):
            self._problem(last, f"{name} must end in an entry that covers everything; an empty list permits everything")
        self.filters.append(Filter(name, *key, tuple(entries)))


def _after_name(line: ConfigLine) -> str:
    return plain(line).removeprefix("name ")


def _lines(text: str) -> Iterator[tuple[ConfigLine, bool]]:
    """The lines that are no comments; with each, whether it is text of a banner."""
    delimiter = ""
    for number, written in enumerate(text.splitlines(), start=1):
        if delimiter:
            if written.strip():
                yield ConfigLine(number, written), True
            if delimiter in written:
                delimiter = ""
            continue
        if not written.strip() or written.lstrip().startswith("!") or _HEADER.match(written):
            continue
        yield ConfigLine(number, written), False
        banner = _BANNER.fullmatch(written)
        if banner and banner[1] not in banner[2]:
            delimiter = banner[1]
