"""Reading a running configuration of AlliedWare Plus; what is ours in it is told in `awplus_text`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.errors import ConfigRefused, Origin, Problem
from controller.model.network.device_state import PREFIX, Entry, Filter, Vlan, build_device_state
from controller.model.network.packets import Direction, Family
from controller.platforms.allied_telesis_awplus.acl import read_entry
from controller.platforms.allied_telesis_awplus.ports import Port, read_port, real_names, standing
from controller.platforms.allied_telesis_awplus.text import LISTS
from controller.platforms.base import ConfigLine, Observation, Place
from controller.platforms.common.lines import blocks, plain, twice
from controller.platforms.common.managed import LAST_VLAN, covers_everything, filter_key, listed_vlans

_OURS = f"{PREFIX}-"
_VLAN = re.compile(r"vlan (?P<numbers>[\d,-]+)(?: name (?P<name>\S+))?(?P<rest>.*)")
_ENTRY = re.compile(r"(?:(?P<number>\d+) )?(?P<entry>.*)")


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
        self.conflicting: dict[Place, ConfigLine] = {}
        self.vlans: list[Vlan] = []
        self.ports: list[Port] = []
        self.filters: list[Filter] = []
        self.places: list[tuple[str, ConfigLine, bool]] = []
        self.other_filters: list[ConfigLine] = []

    def observation(self, text: str) -> Observation:
        lines = list(_lines(text))
        for header, children in blocks((line, False) for line in lines):
            self._block(header, children)
        for line, message in twice(self.places):
            self._problem(line, message)
        together = standing(self.ports)
        for line, message in together.problems:
            self._problem(line, message)
        for line in self.other_filters if together.bindings else ():
            self._problem(line, f"{plain(line)!r} judges packets before filters of ours do; remove it, or ours")
        if self.problems:
            what = f"{self.source}: the configuration is refused; nothing was changed:"
            raise ConfigRefused(what, self.problems)
        foreign = tuple(line for line in lines if line.number not in self.managed)
        state = build_device_state(self.vlans, together.ports, self.filters, together.bindings)
        return Observation(state, foreign, len(self.managed), len(lines), together.remarks, self.conflicting)

    def _problem(self, line: ConfigLine, message: str) -> None:
        self.problems.append(Problem(Origin(self.source, line.number), "", message))

    def _understand(self, *lines: ConfigLine) -> None:
        self.managed.update(line.number for line in lines)

    def _block(self, header: ConfigLine, children: list[ConfigLine]) -> None:
        match plain(header).split():
            case ["vlan", "database"]:
                for line in children:
                    self._vlan(header, line)
            case ["interface", *parts]:
                self._interface(header, "".join(parts), children)
            case ["access-list", "hardware", name] if name.startswith(_OURS):
                self._filter(header, name, Family.V4, children)
            case ["ipv6", "access-list", name] if name.startswith(_OURS):
                self._filter(header, name, Family.V6, children)
            case ["access-list" | "ipv6", *words] if any(word.startswith(_OURS) for word in words):
                self._problem(header, f"a list under our prefix that is none of ours; expected {LISTS[Family.V4]} NAME")
            case ["access-group" | "vlan", *words] if words[:1] != ["access-map"]:
                self._judged_by_others(header)

    def _judged_by_others(self, line: ConfigLine) -> None:
        found = re.fullmatch(r"vlan filter \S+ vlan-list ([\d,-]+) input", plain(line))
        numbers = listed_vlans(found[1]) if found else None
        if numbers is None:
            self.other_filters.append(line)
        for number in numbers or ():
            for direction in Direction:
                for family in Family:
                    self.conflicting[number, direction, family] = line

    def _vlan(self, header: ConfigLine, line: ConfigLine) -> None:
        found = _VLAN.fullmatch(plain(line))
        numbers = listed_vlans(found["numbers"]) if found else None
        name = (found["name"] if found else None) or ""
        ours = name.startswith(_OURS)
        if found is None or numbers is None:
            if _OURS in line.text:
                self._problem(line, f"expected: vlan NUMBER name {_OURS}..., from 1 to {LAST_VLAN}")
            return
        self.places.extend((f"vlan {number}", line, ours) for number in numbers)
        if not ours:
            self.conflicting.update(dict.fromkeys(numbers, line))
        elif len(numbers) != 1 or found["rest"] not in ("", " state enable"):
            self._problem(
                line, f"unknown words in {plain(line)!r}; expected one number, a name, and no state but enable"
            )
        else:
            self.vlans.append(Vlan(numbers[0], name))
            self._understand(header, line)

    def _interface(self, header: ConfigLine, written: str, children: list[ConfigLine]) -> None:
        for name in real_names(written):
            port = read_port(name, header, children)
            self.places.append((f"interface {name}", header, port.ours))
            for line, message in port.problems:
                self._problem(line, message)
            self._understand(*port.managed)
            if port.conflict is not None and not port.ours:
                self.conflicting[name] = port.conflict
            if port.ours:
                self.ports.append(port)

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
            found = _ENTRY.fullmatch(plain(line))
            assert found is not None  # noqa: S101 the pattern takes any line
            number = int(found["number"] or previous + 1)
            if number <= previous:
                self._problem(line, f"the sequence number {number} does not ascend")
            previous = number
            try:
                entries.append(read_entry(found["entry"], family, key[0], f"{self.source}:{line.number}"))
            except ValueError as error:
                self._problem(line, f"in {name}: {error}")
        if not entries or not covers_everything(entries[-1].match):
            last = children[-1] if children else header
            self._problem(last, f"{name} must end in an entry for everything; what nothing matches is forwarded")
        self.filters.append(Filter(name, *key, tuple(entries)))


def _lines(text: str) -> Iterator[ConfigLine]:
    """The lines that are neither blank nor comments."""
    for number, written in enumerate(text.splitlines(), start=1):
        if written.strip() and not written.lstrip().startswith("!"):
            yield ConfigLine(number, written)
