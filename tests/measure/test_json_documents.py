from __future__ import annotations

import json
from zoneinfo import ZoneInfo

from controller.measure.assessment.assess import assess_school
from controller.measure.assessment.json_documents import (
    build_measurement_document,
    build_round_document,
    build_school_document,
)
from controller.measure.measurement import MeasurementKind, ProbeOutcome
from controller.model.city import City
from controller.model.network.packets import Family
from monitoring.city_state.school_tiles import CityState, Tile
from tests.measure.findings import echo, failed, measurement, path, throughput

ONLY_THE_MONITOR_KNOWS = {"drift", "stage", "silent", "policy_recommended_mbps", "unconfirmed"} | {
    "doubt",
    "english",
    "line_times",
    "heard",
    "heard_at",
    "need",
}


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


def test_a_school_s_document_says_what_decided_and_every_throughput(city: City) -> None:
    found = [
        measurement(path("as-e04"), throughput(190.06)),
        measurement(path("as-e04", "backup", "osaka", Family.V6), throughput(48.55, MeasurementKind.UPLOAD)),
        measurement(path("as-e04"), echo(0.2, 500)),
    ]
    school = city.school_by_id["as-e04"]
    assessed = assess_school(school, found, city.measurement)
    assert build_school_document(assessed, ZoneInfo("Asia/Tokyo")) == {
        "id": "as-e04",
        "name": school.name,
        "ward": school.ward,
        "kind": school.kind,
        "pupils": 312,
        "recommended_mbps": 421.4,
        "basis": "estimated",
        "measured_mbps": 190.1,
        "assessment": "below",
        "measured_at": "2026-11-21T12:00:00+09:00",
        "measurement": found[0].id,
        "causes": ["contract", "loss"],
        "reasons": [],
        "limited_by": None,
        "loss": {"lost": 100, "sent": 500, "low": 0.16728, "high": 0.23729},
        "upload_mbps": None,
        "upload_assessment": "not-measured",
        "contract_mbps": 200,
        "lines": {"primary": "up", "backup": "up"},
        "assessments": {"primary": "below", "backup": "not-measured"},
        "throughput": [
            {
                "line": "primary",
                "region": "tokyo",
                "family": 4,
                "direction": "download",
                "mbps": 190.1,
                "measurement": found[0].id,
            },
            {
                "line": "backup",
                "region": "osaka",
                "family": 6,
                "direction": "upload",
                "mbps": 48.5,
                "measurement": found[1].id,
            },
        ],
    }


def test_a_school_that_nobody_measured_has_no_figure_and_no_time(city: City) -> None:
    document = build_school_document(assess_school(city.school_by_id["as-e04"], [], city.measurement), city.timezone)
    assert [document[key] for key in ("measured_mbps", "measured_at", "measurement")] == [None, None, None]
    assert (document["assessment"], document["causes"], document["throughput"]) == ("not-measured", [], [])


def test_a_round_s_document_holds_every_school_and_measurement(city: City) -> None:
    zone = ZoneInfo("Asia/Tokyo")
    found = [
        measurement(path("as-e04", "backup", "osaka", Family.V6), echo(0.2), run="run-7", in_lessons=True),
        measurement(path("kw-s01"), failed(MeasurementKind.DOWNLOAD, ProbeOutcome.REFUSED)),
    ]
    assessed = [assess_school(city.school_by_id[name], found, city.measurement) for name in ("as-e04", "kw-s01")]
    whole = build_round_document("run-7", "store.db", assessed, found, zone)
    assert whole == {
        "run": "run-7",
        "store": "store.db",
        "schools": [build_school_document(one, zone) for one in assessed],
        "measurements": [build_measurement_document(one, zone) for one in found],
    }
    assert json.loads(json.dumps(whole)) == whole
    assert build_measurement_document(found[0], zone) == {
        "id": found[0].id,
        "run": "run-7",
        "at": "2026-11-21T12:00:00+09:00",
        "school": "as-e04",
        "line": "backup",
        "region": "osaka",
        "family": 6,
        "kind": "echo",
        "outcome": "measured",
        "figures": {"latency-ms": 4.2, "jitter-ms": 0.3, "loss-ratio": 0.2, "echoes": 10},
        "target": "100.64.0.1",
        "method": "ping -c 10",
        "reason": "",
        "in_lessons": True,
    }
    refused = build_measurement_document(found[1], zone)
    assert [refused[key] for key in ("outcome", "figures", "reason")] == ["refused", {}, "nobody answers"]
