"""The order in which the devices of a school change, so that nobody waits longer than need be.

Between the change of the core and that of a floor switch a VLAN can be there at the one and not at the other: whoever
sits in it waits. Where the next stage takes VLANs away the floors go first, where it brings some the core does. Where
it does both, somebody waits: the order is taken in which the longest wait is shorter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from controller.compile.network.wanted_device_state import FILTERING_ROLE
from controller.integration.way_back import MovingDevice, list_moving_devices
from controller.model.network.device_state import DeviceState, PortMode
from controller.model.sites.schools import DeviceRole
from controller.plan.build import ConsideredDevice

_INWARDS: tuple[DeviceRole, ...] = ("access-point", "floor", "core", "router")
_Seats = Mapping[str, int]
"""Sockets and wireless networks of a device by their names, each with its VLAN."""


def order_devices(considered: Sequence[ConsideredDevice]) -> list[ConsideredDevice]:
    """Return devices in the order in which they are to be changed; schools stay in theirs."""
    by_school: dict[str, list[ConsideredDevice]] = {}
    for one in considered:
        by_school.setdefault(one.observed.device.school.id, []).append(one)
    return [one for fleet in by_school.values() for one in _choose_order(fleet)]


def count_waits(moving: Sequence[MovingDevice]) -> Mapping[str, int]:
    """Count, by device, during how many other changes somebody behind it waits; `moving` are in their order."""
    by_school: dict[str, list[MovingDevice]] = {}
    for one in moving:
        by_school.setdefault(one.device.school.id, []).append(one)
    return {name: count for fleet in by_school.values() for name, count in _count_school_waits(fleet)}


def _choose_order(fleet: list[ConsideredDevice]) -> list[ConsideredDevice]:
    """Return the devices of a school as they are listed, or from its edge inwards where that is better."""
    orders = (fleet, sorted(fleet, key=lambda one: _INWARDS.index(one.observed.device.role)))
    return min(orders, key=lambda one: max(count_waits(list_moving_devices(one)).values(), default=0))


def _count_school_waits(fleet: Sequence[MovingDevice]) -> Iterator[tuple[str, int]]:
    cores = [
        (at, _list_carried(one.now), _list_carried(one.states[-1]))
        for at, one in enumerate(fleet)
        if one.device.role == FILTERING_ROLE
    ]
    for at, one in enumerate(fleet):
        before, after = _list_seat_vlans(one.now), _list_seat_vlans(one.states[-1])
        waits = [0]
        for seat, vlan in before.items():
            if after.get(seat) != vlan:
                waits += [at - core for core, now, last in cores if core < at and vlan in now - last]
                waits += [core - at for core, now, last in cores if core > at and after.get(seat) in last - now]
        yield one.device.id, max(waits)


def _list_carried(state: DeviceState) -> frozenset[int]:
    return frozenset(vlan for port in state.ports for vlan in port.vlans)


def _list_seat_vlans(state: DeviceState) -> _Seats:
    sockets = {port.name: port.vlans[0] for port in state.ports if port.mode is PortMode.ACCESS}
    return sockets | {one.ssid: one.vlan for one in state.networks}
