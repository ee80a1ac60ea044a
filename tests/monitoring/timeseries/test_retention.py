from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.telemetry.heartbeat import LOST_SECONDS
from controller.telemetry.registry import DAY, HOUR, LINE_LATENCY, LINE_UP, ROLLOUT_DEVICE_DURATION, ROLLOUT_DEVICES
from monitoring.city_state.rollout_views import RolloutViews
from monitoring.timeseries import queries, store_writer
from monitoring.timeseries.records import (
    OVERFLOWN,
    CumulativeTotal,
    EventRecord,
    GaugeValue,
    SpanRecord,
    TelemetryBatch,
)
from monitoring.timeseries.retention import EVENTS_KEPT, LEVELS, delete_expired, roll_up
from monitoring.timeseries.school_queries import read_line_history
from monitoring.timeseries.store_writer import StoreWriter
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.soak import examples

NOW = 1_800_000_000.0
PATH = (("school", "s"), ("line", "primary"), ("region", "tokyo"), ("family", "ipv4"))
KEY = (LINE_LATENCY, PATH)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TimeSeriesStore]:
    with TimeSeriesStore(tmp_path / "monitor.db") as opened:
        yield opened


ages = st.one_of(st.floats(0, 600), st.floats(0, 8 * HOUR), st.floats(0, 390 * DAY))
samples = st.lists(st.tuples(ages, st.integers(-1000, 1000)), min_size=1, max_size=40)


@settings(max_examples=examples(60), deadline=None)
@given(samples, st.lists(st.floats(0, 5 * DAY), max_size=3))
def test_rolling_up_loses_no_value_and_keeps_sum_least_and_most(
    found: list[tuple[float, int]], later: list[float]
) -> None:
    with TemporaryDirectory() as folder, TimeSeriesStore(Path(folder) / "monitor.db") as store:
        store.write([TelemetryBatch(values=[GaugeValue(KEY, NOW - age, value) for age, value in found])])
        for moment in (0.0, *sorted(later)):
            roll_up(store, NOW + moment)
            [(count, total, least, most)] = store.rows("SELECT SUM(n), SUM(total), MIN(least), MAX(most) FROM bin")
            values = [value for _, value in found]
            assert (count, total, least, most) == (len(values), sum(values), min(values), max(values))
            for level in LEVELS[:-1]:
                [(oldest,)] = store.rows("SELECT MIN(at) FROM bin WHERE step = ?", level.step)
                assert oldest is None or oldest >= NOW + moment - level.kept - HOUR


def test_a_history_is_the_same_before_and_after_a_roll_up(store: TimeSeriesStore) -> None:
    values = [GaugeValue(KEY, NOW - age, float(age % 7)) for age in range(0, 7 * HOUR, 30)]
    store.write([TelemetryBatch(values=values)])
    before = read_line_history(store, ("s", "primary"), LINE_LATENCY, NOW - 6 * HOUR, 60)
    roll_up(store, NOW)
    after = read_line_history(store, ("s", "primary"), LINE_LATENCY, NOW - 6 * HOUR, 60)
    assert len(before) > 300
    assert after == before


def test_what_is_past_its_time_goes(store: TimeSeriesStore) -> None:
    store.write(
        [
            TelemetryBatch(
                values=[GaugeValue(KEY, NOW - 401 * DAY, 1.0), GaugeValue(KEY, NOW, 2.0)],
                events=[
                    EventRecord(NOW - EVENTS_KEPT - 1, "drift", "s", "", "old"),
                    EventRecord(NOW, "drift", "s", "", "new"),
                ],
                spans=[
                    SpanRecord("t1", "1", "", "rollout", "old", NOW - 91 * DAY, NOW - 91 * DAY),
                    SpanRecord("t2", "2", "", "rollout", "new", NOW, NOW),
                ],
            )
        ]
    )
    roll_up(store, NOW)
    delete_expired(store, NOW)
    assert store.rows("SELECT total FROM bin") == [(2.0,)]
    assert [event.text for event in queries.read_events(store, "s", 0, 10)] == ["new"]
    assert [span.name for span in queries.read_newest_rollouts(store)] == ["new"]


