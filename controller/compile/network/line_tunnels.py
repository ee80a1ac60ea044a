"""What a router must have for its lines beside BGP: the tunnels that they go through, and routes that are written down.

Both need a platform that has them (capabilities 'tunnels' and 'static_routes'). One that has not is refused by name: a
line would else carry nothing, or carry it in the clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from controller.errors import BeyondCapability
from controller.model.city import City
from controller.model.network.device_state import Capabilities
from controller.model.network.line_routes import DefaultRoute, LineGateway, TunnelInterface, name_tunnel_gateway
from controller.model.network.packets import Family, Prefix
from controller.model.sites.contracted_lines import AccessLineName, Tunnel
from controller.model.sites.devices import Device

BEHIND_BGP = 200
"""Added to the distance of a static route that a route of BGP goes before (external BGP has 20, internal 200)."""


@dataclass(frozen=True, slots=True)
class LineTunnel:
    """A tunnel that one of a school's lines goes through; `interface` is that of the line on the school's router."""

    line: AccessLineName
    interface: str
    tunnel: Tunnel


@dataclass(frozen=True, slots=True)
class StaticRoute:
    """A route to everywhere by a region's router over a line; of two the one with the smaller distance is taken."""

    line: AccessLineName
    region: str
    family: Family
    destination: Prefix
    next_hop: IPv4Address | IPv6Address
    distance: int


def compile_line_tunnels(city: City, device: Device, can: Capabilities) -> tuple[LineTunnel, ...]:
    """Return the tunnels that a school's router must have.

    >>> compile_line_tunnels(city, router, can)
    ()

    Raises:
        BeyondCapability: the router's platform has no such tunnel.
    """
    found = []
    for name, line in device.school.lines.by_name.items():
        if line.tunnel is None:
            continue
        if line.tunnel.kind not in can.tunnels:
            message = (
                f"{device.id}: the {name} line of school {device.school.id} goes through a tunnel ({line.tunnel}), and "
                f"{device.platform} cannot be given one by Tsunagu (capability 'tunnels'); nothing of this router is "
                "rendered"
            )
            raise BeyondCapability(message)
        found.append(LineTunnel(name, city.lines.get_link(name).interface, line.tunnel))
    return tuple(found)


def compile_static_routes(city: City, device: Device, can: Capabilities) -> tuple[StaticRoute, ...]:
    """Return the routes that a school's router must have written down, the preferred first.

    >>> compile_static_routes(city, router, can)
    ()

    Raises:
        BeyondCapability: there are some, and Tsunagu does not write routes on this platform.
    """
    routes = tuple(_list_routes(city, device))
    if routes and not can.static_routes:
        lines = " and ".join(dict.fromkeys(f"the {one.line} line" for one in routes))
        message = (
            f"{device.id}: {lines} of school {device.school.id} has static routes, and Tsunagu writes none on "
            f"{device.platform} (capability 'static_routes'); nothing of this router is rendered"
        )
        raise BeyondCapability(message)
    _refuse_other_routes(city, device, can, routes)
    return routes


def build_default_routes(tunnels: tuple[LineTunnel, ...], routes: tuple[StaticRoute, ...]) -> Iterator[DefaultRoute]:
    """Yield the default route of each family, its preferred gateway first; a line with a tunnel leads into it.

    >>> list(build_default_routes((), ()))
    []
    """
    inside = {one.line for one in tunnels}
    for family in dict.fromkeys(one.family for one in routes):
        ordered = sorted((one for one in routes if one.family is family), key=lambda one: one.distance)
        gateways = (
            LineGateway(name_tunnel_gateway(one.line) if one.line in inside else str(one.next_hop), str(one.next_hop))
            for one in ordered
        )
        yield DefaultRoute(family, tuple(gateways))


def build_tunnel_interfaces(tunnels: tuple[LineTunnel, ...]) -> Iterator[TunnelInterface]:
    """Yield the tunnels that a router must have, as a device holds them.

    >>> list(build_tunnel_interfaces(()))
    []
    """
    for one in tunnels:
        yield TunnelInterface(one.line, one.tunnel.kind, str(one.tunnel.peer), one.tunnel.mtu)


def _refuse_other_routes(city: City, device: Device, can: Capabilities, routes: tuple[StaticRoute, ...]) -> None:
    """Refuse what a platform that writes routes cannot do with the lines of its school.

    Raises:
        BeyondCapability: lines of BGP, too many gateways, or a family that it writes no routes of.
    """
    if not can.static_routes:
        return
    learned = city.lines.list_bgp_paths(device.school)
    if learned and not can.routes:
        lines = " and ".join(dict.fromkeys(f"the {line} line" for line, _ in learned))
        system = city.lines.get_asn(device.school)
        reason = (
            f"the school's AS number {system} is one of 32 bits, and {device.platform} speaks BGP with numbers from 1 "
            f"to {can.largest_as_number} only (capability 'largest_as_number')"
            if system > can.largest_as_number
            else f"Tsunagu writes no route policies on {device.platform} (capability 'routes')"
        )
        message = (
            f"{device.id}: {lines} of school {device.school.id} has routes by BGP; {reason}; nothing of this router is "
            "rendered; choices: 1. write the routes down: 'routing: static' at the line in the school's file; 2. a "
            "router that can, such as frr: its platform in city/blueprints.yaml"
        )
        raise BeyondCapability(message)
    for family in dict.fromkeys(one.family for one in routes):
        listed = [one for one in routes if one.family is family]
        if family not in can.static_families:
            message = (
                f"{device.id}: school {device.school.id} has static routes of IPv{int(family)}, and Tsunagu writes none"
                f" of that family on {device.platform} (capability 'static_families'); nothing of this router is"
                " rendered"
            )
            raise BeyondCapability(message)
        if can.static_gateways is not None and len(listed) > can.static_gateways:
            ways = ", ".join(f"{one.line} to {one.region}" for one in listed)
            message = (
                f"{device.id}: school {device.school.id} has {len(listed)} static ways in order ({ways}), and "
                f"{device.platform} orders at most {can.static_gateways} (capability 'static_gateways'); give the "
                "school an order of its own in city/lines.yaml"
            )
            raise BeyondCapability(message)


def _list_routes(city: City, device: Device) -> Iterator[StaticRoute]:
    school = device.school
    preference = city.lines.get_preference(school)
    routing = [school.lines.by_name[way.line].routing for way in preference]
    for family in city.families:
        for rank, way in enumerate(preference):
            if routing[rank] == "static":
                distance = rank + 1 + (BEHIND_BGP if "bgp" in routing[:rank] else 0)
                next_hop = city.lines.region_address(city.lines.get_region(way.region), way.line, family)
                yield StaticRoute(way.line, way.region, family, family.everything, next_hop, distance)
