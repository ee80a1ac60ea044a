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
    return routes


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
