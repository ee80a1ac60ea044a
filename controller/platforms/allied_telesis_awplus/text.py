"""The running configuration of AlliedWare Plus: what of it is ours, written.

Ours are: a VLAN whose name begins with `TSN-`; a port whose description begins with `TSN-hosts`, `TSN-gateway` or
`TSN-port` (it tells the role of the port: host-facing, uplink, or nothing that is filtered here); a member of a LAG
whose description begins with `TSN-member`; and a hardware access list named `TSN-VLAN-from-4-...`, with the places
where it is attached. All else is left alone.

Hardware access lists judge what a port *receives*, and nothing else. So the filter of what hosts send stands on the
ports that face them, and the filter of what is sent to them on the ports that face the gateway, which must be the
router of every segment. Several lists on a port are asked in their order until one of their entries matches; each entry
names its VLAN by the tag, so that the lists of a port never meet. **What nothing matches is forwarded**: every list of
ours ends in an entry for all packets of its VLAN and family.

Sources: CentreCOM x930シリーズ コマンドリファレンス 5.4.7 (613-002105; `ipv6 access-list`), AT-DC2552XS コマンド
リファレンス 2.5.3.1 (`access-group`: the order of lists, the default, 256 lists a port), Command Reference for x510
Series (C613-50170-01) and for IE340 Series (C613-50631-01); running configurations in the tests of Allied Telesis' own
Ansible collection (alliedtelesis/ansible_awplus). Not verified on a device.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from controller.model.network.device_state import PREFIX, DeviceState, FilterBinding, PortMode, PortRole, PortState
from controller.model.network.lags import LagMode, LagSupport
from controller.model.network.packets import Direction, Family, Protocol
from controller.platforms.allied_telesis_awplus.acl import ACCESS_LISTS, ICMP_TYPES, LAST_ICMP_TYPE, MAXIMUM_ENTRIES
from controller.platforms.common.managed import (
    find_filter_misfits,
    find_lag_misfits,
    find_port_misfits,
    find_repeated_objects,
    find_vlan_misfits,
    parse_filter_name,
    write_vlan_list,
)
from controller.platforms.common.whole_text import TextForm
from controller.platforms.dialect.acl import write_filter
from controller.platforms.dialect.blocks import Layout, find_layout_faults
from controller.platforms.dialect.lags import MEMBER_MARK, LagGrammar

ATTACHED = {Family.V4: "access-group", Family.V6: "ipv6 traffic-filter"}
MARKS = {
    PortRole.HOST_FACING: f"{PREFIX}-hosts",
    PortRole.UPLINK: f"{PREFIX}-gateway",
    PortRole.UNFILTERED: f"{PREFIX}-port",
}
LAGS = LagGrammar(
    support=LagSupport(lacp="po{n}", static="sa{n}", highest_lacp=32, highest_static=96),
    joins={LagMode.LACP: "channel-group {n} mode active", LagMode.STATIC: "static-channel-group {n}"},
    leaves={LagMode.LACP: "no channel-group", LagMode.STATIC: "no static-channel-group"},
    pattern=re.compile(r"(?:static-)?channel-group (?P<number>[0-9]{1,4})( .*)?"),
)
"""The highest numbers are those of one model (32 of LACP, 96 static); a smaller one refuses the command."""
JUDGED = {PortRole.HOST_FACING: Direction.FROM, PortRole.UPLINK: Direction.TO}
"""The direction of the filters that a port has, by its role: it judges only what it receives."""

MAXIMUM_LISTS = 256
LAYOUT = Layout(open_text=re.compile(r"banner (login|motd|exec)"))
TEXT_FORM = TextForm(
    re.compile(r"hostname \S|(no )?service password-encryption|Building configuration|Current configuration"),
    "'hostname' or 'service password-encryption'",
    faults=lambda text: find_layout_faults(text, LAYOUT),
)
PORT_NAME = re.compile(r"port[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|(?:sa|po)[0-9]{1,4}")


def find_judging_port(state: DeviceState, name: str) -> PortState | None:
    """Return what the filters on an interface judge: a port, a static LAG, or the LAG of LACP that it is a member of.

    None: no filter of ours stands there.
    """
    joined = {lag.name: lag for lag in state.lags}
    held = {member: lag for lag in state.lags for member in lag.members if lag.mode is LagMode.LACP}
    named = held[name].name if name in held else name
    if name in joined and joined[name].mode is LagMode.LACP:
        return None
    return next((port for port in state.ports if port.name == named), None)


def list_standing(state: DeviceState, name: str) -> list[str]:
    """Return the lines that attach the filters of a state to one of its interfaces, in their order."""
    port = find_judging_port(state, name)
    return [write_attachment(one) for one in list_attached(port, state.bindings)] if port else []


def list_attached(port: PortState, bindings: Iterable[FilterBinding]) -> list[FilterBinding]:
    """Return the filters that must stand on a port, in the order in which they are attached."""
    direction = JUDGED.get(port.role)
    here = [one for one in bindings if one.direction is direction and one.vlan in port.vlans]
    return sorted(here, key=lambda one: (one.family, one.vlan))


def write_attachment(one: FilterBinding) -> str:
    """Write the line that attaches a filter to the port it stands under."""
    return f"{ATTACHED[one.family]} {one.filter}"


def render(state: DeviceState) -> str:
    """Return our part of `show running-config` of a switch with this state.

    Raises:
        ValueError: AlliedWare Plus cannot hold the state.
    """
    for misfit in find_misfits(state):
        raise ValueError(misfit)
    blocks = [write_filter(ACCESS_LISTS, one) for one in sorted(state.filters, key=lambda one: (one.family, one.name))]
    if state.vlans:
        blocks.append(["vlan database", *(f"vlan {vlan.number} name {vlan.name}" for vlan in state.vlans)])
    blocks += [
        [
            f"interface {port.name}",
            f"description {MARKS[port.role]}",
            *_port_lines(port),
            *list_standing(state, port.name),
        ]
        for port in state.ports
    ]
    ports = {port.name: port for port in state.ports}
    for lag in state.lags:
        for name in lag.members:
            carried = (*_port_lines(ports[lag.name]), LAGS.write_join(lag), *list_standing(state, name))
            blocks.append([f"interface {name}", f"description {MEMBER_MARK}", *carried])
    return "".join("\n ".join(block) + "\n!\n" for block in blocks)


def _port_lines(port: PortState) -> Iterator[str]:
    yield "switchport"
    yield f"switchport mode {port.mode}"
    if port.mode is PortMode.TRUNK:
        yield f"switchport trunk allowed vlan add {write_vlan_list(port.vlans)}"
        yield "switchport trunk native vlan none"
    elif port.vlans != (1,):
        # VLAN 1 is the default, which is not shown.
        yield f"switchport access vlan {port.vlans[0]}"


def find_misfits(state: DeviceState) -> Iterator[str]:
    """Yield why AlliedWare Plus cannot hold the state; each reason may rest on the absence of those before it."""
    yield from find_vlan_misfits(state)
    for port in state.ports:
        if not PORT_NAME.fullmatch(port.name):
            yield f"{port.name!r} is no port as AlliedWare Plus names it (port1.0.1)"
        yield from find_port_misfits(port)
    for one in state.filters:
        yield from find_filter_misfits(one, MAXIMUM_ENTRIES)
        for entry in one.entries:
            match = entry.match
            first, last = match.destination_ports
            if match.protocol == Protocol.ICMP and first == last <= LAST_ICMP_TYPE and first not in ICMP_TYPES:
                types = ", ".join(map(str, sorted(ICMP_TYPES)))
                yield f"{one.name}: an entry names an ICMP type that is none of {types}; AlliedWare Plus has no other"
    for binding in state.bindings:
        yield from _find_binding_misfits(binding, state.ports)
    for port in state.ports:
        if len(list_attached(port, state.bindings)) > MAXIMUM_LISTS:
            yield f"port {port.name}: more than {MAXIMUM_LISTS} access lists"
    yield from find_lag_misfits(state, LAGS.support, lambda name: bool(PORT_NAME.fullmatch(name)))
    yield from find_repeated_objects(state)


def _find_binding_misfits(binding: FilterBinding, ports: Iterable[PortState]) -> Iterator[str]:
    if parse_filter_name(binding.filter) is None:
        yield f"{binding}: not the name of a filter of ours"
    here = [port for port in ports if list_attached(port, [binding])]
    if not here:
        yield f"{binding}: no port of ours receives such packets, so the filter would be in force nowhere"
    for port in here:
        if port.mode is PortMode.ACCESS:
            yield (
                f"port {port.name}: a filter of VLAN {binding.vlan} would stand on an access port; hardware access "
                "lists know a VLAN by its tag, and what an access port receives has none"
            )
