"""The order of a school's devices: floors before the core where VLANs go, after it where they come; waits count."""

from __future__ import annotations

import pytest

from controller.integration.change_order import count_waits, order_devices
from controller.integration.interruption import InterruptionCause, list_interruptions
from controller.integration.way_back import list_moving_devices
from controller.model.city import City
from controller.model.network.device_state import DeviceState, PortMode, PortState, Vlan, build_device_state
from controller.model.sites.devices import Device
from controller.plan.build import ConsideredDevice
from controller.plan.observe import Observed
from controller.platforms.base import Observation, Step

CORE, FLOOR1, FLOOR2 = "as-e04-core1", "as-e04-floor1", "as-e04-floor2"


def hold_trunk(*vlans: int) -> DeviceState:
    """Return what a core holds that carries some VLANs."""
    return build_device_state(ports=[PortState("p1", PortMode.TRUNK, vlans)])


def hold_socket(vlan: int) -> DeviceState:
    """Return what a floor switch holds whose socket is in a VLAN; its uplink carries all."""
    return build_device_state(
        ports=[PortState("p1", PortMode.ACCESS, (vlan,)), PortState("p24", PortMode.TRUNK, (10, 11, 12))]
    )


def change(device: Device, before: DeviceState, after: DeviceState) -> ConsideredDevice:
    """Return a device that goes from one state to another in one step."""
    observed = Observed(device, observation=Observation(before, (), 0, 0), saved=before, knows_saved=True)
    return ConsideredDevice(observed, steps=(Step("set ports", (), after),))


@pytest.mark.parametrize(
    ("core", "sockets", "order", "waits"),
    [
        (((10, 11), (10,)), (11, 10), [FLOOR1, FLOOR2, CORE], [0, 0, 0]),
        (((10, 11), (10, 11, 12)), (11, 12), [CORE, FLOOR1, FLOOR2], [0, 0, 0]),
        (((10, 11), (10, 12)), (11, 12), [CORE, FLOOR1, FLOOR2], [0, 1, 2]),
        (((10, 11), (10, 11)), (11, 10), [CORE, FLOOR1, FLOOR2], [0, 0, 0]),
    ],
    ids=["takes away", "brings", "both", "neither"],
)
def test_nobody_waits_longer_than_need_be(
    city: City,
    core: tuple[tuple[int, ...], tuple[int, ...]],
    sockets: tuple[int, int],
    order: list[str],
    waits: list[int],
) -> None:
    devices = {one.id: one for one in city.list_devices(city.school_by_id["as-e04"])}
    before, after = map(hold_socket, sockets)
    fleet = [
        change(devices[CORE], *(hold_trunk(*one) for one in core)),
        *(change(devices[name], before, after) for name in (FLOOR1, FLOOR2)),
    ]
    found = order_devices(fleet)
    assert [one.observed.device.id for one in found] == order
    moving = list_moving_devices(found)
    assert [*count_waits(moving).values()] == waits
    said = {one.device: one for one in list_interruptions(moving)}
    assert said[CORE].causes == (), "a trunk that gets or loses a VLAN keeps its link"
    assert [one.seconds for one in said.values() if one.device != CORE] == [
        90 + 180 * count for name, count in count_waits(moving).items() if name != CORE
    ]
    assert (InterruptionCause.WAITING in said[FLOOR2].causes) == any(waits)


def test_a_network_that_moves_and_a_gateway_interrupt(city: City) -> None:
    core = next(one for one in city.list_devices(city.school_by_id["as-e04"]) if one.id == CORE)
    quiet = change(core, DeviceState(), build_device_state(vlans=[Vlan(10, "TSN-staff")]))
    assert [one.minutes for one in list_interruptions(list_moving_devices([quiet]))] == [0]
