"""A switch whose filters stand at its interfaces in VLANs, as Cisco IOS does it: its configuration as data.

Ours are: a VLAN whose name begins with `TSN-`; a port whose description begins with `TSN-port` (an operator may write
more after it, and hands a port over by writing it); the addresses and relays of an interface in a VLAN whose
description begins with `TSN-interface`; an access list named `TSN-VLAN-from-4-...`; and the places where such lists are
bound to interfaces in VLANs, inbound for what hosts send, outbound for what is sent to them. All else is left alone,
also inside these blocks. What differs between systems stands in a `SwitchGrammar`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from controller.model.network.device_state import PREFIX, DeviceState, FilterBinding, PortMode, PortState
from controller.model.network.packets import Direction, Family
from controller.platforms.common.managed import (
    LAST_VLAN,
    find_filter_misfits,
    find_port_misfits,
    find_repeated_objects,
    find_vlan_misfits,
    parse_filter_name,
    write_vlan_list,
)
from controller.platforms.dialect.acl import AclGrammar, write_filter
from controller.platforms.dialect.blocks import Layout
from controller.platforms.dialect.unmanaged_paths import OF_UNKNOWN_HABITS, PathGrammar
from controller.platforms.dialect.vlan_interface import AddressGrammar, find_interface_misfit, write_interface

PORT_MARK = f"{PREFIX}-port"
_LONGEST_LIST = 60


def compile_conflicts(*found: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return pairs of a pattern and what an object is by a line of that pattern, compiled."""
    return tuple((re.compile(pattern), what) for pattern, what in found)


@dataclass(frozen=True)
class SwitchGrammar:
    """The configuration of a switch.

    `port_name` matches the names of its ports, `port_example` is one, `port_joiner` stands between the parts of a name.
    `vlan_interface` names an interface in a VLAN (`Vlan{}`). `bindings` are the words before a bound list, `sides`
    those behind it. `port_conflicts` match the lines that a port of ours cannot have, with what it is by them.
    `isolated` is the line of a port that is kept from others of its kind ("": there is none).
    `mode_first`: the mode stands before the VLANs. `quotes`: names and descriptions stand in quotes.
    `addresses`: how interfaces in VLANs are addressed (None: they are not built). `indent` begins a line of a block.
    `paths`: how its text shows ways of others. `maximum_entries` bounds a list.
    """

    acl: AclGrammar
    bindings: Mapping[Family, str]
    port_name: re.Pattern[str]
    port_example: str
    maximum_entries: int
    layout: Layout = field(default_factory=Layout)
    vlan_interface: str = "Vlan{}"
    sides: Mapping[Direction, str] = field(default_factory=lambda: {Direction.FROM: "in", Direction.TO: "out"})
    port_joiner: str = ""
    port_conflicts: tuple[tuple[re.Pattern[str], str], ...] = ()
    isolated: str = ""
    mode_first: bool = False
    quotes: bool = False
    addresses: AddressGrammar | None = None
    indent: str = " "
    paths: PathGrammar = OF_UNKNOWN_HABITS

    @property
    def title(self) -> str:
        """The name of the system in messages."""
        return self.acl.title

    def quote(self, text: str) -> str:
        """Write a name or a description as the system shows it."""
        return f'"{text}"' if self.quotes else text

    def unquote(self, text: str) -> str:
        """Return the name that is shown as `text`."""
        return text[1:-1] if self.quotes and text.startswith('"') and text.endswith('"') else text

    def bind(self, one: FilterBinding) -> str:
        """Write the line that binds a list, without indentation."""
        return f"{self.bindings[one.family]} {one.filter} {self.sides[one.direction]}"


def render_switch(grammar: SwitchGrammar, state: DeviceState) -> str:
    """Return our part of `show running-config` of a switch with this state.

    Raises:
        ValueError: the switch cannot hold the state.
    """
    for misfit in find_misfits(grammar, state):
        raise ValueError(misfit)
    blocks = [[f"vlan {vlan.number}", f"name {grammar.quote(vlan.name)}"] for vlan in state.vlans]
    blocks += [[f"interface {port.name}", *_write_port(grammar, port)] for port in state.ports]
    interfaces = {one.vlan: one for one in state.interfaces}
    for number in sorted({*interfaces, *(binding.vlan for binding in state.bindings)}):
        own = (
            write_interface(grammar.addresses, interfaces[number]) if grammar.addresses and number in interfaces else ()
        )
        here = [binding for binding in state.bindings if binding.vlan == number]
        bound = map(grammar.bind, sorted(here, key=lambda one: (one.family, one.direction)))
        blocks.append([f"interface {grammar.vlan_interface.format(number)}", *own, *bound])
    blocks += [write_filter(grammar.acl, one) for one in sorted(state.filters, key=lambda one: (one.family, one.name))]
    return "".join(f"\n{grammar.indent}".join(block) + "\n!\n" for block in blocks)


def _write_port(grammar: SwitchGrammar, port: PortState) -> Iterator[str]:
    yield f"description {grammar.quote(PORT_MARK)}"
    mode = f"switchport mode {port.mode}"
    if grammar.mode_first:
        yield mode
    if port.mode is PortMode.TRUNK:
        yield from write_allowed_vlans(port.vlans)
    elif port.vlans != (1,):
        # VLAN 1 is the default, which is not printed.
        yield f"switchport access vlan {port.vlans[0]}"
    if not grammar.mode_first:
        yield mode
    if port.isolated:
        yield grammar.isolated


def write_allowed_vlans(vlans: Iterable[int]) -> list[str]:
    """Return the allowed VLANs of a trunk; a long list is continued on lines with `add`."""
    lines, current = [], ""
    for part in write_vlan_list(vlans).split(","):
        if current and len(current) + len(part) >= _LONGEST_LIST:
            lines.append(current)
            current = ""
        current += f",{part}" if current else part
    lines.append(current)
    return [f"switchport trunk allowed vlan {'add ' if index else ''}{line}" for index, line in enumerate(lines)]


def find_misfits(grammar: SwitchGrammar, state: DeviceState) -> Iterator[str]:
    """Yield why the switch cannot hold the state; each reason may rest on the absence of those before it."""
    yield from find_vlan_misfits(state)
    for port in state.ports:
        yield from _find_port_misfits(grammar, port)
    for one in state.filters:
        yield from find_filter_misfits(one, grammar.maximum_entries)
    for interface in state.interfaces:
        yield from filter(None, (find_interface_misfit(interface),))
        if not 1 <= interface.vlan <= LAST_VLAN:
            yield f"interface in VLAN {interface.vlan}: no VLAN"
    for binding in state.bindings:
        if parse_filter_name(binding.filter) is None or not 1 <= binding.vlan <= LAST_VLAN:
            yield f"{binding}: not the name of a filter of ours, or no VLAN"
    yield from find_repeated_objects(state)


def _find_port_misfits(grammar: SwitchGrammar, port: PortState) -> Iterator[str]:
    if not grammar.port_name.fullmatch(port.name):
        yield f"{port.name!r} is no port as {grammar.title} names it ({grammar.port_example})"
    yield from find_port_misfits(port)
    if port.isolated and port.mode is not PortMode.ACCESS:
        yield f"port {port.name}: a trunk is never isolated; it would part the VLANs that others share"
    if len(port.vlans) == LAST_VLAN:
        yield f"port {port.name}: {grammar.title} does not print a list of all VLANs, so it could not be told from none"
