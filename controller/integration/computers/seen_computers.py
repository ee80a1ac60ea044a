"""Asks the switches of a school which hosts they have learnt in the old networks; nothing is changed on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from controller.errors import TsunaguError
from controller.integration.computers.computer_counts import SeenComputers
from controller.integration.computers.old_segments import list_old_vlans
from controller.model.city import City
from controller.model.network.device_state import PortRole
from controller.model.sites.devices import Device, DevicePort
from controller.model.sites.schools import School
from controller.plan.observe import AT_ONCE
from controller.platforms.common.mac_table import LearntAddress, ReadsLearntAddresses
from controller.platforms.registry import is_supported, load_platform_of
from controller.platforms.transport.base import Transport


@dataclass(frozen=True, slots=True)
class MacReading:
    """The table of a device; `refusal` says why it could not be read ("": it was)."""

    device: Device
    learnt: tuple[LearntAddress, ...] = ()
    refusal: str = ""


def list_devices_to_read(city: City, school: School) -> tuple[Device, ...]:
    """List the devices at which hosts of the old networks can be: by a port that faces hosts, or by their radio.

    A router is none of them: whoever is behind it stands at a switch.
    """
    old = set(list_old_vlans(city, school).values())
    return tuple(
        device
        for device in city.list_devices(school)
        if device.role != "router"
        and (
            any(port.role is not PortRole.UPLINK and old.intersection(port.segments) for port in device.ports)
            or any(network.segment in old for network in device.networks)
        )
    )


def read_mac_tables(devices: Sequence[Device], transport: Transport) -> list[MacReading]:
    """Read the tables of devices, many at once; a device that cannot be read has its reason."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return list(pool.map(lambda device: _read_table(device, transport), devices))
    finally:
        # After Ctrl-C nobody waits for devices that do not answer; nothing is changed on them.
        pool.shutdown(wait=False, cancel_futures=True)


def _read_table(device: Device, transport: Transport) -> MacReading:
    system = load_platform_of(device) if is_supported(device.platform) else None
    if not isinstance(system, ReadsLearntAddresses):
        return MacReading(device, refusal=f"platform {device.platform!r} shows no table of MAC addresses")
    try:
        with transport.open_session(device, system.device_type) as session:
            return MacReading(device, system.read_learnt_addresses(session))
    except TsunaguError as error:
        return MacReading(device, refusal=" ".join(str(error).split()))


def count_seen_computers(
    city: City, school: School, readings: Sequence[MacReading], at: datetime
) -> SeenComputers | None:
    """Count the hosts that were seen in a school's old networks; None where none of its switches could be read.

    Each host counts once, wherever it was seen: at a port that faces hosts, of any of the devices. What is seen at the
    way to the gateway is the gateway itself, or stands at another device, and is left out.
    """
    vlans = list_old_vlans(city, school)
    read = [one for one in readings if not one.refusal]
    if not read:
        return None
    by_segment: dict[str, set[str]] = {}
    elsewhere: set[str] = set()
    for one in read:
        roles = dict(_list_port_roles(one.device))
        for host in one.learnt:
            if host.vlan in vlans:
                role = roles.get(host.port)
                if role not in {None, PortRole.UPLINK}:
                    by_segment.setdefault(vlans[host.vlan], set()).add(host.mac)
                elif role is None:
                    elsewhere.add(host.mac)
    seen = {mac for macs in by_segment.values() for mac in macs}
    return SeenComputers(
        at=at,
        macs=tuple(sorted(seen)),
        devices=tuple(one.device.id for one in read),
        unread=list_unread(readings),
        elsewhere=tuple(sorted(elsewhere - seen)),
        by_segment={name: len(macs) for name, macs in sorted(by_segment.items())},
    )


def list_unread(readings: Iterable[MacReading]) -> dict[str, str]:
    """List the devices that could not be read, with the reason."""
    return {one.device.id: one.refusal for one in readings if one.refusal}


def _list_port_roles(device: Device) -> Iterator[tuple[str, PortRole]]:
    """Yield the names under which a device may show a port, with the side that it faces."""
    for port in device.ports:
        for name in _name_port(device, port):
            yield name, port.role
            # AlaxalA shows the numbers of a port alone.
            yield name.rpartition(" ")[2], port.role


def _name_port(device: Device, port: DevicePort) -> tuple[str, ...]:
    if port.lag is None:
        return (port.name,)
    lags = load_platform_of(device).capabilities.lags
    return port.lag.members if lags is None else (lags.name(port.lag.mode, port.lag.number), *port.lag.members)
