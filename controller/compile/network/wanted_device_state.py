"""Intent -> the state that a device is wanted in: VLANs, ports, access control lists, routes, wireless networks.

The access control lists themselves are made in `acl.py`; this puts a device together of its parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.compile.network.acl import DeviceAcls, compile_acls, refuse_long_names
from controller.compile.network.gateways import refuse_second_gateway
from controller.compile.network.intent import FilterIntent, compile_filter_intents
from controller.compile.network.interfaces import (
    compile_core_interfaces,
    find_transit,
    make_transit_vlan,
    move_onto_transit,
)
from controller.compile.network.lags import compile_lags, name_lag
from controller.compile.network.line_tunnels import (
    LineTunnel,
    StaticRoute,
    build_default_routes,
    build_tunnel_interfaces,
    compile_line_tunnels,
    compile_static_routes,
)
from controller.compile.network.route_policies import RoutingIntent, build_wanted_routing, compile_routing_intent
from controller.compile.network.upstream import DelegatedFilter, delegate_upstream
from controller.compile.network.wireless import WirelessIntent, build_wireless_network, compile_wireless
from controller.errors import BeyondCapability
from controller.model.city import City
from controller.model.network.device_state import (
    PREFIX,
    Attachment,
    Capabilities,
    DeviceState,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    build_device_state,
)
from controller.model.network.route_policies import NO_ROUTING
from controller.model.sites.devices import Device, DevicePort


@dataclass(frozen=True, slots=True)
class DeviceIntent:
    """The wanted state of one device, and the intent that each of its filters must equal.

    `delegated` are the filters of which a part is left to a device further up, as the policy says them.
    `routing` is what a router must do with routes, `tunnels` and `static_routes` what else its lines need, `networks`
    what an access point's wireless networks must be. `aggregated`: filters were written in fewer entries to fit.
    """

    device: Device
    wanted: DeviceState
    intents: tuple[FilterIntent, ...]
    delegated: tuple[DelegatedFilter, ...] = ()
    routing: RoutingIntent | None = None
    tunnels: tuple[LineTunnel, ...] = ()
    static_routes: tuple[StaticRoute, ...] = ()
    networks: tuple[WirelessIntent, ...] = ()
    aggregated: bool = False


FILTERING_ROLE = "core"
"""The role of the devices that hold a school's filters."""


def compile_device(city: City, device: Device, can: Capabilities) -> DeviceIntent:
    """Compile the policy for one device.

    >>> wanted = compile_device(city, core, can).wanted
    >>> len(wanted.filters), len(wanted.vlans), len(wanted.ports)
    (32, 8, 5)

    Raises:
        BeyondCapability: the platform cannot enforce a part, or the filters are larger than it takes.
    """
    intents, delegated = compile_device_filters(city, device, can)
    acls = compile_acls(device, can, intents, delegated)
    return build_device_intent(city, device, can, acls)


def compile_device_filters(
    city: City, device: Device, can: Capabilities
) -> tuple[tuple[FilterIntent, ...], tuple[DelegatedFilter, ...]]:
    """Return the intent of each filter of a device, and the filters of which a part is left to a device further up.

    >>> intents, delegated = compile_device_filters(city, core, can)
    >>> len(intents), len(delegated), intents[0].segment, intents[0].direction.value
    (32, 20, 'staff', 'from')

    Raises:
        BeyondCapability: the platform cannot enforce a part.
    """
    if device.role != FILTERING_ROLE:
        return (), ()
    return delegate_upstream(
        city, device, compile_filter_intents(city, device.school, device.id, _segments(city, device)), can
    )


