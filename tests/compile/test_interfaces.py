"""A core that routes: the gateways, the link to the router; and ports whose hosts are kept from one another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.compile.network.acl import compile_acls
from controller.compile.network.wanted_device_state import (
    DeviceIntent,
    build_acl_intent,
    compile_device,
    compile_device_filters,
)
from controller.errors import BeyondCapability
from controller.model.city import City
from controller.model.network.device_state import Attachment, Capabilities, PortMode
from controller.model.network.packets import Direction, Family
from controller.model.policy_files import CITY
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.platforms.ovs.driver import OpenVSwitch

IOS = CiscoIos()
CAN = IOS.capabilities


def device(city: City, role: str) -> Device:
    return next(one for one in city.list_devices(city.school_by_id["kw-s01"]) if one.role == role)


def compiled(city: City, role: str, can: Capabilities = CAN) -> DeviceIntent:
    return compile_device(city, device(city, role), can)


def without_transit(city: City) -> City:
    return city.replace_file(CITY, city.settings.model_copy(update={"transit": None}))


def test_a_core_that_routes_is_the_gateway_of_every_segment(city: City) -> None:
    intent = compiled(city, "core")
    school = intent.device.school
    by_vlan = {one.vlan: one for one in intent.wanted.interfaces}
    assert set(by_vlan) == {segment.vlan for segment in city.list_segments(school).values()} | {99}
    for segment in city.list_segments(school).values():
        written = [address.partition("/")[0] for address in by_vlan[segment.vlan].addresses]
        for family in Family:
            assert family.format_address(city.addresses.gateway_address(school, segment, family)) in written
        assert by_vlan[segment.vlan].relays == ("10.33.32.1", "2001:db8:8021:63::1")
    assert by_vlan[99].addresses == ("10.33.32.2/30", "2001:db8:8021:63::2/64")
    assert not by_vlan[99].relays
    assert f"{intent.device.management}/23" in by_vlan[90].addresses
    assert prove_rendered_device(city, intent, IOS) == 32


def test_nothing_but_the_link_leads_past_the_filters(city: City) -> None:
    """A segment on the port to the router would reach it without passing a filter of the core."""
    wanted = compiled(city, "core").wanted
    (uplink,) = (port for port in wanted.ports if port.name.endswith("/24"))
    assert (uplink.mode, uplink.vlans, uplink.isolated) == (PortMode.ACCESS, (99,), False)
    assert not [port for port in wanted.ports if port is not uplink and 99 in port.vlans]
    assert "TSN-transit" in {vlan.name for vlan in wanted.vlans}


def test_without_a_link_in_the_city_or_without_routing_the_core_only_switches(city: City) -> None:
    for wanted in (
        compiled(without_transit(city), "core").wanted,
        compiled(city, "core", replace(CAN, interfaces=False)).wanted,
    ):
        assert not wanted.interfaces
        (uplink,) = (port for port in wanted.ports if port.name.endswith("/24"))
        assert (uplink.mode, len(uplink.vlans)) == (PortMode.TRUNK, len(city.list_segments(city.schools[0])))
    assert not compiled(city, "floor").wanted.interfaces


def test_ports_of_isolated_segments_are_protected_and_no_others(city: City) -> None:
    wanted = compiled(city, "floor").wanted
    assert {vlan for port in wanted.ports if port.isolated for vlan in port.vlans} == {20}
    assert [port.isolated for port in wanted.ports if port.mode is PortMode.ACCESS and port.vlans == (20,)] == [
        True
    ] * 4
    assert not [port for port in wanted.ports if port.isolated and port.mode is PortMode.TRUNK]
    assert IOS.render(wanted).count(" switchport protected\n") == 4


def test_a_platform_that_cannot_isolate_is_refused_unless_it_filters_at_the_port(city: City) -> None:
    with pytest.raises(BeyondCapability, match=r"carries the isolated segment pupil.*\(capability 'isolates'\)"):
        compiled(city, "floor", replace(CAN, isolates=False))
    with pytest.raises(BeyondCapability, match="capability 'isolates'"):
        compiled(city, "floor", replace(CAN, isolates=False, attachment=Attachment.PORT))
    school = city.school_by_id[city.virtual_estate.canary]
    (switch,) = (one for one in choose_virtual_city(city).list_devices(school) if one.platform == "ovs")
    intent = compile_device(city, switch, OpenVSwitch().capabilities)
    assert not [port for port in intent.wanted.ports if port.isolated]


@pytest.mark.parametrize(
    ("can", "said"),
    [
        (replace(CAN, longest_vlan_name=14), "the vlan name TSN-staff-legacy has 16 characters; cisco_ios takes 14"),
        (
            replace(CAN, longest_filter_name=20),
            r"the filter name TSN-10-from-4-.* takes 20 \(capability 'longest_",
        ),
        (replace(CAN, directions=frozenset({Direction.FROM})), r"judge packets to hosts \(capability 'directions'\)"),
    ],
)
def test_what_a_platform_has_no_room_or_place_for_is_refused_by_name(city: City, can: Capabilities, said: str) -> None:
    with pytest.raises(BeyondCapability, match=said):
        compiled(city, "core", can)


def test_only_the_core_has_filters_and_lists_alone_make_nothing_but_filters(city: City) -> None:
    floor, core = device(city, "floor"), device(city, "core")
    assert compile_device_filters(city, floor, CAN) == ((), ())
    intents, delegated = compile_device_filters(city, core, CAN)
    assert intents
    acls = compile_acls(core, CAN, intents, delegated)
    alone = build_acl_intent(core, acls)
    assert (alone.device, alone.intents, alone.delegated) == (core, acls.intents, acls.delegated)
    assert alone.wanted.filters == acls.filters
    assert set(alone.wanted.bindings) == set(acls.bindings)
    state = alone.wanted
    assert (*state.vlans, *state.ports, *state.interfaces, *state.networks) == ()
