"""What is typed under an interface, for each of a range (S3d, S7, S12, S13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.x530.configuration import Port, VlanInterface, is_by_lacp, name_group
from controller.lab.virtual_switches.x530.grammar import Refused, Unmodelled, build_syntax
from controller.lab.virtual_switches.x530.modes import Mode

if TYPE_CHECKING:
    from controller.lab.virtual_switches.x530.access_lists import Family
    from controller.lab.virtual_switches.x530.command_line import X530CommandLine

Change = Callable[..., str | None]


def for_each(change: Change) -> Callable[..., list[str]]:
    """Return a command that makes a change on each interface that was chosen."""

    def run(line: X530CommandLine, *chosen: object) -> list[str]:
        said = [change(line, name, *chosen) for name in line.where.interfaces]
        return list(dict.fromkeys(one for one in said if one))

    return run


def _port(line: X530CommandLine, name: str) -> Port:
    port = line.running.find_port(name)
    if port is None:
        message = f"% {name} is not a switchport"
        raise Refused(message)
    return port


def _switching(line: X530CommandLine, name: str) -> Port:
    """Return a port whose VLANs may be changed: those of a group's member are the group's (S12)."""
    port = _port(line, name)
    if port.group:
        message = f"VLANs of {name}, which is a member of {name_group(port.group)}"
        raise Unmodelled(message)
    return port


def _svi(line: X530CommandLine, name: str) -> VlanInterface:
    if not name.startswith("vlan"):
        message = f"% {name} takes no addresses"
        raise Refused(message)
    return line.running.interfaces[int(name.removeprefix("vlan"))]


def _members(line: X530CommandLine, name: str) -> Iterator[Port]:
    yield from (line.running.ports[one] for one in line.running.list_members(name))


def _switch(line: X530CommandLine, name: str, **settings: object) -> None:
    """Change how a port switches; the members of a group switch as the group does."""
    port = _switching(line, name)
    for key, value in settings.items():
        setattr(port, key, value)
    for member in _members(line, name):
        member.take_switching(port)


def _known(line: X530CommandLine, vlans: frozenset[int]) -> None:
    """Refuse VLANs that are not in the VLAN database: what the device does with them was not found."""
    missing = sorted(vlans - set(line.running.vlans))
    if missing:
        message = f"% VLAN {missing[0]} does not exist"
        raise Refused(message)


def describe(line: X530CommandLine, name: str, text: str) -> None:
    """Set a description."""
    target = line.running.find_port(name) or _svi(line, name)
    target.description = text


def undescribe(line: X530CommandLine, name: str) -> None:
    """Take a description away."""
    describe(line, name, "")


def _set_shutdown(*, down: bool) -> Change:
    def change(line: X530CommandLine, name: str) -> None:
        target = line.running.find_port(name) or _svi(line, name)
        target.shutdown = down

    return change


def _keep(head: str) -> Change:
    def change(line: X530CommandLine, name: str, text: str) -> None:
        _port(line, name).kept[head] = f"{head} {text}"

    return change


def _stay(line: X530CommandLine, name: str) -> None:
    _port(line, name)


def _refuse_routed_port(_line: X530CommandLine, _name: str) -> None:
    message = "no switchport"
    raise Unmodelled(message)


def _set_mode(mode: str) -> Change:
    def change(line: X530CommandLine, name: str) -> None:
        if _switching(line, name).mode != mode:
            _switch(line, name, mode=mode, access=1, native=1, allowed=set())

    return change


def set_access_vlan(line: X530CommandLine, name: str, vlan: int) -> None:
    """Put an access port into a VLAN."""
    if _switching(line, name).mode != "access":
        message = f"% {name} is not in access mode"
        raise Refused(message)
    _known(line, frozenset({vlan}))
    _switch(line, name, access=vlan)


def unset_access_vlan(line: X530CommandLine, name: str) -> None:
    """Put an access port into VLAN 1."""
    set_access_vlan(line, name, 1)


def _trunk(line: X530CommandLine, name: str) -> Port:
    port = _switching(line, name)
    if port.mode != "trunk":
        message = f"% {name} is not in trunk mode"
        raise Refused(message)
    return port


def set_native(line: X530CommandLine, name: str, vlan: int | None) -> None:
    """Set the VLAN of a trunk's untagged packets."""
    port = _trunk(line, name)
    if vlan is not None:
        _known(line, frozenset({vlan}))
        if vlan in port.allowed:
            message = f"native VLAN {vlan}, which is tagged on {name}"
            raise Unmodelled(message)
    _switch(line, name, native=vlan)


def allow_vlans(line: X530CommandLine, name: str, vlans: frozenset[int]) -> None:
    """Let a trunk carry more VLANs, tagged."""
    port = _trunk(line, name)
    _known(line, vlans)
    if port.native in vlans:
        message = f"VLAN {port.native}, the native one of {name}, as an allowed one"
        raise Unmodelled(message)
    _switch(line, name, allowed=port.allowed | vlans)


