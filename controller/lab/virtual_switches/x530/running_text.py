"""The running configuration as the device prints it (S3d, S7; the place of lists and triggers in it was not found)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.x530.access_lists import V4
from controller.lab.virtual_switches.x530.configuration import (
    FACTORY_NAME,
    Configuration,
    Port,
    Trigger,
    VlanInterface,
    merge_names,
)
from controller.lab.virtual_switches.x530.grammar import write_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEPT_ORDER = (
    "service password-encryption", "hostname", "banner motd", "username", "service", "log", "ntp", "clock",
    "snmp-server", "ip domain-lookup", "ip", "spanning-tree", "lacp", "switch",
)  # fmt: skip
"""The beginnings of lines that are only kept, in the order of the output (S7)."""
Block = list[str]


def write_running(configuration: Configuration) -> str:
    """Return the running configuration: blocks with `!` between them, one blank of indent, no numbers in lists."""
    blocks = [
        *_write_kept(configuration),
        *_write_triggers(configuration.triggers),
        *_write_lists(configuration),
        *_write_vlans(configuration),
        *_write_interfaces(configuration),
        *_write_routes(configuration),
        *([f"line {name}", *kept.values()] for name, kept in configuration.lines.items()),
    ]
    return "!\n" + "".join("\n ".join(block) + "\n!\n" for block in blocks) + "end\n"


def _rank(key: str) -> int:
    return next((place for place, start in enumerate(KEPT_ORDER) if key.startswith(start)), len(KEPT_ORDER))


def _write_kept(configuration: Configuration) -> Iterator[Block]:
    kept = dict(configuration.kept)
    if configuration.hostname != FACTORY_NAME:
        kept["hostname"] = f"hostname {configuration.hostname}"
    if configuration.forwards_6:
        kept["ip forwarding 6"] = "ipv6 forwarding"
    yield from ([kept[key]] for key in sorted(kept, key=_rank))


def _write_lists(configuration: Configuration) -> Iterator[Block]:
    """Return lists; their entries have no numbers in this output (S9c page 838)."""
    for (family, name), held in configuration.lists.items():
        head = f"access-list hardware {name}" if family == V4 else f"ipv6 access-list {name}"
        entries = [entry.text for _, entry in sorted(held.entries.items())]
        yield [f"access-list {name} {entries[0]}"] if family == V4 and name.isdigit() else [head, *entries]
    for name, names in configuration.maps.items():
        yield [f"vlan access-map {name}", *(f"match access-group {one}" for one in names)]


def _write_vlans(configuration: Configuration) -> Iterator[Block]:
    """Return the VLAN database: names first, then the states (S13); VLAN 1 and default names are not printed (S6)."""
    vlans = {number: vlan for number, vlan in configuration.vlans.items() if number != 1}
    if not vlans:
        return
    block = ["vlan database"]
    block += [
        f"vlan {number} name {_quote(vlan.name)}"
        for number, vlan in sorted(vlans.items())
        if vlan.name != name_default(number)
    ]
    for word, enabled in (("disable", False), ("enable", True)):
        numbers = {number for number, vlan in vlans.items() if vlan.enabled is enabled}
        if numbers:
            block.append(f"vlan {write_numbers(numbers)} state {word}")
    yield block


def name_default(vlan: int) -> str:
    """Return the name of a VLAN that was given none (S6)."""
    return f"VLAN{vlan:04}"


def _quote(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _write_interfaces(configuration: Configuration) -> Iterator[Block]:
    """Return the interfaces, neighbours with equal lines in one block (S3d), and what stands on VLANs."""
    yield from _merge((name, write_port(port)) for name, port in configuration.ports.items())
    yield from _merge((name, write_port(port)) for name, port in sorted(configuration.aggregates.items()))
    yield from _merge((f"vlan{number}", _write_svi(one)) for number, one in sorted(configuration.interfaces.items()))
    for name in dict.fromkeys(configuration.filters.values()):
        numbers = {vlan for vlan, one in configuration.filters.items() if one == name}
        yield [f"vlan filter {name} vlan-list {write_numbers(numbers)} input"]


def _merge(named: Iterable[tuple[str, Block]]) -> Iterator[Block]:
    def place(item: tuple[int, tuple[str, Block]]) -> tuple[str, int, Block]:
        number, (name, lines) = item
        start = name.rstrip("0123456789")
        return start, int(name[len(start) :]) - number, lines

    for (_, _, lines), group in groupby(enumerate(named), key=place):
        yield [f"interface {merge_names([name for _, (name, _) in group])}", *lines]


def write_port(port: Port) -> Block:
    """Return the lines of a port: `switchport` and its mode always, its group and its lists last (S3d)."""
    block = [f"description {port.description}"] if port.description else []
    block += port.kept.values()
    block += ["shutdown"] if port.shutdown else []
    block += ["switchport", f"switchport mode {port.mode}"]
    if port.mode == "access" and port.access != 1:
        block.append(f"switchport access vlan {port.access}")
    if port.mode == "trunk":
        if port.allowed:
            block.append(f"switchport trunk allowed vlan add {write_numbers(port.allowed)}")
        if port.native != 1:
            block.append(f"switchport trunk native vlan {port.native or 'none'}")
    if port.group:
        kind, number, rest = port.group
        block.append(
            f"static-channel-group {number}{rest}" if kind == "static" else f"channel-group {number} mode {kind}"
        )
    block += [f"access-group {name}" if family == V4 else f"ipv6 traffic-filter {name}" for family, name in port.lists]
    return block


def _write_svi(one: VlanInterface) -> Block:
    block = [f"description {one.description}"] if one.description else []
    block += ["shutdown"] if one.shutdown else []
    block += [f"ip address {text}{' secondary' if place else ''}" for place, text in enumerate(one.addresses)]
    block += ["ipv6 enable"] if one.enabled_6 else []
    block += [f"ipv6 address {text}" for text in one.addresses_6]
    block += [f"ip dhcp-relay server-address {text}" for text in one.relays]
    return block


def _write_routes(configuration: Configuration) -> Iterator[Block]:
    lines = [
        f"{'ip' if network.version == V4 else 'ipv6'} route {network} {gateway}{f' {distance}' if distance else ''}"
        for (network, gateway), distance in configuration.routes.items()
    ]
    yield from ([line] for line in lines)


def _write_triggers(triggers: dict[int, Trigger]) -> Iterator[Block]:
    for number, one in sorted(triggers.items()):
        block = [f"trigger {number}"]
        block += [f"description {one.description}"] if one.description else []
        if one.kind == "periodic":
            block.append(f"type periodic {one.minutes}")
        elif one.kind == "time":
            block.append(f"type time {one.minutes // 60:02}:{one.minutes % 60:02}")
        block += [f"script {place} flash:/{name}" for place, name in sorted(one.scripts.items())]
        block += [f"repeat {one.repeat}"] if one.repeat is not None else []
        block += ["test"] if one.test else []
        block += [] if one.active else ["no active"]
        yield block
