"""Segments with prefixes and VLAN numbers of a school's own: everything follows them, and what overlaps is refused."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from controller.compile.identity.admission_8021x import compile_radius_rows
from controller.compile.network.route_policies import find_own_prefixes
from controller.compile.network.wanted_device_state import compile_device
from controller.model.city import City
from controller.model.network.device_state import Entry
from controller.model.network.packets import Effect, Family, Match, parse_prefix
from controller.operations.anchors import collect_anchors
from controller.plan.explain.access import Question, explain_access
from controller.plan.proof.city_checks import ParsedDevice, check_paths
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.plan.what_if.compare import compare_policies
from controller.platforms.registry import load_platform
from controller.prove.compliance.admission import prove_radius_rows
from controller.prove.reachability.replay import find_segment
from tests.policies import PolicyFolder

OWN = (
    "{id: staff, ipv4: 172.21.1.0/24, vlan: 110}",
    '{id: pupil, ipv4: 172.22.20.0/23, ipv6: "2001:db8:7fff:14::/64", vlan: 120}',
    "{id: learning-legacy, vlan: 20}",
    "{id: printers, ipv4: 10.1.8.128/25}",
)
FILES = {"kw": ("city/schools/kawasaki.yaml", "kawasaki"), "tm": ("city/schools/tama.yaml", "tama")}


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def give(policies: PolicyFolder, *segments: str, school: str = "kw-e01") -> str:
    """Give a school segments of its own; FILE:LINE of the first."""
    file, ward = FILES[school[:2]]
    text = "".join(f"      - {one}\n" for one in segments)
    found = policies.edit(
        file, f"    ward: {ward}\n", f"    ward: {ward}\n    segments:\n{text}", after=f"id: {school}\n"
    )
    return f"{file}:{found.line + 2}"


def prove_school(city: City, school: str) -> list[ParsedDevice]:
    """Prove the router, the core and a floor switch of a school as rendered, and return the core."""
    held = []
    for device in city.list_devices(city.school_by_id[school])[:3]:
        system = load_platform(device.platform)
        intent = compile_device(city, device, system.capabilities)
        prove_rendered_device(city, intent, system)
        held.append(ParsedDevice(device, intent.wanted, intent.delegated))
    return [one for one in held if one.device.role == "core"]


def test_formulas_stay_the_default(city: City) -> None:
    here = city.list_segments(city.schools[0])
    assert all(one is city.segments[name] for name, one in here.items())


def test_addresses_and_numbers_follow(policies: PolicyFolder) -> None:
    give(policies, *OWN)
    city = policies.load()
    school, other = city.school_by_id["kw-e01"], city.school_by_id["kw-e02"]
    here, plan = city.list_segments(school), city.addresses
    assert [here[one].vlan for one in ("staff", "pupil", "learning-legacy", "guest")] == [110, 120, 20, 40]
    assert [city.segments[one].vlan for one in ("staff", "pupil")] == [10, 20]
    assert plan.segment_prefix(school, here["staff"], Family.V4) == parse_prefix("172.21.1.0/24")
    assert plan.segment_prefix(school, here["staff"], Family.V6) == parse_prefix("2001:db8:8001:a::/64")
    own = plan.school_prefixes(school, Family.V4)
    assert list(map(str, own)) == ["10.1.0.0/16", "172.21.1.0/24", "172.22.20.0/23"]
    assert find_own_prefixes(city, school, Family.V4)[:3] == own
    inside = int(ip_address("172.22.20.7"))
    assert any(low <= inside <= high for low, high in plan.other_schools(other, Family.V4))
    assert not any(low <= inside <= high for low, high in plan.other_schools(school, Family.V4))
    assert not plan.internet.in_family(Family.V6).contains(int(ip_address("2001:db8:7fff:14::7")))
    assert find_segment(city, school, Family.V4, inside) == here["pupil"]


@pytest.mark.parametrize("school", ["kw-e01", "tm-j06"], ids=["core that routes", "core that only switches"])
def test_a_school_with_its_own_numbers_is_compiled_and_proved(policies: PolicyFolder, school: str) -> None:
    give(policies, *OWN[:3], school=school)
    city = policies.load()
    (core,) = prove_school(city, school)
    assert {110, 120} < {one.number for one in core.state.vlans}
    assert {(one.vlan, one.direction) for one in core.state.bindings} >= {(20, "from"), (110, "from"), (120, "to")}
    checks = check_paths(city, [core])
    assert [check.name for check in checks] == [
        "paths",
        "school-to-school isolation",
        "management from the controller only",
    ]
    assert not [found for check in checks for found in check.differences]


def test_a_filter_that_opens_an_own_prefix_is_found(policies: PolicyFolder) -> None:
    give(policies, *OWN)
    city = policies.load()
    (core,) = prove_school(city, "kw-e01")
    hole = Entry(Effect.PERMIT, Match(Family.V4, 6, parse_prefix("172.21.1.0/24"), parse_prefix("172.22.20.0/23")), "x")
    holes = {(110, "from", 4), (120, "to", 4)}
    filters = [replace(one, entries=(hole, *one.entries)) if one.key in holes else one for one in core.state.filters]
    spoiled = replace(core.state, filters=tuple(filters))
    found = check_paths(city, [ParsedDevice(core.device, spoiled, core.delegated)])
    (said,) = found[0].differences
    assert "from staff at kw-e01 to pupil at kw-e01 passes: tcp 172.21.1." in said


def test_interfaces_and_explanations_have_them(policies: PolicyFolder) -> None:
    give(policies, *OWN)
    city = policies.load()
    (core,) = prove_school(city, "kw-e01")
    addresses = {one.vlan: one.addresses for one in core.state.interfaces}
    assert addresses[110] == ("172.21.1.1/24", "2001:db8:8001:a::1/64")
    asked = Question(city.school_by_id["kw-e01"], "staff", "printing", None)
    found = explain_access(city, asked).network[0]
    assert found.destination == "10.1.8.138"
    assert [one.filter[:13] for one in found.enforced] == [
        "TSN-110-from-",
        "TSN-30-to-4-"[:13] + found.enforced[1].filter[12:13],
    ]


def test_802_1x_answers_with_the_numbers_of_the_school(policies: PolicyFolder) -> None:
    before = prove_radius_rows(policies.load())
    give(policies, *OWN)
    city = policies.load()
    school = city.school_by_id["kw-e01"]
    there, elsewhere = (
        next(row.vlan for row in rows if (row.certificate, row.place) == ("staff-device", "own-school"))
        for rows in (compile_radius_rows(city, school), compile_radius_rows(city))
    )
    assert (there, elsewhere) == (110, 10)
    check = prove_radius_rows(city)
    assert check.holds
    assert check.examined == before.examined * 3 // 2, "the city, a school of its stage, and this one"
    assert any(line.startswith("kw-e01: staff-device at own-school: VLAN 110 ") for line in check.evidence)


def test_what_if_says_what_moves(policies: PolicyFolder, tmp_path: Path) -> None:
    before = policies.load()
    give(policies, "{id: printers, ipv4: 172.23.1.0/24}")
    changes = compare_policies(before, policies.load())
    assert {(one.way, one.schools) for one in changes.network} == {("opens", ("kw-e01",)), ("closes", ("kw-e01",))}
    assert {one.application for one in changes.network} == {"printing"}
    moved = PolicyFolder(tmp_path / "numbers")
    give(moved, "{id: printers, vlan: 130}")
    (unjudged,) = compare_policies(before, moved.load()).unjudged
    assert unjudged.endswith("city/schools/kawasaki.yaml:14 schools.segments: - → printers")


def test_a_management_segment_of_its_own_is_an_anchor(policies: PolicyFolder) -> None:
    before = collect_anchors(policies.load())
    give(policies, "{id: management, ipv4: 172.20.1.0/24, vlan: 190}")
    after = collect_anchors(policies.load())
    assert set(after.management_entries) - set(before.management_entries) == {"school kw-e01: VLAN 190, 172.20.1.0/24"}


STAFF = "{id: staff, ipv4: 172.21.1.0/24}"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("{id: stuff, vlan: 110}",), "unknown segment 'stuff'; allowed: external-legacy, guest, "),
        (("{id: staff, vlan: 110}", STAFF), "segment 'staff' of school kw-e01 is already given at"),
        (("{id: staff}",), "says nothing; give it an ipv4 or ipv6 prefix or a vlan"),
        (("{id: staff, vlan: 20}",), "VLAN 20 is segment pupil's at school kw-e01 already (access/segments.yaml:"),
        (("{id: staff, vlan: 99}",), "VLAN 99 is the link to the router's at school kw-e01 already (city/city.yaml:"),
        (("{id: staff, vlan: 110}", "{id: pupil, vlan: 110}"), "VLAN 110 is segment staff's at school kw-e01 already"),
        (("{id: staff, ipv4: 172.21.1.7/24}",), "has host bits set"),
        (("{id: staff, ipv4: 172.21.1.0/31}",), "a segment's prefix is /16 to /30, not /31"),
        (('{id: staff, ipv6: "2001:db8:7fff::/56"}',), "a segment's prefix is a /64"),
        (
            ("{id: staff, ipv4: 10.2.0.0/24}",),
            "of school kw-e02 overlaps 10.2.0.0/24 of segment staff of school kw-e01",
        ),
        (
            ("{id: staff, ipv4: 10.1.16.0/24}",),
            "of segment pupil overlaps 10.1.16.0/24 of segment staff of school kw-e",
        ),
        (
            ("{id: staff, ipv4: 10.1.32.0/24}",),
            "of segment staff of school kw-e01 overlaps 10.1.32.0/30 of the link to",
        ),
        (("{id: staff, ipv4: 100.64.0.0/20}",), "overlaps 100.64.0.0/20 of segment staff of school kw-e01"),
        ((STAFF, "{id: pupil, ipv4: 172.21.0.0/23}"), "overlaps 172.21.0.0/23 of segment pupil of school kw-e01"),
        (
            ("{id: management, ipv4: 172.20.1.0/28}",),
            "has room for 5 devices from its address 10 on; school kw-e01 has",
        ),
    ],
)
def test_what_cannot_be(policies: PolicyFolder, given: tuple[str, ...], expected: str) -> None:
    give(policies, *given)
    problems = policies.problems()
    assert any(expected in problem for problem in problems), problems
    assert all(".yaml:" in problem for problem in problems)


def test_two_schools_with_one_prefix(policies: PolicyFolder) -> None:
    first = give(policies, "{id: staff, ipv4: 172.21.1.0/24}")
    second = give(policies, "{id: staff, ipv4: 172.21.1.0/24}", school="tm-j06")
    (problem,) = policies.problems()
    assert problem == (
        f"{second}: 172.21.1.0/24 of segment staff of school tm-j06 overlaps 172.21.1.0/24 of segment staff of "
        f"school kw-e01 ({first})"
    )
