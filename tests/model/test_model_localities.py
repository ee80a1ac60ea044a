"""Kinds of schools, the time zone and the country are data of a city; what names something unknown is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from pydantic import TypeAdapter, ValidationError

from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.errors import PolicyError
from controller.measure.assessment.assess import assess_school
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.sites.localities import CountryCode, TimeZoneName
from controller.prove.identity.synthetic_principals import FACTS, build_request, draw_synthetic_principals
from tests.cities.odd_cities import build_files, write_city
from tests.cities.odd_networks import with_other_kinds, with_other_time_zone
from tests.policies import TODAY, PolicyFolder

CITY = "city/city.yaml"
ASAO = "city/schools/asao.yaml"
ZONES = TypeAdapter(TimeZoneName)


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def find_problems(policies: PolicyFolder) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        policies.load(TODAY)
    return [str(one) for one in refused.value.problems]


def test_a_city_without_kinds_of_its_own_has_those_of_a_japanese_board(city: City) -> None:
    assert {one.name for one in city.kinds.values()} >= {"小学校", "義務教育学校", "幼稚園", "給食センター", "図書館"}
    assert city.kinds["junior-high"].get_name("ja") == "中学校"
    assert city.kinds["junior-high"].get_name("en") == "Junior high school"


def test_other_kinds_and_a_kitchen_without_pupils(tmp_path: Path) -> None:
    city = load_city(write_city(build_files(2, [with_other_kinds]), tmp_path / "policies"), on=TODAY)
    assert [city.kinds[one.kind].get_name("en") for one in city.schools] == ["Nine years", "Lunch centre"]
    kitchen = city.schools[1]
    assert kitchen.pupils == 0
    assert city.list_devices(kitchen)
    assert assess_school(kitchen, [], city.measurement).recommended.mbps == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            ASAO,
            "kind: elementary",
            "kind: elementry",
            r"asao\.yaml:\d+: kind: unknown kind of school 'elementry'.*did you mean elementary",
        ),
        (
            "city/groups.yaml",
            "kinds: [junior-high, high]",
            "kinds: [junior-hig]",
            r"groups\.yaml:\d+: kinds: unknown kind of school 'junior-hig'",
        ),
        (
            "city/blueprints.yaml",
            "kinds: [high]",
            "kinds: [hihg]",
            r"blueprints\.yaml:\d+: kinds: unknown kind of school 'hihg'",
        ),
        (
            CITY,
            "timezone: Asia/Tokyo",
            "timezone: Asia/Tokio",
            r"city\.yaml:\d+: timezone: .*'Asia/Tokio' is no time zone.*did you mean Asia/Tokyo",
        ),
        (CITY, "timezone: Asia/Tokyo", "timezone: Asia", r"city\.yaml:\d+: timezone: .*'Asia' is no time zone"),
        (CITY, "timezone: Asia/Tokyo", "timezone: ../../etc/passwd", r"city\.yaml:\d+: timezone: .* is no time zone"),
        (CITY, "timezone: Asia/Tokyo", "timezone: localtime", r"city\.yaml:\d+: timezone: .*'localtime' is no"),
        (CITY, "timezone: Asia/Tokyo", "timezone: 9", r"city\.yaml:\d+: timezone: .*write the name of a time zone"),
        (CITY, "timezone: Asia/Tokyo", "timezone: Asia/Tokyo\ncountry: Japan", r"city\.yaml:\d+: country: "),
        (CITY, "timezone: Asia/Tokyo", "timezone: Asia/Tokyo\nkinds: []", r"city\.yaml:\d+: kinds: "),
        (
            CITY,
            "timezone: Asia/Tokyo",
            "timezone: Asia/Tokyo\nkinds: [{id: high, name: a}, {id: high, name: b}]",
            r"city\.yaml:\d+: id: kind of school id 'high' is already given at",
        ),
    ],
)
def test_what_nobody_knows_is_refused_with_its_place(
    policies: PolicyFolder, file: str, old: str, new: str, told: str
) -> None:
    policies.edit(file, old, new)
    problems = find_problems(policies)
    assert [one for one in problems if re.search(told, one)], problems


def test_a_rule_for_a_kind_that_there_is_not(policies: PolicyFolder) -> None:
    policies.append(
        "access/rules.yaml",
        "  - {id: new, effect: permit, purpose: 試験, applications: [cbt], schools: {kinds: [academy]}, "
        "network: {from: [pupil]}}\n",
    )
    assert any("schools.kinds: unknown kind of school 'academy'" in one for one in find_problems(policies))


def test_every_zone_of_the_database_is_a_zone() -> None:
    zones = available_timezones() - {"Factory", "localtime", "posixrules"}
    assert len(zones) > 400
    assert {ZONES.validate_python(zone) for zone in zones} == zones


@pytest.mark.parametrize("country", ["jp", "JPN", "J", "", "日本"])
def test_a_country_is_two_letters(country: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CountryCode).validate_python(country)


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("abroad") / "policies"
    return load_city(write_city(build_files(2, [with_other_time_zone]), folder), on=TODAY)


def test_hours_are_meant_in_the_citys_own_zone(abroad: City, city: City) -> None:
    levels = {level.key: level.expression for level in compile_cloud_intent(abroad, FACTS).access_levels}
    assert 'origin.region_code == "CA"' in levels["home"]
    assert not any("JP" in expression or "Asia/Tokyo" in expression for expression in levels.values())
    timed = [one.expression for one in compile_cloud_intent(abroad, FACTS).bindings if "getHours" in one.expression]
    assert timed
    assert all("America/St_Johns" in one and "Asia/Tokyo" not in one for one in timed)
    moment = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
    assert moment.astimezone(city.timezone).hour == 12
    assert moment.astimezone(abroad.timezone).hour == 23


def test_somebody_abroad_is_in_another_country_than_the_citys(abroad: City) -> None:
    countries = {
        (person.place == "abroad", build_request(abroad, person)["origin.region_code"])
        for person in draw_synthetic_principals(abroad, 300)
    }
    assert countries == {(True, "US"), (False, "CA")}
