"""Intent -> the state that a switch is wanted in: VLANs, ports, ordered filters and where they are bound.

An ordered filter is made of two blocks and a last entry. The first block speaks of named destinations: forbids, then
permits. The second speaks of the internet, which is everything minus a list: denials of that list, then forbids,
then permits. No packet to a named destination is in the internet, so the order of the blocks changes nothing; that it
did not is proved for every filter, not believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from controller.compile.network.aggregate import aggregate
from controller.compile.network.intent import Clause, FilterIntent, filter_intents
from controller.compile.network.interfaces import core_interfaces, onto_transit, transit_of, transit_vlan
from controller.compile.network.route_policies import RoutingIntent, routing_intent, wanted_routing
from controller.compile.network.upstream import Moved, within
from controller.compile.network.wireless import NetworkIntent, network_intents, wanted_network
from controller.errors import BeyondCapability
from controller.model.city import City
from controller.model.network.device_state import (
    PREFIX,
    Attachment,
    Capabilities,
    DeviceState,
    Entry,
    Filter,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    build_device_state,
    build_filter,
)
from controller.model.network.packets import ANY_PORTS, AddressSet, Effect, Family, Match, Ports, Prefix, Protocol
from controller.model.network.route_policies import NO_ROUTING
from controller.model.sites.devices import Device, DevicePort


@dataclass(frozen=True, slots=True)
class CampusIntent:
    """What one device must be: the wanted state, and the intent that each of its filters must equal.

    `moved` are the filters of which a part is left to a device further up, as the policy says them.
    `routing` is what a router must do with routes, `networks` what an access point's wireless networks must be.
    `aggregated`: filters were written in fewer entries to fit.
    """

    device: Device
    wanted: DeviceState
    intents: tuple[FilterIntent, ...]
    moved: tuple[Moved, ...] = ()
    routing: RoutingIntent | None = None
    networks: tuple[NetworkIntent, ...] = ()
    aggregated: bool = False


FILTERING = "core"
"""The role of the devices that hold a school's filters."""


def campus_intent(city: City, device: Device, can: Capabilities) -> CampusIntent:
    """Compile the policy for one device.

    Raises:
        BeyondCapability: the platform cannot enforce a part, or the filters are larger than it takes.
    """
    return with_filters(city, device, can, *device_intents(city, device, can))


def device_intents(city: City, device: Device, can: Capabilities) -> tuple[tuple[FilterIntent, ...], tuple[Moved, ...]]:
    """What each filter of a device must be, and the filters of which a part is left to a device further up.

    Raises:
        BeyondCapability: the platform cannot enforce a part.
    """
    if device.role != FILTERING:
        return (), ()
    return within(city, device, filter_intents(city, device.school, device.id, _segments(city, device)), can)


def with_filters(
    city: City, device: Device, can: Capabilities, intents: tuple[FilterIntent, ...], moved: tuple[Moved, ...]
) -> CampusIntent:
    """A device with these filters and no other, and with everything else that the policy wants of it.

    Raises:
        BeyondCapability: the platform cannot enforce a part, or the filters are larger than it takes.
    """
    segments = _segments(city, device)
    whole, filters = _filters(device, can, intents)
    routes = routing_intent(city, device) if device.role == "router" and can.routes else None
    _refuse_long_names(device, "vlan", [f"{PREFIX}-{name}" for name in segments] if can.vlan_database else [], can)
    networks = network_intents(city, device, can)
    transit = transit_of(city, device, can)
    vlans = [Vlan(city.segments[s].vlan, f"{PREFIX}-{s}") for s in segments] + (
        [transit_vlan(transit)] if transit else []
    )
    wanted = build_device_state(
        vlans=vlans if can.vlan_database else (),
        ports=[_port(city, device, port, can) for port in device.ports] if can.switches else (),
        filters=filters,
        bindings=_bindings(filters),
        routing=wanted_routing(routes) if routes else NO_ROUTING,
        interfaces=core_interfaces(city, device, segments, transit) if transit else (),
        networks=map(wanted_network, networks),
    )
    return CampusIntent(device, wanted, intents, moved, routes, networks, aggregated=filters != whole)


def filters_alone(
    device: Device, can: Capabilities, intents: tuple[FilterIntent, ...], moved: tuple[Moved, ...]
) -> CampusIntent:
    """A device with these filters and nothing else.

    Raises:
        BeyondCapability: the filters are larger than the platform takes.
    """
    whole, filters = _filters(device, can, intents)
    wanted = build_device_state(filters=filters, bindings=_bindings(filters))
    return CampusIntent(device, wanted, intents, moved, aggregated=filters != whole)


def _filters(device: Device, can: Capabilities, intents: Iterable[FilterIntent]) -> tuple[list[Filter], list[Filter]]:
    """The filters as they come, and as they fit the platform."""
    whole = [_filter(intent) for intent in intents]
    filters = _within_size(device, whole, can)
    _refuse_long_names(device, "filter", [one.name for one in filters], can)
    return whole, filters


def _bindings(filters: Iterable[Filter]) -> list[FilterBinding]:
    return [FilterBinding(*one.key, one.name) for one in filters]


