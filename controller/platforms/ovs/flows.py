"""Flows of Open vSwitch as text and as data, and the layout that ours follow.

Two tables. Table 0 knows the ports: it writes the VLAN and the direction of a packet into register 0 and hands it to
table 1, or (an unfiltered port) on to the switch; what arrives on a port that is not ours is dropped. Table 1 holds the
filters, by that register. ARP passes; a packet of a family that has no filter, or of any other protocol, is dropped.

A port that carries its VLAN untagged matches `vlan_tci=0x0000/0x1fff` (no tag): otherwise a tagged packet could be
judged by the filter of one VLAN and travel in another.

The cookie of every flow of ours says what it is: 16 bits of ours, 16 bits of kind, 8 of direction, 8 of family, 16 of
VLAN. The text is that of `ovs-ofctl --names --no-stats dump-flows` (ovs-ofctl(8), ovs-fields(7); seen on 3.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from controller.inputs.shown_text import shorten_value
from controller.model.network.device_state import PortMode, PortRole, PortState
from controller.model.network.packets import Direction, Family

OURS = 0x5453_0000_0000_0000
OURS_MASK = 0xFFFF_0000_0000_0000

TABLES = range(2)
PORTS, FILTERS = TABLES
PASS, DROP = "NORMAL", "drop"

LOWEST = 1
"""Our lowest priority in either table: what is not ours must stand below."""
ARP = 2
PORT = 100
LAST_ENTRY = 10
"""The priority of a filter's last entry; the one before it has one more, and so on."""

UNTAGGED = "vlan_tci=0x0000/0x1fff"

_DIRECTIONS: dict[int, Direction | None] = {0: None, 1: Direction.FROM, 2: Direction.TO}
_NUMBERS = {direction: number for number, direction in _DIRECTIONS.items()}
_ROLES = {None: PortRole.UNFILTERED, Direction.FROM: PortRole.HOST_FACING, Direction.TO: PortRole.UPLINK}
_JUDGED = {role: direction for direction, role in _ROLES.items()}


class FlowKind(IntEnum):
    """What a flow of ours is for."""

    BASE = 0
    PORT = 1
    FILTER = 2


@dataclass(frozen=True, slots=True)
class Cookie:
    """What a flow of ours says of itself; fields that its kind does not need are 0 or None."""

    kind: FlowKind
    direction: Direction | None = None
    family: Family | None = None
    vlan: int = 0

    def __int__(self) -> int:
        low = _NUMBERS[self.direction] << 24 | int(self.family or 0) << 16 | self.vlan
        return OURS | self.kind << 32 | low


