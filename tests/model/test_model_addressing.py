"""Addresses by formula: what overlaps or leaves its block is refused; what does not is what the formula says."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.city import City
from controller.model.network.packets import Family, get_bounds, parse_prefix
from controller.model.sites.devices import FIRST_DEVICE
from tests.policies import PolicyFolder
from tests.soak import examples

CITY = "city/city.yaml"
ASAO = "city/schools/asao.yaml"
SEGMENTS = "access/segments.yaml"
APPLICATIONS = "access/applications.yaml"


def test_the_blocks_that_the_documentation_of_the_city_promises(city: City) -> None:
    school = next(school for school in city.schools if school.number == 12)
    assert city.addresses.school_prefix(school, Family.V4) == parse_prefix("10.12.0.0/16")
    assert city.addresses.school_prefix(school, Family.V6) == parse_prefix("2001:db8:800c::/48")
    pupil = city.segments["pupil"]
    assert city.addresses.segment_prefix(school, pupil, Family.V4) == parse_prefix("10.12.16.0/20")
    assert city.addresses.segment_prefix(school, pupil, Family.V6) == parse_prefix("2001:db8:800c:14::/64")
    assert Family.V4.format_address(city.addresses.gateway_address(school, pupil, Family.V4)) == "10.12.16.1"
    assert Family.V6.format_address(city.addresses.gateway_address(school, pupil, Family.V6)) == "2001:db8:800c:14::1"


def test_no_two_segments_of_any_two_schools_overlap(city: City) -> None:
    for family in Family:
        found = sorted(
            get_bounds(city.addresses.segment_prefix(school, segment, family))
            for school in city.schools
            for segment in city.segments.values()
        )
        assert len(found) == len(city.schools) * len(city.segments)
        assert all(one[1] < other[0] for one, other in pairwise(found))


@settings(max_examples=examples(100), deadline=None)
@given(data=st.data(), numbers=st.tuples(st.integers(1, 255), st.integers(1, 255)), family=st.sampled_from(Family))
def test_the_formula_keeps_schools_and_segments_apart(
    city: City, data: st.DataObject, numbers: tuple[int, int], family: Family
) -> None:
    schools = [city.schools[0].model_copy(update={"number": number}) for number in numbers]
    one, other = (data.draw(st.sampled_from([*city.segments.values()])) for _ in range(2))
    first, second = (
        city.addresses.segment_prefix(school, segment, family)
        for school, segment in zip(schools, (one, other), strict=True)
    )
    assert first.overlaps(second) == (numbers[0] == numbers[1] and one.id == other.id)
    low, high = get_bounds(first)
    assert low < city.addresses.gateway_address(schools[0], one, family) < high
    block = get_bounds(city.addresses.school_prefix(schools[0], family))
    assert block[0] <= low <= high <= block[1]


def test_devices_have_addresses_of_their_own_inside_the_management_segment(city: City) -> None:
    management = city.segments[city.management_segment]
    for school in city.schools:
        devices = city.list_devices(school)
        addresses = [int(device.management) for device in devices]
        low, high = get_bounds(city.addresses.segment_prefix(school, management, Family.V4))
        assert len(set(addresses)) == len(addresses)
        assert low + FIRST_DEVICE <= min(addresses) <= max(addresses) < high
        assert len({device.id for device in devices}) == len(devices)
        for device in devices:
            names = [port.name for port in device.ports]
            assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("after", "override", "expected"),
    [
        ("id: as-e02", "ipv4: 10.154.0.0/16", "10.154.0.0/16 of school as-e02 overlaps 10.154.0.0/16 of school as-e01"),
        (
            "id: as-e02",
            "ipv4: 10.154.128.0/17",
            "10.154.128.0/17 of school as-e02 overlaps 10.154.0.0/16 of school as-",
        ),
        ("id: as-e01", "ipv6: 2001:db8:809b::/48", "2001:db8:809b::/48 of school as-e02 overlaps 2001:db8:809b::/48 o"),
        ("id: as-e02", "ipv4: 203.0.113.0/24", "203.0.113.10/32 of application affairs overlaps 203.0.113.0/24 of sch"),
        ("id: as-e02", "ipv4: 198.51.100.64/26", "of application cbt overlaps 198.51.100.64/26 of school as-e02"),
    ],
)
def test_a_school_moved_over_something_else(policies: PolicyFolder, after: str, override: str, expected: str) -> None:
    policies.edit(ASAO, "    ward: asao\n", f"    ward: asao\n    {override}\n", after=after)
    assert any(expected in problem for problem in policies.problems()), policies.problems()


def test_a_school_moved_to_free_addresses_of_its_own(policies: PolicyFolder) -> None:
    policies.edit(ASAO, "    ward: asao\n", "    ward: asao\n    ipv4: 172.16.0.0/16\n")
    city = policies.load()
    school = city.school_by_id["as-e01"]
    assert city.addresses.segment_prefix(school, city.segments["pupil"], Family.V4) == parse_prefix("172.16.16.0/20")
    assert not city.addresses.internet.in_family(Family.V4).contains(get_bounds(parse_prefix("172.16.0.0/16"))[0])


def test_a_block_too_small_for_the_segments(policies: PolicyFolder) -> None:
    policies.edit(ASAO, "    ward: asao\n", "    ward: asao\n    ipv4: 172.16.0.0/20\n")
    legacy, segment, link = policies.problems()
    assert segment.endswith("ipv4.offset: 172.16.16.0/20 of segment pupil lies outside 172.16.0.0/20 of school as-e01")
    assert legacy.endswith("172.16.34.0/23 of segment external-legacy lies outside 172.16.0.0/20 of school as-e01")
    assert link.endswith("transit: 172.16.32.0/30 lies outside a school's block, such as 172.16.0.0/20")


def test_the_formula_is_checked_although_the_first_school_has_a_block_of_its_own(policies: PolicyFolder) -> None:
    policies.edit("city/schools/asao.yaml", "    ward: asao\n", "    ward: asao\n    ipv4: 172.16.0.0/12\n")
    policies.edit(SEGMENTS, "offset: 0.0.16.0", "offset: 0.1.0.0")
    assert any("10.155" in problem or "10.156" in problem for problem in policies.problems())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("offset: 0.0.4.0", "offset: 0.0.0.0", "of segment staff overlaps 10.154.0.0/23 of segment staff-legacy"),
        ("offset: 0.0.6.0", "offset: 0.0.8.0", "of segment learning-legacy overlaps 10.154.8.0/24 of segment printers"),
        ("offset: 0.0.16.0", "offset: 0.1.0.0", "of segment pupil lies outside 10."),
        ("offset: 0.0.16.0", "offset: 0.0.20.0", "ipv4.offset: does not fit its length: "),
        ("offset: 0.0.16.0", "offset: 255.0.0.0", "ipv4.offset: does not fit its length: "),
        ("offset: 0.0.16.0, length: 20", "offset: 0.0.16.0, length: 31", "ipv4.length: write 30 or less"),
        ("offset: 0.0.10.0, length: 23", "offset: 0.0.10.0, length: 27", "the management segment has room for 21 dev"),
    ],
)
def test_segments_that_do_not_fit(policies: PolicyFolder, old: str, new: str, expected: str) -> None:
    policies.edit(SEGMENTS, old, new)
    problems = policies.problems()
    assert any(problem.startswith(f"{SEGMENTS}:") and expected in problem for problem in problems), problems


def test_an_ipv6_subnet_outside_the_block(policies: PolicyFolder) -> None:
    policies.edit(CITY, "school-ipv6-length: 48", "school-ipv6-length: 56")
    policies.edit(CITY, "2001:db8:80ff::10/128", "2001:db8:90ff::10/128")
    policies.edit(SEGMENTS, "ipv6-subnet: 98", "ipv6-subnet: 256")
    problems = policies.problems()
    assert any("ipv6-subnet: 2001:db8:" in p and "of segment quarantine lies outside" in p for p in problems), problems


def test_a_school_number_outside_the_city(policies: PolicyFolder) -> None:
    edit = policies.edit(ASAO, "number: 154", "number: 256")
    problems = policies.problems()
    assert f"{ASAO}:{edit.item}: number: school number 256 leads outside the city's 10.0.0.0/8" in problems
    assert f"{ASAO}:{edit.item}: number: school number 256 leads outside the city's 2001:db8:8000::/40" in problems


def test_a_controller_inside_a_school(policies: PolicyFolder) -> None:
    policies.edit(CITY, "10.255.0.10/32", "10.3.0.10/32")
    problems = policies.problems()
    assert len(problems) == 1
    assert problems[0].startswith(f"{CITY}:34: 10.3.0.10/32 of a controller overlaps 10.3.0.0/16 of school kw-e03 (")


def test_an_application_of_the_city_inside_a_school(policies: PolicyFolder) -> None:
    edit = policies.edit(APPLICATIONS, "10.254.0.10", "10.3.0.10")
    problems = policies.problems()
    assert len(problems) == 1
    assert problems[0].startswith(
        f"{APPLICATIONS}:{edit.item}: 10.3.0.10/32 of application grading overlaps 10.3.0.0/16 of school kw-e03 ("
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "application"),
    [
        ("access/prefixes/cbt.yaml", "198.51.100.96/27", "10.3.0.0/24", "cbt"),
        ("access/prefixes/cbt.yaml", "198.51.100.96/27", "0.0.0.0/0", "cbt"),
        ("stack-outputs/lab.json", '"203.0.113.11"', '"10.3.0.10"', "staff-ai"),
    ],
)
def test_a_published_or_cloud_address_inside_a_school(
    policies: PolicyFolder, name: str, old: str, new: str, application: str
) -> None:
    """A permit to such a list would open the schools' own networks."""
    policies.edit(name, old, new)
    found = [problem for problem in policies.problems() if f"of application {application}" in problem]
    assert any("overlaps" in problem and "of school kw-e03" in problem for problem in found), policies.problems()