def _within_size(device: Device, filters: list[Filter], can: Capabilities) -> list[Filter]:
    """The filters as they are where they fit, else in fewer entries of the same meaning.

    Raises:
        BeyondCapability: they do not fit even so.
    """
    most, altogether = can.maximum_entries, can.maximum_device_entries
    before = sum(len(one.entries) for one in filters)
    crowded = altogether is not None and before > altogether
    fewer = [
        build_filter(*one.key, aggregate(one.entries)) if crowded or len(one.entries) > most else one for one in filters
    ]
    remedy = "exactly aggregated, as few as this finds. Name fewer or larger prefixes."
    for one in fewer:
        if len(one.entries) > most:
            message = (
                f"{device.id}: filter {one.name} needs {len(one.entries)} entries; "
                f"{device.platform} takes {most} (capability 'maximum_entries'); {remedy}"
            )
            raise BeyondCapability(message)
    after = sum(len(one.entries) for one in fewer)
    if altogether is not None and after > altogether:
        message = (
            f"{device.id}: all filters together need {after} entries; {device.platform} takes "
            f"{altogether} a device (capability 'maximum_device_entries'); {remedy}"
        )
        raise BeyondCapability(message)
    return fewer


def _refuse_long_names(device: Device, what: str, names: Iterable[str], can: Capabilities) -> None:
    most = can.longest_vlan_name if what == "vlan" else can.longest_filter_name
    for name in names:
        if most is not None and len(name) > most:
            message = (
                f"{device.id}: the {what} name {name} has {len(name)} characters; {device.platform} takes {most} "
                f"(capability 'longest_{what}_name')"
            )
            raise BeyondCapability(message)


def _segments(city: City, device: Device) -> list[str]:
    """The segments that the device's ports carry, in the policy's order."""
    carried = {name for port in device.ports for name in port.segments}
    return [name for name in city.segments if name in carried]


def _port(city: City, device: Device, port: DevicePort, can: Capabilities) -> PortState:
    vlans = tuple(sorted(city.segments[name].vlan for name in port.segments))
    role = port.role if can.reads_port_roles else PortRole.UNFILTERED
    state = PortState(port.name, port.mode, vlans, role, isolated=_isolated(city, device, port, can))
    transit = transit_of(city, device, can)
    return onto_transit(state, port.role, transit) if transit else state


def _isolated(city: City, device: Device, port: DevicePort, can: Capabilities) -> bool:
    """Whether the port must be kept from others of its segment.

    A filter at the port itself does so already: it permits nothing between hosts of a segment that no rule names.

    Raises:
        BeyondCapability: it must, and the platform cannot.
    """
    hosts = port.mode is PortMode.ACCESS and port.role is PortRole.HOST_FACING
    if not hosts or not any(city.segments[name].isolated for name in port.segments):
        return False
    filtered_here = can.attachment is Attachment.PORT and device.role == FILTERING
    if not can.isolates and not filtered_here:
        message = (
            f"{device.id}: port {port.name} carries the isolated segment {', '.join(port.segments)}, and "
            f"{device.platform} cannot keep hosts of a segment from one another (capability 'isolates')"
        )
        raise BeyondCapability(message)
    return can.isolates


def _filter(intent: FilterIntent) -> Filter:
    named = [clause for clause in intent.clauses if not _everything_but(clause)]
    internet = [clause for clause in intent.clauses if _everything_but(clause)]
    entries = [
        *_entries(named, Effect.FORBID),
        *_entries(named, Effect.PERMIT),
        *_carve_out(internet, intent.family),
        *_entries(internet, Effect.FORBID),
        *_entries(internet, Effect.PERMIT),
    ]
    last = Match(intent.family, None, intent.family.everything, intent.family.everything)
    kept = dict.fromkeys(entries)
    return build_filter(
        intent.vlan, intent.direction, intent.family, [*kept, Entry(Effect.FORBID, last, "default deny")]
    )


def _everything_but(clause: Clause) -> bool:
    return bool(clause.sources.excluded or clause.destinations.excluded)


def _entries(clauses: Iterable[Clause], effect: Effect) -> Iterator[Entry]:
    for clause in clauses:
        if clause.effect is not effect:
            continue
        ends = product(clause.sources.included, clause.destinations.included, _destination_ports(clause))
        for source, destination, ports in ends:
            match = Match(
                clause.family, clause.protocol, source, destination, clause.source_ports, ports, clause.established
            )
            yield Entry(effect, match, clause.rule)


def _destination_ports(clause: Clause) -> Iterable[Ports]:
    """The ports in one range; ICMP types one by one, because no vendor's filter takes a range of them."""
    if clause.protocol not in (Protocol.ICMP, Protocol.ICMPV6) or clause.destination_ports == ANY_PORTS:
        return (clause.destination_ports,)
    low, high = clause.destination_ports
    return ((kind, kind) for kind in range(low, high + 1))


def _carve_out(clauses: Iterable[Clause], family: Family) -> Iterator[Entry]:
    """Denials of what the internet is not, so that the permits after them can say "any"."""
    everything = family.everything
    for at_source, addresses in _excluded(clauses):
        for one in addresses.excluded:
            ends = (one, everything) if at_source else (everything, one)
            yield Entry(Effect.FORBID, Match(family, None, *ends), "not the internet")


def _excluded(clauses: Iterable[Clause]) -> Iterator[tuple[bool, AddressSet]]:
    """The one set with exceptions that a filter speaks of; its side is fixed by the filter's direction."""
    found: dict[tuple[bool, tuple[Prefix, ...]], AddressSet] = {}
    for clause in clauses:
        for at_source, addresses in ((True, clause.sources), (False, clause.destinations)):
            if addresses.excluded:
                found[at_source, addresses.excluded] = addresses
    assert len(found) <= 1, "only the internet has exceptions"  # noqa: S101 else the second carve-out hides the first
    for (at_source, _), addresses in found.items():
        yield at_source, addresses
