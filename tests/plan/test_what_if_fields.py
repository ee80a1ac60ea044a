"""Every field of the policy's models: a change of it is judged, told as not judged, or known to have no effect."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.plan.what_if.compare import compare_policies
from controller.plan.what_if.field_differences import ORDER, find_field_differences
from controller.plan.what_if.field_effects import JUDGED, WITHOUT_EFFECT
from tests.cities.odd_cities import Files, build_files, write_city
from tests.plan.planted_fields import PLANTS, build_base, list_fields, plant
from tests.policies import TODAY

FIELDS = list_fields()
_WHY = {"school": "s0001", "since": date(2026, 12, 2), "reason": "x", "by": "x"}
CLOSED_TOMORROW, CUT_OFF_TOMORROW = _WHY, {**_WHY, "until": date(2026, 12, 9)}
FILES = build_base()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return load_city(write_city(FILES, tmp_path_factory.mktemp("city")), on=TODAY)


def load_planted(folder: Path, field: str) -> City:
    files: Files = deepcopy(FILES)
    for name, place, value in PLANTS[field]:
        plant(files, name, place, value)
    return load_city(write_city(files, folder), on=TODAY)


def test_a_change_of_any_field_is_told_by_its_name(city: City) -> None:
    """An item that has another id is another item: then its list differs."""
    assert len(FIELDS) > 250
    for one in FIELDS:
        cities = [city.replace_file(one.file, one.build(value)) for value in ("planted", "other")]
        found = find_field_differences(*cities)
        listed = one.name.removesuffix("id").rstrip(". ")
        assert {found.field for found in found} in ({one.name}, {listed}), one.name
        assert found[0].field == listed or "planted → other" in str(found[0])


def test_a_policy_differs_from_itself_in_nothing(city: City) -> None:
    changes = compare_policies(city, city)
    assert changes.nothing
    assert not changes.unjudged


def test_both_tables_name_fields_that_exist() -> None:
    lists = {".".join(one.name.split(".")[:-1]) for one in FIELDS}
    known = {one.name for one in FIELDS} | lists
    assert set() == {one for one in JUDGED if one not in known}
    assert set() == {one for one in WITHOUT_EFFECT if one.removesuffix(f" {ORDER}") not in known}
    assert not JUDGED & WITHOUT_EFFECT.keys()
    assert all(reason for reason in WITHOUT_EFFECT.values())


def test_every_judged_field_has_a_plant() -> None:
    assert set() == JUDGED - PLANTS.keys()


@pytest.mark.parametrize("field", sorted(PLANTS))
def test_a_change_that_an_answer_can_show_changes_one(field: str, city: City, tmp_path: Path) -> None:
    """What chooses among blueprints, and what has its days, is told as not judged as well."""
    after = load_planted(tmp_path, field)
    assert field in {one.field for one in find_field_differences(city, after)}
    changes = compare_policies(city, after)
    assert not changes.nothing
    told = [one for one in changes.unjudged if f" {field.partition(' ')[2]}: " in one]
    assert bool(told) is (field not in JUDGED)
    assert not find_field_differences(after, after)  # what is told as not judged is one of these


@pytest.mark.parametrize(
    ("name", "place", "value", "told"),
    [
        # From tomorrow on: today nothing changes.
        ("access/quarantines.yaml", "closed", [CLOSED_TOMORROW], "closed"),
        ("access/quarantines.yaml", "quarantines", [CUT_OFF_TOMORROW], "quarantines"),
        ("access/rules.yaml", "rules/computer-room-web/exception/expires", date(2026, 12, 2), "exception.expires"),
        # The same platforms and ports, and another one answers for the router.
        ("city/schools/all.yaml", "schools/s0001/lot", "lot-1", "schools.lot"),
    ],
    ids=["closed", "quarantined", "exception", "lot"],
)
def test_what_no_answer_of_today_shows_is_told(tmp_path: Path, name: str, place: str, value: object, told: str) -> None:
    files = build_files(2, [])
    lots = {"lot-1": "frr", "lot-2": "frr"}
    for blueprint in files["city/blueprints.yaml"]["blueprints"]:
        for group in blueprint["devices"]:
            group["platform"] = (
                lots if group["role"] == "router" else {**group["platform"], "lot-2": group["platform"]["lot-1"]}
            )
    files["access/quarantines.yaml"] = {"format": 1}
    before = load_city(write_city(files, tmp_path / "before"), on=TODAY)
    plant(files, name, place, value)
    changes = compare_policies(before, load_city(write_city(files, tmp_path / "after"), on=TODAY))
    assert changes.nothing
    assert [told in one for one in changes.unjudged] == [True]
