"""A change in words that an operator can review: ports, filter entries and routes, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher

from controller.compile.network.route_policies import RoutingIntent
from controller.model.network.device_state import DeviceState, Entry, Filter, PortState, VlanInterface
from controller.model.network.lags import NO_LAG, Lag
from controller.model.network.packets import ANY_PORTS, Effect, Family, Ports, Prefix, Protocol
from controller.model.network.route_policies import (
    PrefixList,
    PrefixRange,
    RouteClause,
    RouteDirection,
    RoutePolicy,
    Routing,
)
from controller.model.network.wireless import WirelessNetwork
from controller.prove.routes.policies import DEFAULT_LOCAL_PREFERENCE
from controller.prove.routes.route_sets import find_deciding_clause

PathNames = Mapping[str, str]
"""What a neighbour's address stands for, in words."""


def describe_changes(
    names: Mapping[int, str], now: DeviceState, wanted: DeviceState, paths: PathNames | None = None
) -> list[str]:
    """Return the difference of two states, one line a change; empty when they are equal.

    `names` are those of the VLANs, `paths` what a router's neighbours stand for.
    """
    return [
        *_vlans(now, wanted),
        *_ports(now.ports, wanted.ports),
        *_lags(now.lags, wanted.lags),
        *_interfaces(now.interfaces, wanted.interfaces),
        *_networks(names, now.networks, wanted.networks),
        *_filters(names, now, wanted),
        *_bindings(names, now, wanted),
        *describe_routes(now.routing, wanted.routing, paths),
        *_line_routes(now, wanted),
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
    """Return a port in words that belong to no vendor."""
    isolated = " isolated" if port.isolated else ""
    return f"{port.name} {port.mode} {','.join(map(str, port.vlans))} {port.role.words}{isolated}"


def _lags(now: Iterable[Lag], wanted: Iterable[Lag]) -> Iterator[str]:
    before, after = set(now), set(wanted)
    yield from (f"- {describe_lag(one)}" for one in sorted(before - after))
    yield from (f"+ {describe_lag(one)}" for one in sorted(after - before))


def describe_lag(one: Lag) -> str:
    """Return a LAG in words that belong to no vendor."""
    if one.name == NO_LAG:
        return f"marked as members, in no LAG: {', '.join(one.idle)}"
    idle = f", out of service: {', '.join(one.idle)}" if one.idle else ""
    return f"LAG {one.name} {one.mode} of {', '.join(one.members) or 'no port in service'}{idle}"


def _interfaces(now: Iterable[VlanInterface], wanted: Iterable[VlanInterface]) -> Iterator[str]:
    before, after = set(now), set(wanted)
    yield from (f"- {_interface(one)}" for one in sorted(before - after))
    yield from (f"+ {_interface(one)}" for one in sorted(after - before))


def _interface(one: VlanInterface) -> str:
    relays = f" relays to {', '.join(one.relays)}" if one.relays else ""
    return f"interface in vlan {one.vlan} {', '.join(one.addresses)}{relays}"


def _line_routes(now: DeviceState, wanted: DeviceState) -> Iterator[str]:
    """Describe the tunnels of lines, and the routes that are written down."""
    before, after = {*now.tunnels, *now.default_routes}, {*wanted.tunnels, *wanted.default_routes}
    yield from (f"- {one}" for one in sorted(map(str, before - after)))
    yield from (f"+ {one}" for one in sorted(map(str, after - before)))


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
    before, after = list(map(describe_entry, old.entries)), [describe_entry(entry) for entry in new.entries]
    reasons = {describe_entry(entry): entry.origin for entry in new.entries}
    matcher = SequenceMatcher(a=before, b=after, autojunk=False)
    for operation, low, high, first, last in matcher.get_opcodes():
        if operation != "equal":
            yield from (f"- {line}" for line in before[low:high])
            yield from (f"+ {line}  ({reasons[line]})" for line in after[first:last])


def _bindings(names: Mapping[int, str], now: DeviceState, wanted: DeviceState) -> Iterator[str]:
    """Describe what the filters in force do not show: a binding without a filter, a filter without a binding."""
    held = {one.name for one in now.filters}
    for binding in now.bindings:
        if binding.filter not in held:
            yield f"- binding of {names.get(binding.vlan, binding.vlan)} to {binding.filter}, which does not exist"
    bound = {binding.filter for binding in now.bindings}
    kept = {one.name for one in wanted.filters}
    for one in now.filters:
        if one.name not in bound and one.name not in kept:
            yield f"- filter {one.name}, which is not in force"


def describe_entry(entry: Entry) -> str:
    """Return a filter entry in words that belong to no vendor."""
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


def describe_routes(now: Routing, wanted: Routing, paths: PathNames | None = None) -> Iterator[str]:
    """Return the difference of two routings, one line a change; nothing when they are equal."""
    names = paths or {}
    before = {one.position: one for one in now.bindings}
    after = {one.position: one for one in wanted.bindings}
    for place in sorted(before.keys() | after.keys()):
        old, new = before.get(place), after.get(place)
        one = new or old
        assert one is not None  # noqa: S101 the place is in one of the two
        was = _words(now, old.policy) if old else []
        becomes = _words(wanted, new.policy) if new else []
        if (old and old.policy, was) == (new and new.policy, becomes):
            continue
        address = str(one.neighbour)
        way = f" ({names[address]})" if address in names else ""
        title = f"neighbour {address}{way} IPv{int(one.family)} {one.direction}"
        if old is None:
            yield f"+ {title}: {'; '.join(becomes)}"
        elif new is None:
            yield f"- {title}: {'; '.join(was)}"
        else:
            yield f"~ {title}"
            yield from (f"    - {line}" for line in was if line not in becomes)
            yield from (f"    + {line}" for line in becomes if line not in was)
    yield from _leftovers(now, wanted)


def describe_preference(intent: RoutingIntent, now: Routing, wanted: Routing) -> Iterator[str]:
    """Return the order of the paths, where it changes: the answer that the rest of the change is for."""
    for family in Family:
        was, becomes = _order(intent, now, family), _order(intent, wanted, family)
        if was != becomes:
            yield f"~ IPv{int(family)} lines: {becomes} (now: {was})"


def _order(intent: RoutingIntent, state: Routing, family: Family) -> str:
    """Return the paths that carry the default route, the preferred first; `=` between those that are alike."""
    ranked: dict[int, list[str]] = {}
    bound = {(b.neighbour, b.family): b.policy for b in state.bindings if b.direction is RouteDirection.IN}
    policies = {one.name: one for one in state.policies}
    for one in intent.neighbours:
        if one.family is not family:
            continue
        clause: RouteClause | None = RouteClause(Effect.PERMIT)
        if (name := bound.get((one.address, family))) is not None:
            clause = find_deciding_clause(state, policies[name], family.everything) if name in policies else None
        if clause is not None and clause.effect is Effect.PERMIT:
            preference = clause.local_preference
            value = DEFAULT_LOCAL_PREFERENCE if preference is None else preference
            ranked.setdefault(value, []).append(one.path)
    return ", then ".join(" = ".join(ranked[value]) for value in sorted(ranked, reverse=True)) or "none"


def _leftovers(now: Routing, wanted: Routing) -> Iterator[str]:
    bound = {one.policy for one in now.bindings}
    kept = {one.name for one in wanted.policies}
    for policy in now.policies:
        if policy.name not in bound and policy.name not in kept:
            yield f"- route policy {policy.name}, which is not in force"
    used = {clause.prefixes for policy in now.policies for clause in policy.clauses}
    known = {one.name for one in wanted.lists}
    for one in now.lists:
        if one.name not in used and one.name not in known:
            yield f"- prefix list {one.name}, which no policy names"


def _words(state: Routing, name: str) -> list[str]:
    policy = next((one for one in state.policies if one.name == name), None)
    if policy is None:
        return [f"policy {name}, which does not exist: refuse everything"]
    return [*_clauses(state, policy)]


def _clauses(state: Routing, policy: RoutePolicy) -> Iterator[str]:
    lists = {one.name: one for one in state.lists if one.family is policy.family}
    for number, clause in enumerate(policy.clauses):
        if not clause.prefixes:
            what = "everything else" if number else "everything"
        elif clause.prefixes in lists:
            what = _listed(lists[clause.prefixes])
        else:
            what = f"nothing (list {clause.prefixes} does not exist)"
        yield f"{'pass' if clause.effect is Effect.PERMIT else 'refuse'} {what}{_settings(clause)}"


def _settings(clause: RouteClause) -> str:
    preference = f", local preference {clause.local_preference}" if clause.local_preference is not None else ""
    prepend = f", with AS {' '.join(map(str, clause.prepend))} before the path" if clause.prepend else ""
    return preference + prepend


def _listed(one: PrefixList) -> str:
    return ", ".join(f"{'' if entry.effect is Effect.PERMIT else 'not '}{_range(entry)}" for entry in one.entries)


def _range(entry: PrefixRange) -> str:
    if entry.shortest == entry.longest == entry.prefix.prefixlen:
        return str(entry.prefix)
    if (entry.shortest, entry.longest) == (entry.prefix.prefixlen, entry.prefix.max_prefixlen):
        return f"{entry.prefix} and all inside"
    return f"{entry.prefix} of lengths {entry.shortest} to {entry.longest}"
