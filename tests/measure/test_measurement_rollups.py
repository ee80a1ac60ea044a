from __future__ import annotations

import random
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.measure import latest_measurements
from controller.measure.latest_measurements import LatestMeasurements
from controller.measure.measurement import ANSWERED, LATENCY_MS, MBPS, MeasurementKind, ProbeOutcome
from controller.measure.measurement_retention import (
    KeptDays,
    remove_expired_figures,
    remove_expired_measurements,
    remove_expired_outputs,
)
from controller.measure.measurement_rollups import RollupQuery, Spread, read_spread
from controller.measure.measurement_store import open_measurement_store
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.operations.operations import Retention
from controller.storage.sqlite import open_store
from tests.measure.findings import NOON, AnHourAhead, echo, failed, path, throughput

DAY = timedelta(days=1)
DOWNLOADS = [(MeasurementKind.DOWNLOAD, MBPS)]
HOURS_ASKED = RollupQuery("hour", NOON - 400 * DAY, NOON + 2 * DAY, DOWNLOADS)
DAYS_ASKED = RollupQuery("day", NOON - 400 * DAY, NOON + 2 * DAY, DOWNLOADS)


def test_a_spread_says_percentiles_within_one_percent_whatever_the_order() -> None:
    chance = random.Random(7)  # noqa: S311 figures of a test
    values = [chance.lognormvariate(4, 1) for _ in range(5_000)]
    halves = Spread.from_values(values[:2_000])
    halves.add_spread(Spread.from_values(values[2_000:]))
    again = read_spread((halves.count, halves.total, halves.least, halves.most, halves.write_classes()))
    for part in (0.05, 0.5, 0.95, 0.99):
        true = sorted(values)[max(0, round(part * len(values)) - 1)]
        assert again.percentile(part) == pytest.approx(true, rel=0.011)
    assert (again.count, again.least, again.most) == (5_000, min(values), max(values))


def test_nothing_and_less_than_nothing_are_values_too() -> None:
    one = Spread.from_values([0.0, 0.0, 0.0, 5.0])
    assert (one.percentile(0.5), one.percentile(1.0), one.write_classes().startswith("-:3")) == (0.0, 5.0, True)


def test_every_measurement_is_in_the_roll_ups_of_its_hour_and_of_its_day_in_japan(tmp_path: Path) -> None:
    evening = datetime(2026, 11, 21, 14, 59, tzinfo=UTC)  # 23:59 in Japan
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        for minutes, mbps in ((0, 10), (1, 30), (2, 50)):
            at = evening + timedelta(minutes=minutes)
            store.add_measurement("r", at, path("a"), throughput(mbps), in_lessons=False)
        hours, days = store.read_rollups(HOURS_ASKED), store.read_rollups(DAYS_ASKED)
    assert [(one.begins.isoformat(), one.spread.count, one.spread.mean) for one in hours] == [
        ("2026-11-21T23:00:00+09:00", 1, 10),
        ("2026-11-22T00:00:00+09:00", 2, 40),
    ]
    assert [(one.begins.date().isoformat(), one.spread.total) for one in days] == [
        ("2026-11-21", 10),
        ("2026-11-22", 80),
    ]


def test_what_arrives_late_is_added_to_its_own_day(tmp_path: Path) -> None:
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        for days in (2, 0, 2):
            store.add_measurement("r", NOON - days * DAY, path("a"), throughput(10), in_lessons=False)
        assert [one.spread.count for one in store.read_rollups(DAYS_ASKED)] == [2, 1]


def test_how_often_somebody_answered_is_a_figure_and_a_probe_that_failed_is_none(tmp_path: Path) -> None:
    asked = RollupQuery("day", NOON - DAY, NOON + DAY, [(MeasurementKind.ECHO, ANSWERED)], school="a")
    latency = RollupQuery("day", NOON - DAY, NOON + DAY, [(MeasurementKind.ECHO, LATENCY_MS)])
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        for found in (echo(), echo(), echo(1.0), failed(MeasurementKind.ECHO, ProbeOutcome.FAILED)):
            store.add_measurement("r", NOON, path("a"), found, in_lessons=False)
        store.add_measurement("r", NOON, path("b"), echo(1.0), in_lessons=False)
        [answered], [measured] = store.read_rollups(asked), store.read_rollups(latency)
    assert (answered.spread.count, answered.spread.total, measured.spread.count) == (3, 2, 2)


def test_roll_ups_outlive_rows_and_go_by_their_own_age(tmp_path: Path) -> None:
    file = tmp_path / "m.sqlite"
    with open_measurement_store(file) as store:
        for days in (50, 20, 0):
            store.add_measurement("r", NOON - days * DAY, path("a"), throughput(10), in_lessons=False)
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        remove_expired_outputs(connection, NOON - 7 * DAY, lambda _: None)
        removed = remove_expired_measurements(connection, NOON - 7 * DAY, lambda _: None)
        assert removed is not None
        assert removed.count == 2
        assert remove_expired_figures(connection, NOON, KeptDays(outputs=2, rows=7, hours=30, days=40)) == 2
    with open_measurement_store(file) as store:
        assert [len(store.read_rollups(one)) for one in (HOURS_ASKED, DAYS_ASKED)] == [2, 2]
        assert len(store.read_latest(NOON)) == 1


