"""The text of a filter means the same beside other filters: what the proof after a change takes for granted."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.model.city import City
from controller.model.network.device_state import Attachment, DeviceState
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.platforms.registry import load_platform
from tests.soak import FACTOR


def first(city: City, name: str) -> Device:
    fleets = [
        *(city.list_devices(school) for school in city.schools),
        choose_virtual_city(city).list_devices(city.schools[0]),
    ]
    return next(one for fleet in fleets for one in fleet if one.platform == name and one.role == "core")


def part(state: DeviceState, names: set[str]) -> DeviceState:
    """The state with these filters only."""
    filters = tuple(one for one in state.filters if one.name in names)
    return replace(state, filters=filters, bindings=tuple(one for one in state.bindings if one.filter in names))


@pytest.mark.parametrize("name", ["cisco_ios", "allied_telesis_awplus", "ovs"])
def test_a_part_of_the_filters_reads_back_as_that_part_of_the_whole(city: City, name: str) -> None:
    system, device = load_platform(name), first(city, name)
    wanted = compile_device(city, device, system.capabilities).wanted
    whole = system.parse(system.render(wanted), "whole").state
    names = sorted(one.name for one in whole.filters)
    assert len(names) > 8
    draw = random.Random(20261126)  # noqa: S311 a seeded test
    for _ in range(8 * FACTOR):
        chosen = set(draw.sample(names, draw.randrange(1, len(names))))
        assert system.parse(system.render(part(wanted, chosen)), "part").state == part(whole, chosen)
        if system.capabilities.attachment is Attachment.VLAN_INTERFACE:
            alone = replace(part(whole, chosen), vlans=(), ports=(), interfaces=())
            assert system.parse(system.render(alone), "alone").state == alone
