"""The configuration as the switch shows it, in its order: that of a Catalyst 9200L with 17.9.4 (oxidized).

Known without a page: the place of `ip route` before the lists, of a LAG before the ports, `ipv6 access-list` after
them, and of the lines of a VLAN interface. A list of VLANs wraps below 80 columns (cisco.ios, `ios_l2_interfaces.cfg`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Interface

from controller.lab.virtual_switches.catalyst.configuration.state import (
    SIDES,
    AccessList,
    Configuration,
    Interface,
    StaticRouteKey,
    VlanDatabase,
)
from controller.lab.virtual_switches.catalyst.model import CatalystModel
from controller.lab.virtual_switches.catalyst.words import condense_vlan_list

_WIDTH = 80
_FIRST = ("service ", "no service ", "logging ", "no logging ", "aaa ", "no aaa ", "clock ", "boot ", "switch ")
_BEFORE_VLANS = ("ip domain", "no ip domain", "ip name-server", "spanning-tree ", "errdisable ", "lldp ", "no lldp ")
_AFTER_INTERFACES = ("ip default-gateway", "ip forward-protocol", "ip http", "no ip http", "ip ssh", "ip tftp")


def write_configuration(configuration: Configuration, database: VlanDatabase, model: CatalystModel) -> list[str]:
    """Return the lines of the running configuration from `version` to `end`."""
    kept = list(configuration.kept)

    def take(starts: tuple[str, ...]) -> list[str]:
        found = [line for line in kept if line.startswith(starts)]
        kept[:] = [line for line in kept if line not in found]
        return found

    lines = [f"version {configuration.version or model.version}", *take(_FIRST), "!"]
    lines += [f"hostname {configuration.hostname}", "!"]
    if configuration.exclusive:
        lines += [f"configuration mode exclusive {configuration.exclusive}"]
    lines += take(_BEFORE_VLANS)
    lines += ["ip routing"] * configuration.ip_routing + ["ipv6 unicast-routing"] * configuration.ipv6_routing
    lines += [f"vtp domain {database.domain}"] * bool(database.domain and database.in_configuration)
    lines += [f"vtp mode {database.mode}", "!"] if database.in_configuration else ["!"]
    lines += _write_archive(configuration)
    lines += [configuration.enable] * bool(configuration.enable) + list(configuration.users.values())
    lines += list(_write_vlans(database)) if database.in_configuration else []
    for interface in sort_interfaces(configuration, model):
        lines += [f"interface {interface.name}", *(f" {line}" for line in write_interface(interface)), "!"]
    lines += take(_AFTER_INTERFACES)
    lines += [write_route(route) for route in configuration.routes]
    for one in sorted(configuration.lists.values(), key=lambda one: (one.kind == "ipv6", one.name)):
        lines += _write_list(one, model)
    lines += kept
    for kind, text in configuration.banners.items():
        lines += [f"banner {kind} ^C{text[0]}", *text[1:-1], f"{text[-1]}^C"] if len(text) > 1 else []
        lines += [f"banner {kind} ^C{text[0]}^C"] if len(text) == 1 else []
        lines += ["!"]
    for name, held in configuration.lines.items():
        lines += [f"line {name}", *(f" {line}" for line in held)]
    return [*lines, "!", "end"]


def write_header(configuration: Configuration, lines: list[str]) -> list[str]:
    """Return what stands before the configuration in `show running-config`."""
    size = sum(len(line) + 1 for line in lines)
    head = ["Building configuration...", "", f"Current configuration : {size} bytes", "!"]
    head += [f"! Last configuration change at {configuration.changed}"] * bool(configuration.changed)
    head += [f"! NVRAM config last updated at {configuration.saved}"] * bool(configuration.saved)
    return [*head, "!"]


def _write_archive(configuration: Configuration) -> list[str]:
    archive = configuration.archive
    if not archive.is_there:
        return []
    lines = ["archive"]
    lines += [f" path {archive.path}"] * bool(archive.path)
    lines += [f" maximum {archive.maximum}"] * (archive.maximum is not None)
    lines += [" write-memory"] * archive.write_memory
    lines += [f" time-period {archive.minutes}"] * (archive.minutes is not None)
    return [*lines, "!"]


def _write_vlans(database: VlanDatabase) -> Iterator[str]:
    """Write VLANs; those without a name or another setting are joined, VLAN 1 is never shown."""
    plain: list[int] = []

    def flush() -> Iterator[str]:
        if plain:
            yield f"vlan {','.join(condense_vlan_list(plain))} "
            yield "!"
            plain.clear()

    for number in sorted(database.vlans):
        entry = database.vlans[number]
        if entry.name is None and entry.forwards:
            plain.extend([number] * (number != 1))
            continue
        yield from flush()
        yield f"vlan {number}"
        yield from [f" name {entry.name}"] * (entry.name is not None)
        yield from [" state suspend"] * entry.suspended + [" shutdown"] * entry.shut
        yield "!"
    yield from flush()


def sort_interfaces(configuration: Configuration, model: CatalystModel) -> list[Interface]:
    """Return the interfaces in the order of the running configuration."""

    def place(one: Interface) -> tuple[int, int]:
        if one.is_loopback:
            return 0, one.number
        if one.is_port_channel:
            return 1, one.number
        return (3, one.number) if one.is_vlan else (2, model.ports.index(one.name))

    return sorted(configuration.interfaces.values(), key=place)


def write_interface(one: Interface) -> list[str]:
    """Return the lines of an interface: what is not set otherwise is not shown."""
    lines = [f"description {one.description}"] * bool(one.description)
    if one.switched and not (one.is_vlan or one.is_loopback):
        lines += _write_switchport(one)
    else:
        lines += ["no switchport"] * (one.is_physical or one.is_port_channel)
        lines += [f"ip address {_write_address(address)} secondary" for address in one.secondaries]
        lines += [f"ip address {_write_address(one.address)}" if one.address else "no ip address"]
    lines += [f"ip access-group {one.lists[side]} {side}" for side in SIDES if side in one.lists]
    lines += [f"ip helper-address {relay}" for relay in one.relays]
    lines += ["shutdown"] * one.shut
    lines += [f"ipv6 address {str(address).upper()}" for address in one.addresses_6]
    lines += [f"ipv6 traffic-filter {one.lists_6[side]} {side}" for side in SIDES if side in one.lists_6]
    lines += [f"ipv6 dhcp relay destination {str(relay).upper()}" for relay in one.relays_6]
    lines += one.kept
    lines += [f"channel-group {one.channel[0]} mode {one.channel[1]}"] if one.channel else []
    return lines


def _write_switchport(one: Interface) -> list[str]:
    lines = [f"switchport access vlan {one.access_vlan}"] * (one.access_vlan != 1)
    lines += [f"switchport trunk encapsulation {one.encapsulation}"] * bool(one.encapsulation)
    lines += [f"switchport trunk native vlan {one.native_vlan}"] * (one.native_vlan != 1)
    lines += write_allowed(one.allowed) if one.allowed is not None else []
    lines += [f"switchport mode {one.mode}"] * bool(one.mode)
    lines += ["switchport nonegotiate"] * one.nonegotiate
    lines += [f"switchport voice vlan {one.voice_vlan}"] * (one.voice_vlan is not None)
    return lines + ["switchport protected"] * one.protected


def write_allowed(allowed: frozenset[int]) -> list[str]:
    """Return the lines of a trunk's VLANs; a line is shorter than 80 columns with its blank."""
    if not allowed:
        return ["switchport trunk allowed vlan none"]
    lines: list[str] = []
    line = "switchport trunk allowed vlan "
    empty = True
    for part in condense_vlan_list(allowed):
        longer = line + part if empty else f"{line},{part}"
        if len(longer) + 1 >= _WIDTH and not empty:
            lines.append(line)
            longer = f"switchport trunk allowed vlan add {part}"
        line, empty = longer, False
    return [*lines, line]


