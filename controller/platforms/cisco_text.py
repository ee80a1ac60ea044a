"""The running configuration of Cisco IOS: what of it is ours, written and read.

Ours are: a VLAN whose name begins with `TSN-`; a port whose description begins with `TSN-port` (an operator may write
more after it, and hands a port over by writing it; a description is the only free text that every IOS keeps with an
interface); an access list named `TSN-VLAN-from-4-...`; and the places where such lists are bound to `interface VlanN`,
inbound for what hosts send, outbound for what is sent to them. All else is left alone, also inside these blocks.

Sources: Cisco IOS Security Command Reference, IPv6 Command Reference, LAN Switching Command Reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from controller.model.flow import Direction, Family, Match
from controller.model.state import PREFIX, DeviceState, Faces, Filter, PortMode, PortState
from controller.platforms.cisco_acl import write_entry

PORT_MARK = f"{PREFIX}-port"
SIDES = {Direction.FROM: "in", Direction.TO: "out"}
LISTS = {Family.V4: "ip access-list extended", Family.V6: "ipv6 access-list"}
BINDINGS = {Family.V4: "ip access-group", Family.V6: "ipv6 traffic-filter"}

LAST_VLAN = 4094
MAXIMUM_ENTRIES = 1000
_LONGEST_LIST = 60
_VLAN_NAME = re.compile(rf"{PREFIX}-[!-~]{{1,28}}")
_PORT_NAME = re.compile(r"(?!Vlan|Loopback|Tunnel)[A-Z][A-Za-z-]*\d+(/\d+)*")
# The last part is there while a list that somebody changed is replaced by one of its own name.
_FILTER_NAME = re.compile(rf"{PREFIX}-(\d{{1,4}})-(from|to)-([46])-[0-9a-f]{{8}}(?:-mend\d)?")


def filter_key(name: str) -> tuple[int, Direction, Family] | None:
    """What a filter is for, by its name; None if it is no name of ours."""
    found = _FILTER_NAME.fullmatch(name)
    return (int(found[1]), Direction(found[2]), Family(int(found[3]))) if found else None


def covers_everything(match: Match) -> bool:
    """Whether a match covers every packet of its family."""
    return match == Match(match.family, None, match.family.everything, match.family.everything)


def vlan_list(numbers: Iterable[int]) -> str:
    """`10,20-22`: as IOS prints it, three or more neighbours as a range."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shortest_range = 3
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) >= shortest_range else ",".join(map(str, run)) for run in runs)


def allowed_lines(vlans: Iterable[int]) -> list[str]:
    """The allowed VLANs of a trunk; IOS continues a long list on lines with `add`."""
    lines, current = [], ""
    for part in vlan_list(vlans).split(","):
        if current and len(current) + len(part) >= _LONGEST_LIST:
            lines.append(current)
            current = ""
        current += f",{part}" if current else part
    lines.append(current)
    return [f"switchport trunk allowed vlan {'add ' if index else ''}{line}" for index, line in enumerate(lines)]


def filter_lines(one: Filter) -> list[str]:
    """The list and its entries, without indentation.

    Raises:
        ValueError: IOS cannot express an entry.
    """
    return [f"{LISTS[one.family]} {one.name}", *map(write_entry, one.entries)]


def render(state: DeviceState) -> str:
    """Our part of `show running-config` of a switch with this state.

    Raises:
        ValueError: IOS cannot hold the state.
    """
    for misfit in misfits(state):
        raise ValueError(misfit)
    blocks = [[f"vlan {vlan.number}", f"name {vlan.name}"] for vlan in state.vlans]
    blocks += [[f"interface {port.name}", *_port_lines(port)] for port in state.ports]
    for number in dict.fromkeys(binding.vlan for binding in state.bindings):
        here = [binding for binding in state.bindings if binding.vlan == number]
        ordered = sorted(here, key=lambda one: (one.family, one.direction))
        bound = [f"{BINDINGS[one.family]} {one.filter} {SIDES[one.direction]}" for one in ordered]
        blocks.append([f"interface Vlan{number}", *bound])
    blocks += [filter_lines(one) for one in sorted(state.filters, key=lambda one: (one.family, one.name))]
    return "".join("\n ".join(block) + "\n!\n" for block in blocks)


def _port_lines(port: PortState) -> Iterator[str]:
    yield f"description {PORT_MARK}"
    if port.mode is PortMode.TRUNK:
        yield from allowed_lines(port.vlans)
    elif port.vlans != (1,):
        # VLAN 1 is the default, which IOS does not print.
        yield f"switchport access vlan {port.vlans[0]}"
    yield f"switchport mode {port.mode}"


def misfits(state: DeviceState) -> Iterator[str]:
    """Why IOS cannot hold the state; each reason may rest on the absence of those before it."""
    for vlan in state.vlans:
        if not _VLAN_NAME.fullmatch(vlan.name) or not 1 <= vlan.number <= LAST_VLAN:
            yield f"VLAN {vlan.number} {vlan.name!r}: expected 1 to {LAST_VLAN}, named {PREFIX}- and 1 to 28 letters"
    for port in state.ports:
        yield from _port_misfits(port)
    for one in state.filters:
        yield from _filter_misfits(one)
    for binding in state.bindings:
        if filter_key(binding.filter) is None or not 1 <= binding.vlan <= LAST_VLAN:
            yield f"{binding}: not the name of a filter of ours, or no VLAN"
    for what, keys in (
        ("VLAN", [str(vlan.number) for vlan in state.vlans]),
        ("port", [port.name for port in state.ports]),
        ("filter", [one.name for one in state.filters]),
        ("binding", [f"{one.vlan} {one.direction} IPv{int(one.family)}" for one in state.bindings]),
    ):
        yield from (f"{what} {key} stands twice" for key in set(keys) if keys.count(key) > 1)


def _port_misfits(port: PortState) -> Iterator[str]:
    if not _PORT_NAME.fullmatch(port.name):
        yield f"{port.name!r} is no port as IOS names it (GigabitEthernet1/0/1)"
    if port.faces is not Faces.UNFILTERED:
        yield f"port {port.name}: IOS filters at VLAN interfaces; a port faces nothing"
    if not port.vlans or (port.mode is PortMode.ACCESS and len(port.vlans) != 1):
        yield f"port {port.name}: an access port needs exactly one VLAN, a trunk at least one"
    if list(port.vlans) != sorted(set(port.vlans)) or not 1 <= port.vlans[0] <= port.vlans[-1] <= LAST_VLAN:
        yield f"port {port.name}: VLANs must ascend, from 1 to {LAST_VLAN}"
    if len(port.vlans) == LAST_VLAN:
        yield f"port {port.name}: IOS does not print a list of all VLANs, so it could not be told from none"


def _filter_misfits(one: Filter) -> Iterator[str]:
    if filter_key(one.name) != one.key:
        yield f"{one.name}: the name of a filter must say what it is for: {one.key}"
    if not one.entries or not covers_everything(one.entries[-1].match) or len(one.entries) > MAXIMUM_ENTRIES:
        yield f"{one.name}: a filter needs a last entry that covers everything, and at most {MAXIMUM_ENTRIES} entries"
    if any(entry.match.family is not one.family for entry in one.entries):
        yield f"{one.name}: an entry of the other family"
    if len(set(one.entries)) != len(one.entries):
        yield f"{one.name}: an entry stands twice; IOS keeps only the first of them"
