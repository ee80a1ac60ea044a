"""The proof of a plan's steps, in its place: a wrong order stops the plan, with the step and a packet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import ProofFailed
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.network.packets import Effect
from controller.model.sites.devices import Device
from controller.plan.proof.rendered_device import prove_plan_steps
from controller.platforms.base import Step
from controller.platforms.cisco_ios.driver import CiscoIos

IOS = CiscoIos()
MANAGEMENT = 90


@pytest.fixture(scope="module")
def intent(city: City, device: Device) -> DeviceIntent:
    return compile_device(city, device, IOS.capabilities)


@pytest.fixture(scope="module")
def before(city: City, intent: DeviceIntent) -> DeviceState:
    """The wanted state, but pupils may not ask anything: a plan has to change that."""
    shorter = [
        replace(one, name=f"{one.name}-old", entries=one.entries[-1:])
        if (one.vlan, one.direction) == (20, "from")
        else one
        for one in intent.wanted.filters
    ]
    assert city.segments[city.management_segment].vlan == MANAGEMENT
    names = {one.key: one.name for one in shorter}
    bindings = [replace(one, filter=names[one.vlan, one.direction, one.family]) for one in intent.wanted.bindings]
    return replace(intent.wanted, filters=tuple(shorter), bindings=tuple(bindings))


def test_the_real_steps_are_proved_from_any_side(city: City, intent: DeviceIntent, before: DeviceState) -> None:
    for now in (before, DeviceState(), replace(intent.wanted, bindings=()), intent.wanted):
        prove_plan_steps(city, intent, now, IOS.plan_steps(now, intent.wanted), IOS)


def through(middle: Callable[[DeviceState], DeviceState], now: DeviceState, wanted: DeviceState) -> Iterator[Step]:
    state = middle(now)
    yield Step("planted", (), state)
    yield Step("the rest", (), wanted)


def denying_management(state: DeviceState) -> DeviceState:
    """Every filter of the management segment denies all."""
    filters = tuple(replace(one, entries=one.entries[-1:]) if one.vlan == MANAGEMENT else one for one in state.filters)
    assert all(one.entries[-1].effect is Effect.FORBID for one in filters)
    return replace(state, filters=filters)


def without_management_ports(state: DeviceState) -> DeviceState:
    ports = (replace(port, vlans=tuple(vlan for vlan in port.vlans if vlan != MANAGEMENT)) for port in state.ports)
    return replace(state, ports=tuple(port for port in ports if port.vlans))


@pytest.mark.parametrize(
    ("middle", "expected"),
    [
        (denying_management, r"would cut the controller's own SSH session: tcp .* port 22.*, after step 1 \(planted\)"),
        (
            lambda state: replace(state, vlans=()),
            r"step 1 \(planted\) takes VLAN 10 away, though it is there before and",
        ),
        (
            lambda state: replace(state, interfaces=()),
            r"takes 10\.\S+ in VLAN 10 away, though it is there before and after",
        ),
        (
            lambda state: replace(state, interfaces=()),
            r"no interface would have 10\.\S+, at which the controller reaches the device, after step 1 \(planted\)",
        ),
        (without_management_ports, r"no port would carry VLAN 90, over which the controller reaches the device, after"),
        (lambda state: replace(state, bindings=()), r"kw-s01-core1: step 1 \(planted\), VLAN 20 from IPv4: .* passes"),
    ],
    ids=[
        "management denied",
        "VLANs gone",
        "addresses gone",
        "management without an address",
        "management without a port",
        "filters off",
    ],
)
def test_a_wrong_state_on_the_way_is_refused_with_its_step(
    city: City,
    intent: DeviceIntent,
    before: DeviceState,
    middle: Callable[[DeviceState], DeviceState],
    expected: str,
) -> None:
    steps = tuple(through(middle, before, intent.wanted))
    with pytest.raises(ProofFailed, match=expected):
        prove_plan_steps(city, intent, before, steps, IOS)


def test_steps_that_end_elsewhere_are_refused(city: City, intent: DeviceIntent, before: DeviceState) -> None:
    with pytest.raises(ProofFailed, match="the steps do not lead to the wanted state"):
        prove_plan_steps(city, intent, before, (Step("nothing", (), before),), IOS)
