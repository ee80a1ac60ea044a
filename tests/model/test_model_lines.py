"""Lines: addresses by formula, who prefers what, and what of `lines.yaml` is refused, with file and line."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from controller.model.city import City
from controller.model.network.packets import Family
from tests.policies import PolicyFolder

LINES = "city/lines.yaml"
OWN = "overrides:\n  - {NAMES, preference: [{line: backup, region: osaka}], owner: 情報政策課, reason: 工事}\n"


def test_addresses_and_systems_follow_from_the_schools_number(city: City) -> None:
    school, lines = city.school_by_id["as-e04"], city.lines
    number = school.number
    assert lines.get_asn(school) == 4_200_000_000 + number
    assert lines.school_address(school, "primary", Family.V4) == ip_address("100.64.0.0") + 16 + number
    assert lines.school_address(school, "backup", Family.V6) == ip_address("fd74:736e:0:2::") + 16 + number
    assert str(lines.region_address(lines.get_region("osaka"), "backup", Family.V4)) == "100.64.32.2"
    assert [(line, region.id) for line, region in lines.list_paths()] == [
        ("primary", "tokyo"),
        ("primary", "osaka"),
        ("backup", "tokyo"),
        ("backup", "osaka"),
    ]


def test_no_two_routers_of_the_city_share_an_address_or_a_system(city: City) -> None:
    lines = city.lines
    schools = [lines.school_address(s, line, f) for s in city.schools for line in lines.names for f in Family]
    regions = [lines.region_address(region, line, f) for line, region in lines.list_paths() for f in Family]
    assert len({*schools, *regions}) == len(schools) + len(regions)
    systems = [lines.get_asn(school) for school in city.schools] + [region.asn for region in lines.regions]
    assert len(set(systems)) == len(systems)


def test_a_school_named_itself_goes_before_its_ward(policies: PolicyFolder) -> None:
    policies.edit(
        LINES,
        "overrides: []",
        "overrides:\n"
        "  - {wards: [asao], preference: [{line: backup, region: tokyo}], owner: 情報政策課, reason: 工事}\n"
        "  - {schools: [as-e04], preference: [{line: backup, region: osaka}], owner: 情報政策課, reason: 実証}",
    )
    city = policies.load()
    shown = {
        school.id: [str(way) for way in city.lines.get_preference(school)]
        for school in city.schools
        if school.id in {"as-e04", "as-e01", "kw-s01"}
    }
    assert shown["as-e04"] == ["backup to osaka"]
    assert shown["as-e01"] == ["backup to tokyo"]
    assert shown["kw-s01"] == ["primary to tokyo", "primary to osaka", "backup to tokyo", "backup to osaka"]
    override = city.lines.find_override(city.school_by_id["as-e04"])
    assert override is not None
    assert override.reason == "実証"
    assert city.lines.find_override(city.school_by_id["kw-s01"]) is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{line: backup, region: osaka}", "{line: backup, region: kobe}", "region: unknown region 'kobe'; allowed: os"),
        (
            "{line: backup, region: osaka}",
            "{line: third, region: osaka}",
            "line: 'links' has no third line; it has: primary, backup",
        ),
        ("{line: backup, region: osaka}", "{line: fourth, region: osaka}", "preference.3.line: write one of: prim"),
        ("{line: backup, region: osaka}", "{line: backup, region: osaka, cost: 3}", "preference.3.cost: unknown field"),
        ("id: osaka", "id: tokyo", "id: region id 'tokyo' is already given at"),
        ("asn: 64802", "asn: 64801", "asn: region asn 64801 is already given at"),
        ("host: 2", "host: 1", "host: region host 1 is already given at"),
        ("host: 2", "host: 16", "regions.1.host: write less than 16 (found 16)"),
        ("asn: 64802", "asn: 4200000001", "asn: 4200000001 is the autonomous system of school "),
    ],
)
def test_what_is_wrong_in_a_list_is_refused_at_its_item(
    policies: PolicyFolder, old: str, new: str, expected: str
) -> None:
    edit = policies.edit(LINES, old, new)
    shown = policies.problems()
    assert any(problem.startswith(f"{LINES}:{edit.line}: {expected}") for problem in shown), shown


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("interface: wan1", "interface: wan0", "the links primary and backup have the interface 'wan0'"),
        (
            "interface: wan1",
            "interface: Backup line",
            "links.backup.interface: write only small letters, digits, '-', '.', and",
        ),
        ("100.64.32.0/19", "100.64.0.0/19", "100.64.0.0/19 of the backup lines overlaps 100.64.0.0/19 of the primary"),
        ("100.64.32.0/19", "10.3.0.0/16", " overlaps "),
        ("100.64.32.0/19", "100.64.32.0/28", "links.backup: 100.64.32.0/28 has no host number "),
        ("100.64.32.0/19", "100.64.33.0/19", "links.backup.ipv4: "),
        ("school-asn-base: 4200000000", "school-asn-base: 64512", "school-asn-base: write 4200000000 or more"),
        ("school-asn-base: 4200000000", "school-asn-base: 4294967294", "school-asn-base: school "),
        ("  - {line: primary, region: osaka}", "  - {line: primary, region: tokyo}", "names primary to tokyo 2 times"),
        ("overrides: []", OWN.replace("NAMES", "schools: [xx-e99]"), "schools: unknown school 'xx-e99'; allowed: "),
        ("overrides: []", OWN.replace("NAMES", "wards: [azabu]"), "wards: unknown ward 'azabu'; allowed: asao, "),
        ("overrides: []", OWN.replace("NAMES, ", ""), "overrides.0: names neither schools nor wards"),
        (
            "overrides: []",
            OWN.replace("NAMES", "wards: [asao, asao]"),
            "wards: 'asao' already has an order of its own at ",
        ),
        (
            "overrides: []",
            OWN.replace("NAMES", "wards: [asao]").replace("情報政策課", "' '"),
            "overrides.0.owner: ",
        ),
        (
            "overrides: []",
            OWN.replace("NAMES", "wards: [asao]").replace(", reason: 工事", ""),
            "overrides.0.reason: required field is missing",
        ),
        (
            "overrides: []",
            OWN.replace("NAMES", "wards: [asao]").replace("{line: backup, region: osaka}", ""),
            "overrides.0.preference: ",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(policies: PolicyFolder, old: str, new: str, expected: str) -> None:
    policies.edit(LINES, old, new)
    shown = policies.problems()
    assert any(problem.startswith(f"{LINES}:") and expected in problem for problem in shown), shown


def test_a_missing_file_is_named(policies: PolicyFolder) -> None:
    (policies.path / LINES).unlink()
    assert policies.problems() == [f"{LINES}:1: file is missing"]
