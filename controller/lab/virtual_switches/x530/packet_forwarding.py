"""What an x530 does with packets: its configuration as a `Forwarding`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from controller.lab.virtual_switches.forwarding import (
    Forwarding,
    InterfaceForwarding,
    PacketList,
    PacketRule,
    PortForwarding,
    StaticRoute,
)
from controller.lab.virtual_switches.x530.configuration import Configuration, ListKey, Port, is_by_lacp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from controller.lab.virtual_switches.x530.access_lists import AccessList


def build_forwarding(configuration: Configuration, *, tags_of_untagged: bool) -> Forwarding:
    """Return what the switch does with packets.

    A static group is a port of its own, and its members are none. A group by LACP has no partner here and stays down.
    `tags_of_untagged`: whether an entry's `vlan` is asked about the VLAN that untagged packets come into, too; the
    documents speak of "the packet's VLAN tag" (S9 page 1989).
    """
    vlans = frozenset(number for number, vlan in configuration.vlans.items() if vlan.enabled)
    compiler = _Compiler(configuration, tags_of_untagged=tags_of_untagged)
    ports = [compiler.port(name, port) for name, port in configuration.ports.items() if not port.group]
    ports += [compiler.port(name, port) for name, port in sorted(configuration.aggregates.items())]
    interfaces = tuple(
        InterfaceForwarding(
            number,
            not one.shutdown,
            (*one.addresses, *one.addresses_6),
            tuple(relay for relay in one.relays if " " not in relay),
        )
        for number, one in sorted(configuration.interfaces.items())
        if one.addresses or one.addresses_6
    )
    routes: frozenset[Literal[4, 6]] = frozenset((4, 6)) if configuration.forwards_6 else frozenset((4,))
    static = tuple(StaticRoute(network, gateway) for network, gateway in configuration.routes)
    return Forwarding(vlans, tuple(ports), interfaces, routes, static)


class _Compiler:
    def __init__(self, configuration: Configuration, *, tags_of_untagged: bool) -> None:
        self.configuration = configuration
        self.tags_of_untagged = tags_of_untagged

    def port(self, name: str, port: Port) -> PortForwarding:
        untagged = port.access if port.mode == "access" else port.native
        tagged = frozenset(port.allowed) - {untagged} if port.mode == "trunk" else frozenset[int]()
        lists = [self.list(key, untagged) for key in port.lists]
        lists += self.maps(tagged | ({untagged} if untagged else set()))
        return PortForwarding(name, not (port.shutdown or is_by_lacp(name)), untagged, tagged, lists=tuple(lists))

    def list(self, key: ListKey, untagged: int | None) -> PacketList:
        family, name = key
        held = self.configuration.lists[key]
        rules = (entry.rule for entry in held.active)
        asked = (rule for rule in rules if self.tags_of_untagged or rule.vlan is None or rule.vlan != untagged)
        return PacketList(name, family, tuple(asked), otherwise=True)

    def maps(self, vlans: Iterable[int]) -> Iterator[PacketList]:
        """Return the lists of VLAN maps: each asks only about the packets of its VLAN."""
        for vlan in sorted(vlans):
            if vlan in self.configuration.filters:
                name = self.configuration.filters[vlan]
                for one in self.configuration.maps[name]:
                    rules = narrow_to_vlan(self.configuration.lists[4, one], vlan)
                    yield PacketList(f"{name}-{one}-{vlan}", 4, tuple(rules), otherwise=True)


def narrow_to_vlan(held: AccessList, vlan: int) -> Iterator[PacketRule]:
    """Yield a list's rules for one VLAN only."""
    for entry in held.active:
        if entry.rule.vlan in {None, vlan}:
            yield replace(entry.rule, vlan=vlan)
