"""Devices of an inventory: names, addresses, platforms and ports of their own; and two cores of one school."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.policy.unknown_platforms import find_impossible_devices, find_unknown_platforms
from controller.compile.network.upstream import describe_delegated, list_assumptions
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import BeyondCapability
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.anchors import collect_anchors
from controller.plan.proof.city_checks import ParsedDevice, check_paths
from controller.plan.proof.proof_cache import CityKeys
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.plan.select import find_device
from controller.plan.what_if.compare import compare_policies
from controller.platforms.registry import load_platform
from tests.policies import PolicyFolder

BLUEPRINTS = "city/blueprints.yaml"
INVENTORY = "city/devices/kawasaki.yaml"
CORE = "{id: kawasaki-sw1, school: kw-e01, role: core, management: 10.1.10.200, access: old-switches}"
AWPLUS = (
    "{id: kw-e01-core1, school: kw-e01, role: core, platform: allied_telesis_awplus, "
    "ports: [{first: 1, last: 2, mode: trunk, segments: all}, {first: 9, last: 9, mode: trunk, segments: all, "
    "faces: gateway}, {first: 1, last: 1, mode: trunk, segments: all, pattern: 'port2.0.{n}'}]}"
)


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def write_inventory(policies: PolicyFolder, *devices: str) -> None:
    place = policies.path / INVENTORY
    place.parent.mkdir(exist_ok=True)
    text = "".join(f"  - {one}\n" for one in devices)
    place.write_text(f"format: 1\ndevices:\n{text}", encoding="utf-8")


def list_cores(city: City, school: str = "kw-e01") -> list[Device]:
    return [one for one in city.list_devices(city.school_by_id[school]) if one.role == "core"]


def test_a_device_has_a_name_and_an_address_of_its_own(policies: PolicyFolder) -> None:
    before = policies.load()
    write_inventory(policies, CORE)
    city = policies.load()
    (old,), (core,) = list_cores(before), list_cores(city)
    assert (core.id, str(core.management), core.access) == ("kawasaki-sw1", "10.1.10.200", "old-switches")
    assert (core.platform, core.ports) == (old.platform, old.ports)
    assert find_device(city, "kawasaki-sw1") == core
    fleets = [one.list_devices(one.school_by_id["kw-e01"]) for one in (before, city)]
    others = [[one.id for one in fleet if one.role != "core"] for fleet in fleets]
    assert others[0] == others[1]
    (unjudged,) = compare_policies(before, city).unjudged
    assert unjudged.endswith("city/devices/kawasaki.yaml:3 devices: - → kawasaki-sw1")
    # The paths of a school say who reaches each of its devices, so their addresses are part of every proof.
    assert CityKeys(before).device_key(fleets[0][0]) != CityKeys(city).device_key(fleets[1][0])


def test_a_device_of_another_platform_with_its_own_ports_is_proved(policies: PolicyFolder) -> None:
    write_inventory(policies, AWPLUS.replace("kw-e01", "tm-e01"))
    city = policies.load()
    (core,) = list_cores(city, "tm-e01")
    assert [port.name for port in core.ports] == ["port1.0.1", "port1.0.2", "port1.0.9", "port2.0.1"]
    system = load_platform(core.platform)
    intent = compile_device(city, core, system.capabilities)
    prove_rendered_device(city, intent, system)
    checks = check_paths(city, [ParsedDevice(core, intent.wanted, intent.delegated)])
    assert checks
    assert not [found for check in checks for found in check.differences]
    assert not list(find_impossible_devices(city))


def test_a_device_of_another_lot_or_like_those_of_another_blueprint(policies: PolicyFolder) -> None:
    write_inventory(policies, "{id: kw-e01-core1, school: kw-e01, role: core, lot: lot-2}")
    (core,) = list_cores(policies.load())
    assert core.platform == "allied_telesis_awplus"
    assert core.ports[0].name == "port1.0.1"
    write_inventory(policies, "{id: kw-e01-core1, school: kw-e01, role: core, blueprint: high}")
    (core,) = list_cores(policies.load())
    assert len(core.ports) == 9


def test_as_many_as_the_inventory_lists(policies: PolicyFolder) -> None:
    path = policies.path / BLUEPRINTS
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("access-point, count: 30", "access-point, count: listed"), encoding="utf-8")
    points = [f"{{id: ap-{n}, school: kw-e01, role: access-point, management: 10.1.11.{n}}}" for n in (1, 2)]
    write_inventory(policies, *points)
    city = policies.load()
    found = [one for one in city.list_devices(city.school_by_id["kw-e01"]) if one.role == "access-point"]
    assert [(one.id, str(one.management)) for one in found] == [("ap-1", "10.1.11.1"), ("ap-2", "10.1.11.2")]
    assert [one.ssid for one in found[0].networks] == ["school-staff", "school-pupil", "school-guest"]


def test_a_core_that_nothing_lists_is_missing(policies: PolicyFolder) -> None:
    policies.edit(BLUEPRINTS, "role: core\n        count: 1", "role: core\n        count: listed", after="id: high")
    problems = policies.problems()
    assert all("has no device of the role core: blueprint high (city/bl" in problem for problem in problems), problems
    assert problems


def test_a_way_into_the_management_is_an_anchor(policies: PolicyFolder) -> None:
    before = collect_anchors(policies.load())
    write_inventory(policies, AWPLUS)
    after = set(collect_anchors(policies.load()).management_entries) - set(before.management_entries)
    assert "device kw-e01-core1 of kw-e01: port 1 of port2.0.{n}" in after


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (["{id: a, school: kw-e91, role: core}"], "school: unknown school 'kw-e91'; allowed: "),
        (["{id: a, school: kw-e01, role: cor}"], "role: write one of: "),
        (["{id: a, school: kw-e01, role: core, lot: lot-3}"], "lot: unknown procurement lot 'lot-3'; allowed: lot-1"),
        (["{id: a, school: kw-e01, role: core, blueprint: hihg}"], "unknown blueprint 'hihg'; allowed: "),
        (["{id: a, school: kw-e01, role: core, platform: cisco_iso}"], "unknown port-names of 'cisco_iso'; allowed: "),
        ([CORE, CORE.replace(".200", ".201")], "id: device id 'kawasaki-sw1' is already given at city/devices/"),
        ([CORE, CORE.replace("sw1", "sw2")], "gives school kw-e01 1 devices of the role core, and this is one more"),
        ([CORE.replace("core", "floor"), CORE.replace("sw1", "sw2")], "10.1.10.200 of kawasaki-sw"),
        ([CORE.replace(".200", ".10")], "10.1.10.10 of kawasaki-sw1 is kw-e01-rt1's already (city/blueprints.yaml:"),
        (
            [CORE.replace("10.1.10.200", "172.20.1.9")],
            "172.20.1.9 of kawasaki-sw1 is no host of 10.1.10.0/23, segment",
        ),
        ([CORE.replace(".200", ".1")], "10.1.10.1 is the gateway of segment management at kw-e01"),
        ([CORE.replace("10.1.10.200", "10.1.11.255")], "10.1.11.255 of kawasaki-sw1 is no host of 10.1.10.0/23"),
        (["{id: kw-e02-core1, school: kw-e01, role: core}"], "'kw-e02-core1' is another device's name already (city/"),
        (["{id: kw-e01-rt1, school: kw-e01, role: core}"], "'kw-e01-rt1' is another device's name already (city/"),
        ([AWPLUS.replace("first: 9", "first: 2")], "port 2 is given twice"),
        ([AWPLUS.replace("port2.0", "port1.0")], "port port1.0.1 is given twice; it stands at city/devices/"),
        ([AWPLUS.replace("segments: all", "segments: [stuff]")], "segments: unknown segment 'stuff'; allowed: "),
        ([AWPLUS.replace("'port2.0.{n}'", "'port2.0.1'")], "needs exactly one mark {n}"),
        ([CORE.replace("10.1.10.200", "10.1.10.256")], "management"),
    ],
)
def test_what_an_inventory_cannot_say(policies: PolicyFolder, devices: list[str], expected: str) -> None:
    write_inventory(policies, *devices)
    problems = policies.problems()
    assert any(expected in problem for problem in problems), problems
    assert all(".yaml:" in problem for problem in problems)


@pytest.mark.parametrize(
    ("port", "why"),
    [
        ("pattern: 'Gi2/0/{n}'", "is no port as AlliedWare Plus names it"),
        ("pattern: 'po{n}'", "is a LAG, and nothing says of which ports"),
    ],
    ids=["another vendor's name", "a LAG without its ports"],
)
def test_a_port_map_that_the_platform_cannot_name(policies: PolicyFolder, port: str, why: str) -> None:
    write_inventory(policies, AWPLUS.replace("pattern: 'port2.0.{n}'", port))
    (found,) = find_impossible_devices(policies.load())
    assert found.origin.line == 3
    assert found.message.startswith("kw-e01-core1: allied_telesis_awplus has no such ports: ")
    assert why in found.message


def test_an_unknown_platform_of_a_device(policies: PolicyFolder) -> None:
    policies.edit(BLUEPRINTS, "  frr: eth{n}\n", "  frr: eth{n}\n  cisco_iso: Gi{n}\n")
    write_inventory(policies, CORE.replace("role: core", "role: core, platform: cisco_iso"))
    (found,) = find_unknown_platforms(policies.load())
    assert str(found.origin).endswith(f"{INVENTORY}:3")
    assert "no platform 'cisco_iso' (1 places)" in found.message


def give_two_cores(policies: PolicyFolder, stack: str = "") -> None:
    """Two cores for large elementary schools, such as kw-e01."""
    old = "role: core\n        count: "
    policies.edit(BLUEPRINTS, f"{old}1", f"{old}2{stack}", after="id: elementary-large")


def test_two_cores_with_the_same_gateways_are_refused(policies: PolicyFolder) -> None:
    give_two_cores(policies)
    city = policies.load()
    (found,) = [one for one in find_impossible_devices(city) if one.kind == "two gateways"]
    assert f"/{BLUEPRINTS}:" in str(found.origin)
    assert "(first kw-e01) have several core switches with the same gateway addresses: if they are one" in found.message
    assert "write `stack: true`" in found.message
    assert "(HSRP, VRRP) is not rendered" in found.message
    for core in list_cores(city):
        with pytest.raises(BeyondCapability, match="both would have the same gateway addresses"):
            compile_device(city, core, load_platform(core.platform).capabilities)


def test_a_stack_is_one_device(policies: PolicyFolder) -> None:
    (before,) = list_cores(policies.load())
    give_two_cores(policies, "\n        stack: true")
    more = "\n          - {first: 1, last: 6, mode: trunk, segments: all, pattern: 'GigabitEthernet2/0/{n}'}"
    uplink = "          - *core-uplink"
    policies.edit(BLUEPRINTS, uplink, uplink + more, after="id: elementary-large")
    city = policies.load()
    found = [one.message for one in find_impossible_devices(city)]
    assert all("allied_telesis_awplus has no such ports" in one for one in found), "the other lot needs its own names"
    (core,) = list_cores(city)
    assert (core.id, core.management) == (before.id, before.management)
    assert [port.name for port in core.ports[7:9]] == ["GigabitEthernet2/0/1", "GigabitEthernet2/0/2"]
    system = load_platform(core.platform)
    prove_rendered_device(city, compile_device(city, core, system.capabilities), system)


def test_only_switches_make_a_stack(policies: PolicyFolder) -> None:
    policies.edit(BLUEPRINTS, "role: access-point\n", "role: access-point\n        stack: true\n")
    assert any("only switches (core, floor) make a stack" in problem for problem in policies.problems())


def test_a_providers_router_has_somebody_who_answers_for_it(policies: PolicyFolder) -> None:
    name, tama = "  - id: own-core\n", "city/schools/tama.yaml"
    core_alone = (
        f"{name}    devices:\n      - {{role: core, count: 1, platform: {{lot-2: allied_telesis_awplus}}, "
        "ports: [{first: 1, last: 9, mode: trunk, segments: all}]}\n"
    )
    policies.append(BLUEPRINTS, core_alone)
    policies.edit(tama, "    ward: tama\n", "    ward: tama\n    blueprint: own-core\n")
    city = policies.load()
    can = load_platform("allied_telesis_awplus").capabilities
    with pytest.raises(BeyondCapability, match="'provider-router' of the blueprint where the router is not yours"):
        compile_device(city, list_cores(city, "tm-e01")[0], can)
    kept = "    provider-router: {lot-2: {owner: 回線事業者, reason: 保守契約}}\n"
    policies.edit(BLUEPRINTS, name, name + kept)
    city = policies.load()
    (line,) = describe_delegated(compile_device(city, list_cores(city, "tm-e01")[0], can).delegated)
    assert "by the router of tm-e01 (not ours) alone, and Tsunagu does not prove it: 回線事業者 answers for it" in line
    assert any("routers of lot-2 (not ours) are assumed" in one.message for one in list_assumptions(city))
    policies.edit(BLUEPRINTS, "  - id: elementary-small\n", f"  - id: elementary-small\n{kept}")
    assert any("the router is among the devices" in problem for problem in policies.problems())
