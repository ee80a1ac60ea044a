"""Proves one device: what would be on it, rendered and parsed back, equals what the policy says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

from controller.compile.network.intent import FilterIntent
from controller.compile.network.wanted_device_state import DeviceIntent
from controller.errors import ProofFailed, TsunaguError
from controller.model.city import City
from controller.model.network.device_state import DeviceState, VlanInterface
from controller.model.network.packets import Direction, Family, Packet, Protocol
from controller.plan.review import describe_lag, describe_port
from controller.platforms.base import Platform, Step
from controller.prove.compliance.wireless import find_wireless_differences
from controller.prove.filters.equivalence import FilterDifference, covers_intent, prove_filter_equals_intent
from controller.prove.filters.evaluation import ends_explicitly, evaluate_filter, find_deciding_clauses
from controller.prove.filters.transition import TransitionFault, TransitionStage, find_transition_faults
from controller.prove.reachability.quarantine import find_quarantine_leaks
from controller.prove.routes.policies import find_routing_differences, find_transition_differences
from controller.telemetry.traces.phases import trace_phase

CLIENT_PORT = 49152
"""The first port of the dynamic range (RFC 6335): what a client would send from."""


def prove_rendered_device(city: City, intent: DeviceIntent, system: Platform) -> int:
    """Render the wanted state, parse it back, and prove every filter; return how many.

    The controller's own way to the device must stay open, whatever the policy says (docs/architecture.md, "What is held
    to be true, and where", 6).

    Raises:
        ProofFailed: with a packet for each filter that differs.
        TsunaguError: the platform cannot express the wanted state.
    """
    _, differences = check_rendered_device(city, intent, system)
    if differences:
        raise ProofFailed("The proof failed; nothing was saved or applied:\n  " + "\n  ".join(differences))
    return len(intent.intents)


def check_rendered_device(city: City, intent: DeviceIntent, system: Platform) -> tuple[DeviceState, list[str]]:
    """Return the wanted state as its text is read back, and where that is not what the policy says.

    Raises:
        TsunaguError: the platform cannot express the wanted state.
    """
    name = intent.device.id
    with trace_phase("render", detail=True):
        try:
            text = system.render(intent.wanted)
        except ValueError as error:
            message = f"{name}: {system.name} cannot express what is wanted: {error}"
            raise TsunaguError(message) from None
        parsed = system.parse(text, f"{name} (rendered)").state
    with trace_phase("prove filters", detail=True, filters=len(intent.intents)):
        differences = list(find_filter_differences(intent, parsed))
        differences += _find_denied_delegated(intent)
        differences += find_management_cuts(city, intent, parsed)
    with trace_phase("prove routes", detail=True):
        differences += find_route_differences(intent, parsed)
    with trace_phase("prove quarantine and wireless", detail=True):
        differences += find_quarantine_leaks(city, intent.device, parsed)
        differences += find_wireless_differences(name, intent.networks, parsed)
    if parsed != intent.wanted and not differences:
        differences.append(f"{name}: what {system.name} renders does not parse back to the same state")
    return parsed, differences


def prove_plan_steps(
    city: City, intent: DeviceIntent, now: DeviceState, steps: Sequence[Step], system: Platform
) -> None:
    """Prove of every state on the way: it is no worse than both ends, and the controller's own way stays open.

    Of a router: nothing more leaves than before, and some line is usable.

    Raises:
        ProofFailed: with the step, and a packet or a route.
    """
    differences = list(find_step_differences(city, intent, now, steps, system))
    if differences:
        raise ProofFailed("The proof failed; nothing was saved or applied:\n  " + "\n  ".join(differences))


def find_step_differences(
    city: City, intent: DeviceIntent, now: DeviceState, steps: Sequence[Step], system: Platform
) -> Iterator[str]:
    """Yield each fault of a state between: it is worse than both ends; with the step, and a packet or a route."""
    name = intent.device.id
    stages = [TransitionStage(step.title, step.result) for step in steps]
    for fault in find_transition_faults(now, stages, system.capabilities):
        yield f"{name}: {fault}{_describe_policy_answer(intent, fault)}"
    for number, stage in enumerate(stages[:-1], start=1):
        for one in sorted(
            (_list_current_parts(now) & _list_current_parts(stages[-1].state)) - _list_current_parts(stage.state)
        ):
            yield f"{name}: step {number} ({stage.title}) takes {one} away, though it is there before and after"
    if steps and steps[-1].result != intent.wanted:
        yield f"{name}: the steps do not lead to the wanted state"
    if not list(find_management_cuts(city, intent, now)):
        for number, stage in enumerate(stages[:-1], start=1):
            cuts = find_management_cuts(city, intent, stage.state, now)
            yield from (f"{cut}, after step {number} ({stage.title})" for cut in cuts)
    if intent.routing is not None:
        routes = [(stage.title, stage.state.routing) for stage in stages]
        yield from find_transition_differences(intent.routing, now.routing, routes)


def _describe_policy_answer(intent: DeviceIntent, fault: TransitionFault) -> str:
    """Return what the policy says of a fault's packet; nothing where it is about a port, of which no rule speaks."""
    way = fault.flow
    for one in intent.intents:
        if (one.vlan, one.direction, one.family) == (way.vlan, way.direction, way.family):
            rules = dict.fromkeys(
                f"{rule.effect} by {rule.rule} ({rule.origin})" for rule in find_deciding_clauses(one, fault.packet)
            )
            return f"; the policy: {', '.join(rules) or 'no rule names it (default deny)'}"
    return ""