def _write_address(address: IPv4Interface) -> str:
    return f"{address.ip} {address.netmask}"


def write_route(route: StaticRouteKey) -> str:
    """Return the line of a route by hand."""
    destination, gateway, distance = route
    last = f" {distance}" if distance is not None else ""
    if isinstance(destination, IPv4Interface):
        return f"ip route {destination.ip} {destination.netmask} {gateway}{last}"
    return f"ipv6 route {str(destination).upper()} {str(gateway).upper()}{last}"


def _write_list(one: AccessList, model: CatalystModel) -> list[str]:
    numbered = re.fullmatch(r"\d+", one.name)
    if numbered and not model.numbers_entries:
        return [f"access-list {one.name} {entry.text}" for entry in one.entries]
    header = f"ipv6 access-list {one.name}" if one.kind == "ipv6" else f"ip access-list {one.kind} {one.name}"
    lines = [header]
    expected = 10
    for entry in one.entries:
        if one.kind == "ipv6":
            # Without numbers for all, one is shown where it is not the next one.
            shown = model.numbers_entries or (not entry.is_remark and entry.number != expected)
            lines.append(f" {f'sequence {entry.number} ' if shown else ''}{entry.text}")
        else:
            lines.append(f" {f'{entry.number} ' if model.numbers_entries else ''}{entry.text}")
        if not entry.is_remark:
            expected = entry.number + 10
    return [*lines, "!"]
