"""A router of FRR: takes the configuration commands that route policies need and shows what it then holds.

It shares no code with the platform. What it does not know it refuses, as vtysh does: the first refusal ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

FAMILIES = {"ipv4 unicast": "ip", "ipv6 unicast": "ipv6"}
FOREIGN = """\
frr version 8.4.4
frr defaults traditional
hostname rt1
service integrated-vtysh-config
!
interface wan0
 ip address 100.64.0.20/19
exit
!
"""


class Refused(Exception):
    """What vtysh says of a command."""


class Router:
    """One BGP instance with plain neighbours, set up by its installer."""

    def __init__(self, system: int, neighbours: Iterable[str]) -> None:
        self.system = system
        self.neighbours = list(neighbours)
        self.lists: dict[tuple[str, str], dict[int, str]] = {}
        self.maps: dict[str, dict[int, tuple[str, list[str]]]] = {}
        self.attached: dict[tuple[str, str, str], str] = {}
        self._context: list[str] = []

    def configure(self, text: str) -> None:
        """Take lines in configuration mode, one after the other."""
        self._context = []
        for line in text.splitlines():
            self._take(line)

    def _take(self, line: str) -> None:
        words = line.split()
        if words[0] in ("exit", "exit-address-family"):
            self._context.pop()
        elif not self._context or words[0] in ("route-map", "router", "ip", "ipv6"):
            self._context = []
            self._at_the_top(line, words)
        elif self._context[0].startswith("route-map"):
            self._inside_map(line)
        else:
            self._inside_bgp(line, words)

    def _at_the_top(self, line: str, words: list[str]) -> None:
        match words:
            case ["ip" | "ipv6" as kind, "prefix-list", name, "seq", number, *rest]:
                if not re.fullmatch(r"(permit|deny) (any|[0-9a-f.:]+/\d+( ge \d+)?( le \d+)?)", " ".join(rest)):
                    raise Refused(line)
                self.lists.setdefault((kind, name), {})[int(number)] = " ".join(rest)
            case ["no", "ip" | "ipv6" as kind, "prefix-list", name] if (kind, name) in self.lists:
                del self.lists[kind, name]
            case ["route-map", name, "permit" | "deny" as effect, number]:
                held = self.maps.setdefault(name, {})
                held[int(number)] = (effect, held.get(int(number), (effect, []))[1])
                self._context = [line]
            case ["no", "route-map", name] if name in self.maps:
                del self.maps[name]
            case ["router", "bgp", number] if int(number) == self.system:
                self._context = [line]
            case _:
                raise Refused(line)

    def _inside_map(self, line: str) -> None:
        known = r"match (ip|ipv6) address prefix-list \S+|set local-preference \d+|set as-path prepend \d+( \d+)*"
        if not re.fullmatch(known, line):
            raise Refused(line)
        _, name, _, number = self._context[0].split()
        held = self.maps[name][int(number)][1]
        kind = " ".join(line.split()[:2])
        held[:] = sorted([*(one for one in held if not one.startswith(kind)), line])

    def _inside_bgp(self, line: str, words: list[str]) -> None:
        if words[0] == "address-family" and len(self._context) == 1 and " ".join(words[1:]) in FAMILIES:
            self._context.append(" ".join(words[1:]))
            return
        if len(self._context) != 2:
            raise Refused(line)
        match words:
            case ["neighbor", name, "route-map", policy, "in" | "out" as direction] if name in self.neighbours:
                self.attached[self._context[1], name, direction] = policy
            case ["no", "neighbor", name, "route-map", policy, direction]:
                if self.attached.pop((self._context[1], name, direction), None) != policy:
                    raise Refused(line)
            case _:
                raise Refused(line)

    def running(self) -> str:
        """What `show running-config` says."""
        lines = ["Building configuration...", "", "Current configuration:", "!", *FOREIGN.splitlines()]
        lines += self._bgp()
        for kind in FAMILIES.values():
            shown = [
                f"{kind} prefix-list {name} seq {number} {rest}"
                for (of, name), entries in sorted(self.lists.items())
                if of == kind
                for number, rest in sorted(entries.items())
            ]
            lines += [*shown, "!"] if shown else []
        for name, clauses in sorted(self.maps.items()):
            for number, (effect, inside) in sorted(clauses.items()):
                lines += [f"route-map {name} {effect} {number}", *(f" {one}" for one in inside), "exit", "!"]
        return "\n".join((*lines, "end", ""))

    def _bgp(self) -> Iterator[str]:
        yield f"router bgp {self.system}"
        yield " no bgp ebgp-requires-policy"
        yield " no bgp default ipv4-unicast"
        for name in self.neighbours:
            yield f" neighbor {name} remote-as 64801"
            yield f" neighbor {name} bfd"
        for family, kind in FAMILIES.items():
            yield from (" !", f" address-family {family}")
            for name in self.neighbours:
                if (":" in name) != (kind == "ipv6"):
                    continue
                yield f"  neighbor {name} activate"
                for direction in ("in", "out"):
                    policy = self.attached.get((family, name, direction))
                    if policy:
                        yield f"  neighbor {name} route-map {policy} {direction}"
            yield " exit-address-family"
        yield from ("exit", "!")