def test_internet_is_nothing_that_anything_else_names(city: City) -> None:
    for family in Family:
        internet = city.addresses.internet.in_family(family).get_intervals()
        others = [
            interval
            for name, application in city.applications.items()
            if not application.belongs_to
            for school in city.schools[:3]
            for interval in city.addresses.destination_addresses(name, school).in_family(family).get_intervals()
        ]
        others += [get_bounds(city.addresses.school_prefix(school, family)) for school in city.schools]
        others += [get_bounds(one) for one in (*city.controllers, *city.settings.reserved) if one.version == family]
        assert internet
        assert not [pair for pair in product(internet, others) if pair[0][0] <= pair[1][1] and pair[1][0] <= pair[0][1]]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("vlan: 99,", "vlan: 20,", "VLAN 20 is segment pupil's"),
        ("ipv4-offset: 0.0.32.0", "ipv4-offset: 0.0.16.0", "overlaps"),
        ("ipv4-offset: 0.0.32.0", "ipv4-offset: 0.1.0.0", "lies outside a school's block"),
        ("ipv4-offset: 0.0.32.0", "ipv4-offset: 0.0.32.1", "does not fit its length"),
        ("ipv6-subnet: 99}", "ipv6-subnet: 20}", "overlaps"),
    ],
)
def test_the_link_to_the_router_needs_a_place_of_its_own(policies: PolicyFolder, old: str, new: str, said: str) -> None:
    policies.edit(CITY, old, new)
    assert said in str(policies.problems())
