"""Every field of the policy's models: a change of it is judged, told as not judged, or known to have no effect."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.plan.what_if.compare import compare_policies
from controller.plan.what_if.field_differences import ORDER, find_field_differences
from controller.plan.what_if.field_effects import JUDGED, WITHOUT_EFFECT
from tests.cities.odd_cities import Files, write_city
from tests.plan.planted_fields import PLANTS, build_base, list_fields, plant
from tests.policies import TODAY

FIELDS = list_fields()
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


def test_both_tables_name_fields_that_exist() -> None:
    lists = {".".join(one.name.split(".")[:-1]) for one in FIELDS}
    known = {one.name for one in FIELDS} | lists
    assert set() == {one for one in JUDGED if one not in known}
    assert set() == {one for one in WITHOUT_EFFECT if one.removesuffix(f" {ORDER}") not in known}
    assert not JUDGED & WITHOUT_EFFECT.keys()
    assert all(reason for reason in WITHOUT_EFFECT.values())


@pytest.mark.parametrize("field", sorted(JUDGED))
def test_a_change_of_a_judged_field_changes_an_answer(field: str, city: City, tmp_path: Path) -> None:
    after = load_planted(tmp_path, field)
    assert field in {one.field for one in find_field_differences(city, after)}
    changes = compare_policies(city, after)
    assert not changes.nothing
    assert not compare_policies(after, after).unjudged