def build_device_intent(city: City, device: Device, can: Capabilities, acls: DeviceAcls) -> DeviceIntent:
    """Put together a device: these access control lists and no other, and everything else that the policy wants of it.

    >>> none = compile_acls(core, can, [])
    >>> bare = build_device_intent(city, core, can, none).wanted
    >>> len(bare.filters), len(bare.ports)
    (0, 5)

    Raises:
        BeyondCapability: the platform cannot enforce a part.
    """
    segments = _segments(city, device)
    routes = compile_routing_intent(city, device) if device.role == "router" and can.routes else None
    tunnels = compile_line_tunnels(city, device, can) if device.role == "router" else ()
    static_routes = compile_static_routes(city, device, can) if device.role == "router" else ()
    refuse_long_names(device, "vlan", [f"{PREFIX}-{name}" for name in segments] if can.vlan_database else [], can)
    networks = compile_wireless(city, device, can)
    transit = find_transit(city, device, can)
    if transit:
        refuse_second_gateway(city, device)
    here = city.list_segments(device.school)
    vlans = [Vlan(here[s].vlan, f"{PREFIX}-{s}") for s in segments] + ([make_transit_vlan(transit)] if transit else [])
    wanted = build_device_state(
        vlans=vlans if can.vlan_database else (),
        ports=[_port(city, device, port, can) for port in device.ports] if has_own_ports(device, can) else (),
        filters=acls.filters,
        bindings=acls.bindings,
        routing=build_wanted_routing(routes) if routes else NO_ROUTING,
        interfaces=compile_core_interfaces(city, device, segments, transit) if transit else (),
        networks=map(build_wireless_network, networks),
        lags=compile_lags(device, can) if has_own_ports(device, can) else (),
        tunnels=build_tunnel_interfaces(tunnels),
        default_routes=build_default_routes(tunnels, static_routes),
    )
    return DeviceIntent(
        device,
        wanted,
        acls.intents,
        acls.delegated,
        routing=routes,
        tunnels=tunnels,
        static_routes=static_routes,
        networks=networks,
        aggregated=acls.aggregated,
    )


def has_own_ports(device: Device, can: Capabilities) -> bool:
    """Say if the ports of a device are set by Tsunagu; those of some routers are the installer's.

    >>> has_own_ports(core, can)
    True
    """
    return can.switches and (can.router_ports or device.role != "router")


def build_acl_intent(device: Device, acls: DeviceAcls) -> DeviceIntent:
    """Put together a device with these access control lists and nothing else.

    >>> alone = build_acl_intent(core, compile_acls(core, can, [intent])).wanted
    >>> len(alone.filters), len(alone.ports)
    (1, 0)
    """
    wanted = build_device_state(filters=acls.filters, bindings=acls.bindings)
    return DeviceIntent(device, wanted, acls.intents, acls.delegated, aggregated=acls.aggregated)


def _segments(city: City, device: Device) -> list[str]:
    """The segments that the device's ports carry, in the policy's order."""
    carried = {name for port in device.ports for name in port.segments}
    return [name for name in city.segments if name in carried]


def _port(city: City, device: Device, port: DevicePort, can: Capabilities) -> PortState:
    vlans = tuple(sorted(city.list_segments(device.school)[name].vlan for name in port.segments))
    role = port.role if can.reads_port_roles else PortRole.UNFILTERED
    isolated = _isolated(city, device, port, can)
    dot1q = _names_dot1q(device, port, can)
    name = port.name if port.lag is None else name_lag(device, port.lag, can)
    state = PortState(name, port.mode, vlans, role, isolated=isolated, names_dot1q=dot1q)
    transit = find_transit(city, device, can)
    return move_onto_transit(state, port.role, transit) if transit else state


def _names_dot1q(device: Device, port: DevicePort, can: Capabilities) -> bool:
    """Tell whether the trunk must name its encapsulation.

    Raises:
        BeyondCapability: the policy says so of a platform that has no such line.
    """
    if device.names_dot1q and not can.trunk_encapsulation:
        message = (
            f"{device.id}: 'trunk-encapsulation' ({device.origin}): {device.platform} knows no encapsulation but dot1q "
            "(capability 'trunk_encapsulation'); take it out there"
        )
        raise BeyondCapability(message)
    return device.names_dot1q and port.mode is PortMode.TRUNK


def _isolated(city: City, device: Device, port: DevicePort, can: Capabilities) -> bool:
    """Tell whether the port must be kept from others of its segment.

    A filter at the port itself does so already: it permits nothing between hosts of a segment that no rule names.

    Raises:
        BeyondCapability: it must, and the platform cannot.
    """
    hosts = port.mode is PortMode.ACCESS and port.role is PortRole.HOST_FACING
    if not hosts or not any(city.segments[name].isolated for name in port.segments):
        return False
    filtered_here = can.attachment is Attachment.PORT and device.role == FILTERING_ROLE
    if not can.isolates and not filtered_here:
        message = (
            f"{device.id}: port {port.name} carries the isolated segment {', '.join(port.segments)}, and "
            f"{device.platform} cannot keep hosts of a segment from one another (capability 'isolates')"
        )
        raise BeyondCapability(message)
    return can.isolates
