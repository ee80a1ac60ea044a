"""The table of MAC addresses of an Open vSwitch: what `switch.sh learnt` shows.

Ports have numbers there, so the names of the bridge's interfaces stand above the table. The bridge's own port is
`LOCAL`. Source: ovs-vswitchd(8), `fdb/show`; ovs-vswitchd.conf.db(5), table Interface, `ofport`.
"""

from __future__ import annotations

import re

from controller.errors import CommandFailed
from controller.platforms.common.mac_table import LearntAddress, build_learnt_address, refuse_mac_line

_COMMAND = "learnt"
_PORT = re.compile(r"(?P<number>[0-9]{1,5}),(?P<name>[A-Za-z0-9_.-]{1,15})")
_HEADER = re.compile(r" *port +VLAN +MAC +Age")
_ENTRY = re.compile(
    r" *(?P<port>[0-9]{1,5}|LOCAL) +(?P<vlan>[0-9]{1,4}) +(?P<mac>(?:[0-9a-f]{2}:){5}[0-9a-f]{2}) +"
    r"(?:[0-9]{1,6}|static)"
)


def parse_learnt_table(text: str, device: str) -> tuple[LearntAddress, ...]:
    """Return the hosts that a switch has learnt.

    Raises:
        CommandFailed: a line is not known, or a port has no name; names the device and the line.
    """
    names: dict[str, str] = {}
    found: list[LearntAddress] = []
    part, is_open = "", False
    for number, line in enumerate(text.splitlines(), 1):
        port, entry = _PORT.fullmatch(line), _ENTRY.fullmatch(line.rstrip())
        if line in {"# ports", "# learnt"}:
            part = line
        elif part == "# learnt" and _HEADER.fullmatch(line.rstrip()):
            is_open = True
        elif part == "# ports" and port is not None:
            names[port["number"]] = port["name"]
        elif is_open and entry is not None and (entry["port"] in names or entry["port"] == "LOCAL"):
            if entry["port"] != "LOCAL":
                found.append(_build(entry, names, device, number))
        elif line.strip():
            raise refuse_mac_line(device, _COMMAND, number, line)
    if not is_open:
        raise CommandFailed(device, "it shows no table of MAC addresses", command=_COMMAND)
    return tuple(found)


def _build(entry: re.Match[str], names: dict[str, str], device: str, number: int) -> LearntAddress:
    try:
        return build_learnt_address(entry["vlan"], entry["mac"], names[entry["port"]])
    except ValueError:
        raise refuse_mac_line(device, _COMMAND, number, entry.string) from None
