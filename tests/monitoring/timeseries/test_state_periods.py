"""From when to when a line was up, down, or not known, to the second."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.telemetry.registry import DAY, LINE_UP
from monitoring.timeseries.period_queries import read_periods
from monitoring.timeseries.records import GaugeValue, TelemetryBatch
from monitoring.timeseries.retention import delete_expired
from monitoring.timeseries.state_periods import MOST_PERIODS, PERIODS_KEPT
from monitoring.timeseries.time_series_store import TimeSeriesStore

NOW = 1_800_000_000.0
FRESH = LINE_UP.fresh


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TimeSeriesStore]:
    with TimeSeriesStore(tmp_path / "monitor.db") as opened:
        yield opened


def tell(store: TimeSeriesStore, at: float, value: float, line: str = "primary") -> None:
    key = (LINE_UP, (("school", "s"), ("line", line)))
    store.write([TelemetryBatch(values=[GaugeValue(key, at, value)])])


def read(store: TimeSeriesStore, since: float = NOW, until: float = NOW + 3_600) -> list[tuple[float, float, float]]:
    found = read_periods(store, "s", (LINE_UP,), since, until)
    return [(one.began - NOW, one.until - NOW, one.value) for series in found for one in series.periods]


def test_an_outage_is_known_to_the_second(store: TimeSeriesStore) -> None:
    for second in range(120):
        tell(store, NOW + second, 0.0 if 40 <= second < 70 else 1.0)
    assert read(store, until=NOW + 120) == [(0, 40, 1), (40, 70, 0), (70, 120, 1)]
    [series] = read_periods(store, "s", (LINE_UP,), NOW, NOW + 120)
    assert (series.count_seconds(up=True), series.count_seconds(up=False)) == (90, 30)
    # A line that goes on as it is costs a row, and not one a second.
    assert store.rows("SELECT COUNT(*) FROM state_period") == [(3,)]


def test_silence_is_neither_up_nor_down(store: TimeSeriesStore) -> None:
    for at, value in ((0, 1), (60, 1), (60 + FRESH + 1, 1), (1_000, 0)):
        tell(store, NOW + at, value)
    # What was said last stands for `fresh`, at the end of the time too; a single word between two silences for nothing.
    assert read(store, until=NOW + 1_100) == [(0, 60, 1), (1_000, 1_100, 0)]
    assert read(store, until=NOW + 1_000 + FRESH + 1) == [(0, 60, 1)]


def test_what_a_probe_sends_late_fills_its_gap(store: TimeSeriesStore) -> None:
    told = [(at, 0.0 if 300 <= at < 600 else 1.0) for at in range(0, 1_200, 30)]
    shuffled = random.Random(1).sample(told, len(told))  # noqa: S311 an order, no secret
    for at, value in shuffled:
        tell(store, NOW + at, value)
    assert read(store, until=NOW + 1_170) == [(0, 300, 1), (300, 600, 0), (600, 1_170, 1)]


def test_a_restart_goes_on_with_the_period(tmp_path: Path) -> None:
    for began in (0, 60):
        with TimeSeriesStore(tmp_path / "monitor.db") as store:
            for second in range(began, began + 60, 5):
                tell(store, NOW + second, 1.0)
    with TimeSeriesStore(tmp_path / "monitor.db") as store:
        assert read(store, until=NOW + 120) == [(0, 120, 1)]
        assert store.rows("SELECT COUNT(*) FROM state_period") == [(1,)]


def test_what_was_not_kept_is_written_again(store: TimeSeriesStore, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(store, NOW, 1.0)
    with monkeypatch.context() as patched:
        patched.setattr("monitoring.timeseries.schema.ADD_ACTION", "no SQL")
        with pytest.raises(sqlite3.OperationalError):
            tell(store, NOW + 20, 0.0)
    tell(store, NOW + 21, 0.0)
    assert read(store, until=NOW + 30) == [(0, 21, 1), (21, 30, 0)]


def test_old_periods_go_and_a_line_that_always_changes_keeps_the_newest(store: TimeSeriesStore) -> None:
    tell(store, NOW - PERIODS_KEPT - DAY, 0.0)
    tell(store, NOW, 1.0)
    tell(store, NOW, 1.0, "backup")
    [(number,)] = store.rows("SELECT id FROM series WHERE line = 'backup'")
    with store.writing() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO state_period VALUES (?, ?, ?, ?)",
            [(number, NOW - 1 - n, NOW - 1 - n, n % 2) for n in range(MOST_PERIODS + 50)],
        )
    delete_expired(store, NOW + 1)
    assert store.rows("SELECT series, COUNT(*) FROM state_period GROUP BY series ORDER BY 2") == [
        (store.rows("SELECT id FROM series WHERE line = 'primary'")[0][0], 1),
        (number, MOST_PERIODS),
    ]
    assert store.rows("SELECT MAX(began) FROM state_period WHERE series = ?", number) == [(NOW,)]


def test_a_school_that_is_gone_leaves_no_periods(store: TimeSeriesStore) -> None:
    tell(store, NOW, 1.0)
    key = (LINE_UP, (("school", "t"), ("line", "primary")))
    store.write([TelemetryBatch(values=[GaugeValue(key, NOW, 1.0)])])
    assert store.delete_unknown(lambda attributes: "gone" if ("school", "s") in attributes else None, NOW) == ["s"]
    assert store.rows("SELECT COUNT(*) FROM state_period") == [(1,)]
