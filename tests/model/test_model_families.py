"""A city of one family: nothing of the other is compiled or rendered; what a used family lacks is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.compile.network.upstream import list_assumptions
from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import PolicyError
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family, Protocol
from controller.model.reference_evaluator import Flow, evaluate_network
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.plan.what_if.network_changes import find_network_changes
from controller.platforms.registry import is_supported, load_platform
from controller.prove.lint.check_policy import check_policy
from tests.cities.odd_cities import Files, build_files, write_city
from tests.cities.odd_networks import with_ipv4_only, with_ipv6_only
from tests.policies import TODAY

OF_IPV6 = re.compile(r"ipv6|2001|[0-9a-f]:[0-9a-f:]*::", re.IGNORECASE)
OF_IPV4 = re.compile(r"\b[0-9]{1,3}(\.[0-9]{1,3}){3}\b|\bip (access-list|address|helper-address|prefix-list)\b")


@dataclass(frozen=True)
class OneFamily:
    """A city of one family, and the parsed files that it was loaded from."""

    city: City
    files: Files


def load_files(files: Files, folder: Path) -> City:
    return load_city(write_city(files, folder / "policies"), on=TODAY)


@pytest.fixture(scope="module")
def fourth(tmp_path_factory: pytest.TempPathFactory) -> OneFamily:
    files = build_files(2, [with_ipv4_only])
    return OneFamily(load_files(files, tmp_path_factory.mktemp("ipv4")), files)


@pytest.fixture(scope="module")
def sixth(tmp_path_factory: pytest.TempPathFactory) -> OneFamily:
    files = build_files(2, [with_ipv6_only])
    return OneFamily(load_files(files, tmp_path_factory.mktemp("ipv6")), files)


def compile_all(city: City) -> list[DeviceIntent]:
    """One device of each platform and role of each school."""
    found = {}
    for school in city.schools:
        for device in city.list_devices(school):
            if is_supported(device.platform):
                found[school.ward, device.role, device.platform] = device
    return [compile_device(city, one, load_platform(one.platform).capabilities) for one in found.values()]


@pytest.mark.parametrize(("name", "family", "foreign"), [("fourth", Family.V4, OF_IPV6), ("sixth", Family.V6, OF_IPV4)])
def test_nothing_of_the_other_family_is_compiled_proved_or_rendered(
    request: pytest.FixtureRequest, name: str, family: Family, foreign: re.Pattern[str]
) -> None:
    city = request.getfixturevalue(name).city
    assert city.families == (family,)
    compiled = compile_all(city)
    assert {one.device.platform for one in compiled} >= {"cisco_ios", "allied_telesis_awplus", "frr", "hostapd"}
    for one in compiled:
        assert one.device.management.version == family
        assert {intent.family for intent in one.intents} <= {family}
        assert one.device.role != "core" or one.intents
        system = load_platform(one.device.platform)
        assert prove_rendered_device(city, one, system) == len(one.intents)
        text = system.render(one.wanted)
        assert not foreign.search(text), foreign.search(text)
        assert one.routing is None or {neighbour.family for neighbour in one.routing.neighbours} == {family}


def test_a_city_of_one_family_has_no_findings_but_says_what_it_assumes(fourth: OneFamily) -> None:
    assert {one.kind for one in check_policy(fourth.city)} <= {"never matches"}
    assert any("does not use IPv6, so no filter judges" in one.message for one in list_assumptions(fourth.city))


def test_nobody_sends_in_a_family_that_the_city_does_not_use(fourth: OneFamily, city: City) -> None:
    asked = city.addresses.destination_addresses_in("affairs", city.schools[0], Family.V6).included[0]
    flow = Flow(city.schools[0], "staff", Family.V6, Protocol.TCP, int(asked.network_address), 443)
    assert evaluate_network(city, flow).permitted
    assert not evaluate_network(fourth.city, flow).permitted


def test_a_family_that_is_taken_out_closes_what_went_over_it(tmp_path: Path) -> None:
    both = load_files(build_files(2, []), tmp_path / "both")
    one = load_files(build_files(2, [with_ipv4_only]), tmp_path / "one")
    changes = find_network_changes(both, one)
    assert changes
    assert {(change.way, change.families) for change in changes} == {("closes", (6,))}


def drop_segment_part(files: Files) -> None:
    del files["access/segments.yaml"]["segments"][1]["ipv4"]


def drop_link(files: Files) -> None:
    del files["city/lines.yaml"]["links"]["backup"]["ipv4"]


def drop_transit_part(files: Files) -> None:
    transit = files["city/city.yaml"]["transit"]
    del transit["ipv4-offset"], transit["ipv4-length"]


def drop_half_of_transit(files: Files) -> None:
    del files["city/city.yaml"]["transit"]["ipv4-length"]


def drop_length(files: Files) -> None:
    del files["city/city.yaml"]["addressing"]["school-ipv4-length"]


def drop_addressing(files: Files) -> None:
    files["city/city.yaml"]["addressing"] = {}


def drop_controllers(files: Files) -> None:
    files["city/city.yaml"]["controllers"] = ["2001:db8:80ff::10/128"]


@pytest.mark.parametrize(
    ("drop", "told"),
    [
        (
            drop_segment_part,
            r"access/segments\.yaml:\d+: ipv4: the city uses IPv4 .* segment \S+ has no part of it; write",
        ),
        (
            drop_link,
            r"city/lines\.yaml:\d+: links\.backup\.ipv4: the city uses IPv4 .* the backup lines have no network",
        ),
        (drop_transit_part, r"city/city\.yaml:\d+: transit: the city uses IPv4 .* write ipv4-offset and ipv4-length"),
        (drop_half_of_transit, r"city/city\.yaml:\d+: transit: .*ipv4-offset and ipv4-length belong together"),
        (drop_length, r"city/city\.yaml:\d+: addressing: .*ipv4 and school-ipv4-length belong together"),
        (drop_addressing, r"city/city\.yaml:\d+: addressing: .*write ipv4 with school-ipv4-length"),
        (
            drop_controllers,
            r"city/city\.yaml:\d+: controllers: names no IPv4 address, and devices are managed over IPv4",
        ),
    ],
)
def test_what_a_used_family_lacks_is_refused_with_its_place(
    tmp_path: Path, drop: Callable[[Files], None], told: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        load_files(build_files(1, [drop]), tmp_path)
    assert [one for one in map(str, refused.value.problems) if re.search(told, one)], refused.value.problems


def test_values_of_a_family_that_is_not_used_are_findings(tmp_path: Path) -> None:
    files = build_files(2, [])
    addressing = files["city/city.yaml"]["addressing"]
    del addressing["ipv6"], addressing["school-ipv6-length"]
    findings = [str(one) for one in check_policy(load_files(files, tmp_path)) if one.kind == "unused family"]
    for told in (
        "segment staff has a part of IPv6, which the city does not use",
        "'transit' has a part of IPv6",
        "links.primary has a network of IPv6",
        "'controllers' names an address of IPv6",
        "application grading has an address of IPv6",
        "school s0002 has an egress of IPv6",
    ):
        assert any(told in one for one in findings), told
    assert all(re.search(r"\.yaml:\d+: warning: unused family: ", one) for one in findings)
