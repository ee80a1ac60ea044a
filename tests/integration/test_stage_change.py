from __future__ import annotations

from datetime import date

from controller.integration.stage_change import StageSubject, change_stage, list_subject_schools
from controller.model.city import City
from controller.model.sites.stages import Stage

BY = "教育DX推進課"
WARD, SCHOOL = StageSubject("ward", "asao"), StageSubject("school", "as-e04")


def test_a_school_changes_and_its_ward_does_not(city: City) -> None:
    separated = change_stage(city, WARD, Stage.SEPARATED, by=BY, since=None)
    changed = change_stage(separated, SCHOOL, Stage.COEXIST, by=BY, since=date(2026, 12, 26))
    found = {one.id: changed.find_stage(one) for one in changed.schools if one.ward == "asao"}
    assert found.pop("as-e04") is Stage.COEXIST
    assert set(found.values()) == {Stage.SEPARATED}
    assert city.find_stage(city.school_by_id["as-e04"]) is not Stage.SEPARATED


def test_a_ward_changes_but_for_the_schools_with_an_entry_of_their_own(city: City) -> None:
    changed = change_stage(city, SCHOOL, Stage.SEPARATED, by=BY, since=None)
    meant = {one.id for one in list_subject_schools(changed, WARD)}
    assert "as-e04" not in meant
    assert meant == {one.id for one in city.schools if one.ward == "asao"} - {"as-e04"}
