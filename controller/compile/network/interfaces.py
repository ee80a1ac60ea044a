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
from controller.model.network.router_link import CORE, ROUTER, TransitLink
from controller.model.sites.devices import Device


def find_transit(city: City, device: Device, can: Capabilities) -> TransitLink | None:
    """The link to the router, where the device is a core that routes; None where the router is in every segment.

    >>> find_transit(city, core, can) is None  # its router stands in every segment
    True
    """
    return city.settings.transit if can.interfaces and device.role == "core" else None


def make_transit_vlan(transit: TransitLink) -> Vlan:
    """The link's VLAN.

    >>> make_transit_vlan(TransitLink.model_construct(vlan=99))
    Vlan(number=99, name='TSN-transit')
    """
    return Vlan(transit.vlan, f"{PREFIX}-transit")


def move_onto_transit(port: PortState, role: PortRole, transit: TransitLink) -> PortState:
    """The port towards the router carries the link alone: a segment on it would pass the filters by.

    >>> port = PortState("port1.0.1", PortMode.TRUNK, (10, 20), PortRole.UPLINK)
    >>> move_onto_transit(port, PortRole.UPLINK, TransitLink.model_construct(vlan=99)).vlans
    (99,)
    >>> move_onto_transit(port, PortRole.HOST_FACING, TransitLink.model_construct(vlan=99)).vlans
    (10, 20)
    """
    if role is not PortRole.UPLINK:
        return port
    return replace(port, mode=PortMode.ACCESS, vlans=(transit.vlan,), isolated=False, names_dot1q=False)


def compile_core_interfaces(
    city: City, device: Device, segments: Iterable[str], transit: TransitLink
) -> Iterator[VlanInterface]:
    """The gateway's addresses in each segment, the switch's own in that of the devices, and its end of the link.

    >>> first, *_ = compile_core_interfaces(city, core, ["staff"], city.settings.transit)
    >>> first.vlan, first.addresses
    (10, ('10.154.0.1/22', '2001:db8:809a:a::1/64'))
    """
    school = device.school
    blocks = [city.addresses.school_prefix(school, family) for family in city.families]
    servers = [transit.compute_address(own, ROUTER).partition("/")[0] for own in blocks]
    for name in segments:
        segment = city.list_segments(school)[name]
        lengths = {family: city.addresses.segment_prefix(school, segment, family).prefixlen for family in city.families}
        addresses = [
            f"{family.format_address(city.addresses.gateway_address(school, segment, family))}/{lengths[family]}"
            for family in city.families
        ]
        if name == city.management_segment:
            addresses.insert(1, f"{device.management}/{lengths[Family(device.management.version)]}")
        yield build_vlan_interface(segment.vlan, addresses, servers)
    yield build_vlan_interface(transit.vlan, [transit.compute_address(own, CORE) for own in blocks])
