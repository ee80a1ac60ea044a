"""The wireless networks of an access point, from the blueprint, and each difference that the proof tells of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.compile.network.wireless import WirelessIntent, build_wireless_network, compile_wireless
from controller.errors import BeyondCapability
from controller.model.access.rules import SegmentFile
from controller.model.city import City
from controller.model.network.device_state import build_device_state
from controller.model.network.wireless import Protection
from controller.model.policy_files import SEGMENTS
from controller.model.sites.devices import Device
from controller.platforms.hostapd.driver import Hostapd
from controller.prove.compliance.wireless import find_wireless_differences

CAN = Hostapd.capabilities


@pytest.fixture
def point(city: City) -> Device:
    return next(one for one in city.list_devices(city.schools[0]) if one.networks)


@pytest.fixture
def intents(city: City, point: Device) -> tuple[WirelessIntent, ...]:
    return compile_wireless(city, point, CAN)


def test_a_network_is_what_its_segment_and_the_blueprint_say(
    city: City, point: Device, intents: tuple[WirelessIntent, ...]
) -> None:
    assert [one.ssid for one in intents] == [one.ssid for one in point.networks]
    assert [one.origin for one in intents] == [one.origin for one in point.networks]
    for one in intents:
        segment = city.segments[one.segment]
        assert (one.vlan, one.isolated, one.uplink) == (segment.vlan, segment.isolated, point.ports[0].name)
        asks = one.protection is Protection.WPA3_ENTERPRISE
        assert (one.identity, one.servers) == (
            (point.id, tuple(map(str, city.admission_servers))) if asks else ("", ())
        )
    assert {one.protection for one in intents} == set(Protection), "both kinds are among them"
    assert {one.isolated for one in intents} == {True, False}


def test_a_device_without_networks_needs_no_capability(city: City, point: Device) -> None:
    switch = next(one for one in city.list_devices(city.schools[0]) if not one.networks)
    assert compile_wireless(city, switch, replace(CAN, wireless=False)) == ()
    with pytest.raises(BeyondCapability, match=r"gives it the network '.*', .* \(capability 'wireless'\)"):
        compile_wireless(city, point, replace(CAN, wireless=False))


def test_isolation_is_needed_where_a_segment_is_isolated_only(city: City, point: Device) -> None:
    can = replace(CAN, isolates=False)
    with pytest.raises(BeyondCapability, match=r"carries the isolated segment .* \(capability 'isolates'\)"):
        compile_wireless(city, point, can)
    segments = [one.model_copy(update={"isolated": False}) for one in city.segments.values()]
    together = city.replace_file(SEGMENTS, SegmentFile(segments=tuple(segments)))
    assert not any(one.isolated for one in compile_wireless(together, point, can))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"vlan": 999}, "puts its clients into VLAN 999; the policy says"),
        ({"uplink": "eth9"}, "leads to port eth9; the policy says"),
        ({"identity": "other"}, "as other; the policy says"),
        ({"servers": ()}, "asks nobody as"),
        ({"identity": ""}, "as nobody; the policy says"),
    ],
)
def test_each_fact_that_differs_is_told(
    intents: tuple[WirelessIntent, ...], changes: dict[str, object], expected: str
) -> None:
    networks = [build_wireless_network(one) for one in intents]
    at = next(number for number, one in enumerate(networks) if one.servers)
    networks[at] = replace(networks[at], **changes)  # type: ignore[arg-type]
    (found,) = find_wireless_differences("ap1", intents, build_device_state(networks=networks))
    assert found.startswith(f"ap1: network {networks[at].ssid!r} ")
    assert expected in found
    assert found.endswith(f"({intents[at].origin})")


def test_isolation_that_is_lost_or_not_wanted_is_told(intents: tuple[WirelessIntent, ...]) -> None:
    turned = [replace(build_wireless_network(one), isolated=not one.isolated) for one in intents]
    found = list(find_wireless_differences("ap1", intents, build_device_state(networks=turned)))
    assert len(found) == len(intents)
    for intent, text in zip(intents, found, strict=True):
        assert ("lets its clients reach one another" if intent.isolated else "keeps its clients from") in text


def test_protection_that_differs_is_told(intents: tuple[WirelessIntent, ...]) -> None:
    one = next(one for one in intents if one.protection is Protection.WPA3_ENTERPRISE)
    opened = replace(build_wireless_network(one), protection=Protection.ENHANCED_OPEN)
    (found,) = find_wireless_differences("ap1", (one,), build_device_state(networks=[opened]))
    assert "lets clients in by enhanced-open; the policy says wpa3-enterprise" in found


def test_an_admission_server_that_nobody_wants_is_told(intents: tuple[WirelessIntent, ...]) -> None:
    one = next(one for one in intents if not one.servers)
    asking = replace(build_wireless_network(one), identity="ap1", servers=("10.254.3.10",))
    (found,) = find_wireless_differences("ap1", (one,), build_device_state(networks=[asking]))
    assert "asks 10.254.3.10 as ap1; the policy says nobody as nobody" in found


def test_networks_that_lack_and_networks_that_nobody_names_are_told(intents: tuple[WirelessIntent, ...]) -> None:
    networks = [build_wireless_network(one) for one in intents]
    assert not list(find_wireless_differences("ap1", intents, build_device_state(networks=networks)))
    (lack,) = find_wireless_differences("ap1", intents, build_device_state(networks=networks[1:]))
    assert f"network {intents[0].ssid!r} is wanted ({intents[0].origin}); it is not in service" in lack
    (more,) = find_wireless_differences("ap1", intents[1:], build_device_state(networks=networks))
    assert f"network {intents[0].ssid!r} into VLAN {intents[0].vlan} is in service, which the policy does" in more
