"""What is plugged into the ports of a virtual switch, and the link between one that routes and its router."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from controller.errors import LabError
from controller.lab.state.layout import FamilyPair, Gateway, HostLayout, Interface, Wire
from controller.model.network.device_state import PortMode, PortRole
from controller.model.network.packets import Family
from controller.model.network.router_link import CORE, ROUTER
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.model.virtual_city import VirtualCity

OPEN_VSWITCH = "ovs"
ROUTING_SWITCHES = frozenset({"cisco_ios"})
"""Virtual switches that are the gateway of the segments; at the others the router is."""
VIRTUAL_SWITCHES = frozenset({*ROUTING_SWITCHES, "allied_telesis_awplus"})
_LINK = "transit"


def plan_wires(
    device: Device, vlans: Mapping[str, tuple[int, ...]], hosts: Sequence[HostLayout], gateways: Sequence[Gateway]
) -> Iterator[Wire]:
    """Yield the wires of a switch: each host's at the port of its number, the gateways' at the port to the router.

    A switch that routes has its link untagged there; else each segment's gateway is tagged. `vlans` are those that each
    host is in, in one stage or another: tagged, it is in the one of them that its port carries.
    """
    uplink = device.ports[-1].name
    facing = (port for port in device.ports if port.role is PortRole.HOST_FACING)
    for host, port in zip(hosts, facing, strict=False):  # behind the last one, of the devices' segment, is nothing
        for tag in vlans[host.id] if port.mode is PortMode.TRUNK else (None,):
            yield Wire(interface=host.port, port=port.name, tag=tag)
    for gateway in gateways:
        tag = None if device.platform in ROUTING_SWITCHES else gateway.vlan
        yield Wire(interface=gateway.port, port=uplink, tag=tag)


def plan_link(city: VirtualCity, school: School) -> Gateway:
    """Return the router's end of the link to a switch that routes; its gateway is the switch.

    Raises:
        LabError: the city has no such link.
    """
    link = city.settings.transit
    if link is None:
        message = (
            f"the switch of {school.id} is to route ({city.virtual_estate.get_platform(school.id)} in lab.yaml), and "
            "city.yaml has no 'transit', the link between such a switch and its router"
        )
        raise LabError(message)
    own = {family: city.addresses.school_prefix(school, family) for family in city.families}
    ends = {whose: {family: link.compute_address(own[family], whose) for family in own} for whose in (ROUTER, CORE)}
    return Gateway(
        segment=_LINK,
        vlan=link.vlan,
        port=f"g-{_LINK}",
        interface=Interface(
            address=_pair({family: text.partition("/")[0] for family, text in ends[ROUTER].items()}),
            length=_pair({family: text.partition("/")[2] for family, text in ends[ROUTER].items()}),
            gateway=_pair({family: text.partition("/")[0] for family, text in ends[CORE].items()}),
        ),
    )


def keep_family(pair: FamilyPair, family: Family) -> FamilyPair:
    """Return the pair with the one family alone."""
    return _pair({one: text for one, text in pair.by_family.items() if one is family})


def _pair(texts: dict[Family, str]) -> FamilyPair:
    return FamilyPair(v4=texts.get(Family.V4), v6=texts.get(Family.V6))
