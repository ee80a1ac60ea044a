from __future__ import annotations

from controller.measure.assessment.assess import assess_school
from controller.measure.assessment.json_documents import build_school_document
from controller.model.city import City
from monitoring.city_state.school_tiles import CityState, Tile
from tests.measure.findings import measurement, path, throughput

ONLY_THE_MONITOR_KNOWS = {"drift", "silent", "policy_recommended_mbps"}


def test_a_school_has_the_keys_that_its_tile_has_in_the_monitor_s_api(city: City) -> None:
    school = city.school_by_id["kw-s01"]
    assessed = assess_school(school, [measurement(path("kw-s01"), throughput(400))], city.measurement)
    document = build_school_document(assessed, city.timezone)
    assert set(Tile.__annotations__) - set(document) == ONLY_THE_MONITOR_KNOWS
    tile = dict(CityState(city).tile(school))
    same = ("id", "name", "ward", "kind", "pupils")
    assert [tile[key] for key in same] == [document[key] for key in same]
    lines = document["lines"]
    assert isinstance(lines, dict)
    assert dict.fromkeys(lines, "unknown") == tile["lines"]