def test_a_row_of_a_wrong_clock_holds_no_others(tmp_path: Path) -> None:
    """A machine that began with another century would have filled its store for ever."""
    file, now = tmp_path / "m.sqlite", datetime.now(UTC)
    with open_measurement_store(file) as store:
        for at in (now - 50 * DAY, now + 9_999 * DAY, now - 49 * DAY, now - DAY, now + 9_999 * DAY):
            store.add_measurement("r", at, path("a"), throughput(10), in_lessons=False)
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        assert remove_expired_outputs(connection, now - 7 * DAY, lambda _: None) == 3
        removed = remove_expired_measurements(connection, now - 7 * DAY, lambda _: None)
        assert removed is not None
        assert (removed.last, removed.count) == (3, 3)
        # What nothing old was kept after may be of today.
        assert remove_expired_measurements(connection, now - 7 * DAY, lambda _: None) is None


def test_a_store_of_an_older_release_is_rolled_up_when_it_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "m.sqlite"
    with open_measurement_store(file) as store:
        for hours in range(3):
            store.add_measurement("r", NOON + timedelta(hours=hours), path("a"), throughput(10), in_lessons=False)
        expected = store.read_rollups(HOURS_ASKED)
    with closing(sqlite3.connect(file)) as connection:
        for table in ("hour_figures", "day_figures", "figure_path"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 ours
        connection.execute("UPDATE rolled_up SET up_to = 0")
        connection.commit()
    with open_measurement_store(file) as store:
        assert store.read_rollups(HOURS_ASKED) == expected
        assert len(expected) == 3


def test_the_latest_is_the_newest_by_its_time_however_late_it_arrives(tmp_path: Path) -> None:
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        new = store.add_measurement("r", NOON, path("a"), throughput(20), in_lessons=False)
        in_memory = LatestMeasurements(store)
        late = store.add_measurement("r", NOON - DAY, path("a"), throughput(10), in_lessons=False)
        far = datetime.now(UTC) + 10 * DAY
        store.add_measurement("r", far, path("a"), throughput(30), in_lessons=False)
        assert [one.id for one in store.read_latest()] == [new.id]
        assert [one.id for one in store.read_latest(NOON - DAY)] == [late.id]
        in_memory.refresh()
        assert [one.id for one in in_memory.list_all()] == [new.id]
        newer = store.add_measurement("r", NOON + timedelta(hours=1), path("a"), throughput(5), in_lessons=False)
        assert [one.id for one in in_memory.list_all()] == [new.id]
        in_memory.refresh()
        assert [one.id for one in in_memory.list_all()] == [newer.id]


def test_what_was_kept_before_the_clock_was_put_back_hides_nothing_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        in_memory = LatestMeasurements(store)
        before = store.add_measurement(
            "r", datetime.now(UTC) + timedelta(minutes=59), path("a"), throughput(20), in_lessons=False
        )
        with monkeypatch.context() as an_hour_ahead:
            an_hour_ahead.setattr(latest_measurements, "datetime", AnHourAhead)
            in_memory.refresh()
        assert [one.id for one in in_memory.list_all()] == [before.id]
        after = store.add_measurement("r", datetime.now(UTC), path("a"), throughput(10), in_lessons=False)
        in_memory.refresh()
        assert [one.id for one in in_memory.list_all()] == [after.id]


CHANGED = [
    "UPDATE measurement SET figures = '{'",
    "UPDATE measurement SET figures = '[]'",
    """UPDATE measurement SET figures = '{"mbps": "9"}'""",
    "UPDATE measurement SET outcome = 'x'",
    "UPDATE rolled_up SET up_to = 0, zone = '../x'",
    "UPDATE rolled_up SET zone = 'No/Where'",
    "UPDATE hour_figures SET spread = 'x'",
    "UPDATE figure_path SET line = 'x'",
    "DELETE FROM rolled_up",
]


@pytest.mark.parametrize("change", CHANGED)
def test_what_somebody_changed_past_the_store_is_refused_by_its_name(tmp_path: Path, change: str) -> None:
    file = tmp_path / "m.sqlite"
    with open_measurement_store(file) as store:
        store.add_measurement("r", NOON, path("a"), throughput(20), in_lessons=False)
    change_past_the_store(file, change)
    with pytest.raises(TsunaguError, match=r"m\.sqlite: .* is not what was written"):
        read_all(file)


def read_all(file: Path) -> None:
    with open_measurement_store(file) as store:
        store.read_latest()
        store.read_rollups(HOURS_ASKED)


def change_past_the_store(file: Path, change: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(change)
        connection.commit()


def test_the_documentation_says_how_long_what_is_kept() -> None:
    text = (Path(__file__).parents[2] / "docs/measuring.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"\| `([a-z-]+-days)` \| ([0-9]+) \|", text))
    names = ("outputs_days", "measurements_days", "hourly_figures_days", "daily_figures_days")
    assert said == {name.replace("_", "-"): str(getattr(Retention(), name)) for name in names}