def find_route_differences(intent: DeviceIntent, state: DeviceState) -> Iterator[str]:
    """Yield what a router does with routes and the policy does not say, each with a route that shows it."""
    if intent.routing is not None:
        yield from find_routing_differences(intent.routing, state.routing)
    name = intent.device.id
    for route in state.default_routes:
        wanted = [one for one in intent.static_routes if one.family is route.family]
        ways = [str(one.next_hop) for one in sorted(wanted, key=lambda one: one.distance)]
        if [one.watched for one in route.gateways] != ways:
            yield f"{name}: {route}; the policy: {', else '.join(ways) or 'none'}"
    written = {one.family for one in state.default_routes}
    for family in dict.fromkeys(one.family for one in intent.static_routes):
        if family not in written:
            yield f"{name}: no default route of IPv{int(family)}, and the policy has one"


def _find_denied_delegated(intent: DeviceIntent) -> Iterator[str]:
    """Yield where the device would deny what the policy permits, as a part of the filter is left to another."""
    relaxed = {(one.vlan, one.direction, one.family): one for one in intent.intents}
    for left in intent.delegated:
        one = left.intent
        if not covers_intent(relaxed[one.vlan, one.direction, one.family], one):
            place = f"{one.device} {one.segment} {one.direction} IPv{int(one.family)}"
            yield f"{place}: what is left to {left.upstream} would deny packets that the policy permits"


def find_management_cuts(
    city: City, intent: DeviceIntent, state: DeviceState, before: DeviceState | None = None
) -> Iterator[str]:
    """Yield why a state would cut the SSH session that changes the device, or its answers.

    By a filter in force, or, where there was a way `before`, because no port carries the segment any more, or no
    interface has the address.
    """
    device = intent.device
    address = int(device.management)
    family = Family(device.management.version)
    segment = city.list_segments(device.school)[city.management_segment]
    filters = {one.name: one for one in state.filters}
    bound = {(one.vlan, one.direction, one.family): filters.get(one.filter) for one in state.bindings}
    if before is not None and _carries(before, segment.vlan) and not _carries(state, segment.vlan):
        yield f"{device.id}: no port would carry VLAN {segment.vlan}, over which the controller reaches the device"
    if before is not None and _answers_at(before, device.management) and not _answers_at(state, device.management):
        yield f"{device.id}: no interface would have {device.management}, at which the controller reaches the device"
    for controller in city.controllers:
        if controller.version != family:
            continue
        source = int(controller.network_address)
        there = Packet(family, Protocol.TCP, source, address, CLIENT_PORT, device.ssh_port, established=False)
        back = Packet(family, Protocol.TCP, address, source, device.ssh_port, CLIENT_PORT, established=True)
        for direction, packet in ((Direction.TO, there), (Direction.FROM, back)):
            one = bound.get((segment.vlan, direction, family))
            if one is not None and not evaluate_filter(one, packet):
                yield f"{device.id}: filter {one.name} would cut the controller's own SSH session: {packet}"


def _carries(state: DeviceState, vlan: int) -> bool:
    return any(vlan in port.vlans for port in state.ports)


def _list_current_parts(state: DeviceState) -> frozenset[str]:
    """Return what must be there beside ports and filters, or nothing passes: VLANs, and the switch's own addresses."""
    addresses = ((own, one.vlan) for one in state.interfaces for own in one.addresses)
    return frozenset([f"VLAN {one.number}" for one in state.vlans]) | {
        f"{own} in VLAN {vlan}" for own, vlan in addresses
    }


def _answers_at(state: DeviceState, address: IPv4Address | IPv6Address) -> bool:
    return any(own.partition("/")[0] == str(address) for one in state.interfaces for own in one.addresses)


