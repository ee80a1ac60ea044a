"""The tables of an Open vSwitch: takes the two commands that our steps use, and prints the running text.

Written from ovs-ofctl(8) and ovs-vsctl(8), and shares no code with the platform: a flow is known by its table, its
priority and its match, and one that is added takes the place of its like; a bundle happens as a whole or not at all.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

BUNDLE = re.compile(r"ovs-ofctl -t \d+ -O OpenFlow14 --bundle add-flows br0 -")
DELETE = re.compile(r'delete cookie=(0x[0-9a-f]+)/(0x[0-9a-f]+)(?:,table=(\d+),in_port="?([\w.-]+)"?)?')


class Refused(Exception):
    """What the programs of Open vSwitch say of a command."""


class OpenVSwitch:
    """A bridge with these ports, without flows."""

    def __init__(self, ports: Iterable[str]) -> None:
        self.ports = dict.fromkeys(ports, ("", "", ""))
        self.flows: dict[tuple[int, str], str] = {}

    def run(self, line: str, stdin: str | None) -> None:
        if BUNDLE.fullmatch(line):
            flows = dict(self.flows)
            for one in (stdin or "").splitlines():
                change(flows, one)
            self.flows = flows
        elif line.startswith("ovs-vsctl -t 10 -- "):
            self.ports |= dict(self._set(words) for words in line.removeprefix("ovs-vsctl -t 10 -- ").split(" -- "))
        else:
            raise Refused(line)

    def _set(self, words: str) -> tuple[str, tuple[str, str, str]]:
        found = shlex.split(words)
        if found[:2] != ["set", "Port"] or found[2] not in self.ports:
            raise Refused(words)
        columns = dict(word.split("=") for word in found[3:])
        tag, trunks = columns.pop("tag").strip("[]"), columns.pop("trunks").strip("[]")
        mode = columns.pop("vlan_mode")
        if columns or mode not in ("access", "trunk"):
            raise Refused(words)
        return found[2], (tag, mode, trunks.replace(",", " "))

    def running(self) -> str:
        ports = [f"{name},{tag},{mode},{trunks}" for name, (tag, mode, trunks) in self.ports.items()]
        return "\n".join(("# bridge", "br0,secure", "# ports", *ports, "# flows", *self.flows.values(), ""))


def change(flows: dict[tuple[int, str], str], line: str) -> None:
    if found := DELETE.fullmatch(line):
        cookie, mask, table, port = found.groups()
        for key, flow in list(flows.items()):
            same = not table or (key[0] == int(table) and in_port(flow) == port)
            if same and number(flow) & int(mask, 16) == int(cookie, 16):
                del flows[key]
    elif line.startswith("add "):
        flow = line.removeprefix("add ")
        table = re.search(r"table=(\d+)", flow)
        match = re.search(r"(priority=\S*) actions=", flow)
        if match is None:
            raise Refused(line)
        flows[int(table[1]) if table else 0, match[1]] = f" {flow}"
    else:
        raise Refused(line)


def number(flow: str) -> int:
    found = re.search(r"cookie=(0x[0-9a-f]+)", flow)
    return int(found[1], 16) if found else 0


def in_port(flow: str) -> str:
    found = re.search(r'in_port="?([\w.-]+)"?', flow)
    return found[1] if found else ""
