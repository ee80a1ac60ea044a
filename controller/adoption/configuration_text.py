"""A running configuration as text that changes command by command: what a device would show after each hand-over.

It knows the few commands that a hand-over uses, and nothing else: a name of a VLAN, a description, a list that is made,
a list that is put in force in place of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from controller.platforms.allied_telesis_awplus.ports import list_port_names
from controller.platforms.common.managed import parse_vlan_list, write_vlan_list

_BOUND = re.compile(r"(ip access-group|ipv6 traffic-filter) \S+ (in|out)")


class ConfigurationText:
    """Lines of a configuration, changed in place; `format_text` is what the device would show."""

    def __init__(self, text: str) -> None:
        """Keep the lines of a configuration, without what cannot be seen at their ends."""
        self._lines = [line.rstrip() for line in text.removesuffix("\n").split("\n")]

    def format_text(self) -> str:
        """Return the whole configuration."""
        return "\n".join(self._lines) + "\n"

    def _find_block(self, header: str) -> tuple[int, int] | None:
        """Return where a block begins and ends; its header is at the margin."""
        wanted = header.split()
        for at, line in enumerate(self._lines):
            if not line.startswith(" ") and line.split() == wanted:
                return at, self._find_end(at)
        return None

    def _find_end(self, at: int) -> int:
        end = at + 1
        while end < len(self._lines) and self._lines[end].startswith(" "):
            end += 1
        return end

    def open_block(self, header: str) -> tuple[int, int]:
        """Return where a block begins and ends; a missing one is made at the end, before `end`."""
        found = self._find_block(header)
        if found is not None:
            return found
        at = next((n for n, line in enumerate(self._lines) if line == "end"), len(self._lines))
        self._lines[at:at] = [header, "!"]
        return at, at + 1

    def set_line(self, header: str, start: str, line: str) -> None:
        r"""Put a line into a block in the place of that which begins alike, or first in it.

        >>> shown = ConfigurationText("interface Vlan10\n description STAFF\n")
        >>> shown.set_line("interface Vlan10", "description", "description TSN-interface")
        >>> shown.format_text()
        'interface Vlan10\n description TSN-interface\n'
        """
        at, end = self.open_block(header)
        kept = [one for one in self._lines[at + 1 : end] if not f"{one.strip()} ".startswith(f"{start} ")]
        self._lines[at + 1 : end] = [f" {line}", *kept]

    def remove_line(self, header: str, line: str) -> None:
        """Take a line out of a block."""
        at, end = self.open_block(header)
        self._lines[at + 1 : end] = [one for one in self._lines[at + 1 : end] if one.split() != line.split()]

    def remove_lines_starting(self, header: str, start: str) -> None:
        r"""Take the lines out of a block that begin with a word.

        >>> shown = ConfigurationText("vlan 10\n name STAFF\n")
        >>> shown.remove_lines_starting("vlan 10", "name")
        >>> shown.format_text()
        'vlan 10\n'
        """
        at, end = self.open_block(header)
        kept = [one for one in self._lines[at + 1 : end] if not f"{one.strip()} ".startswith(f"{start} ")]
        self._lines[at + 1 : end] = kept

    def remove_block(self, header: str) -> None:
        """Take a block out, with its header."""
        found = self._find_block(header)
        if found is not None:
            del self._lines[found[0] : found[1]]

    def list_block_lines(self, header: str) -> tuple[str, ...]:
        r"""Return the lines in a block, with one space between their words; () without such a block.

        >>> ConfigurationText("vlan 10\n name  STAFF\n").list_block_lines("vlan 10")
        ('name STAFF',)
        """
        found = self._find_block(header)
        return tuple(" ".join(one.split()) for one in self._lines[found[0] + 1 : found[1]]) if found else ()

    def append_line(self, header: str, line: str) -> None:
        """Put a line last into a block."""
        _, end = self.open_block(header)
        self._lines.insert(end, f" {line}")

    def bind_list(self, header: str, line: str) -> None:
        """Put a list in force at an interface, in the place of another of its family and direction."""
        bound = _BOUND.fullmatch(line)
        at, end = self.open_block(header)
        for number in range(at + 1, end):
            other = _BOUND.fullmatch(" ".join(self._lines[number].split()))
            if bound and other and other.groups() == bound.groups():
                self._lines[number] = f" {line}"
                return
        self.append_line(header, line)

    def add_block(self, lines: Iterable[str]) -> None:
        """Add a block as it is written: its header, and the lines in it."""
        header, *inside = lines
        for line in inside:
            self.append_line(header, line)

    def split_vlan(self, number: int) -> None:
        """Give a VLAN that stands in a list of VLANs (`vlan 10,20`) a block of its own."""
        for at, line in enumerate(self._lines):
            words = line.split()
            numbers = parse_vlan_list(words[1]) if words[:1] == ["vlan"] and len(words) == 2 else None  # noqa: PLR2004
            if not line.startswith(" ") and numbers and len(numbers) > 1 and number in numbers:
                numbers.remove(number)
                self._lines[at : at + 1] = [f"vlan {number}", "!", f"vlan {write_vlan_list(numbers)}"]
                return

    def split_ports(self, name: str) -> None:
        """Give a port that stands in a range of ports (`interface port1.0.1-1.0.4`) a block of its own."""
        for at, line in enumerate(self._lines):
            if not line.startswith("interface ") or line == f"interface {name}":
                continue
            names = list_port_names("".join(line.split()[1:]))
            if name in names:
                end = self._find_end(at)
                inside = self._lines[at + 1 : end]
                blocks = [[f"interface {one}", *inside, "!"] for one in names]
                self._lines[at:end] = [one for block in blocks for one in block]
                return

    def name_database_vlan(self, number: int, name: str) -> None:
        """Name a VLAN in the `vlan database` of AlliedWare Plus."""
        at, end = self.open_block("vlan database")
        for position in range(at + 1, end):
            words = self._lines[position].split()
            numbers = parse_vlan_list(words[1]) if words[:1] == ["vlan"] and len(words) > 1 else None
            if not numbers or number not in numbers:
                continue
            others = [one for one in numbers if one != number]
            more = " ".join(words[2:])
            kept = [f" vlan {write_vlan_list(others)} {more}".rstrip()] if others else []
            self._lines[position : position + 1] = [*kept, f" vlan {number} name {name}"]
            return
        self._lines.insert(end, f" vlan {number} name {name}")
