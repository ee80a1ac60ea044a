"""The configuration mode of an invented switch, much like Cisco IOS: commands change a running configuration.

Written from the vendor's documents, not from our code: Cisco IOS Security Command Reference (`ip access-list`,
`permit (IP)`, `ip access-group`), Cisco IOS IPv6 Command Reference (`ipv6 access-list`, `permit (IPv6)`,
`ipv6 traffic-filter`), Cisco IOS LAN Switching Command Reference (`vlan (global)`, `switchport mode`,
`switchport access vlan`, `switchport trunk allowed vlan`, `switchport protected`), Cisco IOS Interface Command
Reference (`description`, `shutdown`), Cisco IOS IP Addressing Command Reference (`ip address`, `ip helper-address`).
A command that those do not know, or that stands in the wrong mode, is an error, as `% Invalid input` is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

ADDRESS_4 = r"(?:any|host [\d.]+|[\d.]+ [\d.]+)"
ADDRESS_6 = r"(?:any|host [0-9A-F:.]+|[0-9A-F:.]+/\d+)"
PORT = r"(?: (?:eq [\w-]+|range [\w-]+ [\w-]+))?"
ENTRIES = {
    "ip": re.compile(rf"(?:permit|deny) [\w]+ {ADDRESS_4}{PORT} {ADDRESS_4}(?:{PORT}| [\w-]+)(?: established)?"),
    "ipv6": re.compile(rf"(?:permit|deny) [\w]+ {ADDRESS_6}{PORT} {ADDRESS_6}(?:{PORT}| [\w-]+)(?: established)?"),
}
# How the lines of an interface are ordered in the running configuration.
ORDER = (
    "description",
    "switchport access",
    "switchport trunk encapsulation",
    "switchport trunk",
    "switchport mode",
    "switchport protected",
    "",
)
WIDTH = 40
# A command, the setting it is about, and whether that then has its default, which is not shown.
SETTINGS = (
    (r"no description", "description", True),
    (r"description .+", "description", False),
    (r"switchport mode (access|trunk)", "switchport mode", False),
    (r"no switchport access vlan|switchport access vlan 1", "switchport access vlan", True),
    (r"switchport access vlan \d+", "switchport access vlan", False),
    (r"no switchport trunk encapsulation", "switchport trunk encapsulation", True),
    (r"switchport trunk encapsulation dot1q", "switchport trunk encapsulation", False),
    (r"no switchport protected", "switchport protected", True),
    (r"switchport protected", "switchport protected", False),
)
ADDRESS = re.compile(r"(no )?ip address ([\d.]+) ([\d.]+)( secondary)?")
ADDED = re.compile(
    r"(no )?((?:ip helper-address|ipv6 dhcp relay destination) [0-9A-F:.]+|ipv6 address [0-9A-F:.]+/\d+)"
)


class InvalidInput(Exception):
    """The command is not one that IOS takes here."""


class Switch:
    """A running configuration as blocks: a line at the margin, and the lines under it.

    What switches of like systems spell differently: the number before an entry, capitals, the interfaces, the order of
    lines.
    """

    number = ""
    flags = re.RegexFlag(0)
    interface = r"interface \S+"
    vlan_interface = "interface Vlan"
    order: tuple[str, ...] = ORDER

    def __init__(self, running: str) -> None:
        self.blocks: list[tuple[str, list[str]]] = []
        self.mode: str | None = None
        self.here: list[str] | None = None
        for line in running.splitlines():
            if not line.strip() or line.startswith("!"):
                continue
            if line.startswith(" "):
                self.blocks[-1][1].append(line.strip())
            else:
                self.blocks.append((line, []))

    def running(self) -> str:
        blocks = sorted(self.blocks, key=lambda block: block[0] == "end")
        return "".join("\n ".join((header, *lines)) + "\n!\n" for header, lines in blocks)

    def enter(self, commands: Iterable[str]) -> None:
        for command in commands:
            self._one(command)

    def _one(self, command: str) -> None:
        if self.mode is None:
            if command != "configure terminal":
                raise InvalidInput(command)
            self.mode = "global"
            return
        if command == "end":
            self.mode, self.here = None, None
        elif not (self._global(command) or self._inside(command)):
            raise InvalidInput(command)

    def _global(self, command: str) -> bool:
        """Commands of global configuration; IOS takes them in every mode below it too."""
        patterns = {
            "vlan": r"vlan \d+",
            "interface": self.interface,
            "ip": r"ip access-list extended \S+",
            "ipv6": r"ipv6 access-list \S+",
        }
        for mode, pattern in patterns.items():
            if re.fullmatch(pattern, command):
                self.mode, self.here = mode, self._block(command)
                return True
            if mode != "interface" and re.fullmatch(f"no {pattern}", command):
                self.mode, self.here = "global", None
                before = len(self.blocks)
                self.blocks = [block for block in self.blocks if block[0] != command.removeprefix("no ")]
                if len(self.blocks) == before:
                    raise InvalidInput(command)
                return True
        return False

    def _block(self, header: str) -> list[str]:
        for known, lines in self.blocks:
            if known == header:
                return lines
        if header.startswith("interface ") and not header.startswith(self.vlan_interface):
            raise InvalidInput(header)
        self.blocks.append((header, ["shutdown"] if header.startswith("interface ") else []))
        return self.blocks[-1][1]

    def _inside(self, command: str) -> bool:
        if self.here is None:
            return False
        match self.mode:
            case "vlan":
                return self._put("name", command) if re.fullmatch(r"name \S{1,32}", command) else False
            case "ip" | "ipv6":
                if not re.fullmatch(self.number + ENTRIES[self.mode].pattern, command, self.flags):
                    return False
                # A list does not hold the same entry twice.
                if command not in self.here:
                    self.here.append(command)
                return True
            case "interface":
                joined = self._join(command)
                return self._on_all(command) if joined is None else joined
        return False

    def _on_all(self, command: str) -> bool:
        """Take a command for a port; what is set on a port-channel is set on its ports, too."""
        assert self.here is not None
        group = self.here
        taken = [self._interface(command)]
        for lines in self._members_of(group) if "switchport" in command else ():
            self.here = lines
            taken.append(self._interface(command))
        self.here = group
        return all(taken)

    def _members_of(self, here: list[str]) -> list[list[str]]:
        header = next(header for header, lines in self.blocks if lines is here)
        number = header.partition("Port-channel")[2]
        starts = f"channel-group {number} mode "
        return [lines for _, lines in self.blocks if number and any(line.startswith(starts) for line in lines)]

    def _join(self, command: str) -> bool | None:
        """`channel-group`: the first port makes the port-channel, with the lines that it has itself."""
        assert self.here is not None
        port = next(header for header, lines in self.blocks if lines is self.here).removeprefix("interface ")
        found = re.fullmatch(
            r"no channel-group|channel-group (\d{1,3}) mode (?:active|passive|on|auto|desirable)", command
        )
        if not found or "channel" in port or port.startswith(("Vlan", "vlan")):
            return None
        mine = [line for line in self.here if line.startswith("channel-group ")]
        if found[1] is None:
            self.here[:] = [line for line in self.here if line not in mine]
            return True
        others = {one for _, lines in self.blocks if lines is not self.here for one in lines}
        others = {one for one in others if one.startswith(f"channel-group {found[1]} mode ")}
        if (others and others != {command}) or any(not line.startswith(f"channel-group {found[1]} ") for line in mine):
            raise InvalidInput(command)
        header = f"interface Port-channel{found[1]}"
        if header not in [known for known, _ in self.blocks]:
            switched = [line for line in self.here if line.startswith("switchport")]
            self.blocks.append((header, switched))
        return self._put("channel-group", command)

    def _interface(self, command: str) -> bool:
        bound = re.fullmatch(r"(no )?(ip access-group|ipv6 traffic-filter) (\S+) (in|out)", command)
        if bound:
            return self._bind(*bound.groups())
        if self._addressed(command) or (command in ("shutdown", "no shutdown") and self._shut(command)):
            return True
        for pattern, setting, removes in SETTINGS:
            if re.fullmatch(pattern, command):
                return self._put(setting, None if removes else command)
        if command in ("no switchport trunk allowed vlan", "switchport trunk allowed vlan none"):
            return self._allow(set() if command.startswith("switchport") else None)
        allowed = re.fullmatch(r"switchport trunk allowed vlan (?:(add|remove) )?([\d,-]+)", command)
        if not allowed:
            return False
        named = expand(allowed[2])
        before = self._allowed()
        return self._allow({"add": before | named, "remove": before - named}.get(allowed[1], named))

    def _shut(self, command: str) -> bool:
        return self._put("shutdown", None if command == "no shutdown" else command)

    def _addressed(self, command: str) -> bool:
        """What only an interface of the switch itself takes; a secondary address needs a primary."""
        assert self.here is not None
        here = self.here
        if not any(block[1] is here and block[0].startswith(self.vlan_interface) for block in self.blocks):
            return False
        if command in ("no ip address", "no ipv6 address"):
            here[:] = [line for line in here if not line.startswith(command.removeprefix("no ") + " ")]
        elif command in ("shutdown", "no shutdown"):
            here[:] = [line for line in here if line != "shutdown"] + (["shutdown"] if command == "shutdown" else [])
        elif found := ADDRESS.fullmatch(command):
            no, address, mask, secondary = found.groups()
            line = f"ip address {address} {mask}"
            primary = [one for one in here if ADDRESS.fullmatch(one) and not one.endswith(" secondary")]
            if no:
                here.remove(line + (secondary or ""))
                return True
            if (secondary and not primary) or (not secondary and f"{line} secondary" in here):
                raise InvalidInput(command)
            here[:] = [one for one in here if secondary or one not in primary]
            # IOS shows the secondary ones first.
            here.insert(0, line + (secondary or "")) if secondary else here.append(line)
        elif found := ADDED.fullmatch(command):
            if found[1]:
                here.remove(found[2])
            elif found[2] not in here:
                here.append(found[2])
        else:
            return False
        return True

    def _put(self, start: str, line: str | None) -> bool:
        assert self.here is not None
        kept = [one for one in self.here if one != start and not one.startswith(f"{start} ")] + ([line] if line else [])
        place = {one: next(n for n, word in enumerate(self.order) if one.startswith(word)) for one in kept}
        self.here[:] = sorted(kept, key=lambda one: place[one])
        return True

    def _bind(self, no: str | None, kind: str, name: str, side: str) -> bool:
        assert self.here is not None
        there = [one for one in self.here if re.fullmatch(rf"{kind} \S+ {side}", one)]
        if no and f"{kind} {name} {side}" not in there:
            raise InvalidInput(kind, name, side)
        for one in there:
            self.here.remove(one)
        if not no:
            self.here.append(f"{kind} {name} {side}")
        return True

    def _allowed(self) -> set[int]:
        assert self.here is not None
        lines = [one for one in self.here if one.startswith("switchport trunk allowed vlan ")]
        if not lines:
            return set(range(1, 4095))
        if lines == ["switchport trunk allowed vlan none"]:
            return set()
        return {number for line in lines for number in expand(line.split()[-1])}

    def _allow(self, vlans: set[int] | None) -> bool:
        self._put("switchport trunk allowed vlan", None)
        assert self.here is not None
        lines = [""]
        for part in condense(vlans or set()):
            if len(lines[-1]) + len(part) > WIDTH:
                lines.append("")
            lines[-1] += f",{part}" if lines[-1] else part
        if vlans is not None and not vlans:
            self.here.append("switchport trunk allowed vlan none")
        if vlans and len(vlans) < 4094:
            self.here += [f"switchport trunk allowed vlan {'add ' if n else ''}{line}" for n, line in enumerate(lines)]
        return self._put("never", None)


def expand(text: str) -> set[int]:
    """The numbers of `10,20-22`."""
    numbers: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        numbers |= set(range(int(low), int(high or low) + 1))
    return numbers


def condense(numbers: set[int]) -> list[str]:
    """The parts of `10,20-22`; two neighbours are written apart."""
    parts: list[str] = []
    for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        parts += [f"{members[0]}-{members[-1]}"] if len(members) > 2 else map(str, members)
    return parts
