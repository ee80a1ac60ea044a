"""What a Catalyst does with packets, from its configuration and its VLANs.

A port list stands alone on its port, inbound (2960-X guide 15.2(4)E); a list that is missing or empty lets everything
pass, the first entry turns the implicit deny on; the implicit end of an IPv6 list permits neighbour discovery (3560
reference). A port without a mode and without a partner that asks for a trunk is an access port.
"""

from __future__ import annotations

from ipaddress import IPv4Interface
from typing import Literal

from controller.lab.virtual_switches.catalyst.configuration.state import (
    AccessList,
    Configuration,
    Interface,
    Side,
    VlanDatabase,
)
from controller.lab.virtual_switches.catalyst.model import CatalystModel
from controller.lab.virtual_switches.forwarding import (
    Forwarding,
    InterfaceForwarding,
    PacketList,
    PacketRule,
    PortForwarding,
    StaticRoute,
)

_ICMP_6 = 58
_NEIGHBOUR_DISCOVERY = ((136,), (135,))
_ROUTED_PORT_VLAN = 4095
"""A port that is no switchport is alone in a VLAN of its own, counted down from here: no user can name it."""


def build_forwarding(configuration: Configuration, database: VlanDatabase, model: CatalystModel) -> Forwarding:
    """Return what a configuration does with packets."""
    vlans = frozenset(number for number, entry in database.vlans.items() if entry.forwards)
    ports, interfaces, routed = [], [], set()
    for one in _list_ports(configuration, model):
        if one.switched:
            ports.append(_build_port(configuration, one, vlans))
            continue
        vlan = _ROUTED_PORT_VLAN + model.ports.index(one.name)
        routed.add(vlan)
        ports.append(PortForwarding(one.name, up=not one.shut, untagged=vlan))
        interfaces.append(_build_interface(configuration, one, vlan, up=not one.shut))
    carried = {vlan for port in ports if port.up for vlan in (port.untagged, *port.tagged) if vlan is not None}
    for one in configuration.interfaces.values():
        if one.is_vlan:
            up = not one.shut and one.number in vlans and one.number in carried
            interfaces.append(_build_interface(configuration, one, one.number, up=up))
    families: list[Literal[4, 6]] = []
    families += [4] * configuration.ip_routing
    families += [6] * configuration.ipv6_routing
    routes = tuple(
        StaticRoute(to.network if isinstance(to, IPv4Interface) else to, gateway)
        for to, gateway, distance in sorted(configuration.routes, key=lambda one: one[2] or 1)
    )
    return Forwarding(vlans | routed, tuple(ports), tuple(interfaces), frozenset(families), routes)


def _list_ports(configuration: Configuration, model: CatalystModel) -> list[Interface]:
    """Return the ports that forward by themselves: groups, and ports that are in none."""
    interfaces = configuration.interfaces
    groups = [one for one in interfaces.values() if one.is_port_channel]
    return groups + [interfaces[name] for name in model.ports if interfaces[name].channel is None]


def _build_port(configuration: Configuration, one: Interface, vlans: frozenset[int]) -> PortForwarding:
    up = not one.shut
    if one.is_port_channel:
        members = [
            member
            for member in configuration.interfaces.values()
            if member.channel is not None and member.channel[0] == one.number
        ]
        # A member that differs is suspended.
        up = up and any(not member.shut and member.switchport_settings == one.switchport_settings for member in members)
    lists = (
        *_build_lists(configuration, one.lists, "in", 4),
        *_build_lists(configuration, one.lists_6, "in", 6),
    )
    if one.mode == "trunk":
        allowed = vlans if one.allowed is None else vlans & one.allowed
        untagged = one.native_vlan if one.native_vlan in allowed else None
        return PortForwarding(one.name, up, untagged, allowed - {one.native_vlan}, one.protected, lists)
    untagged = one.access_vlan if one.access_vlan in vlans else None
    voice = frozenset({one.voice_vlan} if one.voice_vlan in vlans and one.voice_vlan is not None else ())
    return PortForwarding(one.name, up, untagged, voice - {untagged or 0}, one.protected, lists)


def _build_interface(configuration: Configuration, one: Interface, vlan: int, *, up: bool) -> InterfaceForwarding:
    addresses = [*([one.address] if one.address else []), *one.secondaries]
    return InterfaceForwarding(
        vlan,
        up,
        tuple(map(str, [*addresses, *one.addresses_6])),
        tuple(map(str, [*one.relays, *one.relays_6])),
        (*_build_lists(configuration, one.lists, "in", 4), *_build_lists(configuration, one.lists_6, "in", 6)),
        (*_build_lists(configuration, one.lists, "out", 4), *_build_lists(configuration, one.lists_6, "out", 6)),
    )


def _build_lists(
    configuration: Configuration, held: dict[Side, str], side: Side, family: Literal[4, 6]
) -> tuple[PacketList, ...]:
    name = held.get(side)
    known = configuration.lists.get(name) if name is not None else None
    if known is None or not known.rules or (known.kind == "ipv6") != (family == 6):  # noqa: PLR2004
        return ()
    return (build_packet_list(known),)


def build_packet_list(known: AccessList) -> PacketList:
    """Return what a list with entries does."""
    rules = tuple(rule for entry in known.entries for rule in entry.rules)
    if known.kind == "ipv6":
        rules += tuple(PacketRule(True, 6, _ICMP_6, icmp=(kind,)) for (kind,) in _NEIGHBOUR_DISCOVERY)  # noqa: FBT003
    return PacketList(known.name, 6 if known.kind == "ipv6" else 4, rules, otherwise=False)
