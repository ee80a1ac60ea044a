"""The blueprint's wireless networks -> what an access point must hold of each.

A network stands for one segment. Where 802.1X lets clients in, the access point accepts only those whom the admission
servers answer that very segment: a certificate of another class does not open it, and quarantine is not reached there.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.errors import BeyondCapability, Origin
from controller.model.city import City
from controller.model.network.device_state import Capabilities
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.model.sites.blueprints import Ssid
from controller.model.sites.devices import Device


@dataclass(frozen=True, slots=True)
class WirelessIntent:
    """A wanted wireless network: the clients that it lets in and their VLAN; `origin` is the place in the policy."""

    ssid: str
    segment: str
    vlan: int
    protection: Protection
    isolated: bool
    uplink: str
    identity: str
    servers: tuple[str, ...]
    origin: Origin


def compile_wireless(city: City, device: Device, can: Capabilities) -> tuple[WirelessIntent, ...]:
    """The networks of an access point.

    >>> compile_wireless(city, core, can)
    ()
    >>> [(one.ssid, one.segment, one.vlan) for one in compile_wireless(city, point, point_can)]
    [('school-staff', 'staff', 10), ('school-pupil', 'pupil', 20), ('school-guest', 'guest', 40)]

    Raises:
        BeyondCapability: the platform has no wireless networks, or cannot keep the clients of one from one another.
    """
    if not device.networks:
        return ()
    if not can.wireless:
        message = (
            f"{device.id}: the blueprint gives it the network {device.networks[0].ssid!r}, and {device.platform} has "
            "no wireless networks (capability 'wireless')"
        )
        raise BeyondCapability(message)
    return tuple(_network(city, device, network, can) for network in device.networks)


def _network(city: City, device: Device, network: Ssid, can: Capabilities) -> WirelessIntent:
    segment = city.list_segments(device.school)[network.segment]
    if segment.isolated and not can.isolates:
        message = (
            f"{device.id}: network {network.ssid!r} carries the isolated segment {segment.id}, and {device.platform} "
            "cannot keep clients of a network from one another (capability 'isolates')"
        )
        raise BeyondCapability(message)
    asks = network.protection is Protection.WPA3_ENTERPRISE
    return WirelessIntent(
        ssid=network.ssid,
        segment=segment.id,
        vlan=segment.vlan,
        protection=network.protection,
        isolated=segment.isolated,
        uplink=device.ports[0].name,
        identity=device.id if asks else "",
        servers=tuple(map(str, city.admission_servers)) if asks else (),
        origin=network.origin,
    )


def build_wireless_network(one: WirelessIntent) -> WirelessNetwork:
    """The network that does what is wanted.

    >>> (one, *_) = compile_wireless(city, point, point_can)
    >>> network = build_wireless_network(one)
    >>> network.ssid, network.vlan, network.isolated
    ('school-staff', 10, False)
    """
    return WirelessNetwork(one.ssid, one.vlan, one.protection, one.isolated, one.uplink, one.identity, one.servers)
