"""Which ports carry a school's traffic out: its router's port of each line, and its core switch's to the router."""

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
    """An uplink: `uplink` is the line's name or `lan`; what comes in at the port is the school's download.

    `contract` is what it is ordered to carry, in Mbit/s: of `lan`, the primary line's.
    """

    school: str
    device: Device
    port: str
    uplink: str
    contract: int


def list_uplink_ports(city: City, school: School) -> Iterator[UplinkPort]:
    """Yield a school's uplinks, those of its router first."""
    by_name = school.lines.by_name
    for device in city.list_devices(school):
        if device.role == "router":
            for name, line in by_name.items():
                yield UplinkPort(school.id, device, city.lines.get_link(name).interface, name, line.mbps)
        elif device.role == "core":
            for port in device.ports:
                if port.role is PortRole.UPLINK:
                    yield UplinkPort(school.id, device, port.name, LAN, by_name["primary"].mbps)