def find_filter_differences(intent: DeviceIntent, state: DeviceState) -> Iterator[str]:
    """Yield each filter in force that does not equal the policy, with a packet that shows it."""
    by_name = {one.name: one for one in state.filters}
    bound = {(b.vlan, b.direction, b.family): b.filter for b in state.bindings}
    for wanted in intent.intents:
        key = (wanted.vlan, wanted.direction, wanted.family)
        place = f"{wanted.device} VLAN {wanted.vlan} ({wanted.segment}) {wanted.direction} IPv{int(wanted.family)}"
        if key not in bound:
            yield f"{place}: no filter is in force; everything passes"
        elif bound[key] not in by_name:
            yield f"{place}: filter {bound[key]} is bound, but does not exist"
        elif not ends_explicitly(by_name[bound[key]]):
            yield f"{place}: filter {bound[key]} does not end in an entry for everything; vendors' defaults differ"
        else:
            difference = prove_filter_equals_intent(wanted, by_name[bound[key]])
            if difference is not None:
                yield f"{difference}{_made_for(intent, wanted, difference)}"
    known = {(wanted.vlan, wanted.direction, wanted.family) for wanted in intent.intents}
    for key, name in bound.items():
        if key not in known:
            yield f"{intent.device.id}: filter {name} is in force for VLAN {key[0]}, which the policy does not filter"


def _made_for(intent: DeviceIntent, wanted: FilterIntent, difference: FilterDifference) -> str:
    """Whose line it is that decides wrongly, where the filter that was compiled has the same line."""
    key = wanted.vlan, wanted.direction, wanted.family
    compiled = [entry for one in intent.wanted.filters if one.key == key for entry in one.entries]
    names = {name for entry in compiled if entry == difference.entry for name in entry.origin.split(", ")}
    made = dict.fromkeys(f"{one.rule} ({one.origin})" for one in wanted.clauses if one.rule in names)
    return f"; the compiler has such a line for {', '.join(made)}" if made else ""


def find_port_differences(intent: DeviceIntent, state: DeviceState) -> Iterator[str]:
    """Yield each port that differs: a filter says nothing of packets that do not come to it."""
    seen = {port.name: port for port in state.ports}
    for port in intent.wanted.ports:
        if seen.get(port.name) != port:
            now = describe_port(seen[port.name]) if port.name in seen else "not set by us"
            yield f"{intent.device.id}: port {describe_port(port)} is wanted; it is {now}"
    wanted_names = {port.name for port in intent.wanted.ports}
    for name in seen.keys() - wanted_names:
        yield f"{intent.device.id}: port {describe_port(seen[name])} is in service, which the city does not know"
    groups = {one.name: one for one in state.lags}
    for lag in intent.wanted.lags:
        if groups.get(lag.name) != lag:
            now = describe_lag(groups[lag.name]) if lag.name in groups else "not set by us"
            yield f"{intent.device.id}: {describe_lag(lag)} is wanted; it is {now}"


def find_vlan_differences(intent: DeviceIntent, state: DeviceState) -> Iterator[str]:
    """Yield each VLAN of ours that differs in the switch's database: what is not in it passes through no port."""
    wanted, seen = ({vlan.number: vlan.name for vlan in of.vlans} for of in (intent.wanted, state))
    for number in sorted(wanted.keys() | seen.keys()):
        if number not in wanted:
            yield f"{intent.device.id}: VLAN {number} {seen[number]} is there, which the device does not need"
        elif number not in seen:
            missing = "it is missing, or not ours by its name"
            yield f"{intent.device.id}: VLAN {number} {wanted[number]} is wanted; {missing}"
        elif wanted[number] != seen[number]:
            yield f"{intent.device.id}: VLAN {number} {wanted[number]} is wanted; its name is {seen[number]}"


def find_interface_differences(intent: DeviceIntent, state: DeviceState) -> Iterator[str]:
    """Yield each address that differs of a switch that routes: its filters see what it hands on by these."""
    wanted, seen = ({one.vlan: one for one in of.interfaces} for of in (intent.wanted, state))
    for vlan in sorted(wanted.keys() | seen.keys()):
        if wanted.get(vlan) != seen.get(vlan):
            yield f"{intent.device.id}: interface {_interface(wanted, vlan)} is wanted; it is {_interface(seen, vlan)}"


def _interface(known: Mapping[int, VlanInterface], vlan: int) -> str:
    if vlan not in known:
        return f"none in VLAN {vlan}"
    one = known[vlan]
    relays = f", relays to {' '.join(one.relays)}" if one.relays else ""
    return f"in VLAN {vlan} with {' '.join(one.addresses)}{relays}"
