"""A change in words that an operator can review: which ports, which filter entries, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher

from controller.model.network.device_state import DeviceState, Entry, Filter, PortState, VlanInterface
from controller.model.network.packets import ANY_PORTS, Effect, Ports, Prefix, Protocol
from controller.model.network.wireless import WirelessNetwork
from controller.plan.review_routes import Ways, describe_routes


def describe_changes(
    names: Mapping[int, str], now: DeviceState, wanted: DeviceState, ways: Ways | None = None
) -> list[str]:
    """The difference of two states, one line a change; empty when they are equal.

    `names` are those of the VLANs, `ways` what a router's neighbours stand for.
    """
    return [
        *_vlans(now, wanted),
        *_ports(now.ports, wanted.ports),
        *_interfaces(now.interfaces, wanted.interfaces),
        *_networks(names, now.networks, wanted.networks),
        *_filters(names, now, wanted),
        *_bindings(names, now, wanted),
        *describe_routes(now.routing, wanted.routing, ways),
    ]


def _vlans(now: DeviceState, wanted: DeviceState) -> Iterator[str]:
    for vlan in now.vlans:
        if vlan not in wanted.vlans:
            yield f"- vlan {vlan.number} {vlan.name}"
    for vlan in wanted.vlans:
        if vlan not in now.vlans:
            yield f"+ vlan {vlan.number} {vlan.name}"


def _ports(now: Iterable[PortState], wanted: Iterable[PortState]) -> Iterator[str]:
    before = {port.name: port for port in now}
    after = {port.name: port for port in wanted}
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old != new:
            if old:
                yield f"- port {describe_port(old)}"
            if new:
                yield f"+ port {describe_port(new)}"


def describe_port(port: PortState) -> str:
    """A port in words that belong to no vendor."""
    isolated = " isolated" if port.isolated else ""
    return f"{port.name} {port.mode} {','.join(map(str, port.vlans))} {port.role.words}{isolated}"


def _interfaces(now: Iterable[VlanInterface], wanted: Iterable[VlanInterface]) -> Iterator[str]:
    before, after = set(now), set(wanted)
    yield from (f"- {_interface(one)}" for one in sorted(before - after))
    yield from (f"+ {_interface(one)}" for one in sorted(after - before))


def _interface(one: VlanInterface) -> str:
    relays = f" relays to {', '.join(one.relays)}" if one.relays else ""
    return f"interface in vlan {one.vlan} {', '.join(one.addresses)}{relays}"


def _networks(
    names: Mapping[int, str], now: Iterable[WirelessNetwork], wanted: Iterable[WirelessNetwork]
) -> Iterator[str]:
    before, after = set(now), set(wanted)
    yield from (f"- {_network(names, one)}" for one in sorted(before - after))
    yield from (f"+ {_network(names, one)}" for one in sorted(after - before))


def _network(names: Mapping[int, str], one: WirelessNetwork) -> str:
    isolated = ", clients isolated" if one.isolated else ""
    servers = f", asks {', '.join(one.servers)} as {one.identity}" if one.servers else ""
    segment = names.get(one.vlan, f"VLAN {one.vlan}")
    return f"network {one.ssid!r} into {segment} on {one.uplink}, {one.protection}{isolated}{servers}"


def _filters(names: Mapping[int, str], now: DeviceState, wanted: DeviceState) -> Iterator[str]:
    before = _in_force(now)
    after = _in_force(wanted)
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if (old and old.name, old and old.entries) == (new and new.name, new and new.entries):
            continue
        vlan, direction, family = key
        title = f"filter {direction} {names.get(vlan, f'VLAN {vlan}')} IPv{int(family)}"
        if old is None and new is not None:
            yield f"+ {title}: {len(new.entries)} entries"
            continue
        if new is None:
            yield f"- {title}"
            continue
        assert old is not None  # noqa: S101 one of the two exists
        yield f"~ {title}"
        yield from (f"    {line}" for line in _entries(old, new))


def _in_force(state: DeviceState) -> dict[tuple[int, str, int], Filter]:
    held = {one.name: one for one in state.filters}
    bound = [binding for binding in state.bindings if binding.filter in held]
    return {(b.vlan, str(b.direction), int(b.family)): held[b.filter] for b in bound}


def _entries(old: Filter, new: Filter) -> Iterator[str]:
    before, after = list(map(describe, old.entries)), [describe(entry) for entry in new.entries]
    reasons = {describe(entry): entry.origin for entry in new.entries}
    matcher = SequenceMatcher(a=before, b=after, autojunk=False)
    for operation, low, high, first, last in matcher.get_opcodes():
        if operation != "equal":
            yield from (f"- {line}" for line in before[low:high])
            yield from (f"+ {line}  ({reasons[line]})" for line in after[first:last])


def _bindings(names: Mapping[int, str], now: DeviceState, wanted: DeviceState) -> Iterator[str]:
    """What the filters in force do not show: a binding without a filter, a filter without a binding."""
    held = {one.name for one in now.filters}
    for binding in now.bindings:
        if binding.filter not in held:
            yield f"- binding of {names.get(binding.vlan, binding.vlan)} to {binding.filter}, which does not exist"
    bound = {binding.filter for binding in now.bindings}
    kept = {one.name for one in wanted.filters}
    for one in now.filters:
        if one.name not in bound and one.name not in kept:
            yield f"- filter {one.name}, which is not in force"


def describe(entry: Entry) -> str:
    """A filter entry in words that belong to no vendor."""
    verb = "permit" if entry.effect is Effect.PERMIT else "deny"
    match = entry.match
    protocol = "ip" if match.protocol is None else _protocol(match.protocol)
    established = " established" if match.established else ""
    source = _end(match.source, match.source_ports, "port")
    icmp = match.protocol in (Protocol.ICMP, Protocol.ICMPV6)
    destination = _end(match.destination, match.destination_ports, "type" if icmp else "port")
    return f"{verb} {protocol} {source} -> {destination}{established}"


def _protocol(number: int) -> str:
    return Protocol(number).name.lower() if number in set(Protocol) else str(number)


def _end(network: Prefix, ports: Ports, word: str) -> str:
    shown = "any" if network.prefixlen == 0 else str(network)
    if ports == ANY_PORTS:
        return shown
    low, high = ports
    return f"{shown} {word} {low}" if low == high else f"{shown} {word} {low}-{high}"