def parse_cookie(number: int) -> Cookie:
    """Return the meaning of a cookie of ours.

    Raises:
        ValueError: it means nothing.
    """
    family = number >> 16 & 0xFF
    direction = _DIRECTIONS.get(number >> 24 & 0xFF)
    cookie = Cookie(FlowKind(number >> 32 & 0xFFFF), direction, Family(family) if family else None, number & 0xFFFF)
    if int(cookie) != number:
        message = f"the cookie {number:#x} has no meaning"
        raise ValueError(message)
    return cookie


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow; `match` in the order in which the switch prints it, `extra` what stands before the priority."""

    table: int
    priority: int
    match: tuple[str, ...]
    actions: str
    cookie: int = 0
    extra: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = [f"cookie={self.cookie:#x}"] if self.cookie else []
        head += [f"table={self.table}"] if self.table else []
        match = (
            write_in_port(word.removeprefix(_IN_PORT)) if word.startswith(_IN_PORT) else word for word in self.match
        )
        matched = ",".join((f"priority={self.priority}", *match))
        return f" {', '.join((*head, *self.extra, matched))} actions={self.actions}"

    @property
    def ours(self) -> bool:
        """Whether the cookie is one of ours."""
        return self.cookie & OURS_MASK == OURS


_FLOW = re.compile(r" *(?P<head>(?:[a-z_]+(?:=[^ ,]+)?, )*)(?P<match>[^ ]*) actions=(?P<actions>.+)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,19}|0x[0-9a-f]{1,20}")
_IN_PORT = "in_port="
_QUOTED = re.compile(rf'{_IN_PORT}"([^"]*)"')
DEFAULT_PRIORITY = 32768


def write_in_port(name: str) -> str:
    """Write the match on a port, as the switch prints it: a name of other than letters and digits stands in quotes."""
    return f"{_IN_PORT}{name}" if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name) else f'{_IN_PORT}"{name}"'


def parse_number(text: str) -> int:
    """Read a number as a dump has it: digits of ASCII, or `0x` and such, at most 20 of them.

    Python's `int` also takes blanks, signs, underscores and the digits of other scripts.

    >>> parse_number("100"), parse_number("0x1ff0")
    (100, 8176)

    Raises:
        ValueError: it is no such number.
    """
    if not _NUMBER.fullmatch(text):
        message = f"{shorten_value(text)} is no number as a dump has it"
        raise ValueError(message)
    return int(text, 0)


def parse_flow(text: str) -> Flow:
    """Read one line of a dump, of whoever's flow.

    Raises:
        ValueError: it is no flow as `dump-flows` prints it.
    """
    found = _FLOW.fullmatch(text)
    if not found:
        message = "not a flow as ovs-ofctl --names --no-stats dump-flows prints it"
        raise ValueError(message)
    head = [word for word in found["head"].split(", ") if word]
    match = [_QUOTED.sub(rf"{_IN_PORT}\1", word) for word in found["match"].split(",") if word]
    known = {"cookie": "0", "table": "0"}
    extra = []
    for word in head:
        name, _, value = word.partition("=")
        if name in known:
            known[name] = value
        else:
            extra.append(word)
    priority = DEFAULT_PRIORITY
    if match and match[0].startswith("priority="):
        priority = parse_number(match.pop(0).removeprefix("priority="))
    table, cookie = parse_number(known["table"]), parse_number(known["cookie"])
    return Flow(table, priority, tuple(match), found["actions"], cookie, tuple(extra))


BASE = (
    Flow(PORTS, LOWEST, (), DROP, int(Cookie(FlowKind.BASE))),
    Flow(FILTERS, ARP, ("arp",), PASS, int(Cookie(FlowKind.BASE))),
    Flow(FILTERS, LOWEST, (), DROP, int(Cookie(FlowKind.BASE))),
)
"""The flows that stand whenever one of ours does."""


def write_register(vlan: int, direction: Direction) -> str:
    """Write what register 0 holds for the packets of a VLAN and direction."""
    return f"{_NUMBERS[direction] << 16 | vlan:#x}"


def write_port_flows(port: PortState) -> Iterator[Flow]:
    """Yield the flows that put a port into service, one for each VLAN."""
    direction = _JUDGED[port.role]
    for vlan in port.vlans:
        tag = UNTAGGED if port.mode is PortMode.ACCESS else f"dl_vlan={vlan}"
        actions = (
            PASS if direction is None else f"set_field:{write_register(vlan, direction)}->reg0,goto_table:{FILTERS}"
        )
        cookie = int(Cookie(FlowKind.PORT, direction, None, vlan))
        yield Flow(PORTS, PORT, (f"in_port={port.name}", tag), actions, cookie)


def read_classified_port(flows: Iterable[Flow]) -> PortState:
    """Return the port that these flows (all of one `write_in_port`) put into service.

    Raises:
        ValueError: they are not exactly the flows of one port.
    """
    given = frozenset(flows)
    names = {flow.match[0].partition("=") for flow in given if flow.match}
    cookies = [parse_cookie(flow.cookie) for flow in given]
    vlans = tuple(sorted(cookie.vlan for cookie in cookies))
    mode = PortMode.ACCESS if any(UNTAGGED in flow.match for flow in given) else PortMode.TRUNK
    for _, _, name in names:
        port = PortState(name, mode, vlans, _ROLES[cookies[0].direction])
        if len(names) == 1 and frozenset(write_port_flows(port)) == given:
            return port
    message = "a flow of a port that is not as we write them (in_port, tag, register and cookie must agree)"
    raise ValueError(message)
