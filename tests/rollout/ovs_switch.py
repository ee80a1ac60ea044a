"""An Open vSwitch in memory: its ports and flows, and the few commands that change them.

It shares no code with the platform. A bundle or a transaction happens as a whole or not at all, as on the real one;
what it does not know it refuses.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from controller.platforms.base import Command
from controller.platforms.transport.memory.configuration import Refused

FACTORY_FLOW = " priority=0 actions=NORMAL"
_BUNDLE = re.compile(r"ovs-ofctl -t \d+ -O OpenFlow14 --bundle add-flows br0 -")
_COLUMN = re.compile(r"(tag|vlan_mode|trunks)=(.*)")


class Switch:
    """A bridge `br0` in secure mode; see `controller.platforms.transport.memory.configuration.Configuration`."""

    def __init__(self, ports: Iterable[str]) -> None:
        self.ports: dict[str, dict[str, str]] = {
            name: {"tag": "", "vlan_mode": "", "trunks": ""} for name in sorted(ports)
        }
        self.flows: list[str] = [FACTORY_FLOW]

    def show(self) -> str:
        """What `ovs_switch.sh read` prints."""
        rows = [f"{name},{one['tag']},{one['vlan_mode']},{one['trunks']}" for name, one in self.ports.items()]
        return "\n".join(("# bridge", "br0,secure", "# ports", *rows, "# flows", *self.flows, ""))

    def load(self, text: str) -> None:
        """Become what a running text says."""
        ports, _, flows = text.partition("# ports\n")[2].partition("# flows\n")
        for row in ports.splitlines():
            name, tag, mode, trunks = row.split(",")
            if name in self.ports:
                self.ports[name] = {"tag": tag, "vlan_mode": mode, "trunks": trunks}
        self.flows = flows.splitlines()

    def split(self, command: Command) -> tuple[Command, ...]:
        """The command: neither a bundle nor a transaction has halves."""
        return (command,)

    def execute(self, command: Command) -> str:
        """Carry a bundle of flows or a transaction of ports out.

        Raises:
            Refused: it is none, or a part of it cannot be; then nothing has changed.
        """
        if _BUNDLE.fullmatch(command.line):
            self.flows = self._bundled((command.stdin or "").splitlines())
        elif command.line.startswith("ovs-vsctl -t 10 -- set Port "):
            self._set_ports(shlex.split(command.line)[3:])
        else:
            message = f"{command.line}: not found"
            raise Refused(message)
        return ""

    def _bundled(self, lines: Iterable[str]) -> list[str]:
        flows = list(self.flows)
        for line in lines:
            verb, _, rest = line.partition(" ")
            if verb == "delete":
                flows = [flow for flow in flows if not all(_has(flow, word) for word in rest.split(","))]
            elif verb == "add" and " actions=" in rest:
                flows = [flow for flow in flows if _matched(flow) != _matched(f" {rest}")] + [f" {rest}"]
            else:
                message = f"ovs-ofctl: -: {line}: syntax error"
                raise Refused(message)
        return flows

    def _set_ports(self, words: list[str]) -> None:
        ports = {name: dict(columns) for name, columns in self.ports.items()}
        name = ""
        for word in words:
            column = _COLUMN.fullmatch(word)
            if column and name in ports:
                ports[name][column[1]] = column[2].strip("[]").replace(",", " ")
            elif not column and word in {"--", "set", "Port"}:
                name = ""
            elif not column and word in ports:
                name = word
            else:
                message = f'ovs-vsctl: no row "{word}" in table Port'
                raise Refused(message)
        self.ports = ports


def _has(flow: str, word: str) -> bool:
    """Whether a flow fits a word of a deletion: a cookie under a mask, a table, a port."""
    name, _, value = word.partition("=")
    if name == "cookie":
        wanted, mask = (int(number, 0) for number in value.split("/"))
        found = re.search(r"cookie=(0x[0-9a-f]+)", flow)
        return (int(found[1], 0) if found else 0) & int(mask) == wanted
    if name == "table":
        found = re.search(r"table=(\d+)", flow)
        return (found[1] if found else "0") == value
    if name == "in_port":
        return f"in_port={value}," in flow or f"in_port={value} " in flow
    message = f"ovs-ofctl: {word}: unknown keyword"
    raise Refused(message)


def _matched(flow: str) -> str:
    """What makes a flow the same as another: its table, priority and match, without cookie and actions."""
    return re.sub(r"cookie=0x[0-9a-f]+, ", "", flow).partition(" actions=")[0]
