"""Availability by month and busy hours: from the roll-ups, so also of what retention has removed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from controller.measure.measurement import ANSWERED, LATENCY_MS, MBPS, MeasurementKind
from controller.measure.measurement_rollups import RollupQuery
from controller.measure.measurement_store import open_measurement_store
from controller.measure.report.availability import summarize_hours, summarize_months
from controller.telemetry.registry import LINE_UP, EventKind
from monitoring.timeseries.records import EventRecord, GaugeValue, TelemetryBatch
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.cli.running import here
from tests.measure.findings import NOON, echo, path, throughput
from tests.policies import PolicyFolder

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_a_month_counts_answers_and_names_its_worst_day(tmp_path: Path) -> None:
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        for days, lost in ((0, False), (0, True), (1, False), (1, False), (40, True)):
            store.add_measurement("r", NOON - days * DAY, path("a"), echo(1.0 if lost else 0.0), in_lessons=False)
        store.add_measurement("r", NOON, path("a", "backup"), echo(), in_lessons=False)
        query = RollupQuery("day", NOON - 60 * DAY, NOON + 2 * DAY, [(MeasurementKind.ECHO, ANSWERED)])
        backup, october, november = summarize_months(store.read_rollups(query))
    assert (backup.line, backup.available, backup.probes) == ("backup", 1.0, 1)
    assert (october.month, october.available, october.days) == ("2026-10", 0.0, 1)
    assert (november.available, november.probes, november.days) == (0.75, 4, 2)
    assert (november.worst_day, november.worst_available) == (date(2026, 11, 21), 0.5)


def test_busy_hours_are_percentiles_over_many_days_by_the_city_s_clock(tmp_path: Path) -> None:
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        for days in range(20):
            store.add_measurement("r", NOON - days * DAY, path("a"), throughput(100 - days), in_lessons=False)
            store.add_measurement(
                "r", NOON - days * DAY + timedelta(hours=7), path("a"), throughput(200), in_lessons=False
            )
        query = RollupQuery("hour", NOON - 60 * DAY, NOON + 2 * DAY, [(MeasurementKind.DOWNLOAD, MBPS)])
        noon, evening = summarize_hours(store.read_rollups(query))
    assert (noon.hour, noon.count, evening.hour, evening.count) == (12, 20, 19, 20)
    assert (round(noon.low), round(noon.middle), round(noon.high)) == (81, 90, 100)
    assert evening.low == evening.middle == evening.high == 200


def test_the_command_reports_what_the_store_has(tmp_path: Path) -> None:
    PolicyFolder(tmp_path)
    now = datetime.now(UTC)
    with open_measurement_store(tmp_path / ".tsunagu/measurements-lab.sqlite") as store:
        store.add_measurement("r", now, path("as-e04"), echo(), in_lessons=False)
        store.add_measurement("r", now, path("as-e04"), echo(1.0), in_lessons=False)
    said = here("report", "availability", "--lab", "--lang", "en", cwd=tmp_path)
    assert said.code == 0, said
    assert "as-e04 primary: 50.0% answered (2 probes on 1 days)" in said.said
    found = json.loads(here("report", "availability", "--lab", "--json", cwd=tmp_path).said)
    assert [(one["school"], one["available_percent"]) for one in found["months"]] == [("as-e04", 50.0)]
    assert {(one["figure"], one["count"]) for one in found["hours"]} == {(LATENCY_MS, 1)}


def test_the_command_tells_outages_from_the_monitor_s_store(tmp_path: Path) -> None:
    PolicyFolder(tmp_path)
    began = datetime.now(UTC).replace(microsecond=0) - 5 * HOUR
    key = (LINE_UP, (("school", "as-e04"), ("line", "primary")))
    down, up = began + timedelta(minutes=10), began + timedelta(minutes=25)
    looks = [began + timedelta(seconds=30 * number) for number in range(120)]
    values = [GaugeValue(key, at.timestamp(), float(not down <= at < up)) for at in looks]
    text = "the primary line is down: no region answers over it"
    events = [EventRecord(down.timestamp() + 1, str(EventKind.LINE_DOWN), "as-e04", "primary", text)]
    store = tmp_path / "monitor.db"
    with TimeSeriesStore(store) as opened:
        opened.write([TelemetryBatch(values=values, events=events)])
        said = here("report", "availability", "--lang", "en", "--monitor-store", str(store), cwd=tmp_path)
    assert said.code == 0, said
    assert f"(15.0 min)  as-e04 primary: {text}" in said.said
    found = json.loads(here("report", "availability", "--json", "--monitor-store", str(store), cwd=tmp_path).said)
    assert found["store"] is None
    assert sum(one["down_minutes"] for one in found["line_months"]) == 15
    assert sum(one["known_hours"] for one in found["line_months"]) == pytest.approx(1.0, abs=0.11)
    [outage] = found["outages"]
    assert datetime.fromisoformat(outage["begins"]) == down
    assert (outage["seconds"], outage["end_seen"], outage["cause"]) == (900, True, text)
    silent = here(
        "report", "availability", "--lang", "en", "--school", "as-e02", "--monitor-store", str(store), cwd=tmp_path
    )
    assert (silent.code, silent.errors) == (0, "")
    wrong = tmp_path / "notes.txt"
    wrong.write_text("no store\n", encoding="utf-8")
    refused = here("report", "availability", "--lang", "en", "--monitor-store", str(wrong), cwd=tmp_path)
    assert f"{wrong}: is no SQLite file" in refused.errors
    assert "--monitor-store" in refused.errors
    assert wrong.read_text(encoding="utf-8") == "no store\n"
    assert "was told nothing yet of the lines of 1 schools, so their outages are not known (as-e02)" in silent.said
    assert "(as-e01, as-e02, " in said.said
    assert "as-e04" not in said.said.splitlines()[0]
    none = here("report", "availability", "--lang", "en", cwd=tmp_path)
    assert "no real school was measured yet" in none.errors