def disallow_vlans(line: X530CommandLine, name: str, vlans: frozenset[int]) -> None:
    """Let a trunk carry fewer VLANs."""
    port = _trunk(line, name)
    _switch(line, name, allowed=port.allowed - vlans)


def allow_none(line: X530CommandLine, name: str) -> None:
    """Let a trunk carry no tagged VLAN."""
    _trunk(line, name)
    _switch(line, name, allowed=set())


def attach(family: Family) -> Change:
    """Return the command that puts a list on a port, after those that are there (S9a, S9d page 7)."""

    def change(line: X530CommandLine, name: str, text: str) -> None:
        port = _port(line, name)
        if (family, text) not in line.running.lists:
            message = f"% Access-list {text} does not exist"
            raise Refused(message)
        if (family, text) in port.lists:
            message = f"% Access-list {text} is already attached to {name}"
            raise Refused(message)
        if (port.group and port.group[0] == "static") or is_by_lacp(name):
            # A static group takes lists, one by LACP has them on every member (S9d page 7).
            message = f"lists on {name}: a member of a static group, or a group by LACP"
            raise Unmodelled(message)
        if line.running.filters:
            message = "lists on ports beside 'vlan filter'"
            raise Unmodelled(message)
        port.lists.append((family, text))

    return change


def detach(family: Family) -> Change:
    """Return the command that takes a list from a port."""

    def change(line: X530CommandLine, name: str, text: str) -> None:
        port = _port(line, name)
        if (family, text) not in port.lists:
            message = f"% Access-list {text} is not attached to {name}"
            raise Refused(message)
        port.lists.remove((family, text))

    return change


def _join(kind: str) -> Change:
    def change(line: X530CommandLine, name: str, number: int, rest: str = "") -> None:
        running = line.running
        if name not in running.ports:
            message = f"% {name} cannot be a member of a group"
            raise Refused(message)
        port = running.ports[name]
        group = (kind, number, rest)
        aggregate = name_group(group)  # type: ignore[arg-type]  # the three kinds are written below
        if port.group:
            if name_group(port.group) == aggregate and port.group[0] == kind:
                return
            raise Refused("% already under lacp control" if port.group[0] != "static" else f"% {name} is in a group")
        if port.lists and kind == "static":
            message = f"a static group's member with lists on it: {name}"
            raise Unmodelled(message)
        held = running.aggregates.get(aggregate)
        if held is None:
            held = running.aggregates[aggregate] = Port()
            held.take_switching(port)
        elif held.switching() != port.switching():
            message = f"% The properties of {name} don't match other ports in aggregator"
            raise Refused(message)
        port.group = group  # type: ignore[assignment]  # as above

    return change


def leave_group(line: X530CommandLine, name: str) -> None:
    """Take a port out of its group; with the last one the group goes (S12)."""
    port = line.running.ports.get(name)
    if port is None or not port.group:
        message = f"% {name} is in no group"
        raise Refused(message)
    aggregate = name_group(port.group)
    if line.running.list_members(aggregate) == [name]:
        if line.running.aggregates[aggregate].lists:
            message = f"the end of {aggregate}, which has lists on it"
            raise Unmodelled(message)
        del line.running.aggregates[aggregate]
    port.group = None


def leave_group_by_lacp(line: X530CommandLine, name: str) -> None:
    """Take a port out of its group by LACP, which leads back to global configuration (S9e)."""
    port = line.running.ports.get(name)
    if port is not None and port.group and port.group[0] == "static":
        message = f"% {name} is in no group by LACP"
        raise Refused(message)
    leave_group(line, name)
    line.go(Mode.GLOBAL)


def add_address(line: X530CommandLine, name: str, text: str) -> None:
    """Set the primary IPv4 address."""
    addresses = _svi(line, name).addresses
    if text in addresses[1:]:
        message = f"% {text} is a secondary address of {name}"
        raise Refused(message)
    addresses[:1] = [text]


def add_secondary(line: X530CommandLine, name: str, text: str) -> None:
    """Give one more IPv4 address."""
    addresses = _svi(line, name).addresses
    if not addresses:
        message = "% Cannot add a secondary address before the primary one"
        raise Refused(message)
    if text not in addresses:
        addresses.append(text)


def remove_address(line: X530CommandLine, name: str, text: str) -> None:
    """Take one IPv4 address away."""
    addresses = _svi(line, name).addresses
    if text not in addresses:
        message = "% Can't find address on interface"
        raise Refused(message)
    if addresses[0] == text and len(addresses) > 1:
        message = "% Cannot remove the primary address while there are secondary ones"
        raise Refused(message)
    addresses.remove(text)


