"""Which ports carry a school's traffic out: its router's, one a line, and its core switch's to the router."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.model.city import City
from controller.model.network.device_state import PortRole
from controller.model.sites.devices import Device
from controller.model.sites.schools import School

LAN = "lan"
"""The uplink of the school's own network, before the router: it carries what all lines do."""


@dataclass(frozen=True, slots=True)
class UplinkPort:
    """A port of an uplink, by its name on its device."""

    device: Device
    name: str


@dataclass(frozen=True, slots=True)
class Uplink:
    """An uplink: `name` is the line's or `lan`; what comes in at its ports is the school's download.

    Several ports are one uplink: the members of a LAG, or all ports of the core switch to the router. `contract` is
    what it is ordered to carry, in Mbit/s: of `lan`, the primary line's.
    """

    school: str
    name: str
    ports: tuple[UplinkPort, ...]
    contract: int


def list_uplinks(city: City, school: School) -> Iterator[Uplink]:
    """Yield a school's uplinks, the lines first; what has no port of ours is none."""
    devices, by_name = city.list_devices(school), school.lines.by_name
    for name, line in by_name.items():
        interface = city.lines.get_link(name).interface
        wan = tuple(UplinkPort(one, interface) for one in devices if one.role == "router")
        if wan:
            yield Uplink(school.id, name, wan, line.mbps)
    lan = tuple(port for one in devices if one.role == "core" for port in _list_ports_to_router(one))
    if lan:
        yield Uplink(school.id, LAN, lan, by_name["primary"].mbps)


def _list_ports_to_router(core: Device) -> Iterator[UplinkPort]:
    for port in core.ports:
        if port.role is PortRole.UPLINK:
            # A LAG has no name that the policy knows: its members have, and each counts its own part.
            for name in port.lag.members if port.lag is not None else (port.name,):
                yield UplinkPort(core, name)
