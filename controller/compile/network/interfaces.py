"""The interfaces of a core switch that routes: the gateway of each segment, and the link to the router.

Hosts ask the gateway for their address; a core that routes hands that on to the router, which serves it. What else the
gateway is asked for by its address (names, time: `policies/access/necessities.yaml`), the switch must serve itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from controller.model.city import City
from controller.model.network.device_state import (
    PREFIX,
    Capabilities,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    VlanInterface,
    build_vlan_interface,
)
from controller.model.network.packets import Family
from controller.model.network.router_link import CORE, ROUTER, Transit
from controller.model.sites.devices import Device


def transit_of(city: City, device: Device, can: Capabilities) -> Transit | None:
    """The link to the router, where the device is a core that routes; None where the router is in every segment."""
    return city.file.transit if can.interfaces and device.role == "core" else None


def transit_vlan(transit: Transit) -> Vlan:
    """The link's VLAN."""
    return Vlan(transit.vlan, f"{PREFIX}-transit")


def onto_transit(port: PortState, role: PortRole, transit: Transit) -> PortState:
    """The port towards the router carries the link alone: a segment on it would pass the filters by."""
    if role is not PortRole.UPLINK:
        return port
    return replace(port, mode=PortMode.ACCESS, vlans=(transit.vlan,), isolated=False)


def core_interfaces(city: City, device: Device, segments: Iterable[str], transit: Transit) -> Iterator[VlanInterface]:
    """The gateway's addresses in each segment, the switch's own in that of the devices, and its end of the link."""
    school = device.school
    blocks = [city.school_prefix(school, family) for family in Family]
    servers = [transit.address(own, ROUTER).partition("/")[0] for own in blocks]
    for name in segments:
        segment = city.segments[name]
        lengths = {family: city.segment_prefix(school, segment, family).prefixlen for family in Family}
        addresses = [f"{family.address(city.gateway(school, segment, family))}/{lengths[family]}" for family in Family]
        if name == city.file.management_segment:
            addresses.insert(1, f"{device.management}/{lengths[Family(device.management.version)]}")
        yield build_vlan_interface(segment.vlan, addresses, servers)
    yield build_vlan_interface(transit.vlan, [transit.address(own, CORE) for own in blocks])
