"""The running configuration of Cisco IOS: what of it is ours, written and read.

Ours are: a VLAN whose name begins with `TSN-`; a port whose description begins with `TSN-port` (an operator may write
more after it, and hands a port over by writing it; a description is the only free text that every IOS keeps with an
interface); the addresses and relays of an interface VlanN whose description begins with `TSN-interface`; an access list
named `TSN-VLAN-from-4-...`; and the places where such lists are bound to `interface VlanN`, inbound for what hosts
send, outbound for what is sent to them. All else is left alone, also inside these blocks.

An isolated port is a protected one: two protected ports of a switch exchange no packet, of whatever kind, but through
a router. The switch next to it does not know of it.

Sources: Cisco IOS Security Command Reference, IPv6 Command Reference, LAN Switching Command Reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from controller.model.network.device_state import PREFIX, DeviceState, Filter, PortMode, PortRole, PortState
from controller.model.network.packets import Direction, Family
from controller.platforms.cisco_ios.acl import write_entry
from controller.platforms.cisco_ios.interface import interface_lines, interface_misfit
from controller.platforms.common.managed import LAST_VLAN, filter_key, filter_misfits, twice, vlan_list

PORT_MARK = f"{PREFIX}-port"
ISOLATED = "switchport protected"
SIDES = {Direction.FROM: "in", Direction.TO: "out"}
LISTS = {Family.V4: "ip access-list extended", Family.V6: "ipv6 access-list"}
BINDINGS = {Family.V4: "ip access-group", Family.V6: "ipv6 traffic-filter"}

MAXIMUM_ENTRIES = 1000
_LONGEST_LIST = 60
_VLAN_NAME = re.compile(rf"{PREFIX}-[!-~]{{1,28}}")
_PORT_NAME = re.compile(r"(?!Vlan|Loopback|Tunnel)[A-Z][A-Za-z-]*\d+(/\d+)*")


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
    interfaces = {one.vlan: one for one in state.interfaces}
    for number in sorted({*interfaces, *(binding.vlan for binding in state.bindings)}):
        own = interface_lines(interfaces[number]) if number in interfaces else ()
        here = [binding for binding in state.bindings if binding.vlan == number]
        ordered = sorted(here, key=lambda one: (one.family, one.direction))
        bound = [f"{BINDINGS[one.family]} {one.filter} {SIDES[one.direction]}" for one in ordered]
        blocks.append([f"interface Vlan{number}", *own, *bound])
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
    if port.isolated:
        yield ISOLATED


def misfits(state: DeviceState) -> Iterator[str]:
    """Why IOS cannot hold the state; each reason may rest on the absence of those before it."""
    for vlan in state.vlans:
        if not _VLAN_NAME.fullmatch(vlan.name) or not 1 <= vlan.number <= LAST_VLAN:
            yield f"VLAN {vlan.number} {vlan.name!r}: expected 1 to {LAST_VLAN}, named {PREFIX}- and 1 to 28 letters"
    yield from (f"network {one.ssid!r}: a switch has no wireless networks" for one in state.networks)
    for port in state.ports:
        yield from _port_misfits(port)
    for one in state.filters:
        yield from filter_misfits(one, MAXIMUM_ENTRIES)
    for interface in state.interfaces:
        yield from filter(None, (interface_misfit(interface),))
        if not 1 <= interface.vlan <= LAST_VLAN:
            yield f"interface in VLAN {interface.vlan}: no VLAN"
    for binding in state.bindings:
        if filter_key(binding.filter) is None or not 1 <= binding.vlan <= LAST_VLAN:
            yield f"{binding}: not the name of a filter of ours, or no VLAN"
    yield from twice(state)


def _port_misfits(port: PortState) -> Iterator[str]:
    if not _PORT_NAME.fullmatch(port.name):
        yield f"{port.name!r} is no port as IOS names it (GigabitEthernet1/0/1)"
    if port.role is not PortRole.UNFILTERED:
        yield f"port {port.name}: IOS filters at VLAN interfaces; a port has no role"
    if not port.vlans or (port.mode is PortMode.ACCESS and len(port.vlans) != 1):
        yield f"port {port.name}: an access port needs exactly one VLAN, a trunk at least one"
    if list(port.vlans) != sorted(set(port.vlans)) or not 1 <= port.vlans[0] <= port.vlans[-1] <= LAST_VLAN:
        yield f"port {port.name}: VLANs must ascend, from 1 to {LAST_VLAN}"
    if port.isolated and port.mode is not PortMode.ACCESS:
        yield f"port {port.name}: a trunk is never isolated; it would part the VLANs that others share"
    if len(port.vlans) == LAST_VLAN:
        yield f"port {port.name}: IOS does not print a list of all VLANs, so it could not be told from none"