def remove_addresses(line: X530CommandLine, name: str) -> str | None:
    """Take all IPv4 addresses away, and say so (S3b)."""
    addresses = _svi(line, name).addresses
    if not addresses:
        return None
    addresses.clear()
    return f"% All IP addresses configured on interface {name} have been removed"


def add_address_6(line: X530CommandLine, name: str, text: str) -> None:
    """Give an IPv6 address."""
    held = _svi(line, name).addresses_6
    if text not in held:
        held.append(text)


def remove_address_6(line: X530CommandLine, name: str, text: str) -> None:
    """Take an IPv6 address away."""
    held = _svi(line, name).addresses_6
    if text not in held:
        message = "% Can't find address on interface"
        raise Refused(message)
    held.remove(text)


def _enable_6(*, on: bool) -> Change:
    def change(line: X530CommandLine, name: str) -> None:
        _svi(line, name).enabled_6 = on

    return change


def _relay(line: X530CommandLine, name: str, address: object, outgoing: str = "") -> None:
    text = f"{address} {outgoing}".strip()
    held = _svi(line, name).relays
    if text not in held:
        held.append(text)


def _unrelay(line: X530CommandLine, name: str, address: object, outgoing: str = "") -> None:
    text = f"{address} {outgoing}".strip()
    held = _svi(line, name).relays
    if text not in held:
        message = "% Can't find the DHCP server"
        raise Refused(message)
    held.remove(text)


_CHANGES: dict[str, Change] = {
    "description <line>": describe,
    "no description": undescribe,
    "shutdown": _set_shutdown(down=True),
    "no shutdown": _set_shutdown(down=False),
    "speed <name>": _keep("speed"),
    "duplex <name>": _keep("duplex"),
    "switchport": _stay,
    "no switchport": _refuse_routed_port,
    "switchport mode access": _set_mode("access"),
    "switchport mode trunk": _set_mode("trunk"),
    "switchport access vlan <vlan>": set_access_vlan,
    "no switchport access vlan": unset_access_vlan,
    "switchport trunk native vlan <vlan>": set_native,
    "switchport trunk native vlan none": lambda line, name: set_native(line, name, None),
    "no switchport trunk native vlan": lambda line, name: set_native(line, name, 1),
    "switchport trunk allowed vlan add <vlans>": allow_vlans,
    "switchport trunk allowed vlan remove <vlans>": disallow_vlans,
    "switchport trunk allowed vlan none": allow_none,
    "no switchport trunk allowed vlan": allow_none,
    "access-group <name>": attach(4),
    "no access-group <name>": detach(4),
    "ipv6 traffic-filter <name>": attach(6),
    "no ipv6 traffic-filter <name>": detach(6),
    "static-channel-group <group>": _join("static"),
    "static-channel-group <group> member-filters": lambda line, name, number: _join("static")(
        line, name, number, " member-filters"
    ),
    "no static-channel-group": leave_group,
    "no channel-group": leave_group_by_lacp,
    "channel-group <group> mode active": _join("active"),
    "channel-group <group> mode passive": _join("passive"),
    "ip address <a4/l>": add_address,
    "ip address <a4/l> secondary": add_secondary,
    "no ip address": remove_addresses,
    "no ip address <a4/l>": remove_address,
    "no ip address <a4/l> secondary": remove_address,
    "ipv6 enable": _enable_6(on=True),
    "no ipv6 enable": _enable_6(on=False),
    "ipv6 address <a6/l>": add_address_6,
    "no ipv6 address <a6/l>": remove_address_6,
    "ip dhcp-relay server-address <a4>": _relay,
    "no ip dhcp-relay server-address <a4>": _unrelay,
    "ip dhcp-relay server-address <a6> <name>": _relay,
    "no ip dhcp-relay server-address <a6> <name>": _unrelay,
}
COMMANDS = tuple(build_syntax(pattern, for_each(change)) for pattern, change in _CHANGES.items())
UNMODELLED = (
    "switchport trunk allowed vlan all", "switchport trunk allowed vlan except", "switchport voice",
    "switchport port-security", "switchport vlan-stacking", "switchport mode private-vlan", "switchport enable",
    "ip helper-address", "ip access-group", "mac access-group", "service-policy", "spanning-tree", "egress-vlan-name",
    "mirror", "dot1x", "auth", "storm-control", "loop-protection", "thrash-limiting", "platform", "lldp",
    "power-inline",
    "ip address dhcp", "ipv6 address dhcp", "ip igmp", "vrrp", "port-vlan-forwarding-priority", "arp", "mru", "mtu",
    "lacp", "polarity", "flowcontrol", "backpressure", "linkflap", "ip dhcp", "ipv6 nd", "ip ospf", "ip rip",
)  # fmt: skip
"""Beginnings of commands that the device has under an interface and that nothing here models."""