def test_of_the_rollouts_before_the_newest_it_is_kept_in_mind_whether_they_have_ended(store: TimeSeriesStore) -> None:
    spans = [
        SpanRecord("t1", "1", "", "rollout", "lost", NOW - 60, 0.0),
        SpanRecord("t1", "2", "1", "device", "d1", NOW - 59, 0.0),
        SpanRecord("t2", "5", "4", "command", "vlan 10", NOW, NOW + 1),
        SpanRecord("t2", "4", "3", "device", "d2", NOW, NOW + 1),
        SpanRecord("t2", "3", "", "rollout", "new", NOW, NOW + 2),
    ]
    store.write([TelemetryBatch(spans=spans)])
    assert {span.name for span in queries.read_newest_rollouts(store)} == {"lost", "new", "d2"}


def test_a_lost_rollout_is_known_after_a_restart_however_many_ended_after_it(tmp_path: Path) -> None:
    lost = SpanRecord("t", "1", "", "rollout", "lost", NOW - 60, 0.0, attributes={"heartbeat": "5"})
    newer = [
        SpanRecord(f"t{one}", str(one), "", "rollout", "well", NOW + one, NOW + one + 0.5)
        for one in range(queries.ROLLOUTS_REMEMBERED + 4)
    ]
    with TimeSeriesStore(tmp_path / "lost.db") as before:
        before.write([TelemetryBatch(spans=[lost, *newer])])
    clock = [NOW + 100]
    with TimeSeriesStore(tmp_path / "lost.db") as after:
        views = RolloutViews(queries.read_newest_rollouts(after), lambda: clock[0])
    clock[0] += LOST_SECONDS + 1
    views.note_lost_change()
    assert views.count_lost() == 1
    view = views.build_view()
    assert view is not None
    assert view["name"] == newer[-1].name


def test_totals_of_processes_that_have_ended_stay_in_the_sum(store: TimeSeriesStore) -> None:
    devices = (ROLLOUT_DEVICES, (("outcome", "applied"),))
    durations = (ROLLOUT_DEVICE_DURATION, (("outcome", "applied"),))
    counts = tuple(range(len(ROLLOUT_DEVICE_DURATION.boundaries) + 1))
    old = NOW - 3 * DAY
    store.write(
        [
            TelemetryBatch(
                totals=[
                    CumulativeTotal(devices, "a", 1, old, 3),
                    CumulativeTotal(devices, "b", 1, old, 4),
                    CumulativeTotal(devices, "c", 1, NOW, 5),
                    CumulativeTotal(durations, "a", 1, old, 1.5, counts),
                    CumulativeTotal(durations, "b", 1, old, 2.5, counts),
                ]
            )
        ]
    )
    before = {total.key: (total.value, total.counts) for total in queries.read_totals(store)}
    for _ in range(2):
        delete_expired(store, NOW)
    after = {total.key: (total.value, total.counts) for total in queries.read_totals(store)}
    assert before == after == {devices: (12, ()), durations: (4.0, tuple(2 * count for count in counts))}
    assert store.rows("SELECT COUNT(*) FROM part") == [(3,)]


def test_a_total_that_is_sent_twice_counts_once(store: TimeSeriesStore) -> None:
    devices = (ROLLOUT_DEVICES, (("outcome", "applied"),))
    for at, value in ((NOW, 2), (NOW, 2), (NOW + 1, 3), (NOW, 2)):
        store.write([TelemetryBatch(totals=[CumulativeTotal(devices, "a", 1, at, value)])])
    assert [total.value for total in queries.read_totals(store)] == [3]


