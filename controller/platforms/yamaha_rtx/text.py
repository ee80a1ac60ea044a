"""The configuration of a Yamaha RTX as `show config` prints it: how ours is written, and what of it is ours.

Ours are the filters, keepalives and tunnels of the reserved numbers (see `numbers`); the tagged interfaces whose name
is `TSN-port`, with the filters in force there; and the default route whose gateways are watched by keepalives of ours.
One filter that is in force nowhere marks the ranges as ours: without it, a number of them in use is a conflict.

Sources: Yamaha command reference ed. 12.01: 1.4 (`no`), 8.1.7 (`ip route`; weight 0 is a gateway for when the others
are down), 8.1.10 (`ip filter`), 8.1.25 (`secure filter`: first match, what no filter matches is dropped), 8.5.8
(`ip keepalive`), 14.4 and 14.9 (`tunnel encapsulation`, `tunnel endpoint address`), 30.7 (`ipv6 filter`), 38.1
(`vlan`); the order of lines is that of public dumps of an RTX1210. Not found, and so refused: types of ICMPv6 in a
filter, what exactly `established` matches, keepalives of IPv6 routes, an order of more than two gateways, GRE.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from controller.model.network.device_state import PREFIX, DeviceState, Entry, Filter, PortMode, PortState
from controller.model.network.line_routes import DefaultRoute, TunnelInterface, name_tunnel_gateway
from controller.model.network.packets import ANY_PORTS, Direction, Effect, Family, Match, Ports, Prefix, Protocol
from controller.platforms.common.managed import find_filter_misfits, find_port_misfits, find_repeated_objects
from controller.platforms.yamaha_rtx.numbers import MAXIMUM_ENTRIES, ReservedNumbers, find_block_of_name

TITLE = "Yamaha RTX"
HEADLINE = "# the part that Tsunagu manages"
PORT_MARK = f"{PREFIX}-port"
MARK = "reject-nolog 192.0.2.84 192.0.2.83 * * *"
"""What the filter says that marks the ranges as ours; its addresses are those of documentation (RFC 5737)."""
PORT_NAME = re.compile(r"lan[1-9][0-9]?/(?:[1-9]|[12][0-9]|3[0-2])")
FAMILY_WORDS = {Family.V4: "ip", Family.V6: "ipv6"}
SIDES = {Direction.FROM: "in", Direction.TO: "out"}
ACTIONS = {Effect.PERMIT: "pass", Effect.FORBID: "reject-nolog"}
PROTOCOLS: dict[int, str] = {
    Protocol.TCP: "tcp",
    Protocol.UDP: "udp",
    Protocol.ICMP: "icmp",
    Protocol.ICMPV6: "icmp6",
    47: "gre",
    50: "esp",
    51: "ah",
}
ENCAPSULATIONS = {"ipip6": "ipip"}
WATCH = "icmp-echo 10 3"
"""A gateway is asked every 10 seconds, and is down when it did not answer 3 times."""
MOST_GATEWAYS = 2
_FIRST_TAGGED, _LAST_TAGGED = 2, 4094
_LAST_PROTOCOL = 255


def render(numbers: ReservedNumbers, state: DeviceState) -> str:
    """Return our part of `show config`.

    Raises:
        ValueError: the router cannot hold the state.
    """
    for misfit in find_misfits(state):
        raise ValueError(misfit)
    lines = [HEADLINE]
    for route in state.default_routes:
        lines += [write_route(numbers, state, route), *write_keepalives(numbers, route)]
    lines += map(write_port, state.ports)
    lines += [line for port in state.ports for line in write_bindings(numbers, state, port)]
    lines += [line for one in state.tunnels for line in write_tunnel(numbers, one)]
    if is_used(state):
        lines.append(write_mark(numbers))
    ordered = sorted(state.filters, key=lambda one: (one.family, list_filter_numbers(numbers, one)))
    lines += [line for one in ordered for line in write_filter(numbers, one)]
    return "".join(f"{line}\n" for line in lines)


def is_used(state: DeviceState) -> bool:
    """Say if anything of a state takes numbers of ours, or an interface."""
    return bool(state.filters or state.ports or state.tunnels or state.default_routes)


def write_mark(numbers: ReservedNumbers) -> str:
    """Write the filter that marks the ranges as ours."""
    return f"ip filter {numbers.mark} {MARK}"


def write_port(port: PortState) -> str:
    """Write a tagged interface."""
    return f"vlan {port.name} 802.1q vid={port.vlans[0]} name={PORT_MARK}"


def write_bindings(numbers: ReservedNumbers, state: DeviceState, port: PortState) -> Iterator[str]:
    """Yield the lines that put filters in force at an interface: all numbers of a filter, in one line."""
    held = {one.name: one for one in state.filters}
    for binding in sorted(state.bindings, key=lambda one: (one.family, one.direction)):
        if binding.vlan in port.vlans:
            listed = " ".join(map(str, list_filter_numbers(numbers, held[binding.filter])))
            yield f"{FAMILY_WORDS[binding.family]} {port.name} secure filter {SIDES[binding.direction]} {listed}"


def list_filter_numbers(numbers: ReservedNumbers, one: Filter) -> tuple[int, ...]:
    """Return the numbers of a filter's entries.

    Raises:
        ValueError: its name is none that we give.
    """
    block = find_block_of_name(one.name)
    if block is None:
        message = f"{one.name}: no name of a filter of ours"
        raise ValueError(message)
    return numbers.list_numbers(block, len(one.entries))


def write_filter(numbers: ReservedNumbers, one: Filter) -> list[str]:
    """Return the entries of a filter, each under its number."""
    words = FAMILY_WORDS[one.family]
    listed = zip(list_filter_numbers(numbers, one), one.entries, strict=True)
    return [f"{words} filter {number} {write_entry(entry)}" for number, entry in listed]


def write_entry(entry: Entry) -> str:
    """Write an entry behind its number.

    Raises:
        ValueError: an RTX cannot express it; the message names it.
    """
    match = entry.match
    reason = find_inexpressible(match)
    if reason:
        message = f"{TITLE}: {reason}: {entry}"
        raise ValueError(message)
    if match.protocol == Protocol.ICMP and match.destination_ports != ANY_PORTS:
        ends = [str(match.destination_ports[0]), "*"]
    else:
        ends = [_write_ports(match.source_ports), _write_ports(match.destination_ports)]
    protocol = "*" if match.protocol is None else PROTOCOLS.get(match.protocol, str(match.protocol))
    words = [ACTIONS[entry.effect], _write_address(match.source), _write_address(match.destination), protocol, *ends]
    return " ".join(words)


def find_inexpressible(match: Match) -> str:  # noqa: PLR0911 a reason each
    """Return why an RTX cannot express a match; "" if it can."""
    low, high = match.destination_ports
    if match.established:
        return "what 'established' matches was not found, so no entry asks for it"
    if match.protocol in {Protocol.TCP, Protocol.UDP}:
        return ""
    if match.protocol is not None and not 1 <= match.protocol <= _LAST_PROTOCOL:
        return f"a protocol is a number from 1 to {_LAST_PROTOCOL}"
    if match.source_ports != ANY_PORTS:
        return "only TCP and UDP have ports"
    if match.destination_ports == ANY_PORTS:
        return ""
    if match.protocol == Protocol.ICMPV6:
        return "how a filter names types of ICMPv6 was not found"
    fits = match.protocol == Protocol.ICMP and match.family is Family.V4 and 0 <= low == high <= _LAST_PROTOCOL
    return "" if fits else "an entry has one type of ICMP, or all; only TCP and UDP have ports"


def _write_address(network: Prefix) -> str:
    if network.prefixlen == 0:
        return "*"
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _write_ports(ports: Ports) -> str:
    low, high = ports
    if ports == ANY_PORTS:
        return "*"
    return str(low) if low == high else f"{low}-{high}"


def write_tunnel(numbers: ReservedNumbers, one: TunnelInterface) -> list[str]:
    """Return the block of a tunnel."""
    number = numbers.get_tunnel(one.line)
    inside = (
        f"tunnel encapsulation {ENCAPSULATIONS[one.kind]}",
        f"tunnel endpoint address {one.peer}",
        f"ip tunnel mtu {one.mtu}",
        f"tunnel enable {number}",
    )
    return [f"tunnel select {number}", *(f" {line}" for line in inside)]


def write_route(numbers: ReservedNumbers, state: DeviceState, route: DefaultRoute) -> str:
    """Write a default route: one line, in which the second gateway waits for the first to be down."""
    lines = {name_tunnel_gateway(one.line): numbers.get_tunnel(one.line) for one in state.tunnels}
    words = [f"{FAMILY_WORDS[route.family]} route default"]
    for place, one in enumerate(route.gateways):
        gateway = f"tunnel {lines[one.gateway]}" if one.gateway in lines else one.gateway
        words.append(f"gateway {gateway} keepalive {numbers.keepalives + place}{' weight 0' if place else ''}")
    return " ".join(words)


def write_keepalives(numbers: ReservedNumbers, route: DefaultRoute) -> list[str]:
    """Return the lines that watch the gateways of a route."""
    return [
        f"ip keepalive {numbers.keepalives + place} {WATCH} {one.watched}" for place, one in enumerate(route.gateways)
    ]


def find_misfits(state: DeviceState) -> Iterator[str]:
    """Yield why an RTX cannot hold the state; each reason may rest on the absence of those before it."""
    yield from _find_port_misfits(state.ports)
    for one in state.filters:
        yield from find_filter_misfits(one, MAXIMUM_ENTRIES)
        if find_block_of_name(one.name) is None:
            yield f"{one.name}: the name leads to no numbers of ours"
    blocks = [(one.family, find_block_of_name(one.name)) for one in state.filters]
    if len(set(blocks)) != len(blocks):
        yield "two filters have the same numbers"
    held = {one.name for one in state.filters}
    carried = [vlan for port in state.ports for vlan in port.vlans]
    for binding in state.bindings:
        if binding.filter not in held:
            yield f"{binding.filter}: {TITLE} knows filters by number only, and this one is not there"
        if carried.count(binding.vlan) != 1:
            yield f"{binding.filter} must be bound where exactly one tagged interface of ours has VLAN {binding.vlan}"
    yield from find_repeated_objects(state)
    yield from _find_route_misfits(state)


def _find_port_misfits(ports: Iterable[PortState]) -> Iterator[str]:
    for port in ports:
        if not PORT_NAME.fullmatch(port.name):
            yield f"{port.name!r} is no tagged interface as {TITLE} names it (lan1/1)"
        yield from find_port_misfits(port)
        if port.mode is not PortMode.ACCESS or not _FIRST_TAGGED <= port.vlans[0] <= _LAST_TAGGED:
            yield f"port {port.name}: a tagged interface of {TITLE} is in one VLAN from 2 to 4094"


def _find_route_misfits(state: DeviceState) -> Iterator[str]:
    tunnels = {name_tunnel_gateway(one.line) for one in state.tunnels}
    for route in state.default_routes:
        if route.family is not Family.V4:
            yield f"{route}: no keepalive watches an IPv6 route of {TITLE}, so none could be told to be ours"
        if not 1 <= len(route.gateways) <= MOST_GATEWAYS:
            yield f"{route}: {TITLE} has one gateway, and one for when it is down; an order of more was not found"
        for one in route.gateways:
            if one.gateway.startswith("tunnel ") and one.gateway not in tunnels:
                yield f"{route}: {one.gateway} is not there"
    if len({one.family for one in state.default_routes}) != len(state.default_routes):
        yield "two default routes of one family"
    lines = [one.line for one in state.tunnels]
    if len(set(lines)) != len(lines):
        yield "two tunnels of one line"
