"""The configuration mode of an AlliedWare Plus switch, as far as our steps use it: commands change a configuration.

Written from the vendor's documents, not from our code: Command Reference for x510 Series 5.4.7-1.x (C613-50170-01) and
for IE340 Series 5.5.3-0.x (C613-50631-01): `vlan database`, `vlan`, `switchport mode`, `switchport access vlan`,
`switchport trunk allowed vlan`, `switchport trunk native vlan`, `access-list hardware (named)`, the named hardware ACL
entries, `access-group`; the Japanese command reference of x930 5.4.7 (613-002105): `ipv6 access-list`, and that what
no entry matches is forwarded. How the running configuration looks: fixtures of Allied Telesis' Ansible collection.
Stricter than documented where the documents are silent: a list that stands on a port cannot be removed, an unknown list
cannot be attached. `judge` says what a port does with a packet that it receives: lists in the order of their
attachment, entries in the order of their sequence numbers; the first match decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network

ADDRESS_4 = r"(?:any|host [\d.]+|[\d.]+/\d+|[\d.]+ [\d.]+)"
ADDRESS_6 = r"(?:any|host [0-9a-f:.]+|[0-9a-f:.]+/\d+)"
PORTS = r"(?:(?:eq|lt|gt|ne) \d+|range \d+ \d+)"
ACTION = r"permit|deny|copy-to-cpu|send-to-cpu|copy-to-mirror|send-to-mirror"
NUMBERS = {"tcp": 6, "udp": 17}


def entry_pattern(every: str, address: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<number>\d+) (?P<action>{ACTION}) (?:(?P<every>{every})|(?P<ported>tcp|udp)|(?P<icmp>icmp)"
        rf"|proto (?P<protocol>\d+)) (?P<source>{address})(?: (?P<from>{PORTS}))? (?P<destination>{address})"
        rf"(?: (?P<to>{PORTS}))?(?: icmp-type (?P<type>\d+))?(?: vlan (?P<vlan>\d+))?"
    )


ENTRIES = {"access-list hardware": entry_pattern("ip", ADDRESS_4), "ipv6 access-list": entry_pattern("ipv6", ADDRESS_6)}
ATTACH = {"access-group": "access-list hardware", "ipv6 traffic-filter": "ipv6 access-list"}


class InvalidInput(Exception):
    """The command is not one that the switch takes here."""


@dataclass
class Port:
    """A switch port; `lists` are the words and names of the lists on it, in the order of their attachment."""

    description: str = ""
    mode: str = "access"
    access: int = 1
    native: int | None = 1
    allowed: set[int] = field(default_factory=set)
    lists: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Frame:
    """A packet as a port receives it; `vlan` is its tag."""

    vlan: int | None
    version: int
    protocol: int
    source: int
    destination: int
    source_port: int
    destination_port: int


class Switch:
    """A switch with these ports, out of the box."""

    def __init__(self, *ports: str) -> None:
        self.ports = {name: Port() for name in ports}
        self.vlans: dict[int, str] = {1: "default"}
        self.lists: dict[tuple[str, str], dict[int, str]] = {}
        self.mode = ""
        self.here: str | tuple[str, str] = ""

    def enter(self, commands: Iterable[str]) -> None:
        for command in commands:
            self._one(command)

    def _one(self, command: str) -> None:
        if not self.mode:
            if command != "configure terminal":
                raise InvalidInput(command)
            self.mode = "global"
        elif command == "end":
            self.mode = ""
        elif not (self._global(command) or self._inside(command)):
            raise InvalidInput(command)

    def _global(self, command: str) -> bool:
        if command == "vlan database":
            self.mode = "vlan"
        elif found := re.fullmatch(r"interface (\S+)", command):
            if found[1] not in self.ports:
                raise InvalidInput(command)
            self.mode, self.here = "port", found[1]
        elif found := re.fullmatch(r"(no )?(access-list hardware|ipv6 access-list) (\S+)", command):
            self._list((found[2], found[3]), remove=bool(found[1]))
        else:
            return False
        return True

    def _list(self, key: tuple[str, str], *, remove: bool) -> None:
        self.mode, self.here = ("global", "") if remove else ("list", key)
        if not remove:
            self.lists.setdefault(key, {})
            return
        if key not in self.lists or any(key == (ATTACH[w], n) for port in self.ports.values() for w, n in port.lists):
            raise InvalidInput(key)
        del self.lists[key]

    def _inside(self, command: str) -> bool:
        match self.mode:
            case "vlan":
                return self._vlan(command)
            case "list":
                assert isinstance(self.here, tuple)
                found = ENTRIES[self.here[0]].fullmatch(command)
                if found and 1 <= int(found["number"]) <= 65535:
                    self.lists[self.here][int(found["number"])] = command.partition(" ")[2]
                    return True
            case "port":
                assert isinstance(self.here, str)
                return self._port(self.ports[self.here], command)
        return False

    def _vlan(self, command: str) -> bool:
        if found := re.fullmatch(r"vlan (\d+) name (\S{1,32})", command):
            self.vlans[int(found[1])] = found[2]
            return 1 < int(found[1]) < 4095
        found = re.fullmatch(r"no vlan (\d+)", command)
        return bool(found and self.vlans.pop(int(found[1]), None))

    def _port(self, port: Port, command: str) -> bool:
        if found := re.fullmatch(r"description (.+)", command):
            port.description = found[1]
        elif command == "no description":
            port.description = ""
        elif found := re.fullmatch(r"switchport mode (access|trunk)", command):
            if port.mode != found[1]:
                port.mode, port.access, port.native, port.allowed = found[1], 1, 1, set()
        elif found := re.fullmatch(r"switchport access vlan (\d+)", command):
            port.access = int(found[1])
            return port.mode == "access"
        elif command == "switchport trunk native vlan none":
            port.native = None
            return port.mode == "trunk"
        elif found := re.fullmatch(r"switchport trunk allowed vlan (?:(add|remove) ([\d,-]+)|none)", command):
            numbers = expand(found[2] or "")
            port.allowed = (
                set() if not found[1] else port.allowed | numbers if found[1] == "add" else port.allowed - numbers
            )
            return port.mode == "trunk"
        else:
            return self._attach(port, command)
        return True

    def _attach(self, port: Port, command: str) -> bool:
        found = re.fullmatch(r"(no )?(access-group|ipv6 traffic-filter) (\S+)", command)
        if not found:
            return False
        one = (found[2], found[3])
        if found[1]:
            if one not in port.lists:
                return False
            port.lists.remove(one)
        elif one in port.lists or (ATTACH[found[2]], found[3]) not in self.lists:
            return False
        else:
            port.lists.append(one)
        return True

    def running(self) -> str:
        blocks = [["service password-encryption"]]
        for (kind, name), entries in self.lists.items():
            blocks.append([f"{kind} {name}", *(f"{number} {entries[number]}" for number in sorted(entries))])
        blocks.append(["vlan database", *(f"vlan {number} name {name}" for number, name in sorted(self.vlans.items()))])
        blocks += [[f"interface {name}", *port_lines(port)] for name, port in self.ports.items()]
        return "".join("\n ".join(block) + "\n!\n" for block in blocks) + "end\n"

    def judge(self, name: str, frame: Frame) -> bool:
        """Whether a port forwards what it receives."""
        for words, one in self.ports[name].lists:
            kind = ATTACH[words]
            if frame.version != (4 if kind == "access-list hardware" else 6):
                continue
            entries = self.lists[kind, one]
            for number in sorted(entries):
                found = ENTRIES[kind].fullmatch(f"{number} {entries[number]}")
                assert found
                if matches(found, frame):
                    return found["action"] == "permit"
        return True


def port_lines(port: Port) -> Iterable[str]:
    if port.description:
        yield f"description {port.description}"
    yield "switchport"
    yield f"switchport mode {port.mode}"
    if port.mode == "access" and port.access != 1:
        yield f"switchport access vlan {port.access}"
    if port.mode == "trunk":
        if port.allowed:
            yield f"switchport trunk allowed vlan add {','.join(map(str, sorted(port.allowed)))}"
        if port.native is None:
            yield "switchport trunk native vlan none"
    yield from (f"{words} {name}" for words, name in port.lists)
    yield from port.others


def matches(entry: re.Match[str], frame: Frame) -> bool:
    protocol = NUMBERS.get(entry["ported"] or "") or (entry["protocol"] and int(entry["protocol"]))
    if entry["icmp"]:
        protocol = 1 if frame.version == 4 else 58
    return (
        (entry["vlan"] is None or frame.vlan == int(entry["vlan"]))
        and (protocol is None or frame.protocol == protocol)
        and inside(entry["source"], frame.source, frame.version)
        and inside(entry["destination"], frame.destination, frame.version)
        and port_in(entry["from"], frame.source_port)
        and port_in(entry["to"], frame.destination_port)
        and (entry["type"] is None or frame.destination_port == int(entry["type"]))
    )


def inside(written: str, address: int, version: int) -> bool:
    if written == "any":
        return True
    words = written.removeprefix("host ").replace(" ", "/")
    kind = IPv6Address if version == 6 else IPv4Address
    return kind(address) in ip_network(words)


def port_in(written: str | None, port: int) -> bool:
    if written is None:
        return True
    operator, first, *rest = written.split()
    tests = {"eq": port == int(first), "lt": port < int(first), "gt": port > int(first), "ne": port != int(first)}
    return int(first) <= port <= int(rest[0]) if operator == "range" else tests[operator]


def expand(text: str) -> set[int]:
    """The numbers of `10,20-22`."""
    numbers: set[int] = set()
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        numbers |= set(range(int(low), int(high or low) + 1))
    return numbers
