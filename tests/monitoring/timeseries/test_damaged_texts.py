"""What a look for damage does not see, e.g. a letter within a text, stops nothing: it is left out or shown as it is."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from controller.errors import MonitorError, StoreRefused
from controller.model.city import City
from controller.telemetry.registry import LINE_LATENCY, LINE_UP, ROLLOUT_DEVICE_DURATION
from monitoring.city_state.monitor import Monitor
from monitoring.timeseries import queries
from monitoring.timeseries.records import (
    CumulativeTotal,
    EventRecord,
    GaugeValue,
    OperatorAction,
    SpanRecord,
    TelemetryBatch,
)
from monitoring.timeseries.retention import delete_expired, roll_up
from monitoring.timeseries.school_queries import read_line_history
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web.exposition import format_exposition
from tests.soak import examples

SCHOOL = "as-e04"
PLACE = (("school", SCHOOL), ("line", "primary"))


def fill(path: Path) -> None:
    now = time.time()
    counts = tuple(range(len(ROLLOUT_DEVICE_DURATION.boundaries) + 1))
    batch = TelemetryBatch(
        values=[
            GaugeValue((LINE_UP, PLACE), now, 0.0),
            GaugeValue((LINE_UP, (("school", "as-e05"), ("line", "primary"))), now, 1.0),
            GaugeValue((LINE_LATENCY, (*PLACE, ("region", "tokyo"), ("family", "ipv4"))), now, 0.01),
        ],
        totals=[CumulativeTotal((ROLLOUT_DEVICE_DURATION, (("outcome", "applied"),)), "a", 1, now, 4.0, counts)],
        events=[
            EventRecord(now, "line-down", SCHOOL, "primary", "回線断"),
            EventRecord(now, "brown-out", "as-e05", "primary", "輻輳"),
        ],
        actions=[OperatorAction("a" * 12, now, "maintenance", "x", "y", school=SCHOOL, starts=now, until=now + 9)],
        spans=[SpanRecord("t" * 32, "1" * 16, "", "rollout", "plan", now - 5, attributes={"waves": "{}"})],
    )
    with TimeSeriesStore(path) as store:
        store.write([batch])


def look_at_everything(city: City, path: Path) -> list[str]:
    """All that is read of a store; gives the events' texts."""
    now = time.time()
    with closing(TimeSeriesStore(path)) as store:
        monitor = Monitor(city, store)
        try:
            monitor.present.tiles()
            monitor.build_needs()
            monitor.rollouts.build_view()
            values = [*monitor.present.list_served(), *monitor.list_own_values()]
            format_exposition(values, queries.read_totals(store), now)
            read_line_history(store, (SCHOOL, "primary"), LINE_LATENCY, now - 60, 1)
            roll_up(store, now)
            delete_expired(store, now)
            return [one.text for one in queries.read_events(store, SCHOOL, 0, 9, now + 1)]
        finally:
            monitor.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE series SET attributes = replace(attributes, ']', 'x')",
        "UPDATE series SET attributes = '7' WHERE id = 1",
        "UPDATE part SET counts = '[1, 2'",
        "UPDATE part SET counts = '[1, 2]'",
        "UPDATE part SET value = 9e999",
        "UPDATE span SET attributes = 'x'",
        "UPDATE span SET start = -9e999",
        "UPDATE span SET ended = 1e300",
        "UPDATE latest SET since = 1e300",
        "UPDATE latest SET since = -1e300, heard = 1e300",
        "UPDATE latest SET at = -1e300",
        "UPDATE operator_action SET starts = -62135682740",
        "UPDATE operator_action SET until = 1e300",
        "UPDATE operator_action SET at = 1e300",
        "UPDATE event SET at = 1e300 WHERE kind = 'brown-out'",
        "UPDATE latest SET value = 9e999, heard = -9e999",
        "UPDATE bin SET total = 9e999, n = 0",
        "UPDATE event SET text = CAST(x'e59b9eff' AS TEXT)",
    ],
)
def test_a_damaged_text_or_number_stops_nothing(city: City, tmp_path: Path, statement: str) -> None:
    path = tmp_path / "monitor.db"
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    assert look_at_everything(city, path) == (["回\ufffd"] if "e59b9eff" in statement else ["回線断"])


def test_whatever_bits_are_flipped_it_is_refused_or_moved_aside_or_works(city: City, tmp_path: Path) -> None:
    fill(tmp_path / "whole.db")
    whole = (tmp_path / "whole.db").read_bytes()
    ends: set[str] = set()
    for turn in range(examples(12)):
        drawn = random.Random(turn)  # noqa: S311 the same damage again, no secret
        body = bytearray(whole)
        for _ in range(drawn.choice([1, 3, 40])):
            body[drawn.randrange(len(body))] ^= 1 << drawn.randrange(8)
        path = tmp_path / f"{turn}.db"
        path.write_bytes(body)
        try:
            look_at_everything(city, path)
        except (StoreRefused, MonitorError):
            ends.add("refused")
        else:
            ends.add("aside" if list(tmp_path.glob(f"{turn}.db.damaged-*")) else "worked")
    assert "worked" in ends
    assert "aside" in ends