def test_more_series_than_the_registry_allows_become_one(store: TimeSeriesStore) -> None:
    many = [
        GaugeValue((LINE_UP, (("school", f"s{number}"), ("line", line))), NOW, 1.0)
        for number in range(LINE_UP.limit // 2 + 5)
        for line in ("primary", "backup")
    ]
    store.write([TelemetryBatch(values=many)])
    kept = [value.key[1] for value in queries.read_latest_values(store)]
    assert len(kept) == LINE_UP.limit + 1
    assert kept.count(OVERFLOWN) == 1


def test_of_one_request_the_newest_value_stays_and_of_two_the_one_that_came_later(store: TimeSeriesStore) -> None:
    store.write([TelemetryBatch(values=[GaugeValue(KEY, NOW, 5.0), GaugeValue(KEY, NOW - 60, 9.0)])])
    assert [value.value for value in queries.read_latest_values(store)] == [5.0]
    store.write([TelemetryBatch(values=[GaugeValue(KEY, NOW - 60, 7.0, heard=NOW + 1)])])
    assert [(one.value, one.heard) for one in queries.read_latest_values(store)] == [(7.0, NOW + 1)]


def test_a_value_that_was_overtaken_is_history_only(store: TimeSeriesStore) -> None:
    store.write([TelemetryBatch(values=[GaugeValue(KEY, NOW, 5.0), GaugeValue(KEY, NOW + 5, 9.0, late=True)])])
    assert [value.value for value in queries.read_latest_values(store)] == [5.0]
    assert store.rows("SELECT SUM(n) FROM bin") == [(2,)]


def test_a_batch_that_cannot_be_written_takes_no_others_with_it(store: TimeSeriesStore) -> None:
    with store.writing() as connection:
        connection.execute(
            "CREATE TRIGGER bad BEFORE INSERT ON event WHEN NEW.text = 'bad' BEGIN SELECT RAISE(ABORT, 'bad'); END"
        )
    writer = StoreWriter(store)
    texts = ["1", "bad", "2", "3", "bad", "4"]
    waiting = [
        (text, writer.submit(TelemetryBatch(events=[EventRecord(NOW, "drift", "s", "", text)]))) for text in texts
    ]
    writer.close()
    for text, done in waiting:
        if text == "bad":
            with pytest.raises(sqlite3.IntegrityError, match="bad"):
                done.result(timeout=30)
        else:
            assert done.result(timeout=30).refused.total() == 0
    assert sorted(event.text for event in queries.read_events(store, "s", 0, 10)) == ["1", "2", "3", "4"]


def test_a_clock_that_jumps_ahead_forgets_nothing_and_that_is_told_once(
    store: TimeSeriesStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tell_time, ahead = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: tell_time() + ahead)
    monkeypatch.setattr(store_writer, "CLEAR_SECONDS", 0.0)
    writer = StoreWriter(store)

    def keep(text: str) -> None:
        writer.submit(TelemetryBatch(events=[EventRecord(tell_time(), "drift", "s", "", text)])).result(timeout=30)

    keep("1")
    keep("2")  # whoever wrote this has tidied up after the first one
    ahead = 500.0 * DAY
    for text in ("3", "4", "5"):
        keep(text)
    writer.close()
    assert sorted(event.text for event in queries.read_events(store, "s", 0, 10)) == ["1", "2", "3", "4", "5"]
    assert [one.getMessage() for one in caplog.records if "jumped ahead" in one.getMessage()] == [
        f"{store.path}: nothing old is removed for a day: this machine's clock jumped ahead by more than a day"
    ]


def test_a_store_knows_everything_again(tmp_path: Path) -> None:
    with TimeSeriesStore(tmp_path / "monitor.db") as first:
        first.write([TelemetryBatch(values=[GaugeValue(KEY, time.time(), 5.0)])])
    with TimeSeriesStore(tmp_path / "monitor.db") as second:
        second.write([TelemetryBatch(values=[GaugeValue(KEY, time.time(), 6.0)])])
        assert [value.value for value in queries.read_latest_values(second)] == [6.0]
        assert second.rows("SELECT COUNT(*) FROM series") == [(1,)]
