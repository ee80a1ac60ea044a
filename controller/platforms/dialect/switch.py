"""A switch whose filters stand at its interfaces in VLANs, as Cisco IOS does it: its configuration as data.

Ours are: a VLAN whose name begins with `TSN-`; a port whose description begins with `TSN-port` (an operator may write
more after it, and hands a port over by writing it); a member of a LAG whose description begins with `TSN-member`; the
addresses and relays of an interface in a VLAN whose description begins with `TSN-interface`; an access list named
`TSN-VLAN-from-4-...`; and the places where such lists are bound to interfaces in VLANs, inbound for what hosts send,
outbound for what is sent to them. All else is left alone, also inside these blocks. What differs between systems stands
in a `SwitchGrammar`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from controller.model.network.device_state import PREFIX, DeviceState, FilterBinding, PortMode, PortState
from controller.model.network.lags import Lag
from controller.model.network.packets import Direction, Family
from controller.platforms.common.managed import (
    LAST_VLAN,
    find_filter_misfits,
    find_lag_misfits,
    find_port_misfits,
    find_repeated_objects,
    find_vlan_misfits,
    parse_filter_name,
    write_vlan_list,
)
from controller.platforms.dialect.acl import AclGrammar, write_filter
from controller.platforms.dialect.blocks import Layout
from controller.platforms.dialect.lags import MEMBER_MARK, LagGrammar
from controller.platforms.dialect.paths.reader import OF_UNKNOWN_HABITS, PathGrammar
from controller.platforms.dialect.paths.words import KnownLines
from controller.platforms.dialect.vlan_interface import AddressGrammar, find_interface_misfit, write_interface
from controller.platforms.dialect.vlan_table import VlanTable

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
    `lags`: how it puts ports together (None: it is not built). `encapsulation` is the line by which a trunk names
    IEEE 802.1Q, on models that know another encapsulation ("": none does). `paths`: how its text shows ways of others.
    `maximum_entries` bounds a list. `known_lines` may stand in objects of ours beside our own. `complete_name` writes
    the name of an interface in full, `find_name_fault` says why it could be of several ones. `read_vlan_table` reads
    what stands of VLANs outside of the blocks.
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
    lags: LagGrammar | None = None
    encapsulation: str = ""
    mode_first: bool = False
    quotes: bool = False
    addresses: AddressGrammar | None = None
    indent: str = " "
    paths: PathGrammar = OF_UNKNOWN_HABITS
    known_lines: KnownLines = field(default_factory=KnownLines)
    complete_name: Callable[[str], str] = str
    find_name_fault: Callable[[str], str] = lambda _: ""
    read_vlan_table: Callable[[str], VlanTable] = lambda _: VlanTable()

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
    blocks += [[f"interface {port.name}", *_write_port(grammar, port, PORT_MARK)] for port in state.ports]
    blocks += [_write_member(grammar, state, lag, name) for lag in state.lags for name in lag.members]
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


def _write_member(grammar: SwitchGrammar, state: DeviceState, lag: Lag, name: str) -> list[str]:
    """Return the block of a member: it has the lines of the port that its LAG is."""
    port = next(port for port in state.ports if port.name == lag.name)
    joined = [grammar.lags.write_join(lag)] if grammar.lags else []
    return [f"interface {name}", *_write_port(grammar, port, MEMBER_MARK), *joined]


def _write_port(grammar: SwitchGrammar, port: PortState, mark: str) -> Iterator[str]:
    yield f"description {grammar.quote(mark)}"
    mode = f"switchport mode {port.mode}"
    if port.names_dot1q:
        yield grammar.encapsulation
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
    lines = _split_vlans(vlans)
    return [f"switchport trunk allowed vlan {'add ' if index else ''}{line}" for index, line in enumerate(lines)]


def change_allowed_vlans(old: Iterable[int] | None, new: Iterable[int]) -> list[str]:
    """Return the commands from one list of a trunk to another; `old` None: nobody knows what the trunk carries.

    After each of them the trunk carries what both lists have, and nothing that neither has. So a list that does not
    fit one line is never written anew: its first line would drop all that stand on the next.

    >>> change_allowed_vlans((10, 20), (20, 30))
    ['switchport trunk allowed vlan add 30', 'switchport trunk allowed vlan remove 10']
    >>> change_allowed_vlans(None, (20, 30))
    ['switchport trunk allowed vlan 20,30']
    """
    wanted, every = set(new), set(range(1, LAST_VLAN + 1))
    if old is None and len(lines := write_allowed_vlans(wanted)) == 1:
        return lines
    lost = (every if old is None else set(old)) - wanted
    gained = wanted - (set() if old is None else set(old))
    removed = [f"switchport trunk allowed vlan remove {line}" for line in _split_vlans(lost)]
    added = [f"switchport trunk allowed vlan add {line}" for line in _split_vlans(gained)]
    # A list of every VLAN is not printed: what is unknown may be one, and a trunk must not become one on the way.
    return [*removed, *added] if old is None or lost | wanted == every else [*added, *removed]


def _split_vlans(vlans: Iterable[int]) -> list[str]:
    """Return a list of VLANs in as many parts as it needs lines; none for no VLANs."""
    lines, current = [], ""
    for part in write_vlan_list(vlans).split(","):
        if current and len(current) + len(part) >= _LONGEST_LIST:
            lines.append(current)
            current = ""
        current += f",{part}" if current else part
    return [*lines, current] if current else lines


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
    if grammar.lags:
        yield from find_lag_misfits(state, grammar.lags.support, lambda name: bool(grammar.port_name.fullmatch(name)))
    yield from find_repeated_objects(state)


def _find_port_misfits(grammar: SwitchGrammar, port: PortState) -> Iterator[str]:
    if not grammar.port_name.fullmatch(port.name):
        yield f"{port.name!r} is no port as {grammar.title} names it ({grammar.port_example})"
    yield from find_port_misfits(port)
    if port.isolated and port.mode is not PortMode.ACCESS:
        yield f"port {port.name}: a trunk is never isolated; it would part the VLANs that others share"
    if port.names_dot1q and port.mode is not PortMode.TRUNK:
        yield f"port {port.name}: only a trunk has an encapsulation"
    if len(port.vlans) == LAST_VLAN:
        yield f"port {port.name}: {grammar.title} does not print a list of all VLANs, so it could not be told from none"
    if grammar.complete_name(port.name) != port.name:
        yield f"{port.name!r}: {grammar.title} prints this port as {grammar.complete_name(port.name)!r}; write it so"
