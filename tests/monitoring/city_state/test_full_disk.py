"""What is now does not wait for the disk; what is kept is known again after a restart, also where clocks are wrong."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.errors import StoreRefused
from controller.model.city import City
from controller.telemetry.registry import DEVICE_DRIFT, LINE_UP, EventKind
from monitoring.city_state.monitor import Monitor
from monitoring.city_state.school_tiles import format_time
from monitoring.timeseries import queries, store_writer
from monitoring.timeseries.records import EventRecord, GaugeValue, OperatorAction, SpanRecord, TelemetryBatch
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.monitoring.running import until

SCHOOL = "as-e04"
KEY = (LINE_UP, (("school", SCHOOL), ("line", "primary")))
STUCK = "CREATE TRIGGER stuck BEFORE DELETE ON bin BEGIN SELECT RAISE(ABORT, 'damaged'); END"
FULL = "CREATE TRIGGER full BEFORE INSERT ON latest BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"


@contextmanager
def monitor_at(city: City, path: Path) -> Iterator[Monitor]:
    with closing(TimeSeriesStore(path)) as store:
        monitor = Monitor(city, store)
        try:
            yield monitor
        finally:
            monitor.close()


def keep(monitor: Monitor, value: float, **more: Any) -> None:  # noqa: ANN401 fields of a value
    asyncio.run(monitor.keep(TelemetryBatch(values=[GaugeValue(KEY, time.time(), value, **more)])))


def change_store(monitor: Monitor, *statements: str) -> None:
    """Change a store under a running monitor."""
    with closing(sqlite3.connect(monitor.store.path, timeout=30, isolation_level=None)) as other:
        for statement in statements:
            other.execute(statement)


def line(monitor: Monitor) -> tuple[str, Any]:
    tile = monitor.present.tile(monitor.city.school_by_id[SCHOOL])
    return tile["lines"]["primary"], tile["line_times"].get("primary")


def test_with_a_full_disk_the_page_shows_what_is_heard_now_and_the_sender_is_told(city: City, tmp_path: Path) -> None:
    with monitor_at(city, tmp_path / "monitor.db") as monitor:
        keep(monitor, 1)
        change_store(monitor, FULL)
        with pytest.raises(sqlite3.Error, match="full"):
            keep(monitor, 0)
        assert line(monitor)[0] == "down"
        assert [one.kind for one in monitor.present.list_needs()] == ["line-down"]
        assert monitor.store_fault == "monitor.db: database or disk is full"
        change_store(monitor, "DROP TRIGGER full")
        keep(monitor, 0)
        assert monitor.store_fault is None


def test_pages_are_told_of_a_fault_of_the_store_and_of_its_end(city: City, tmp_path: Path) -> None:
    async def watch(monitor: Monitor) -> list[str]:
        async def hear() -> str:
            while "event: store" not in (text := (await anext(stream)).decode()):
                pass
            return text

        stream = monitor.stream.read(None)
        telling = asyncio.create_task(monitor.tell())
        await anext(stream)
        batch = TelemetryBatch(values=[GaugeValue(KEY, time.time(), 0.0)])
        async with asyncio.timeout(20):
            change_store(monitor, FULL)
            with pytest.raises(sqlite3.Error, match="full"):
                await monitor.keep(batch)
            told = [await hear()]
            change_store(monitor, "DROP TRIGGER full")
            await monitor.keep(batch)
            told.append(await hear())
        telling.cancel()
        return told

    with monitor_at(city, tmp_path / "monitor.db") as monitor:
        broken, well = asyncio.run(watch(monitor))
    assert '"fault":"monitor.db: database or disk is full"' in broken
    assert '"fault":null' in well


def test_since_when_a_line_is_down_survives_a_restart(city: City, tmp_path: Path) -> None:
    with monitor_at(city, tmp_path / "monitor.db") as first:
        keep(first, 1)
        keep(first, 0)
        keep(first, 0)
        state, times = line(first)
        [before] = first.present.list_needs()
    with monitor_at(city, tmp_path / "monitor.db") as second:
        assert line(second) == (state, times)
        assert second.present.list_needs() == [before]
        keep(second, 0)
        assert line(second) == (state, times)
        assert second.store.future == 0


def test_a_brown_out_is_known_after_a_restart(city: City, tmp_path: Path) -> None:
    now = time.time()
    kinds = {"primary": (EventKind.BROWN_OUT,), "backup": (EventKind.BROWN_OUT, EventKind.BROWN_OUT_OVER)}
    events = [
        EventRecord(now + number, str(kind), SCHOOL, line, "x")
        for line, told in kinds.items()
        for number, kind in enumerate(told)
    ]
    with monitor_at(city, tmp_path / "monitor.db") as first:
        asyncio.run(first.keep(TelemetryBatch(events=events)))
    with monitor_at(city, tmp_path / "monitor.db") as second:
        assert second.present.known.brown_outs == {(SCHOOL, "primary"): now}


def test_what_is_dated_later_than_now_is_counted_at_the_start_and_stands_for_no_present(
    city: City, tmp_path: Path
) -> None:
    """The machine's clock was put back by an hour while the monitor did not run."""
    later = time.time() + 3600
    drift = (DEVICE_DRIFT, (("school", SCHOOL),))
    with TimeSeriesStore(tmp_path / "monitor.db") as store:
        values = [GaugeValue(KEY, later, 1.0), GaugeValue(drift, later, 2.0)]
        event = EventRecord(later, "line-down", SCHOOL, "primary", "down")
        rollout = SpanRecord("t" * 32, "1", "", "rollout", "later", later)
        store.write([TelemetryBatch(values=values, events=[event], spans=[rollout])])
    with monitor_at(city, tmp_path / "monitor.db") as monitor:
        assert monitor.store.future == 2
        assert line(monitor)[0] == "stale"
        assert [one.kind for one in monitor.present.list_needs()] == ["drift", "silent"]
        # A machine that starts with a wrong clock forgets nothing: its clock is put right some time.
        assert queries.read_events(monitor.store, SCHOOL, 0, 9, time.time()) == []
        assert [one.text for one in queries.read_events(monitor.store, SCHOOL, 0, 9)] == ["down"]
        assert monitor.rollouts.build_view() is None
        keep(monitor, 0)
        assert line(monitor)[0] == "down"


def test_what_people_did_is_known_after_a_restart(city: City, tmp_path: Path) -> None:
    with monitor_at(city, tmp_path / "monitor.db") as first:
        keep(first, 0)
        [need] = first.present.list_needs()
        assert need.since is not None
        now = time.time()
        action = OperatorAction(
            "a" * 12, now, "acknowledge", "Sato", "called", need.id, SCHOOL, "primary", need.since, now, now + 600
        )
        asyncio.run(first.record_action(action))
    with monitor_at(city, tmp_path / "monitor.db") as second:
        [view] = second.build_needs()
        assert view["acknowledged"] is not None
        assert (view["acknowledged"]["by"], view["acknowledged"]["until"]) == ("Sato", format_time(now + 600))
        assert view["quiet"]


def test_pages_are_told_of_needs_and_of_the_newest_measurement(city: City, tmp_path: Path) -> None:
    async def watch(monitor: Monitor) -> list[str]:
        stream = monitor.stream.read(None)
        await anext(stream)
        await monitor.keep(TelemetryBatch(values=[GaugeValue(KEY, time.time(), 0.0)]))
        telling = asyncio.create_task(monitor.tell())
        async with asyncio.timeout(10):
            told = [(await anext(stream)).decode() for _ in range(4)]
        telling.cancel()
        return told

    with monitor_at(city, tmp_path / "monitor.db") as monitor:
        told = asyncio.run(watch(monitor))
        newest = monitor.present.newest
    names = [text.split("event: ")[1].split("\n")[0] for text in told]
    assert sorted(names) == ["clocks", "needs", "school", "tiles"]
    assert newest is not None
    assert f'"newest_at":"{format_time(newest)}"' in told[names.index("clocks")]
    assert f'"id":"line-down:{SCHOOL}:primary"' in told[names.index("needs")]


@pytest.mark.parametrize("skew", [240.0, -120.0])
def test_a_senders_wrong_clock_is_told_and_is_a_metric(city: City, tmp_path: Path, skew: float) -> None:
    with monitor_at(city, tmp_path / "monitor.db") as monitor:
        asyncio.run(monitor.keep(TelemetryBatch(skews={"probe/as-e04": skew, "probe/right": 0.2})))
        assert monitor.build_clocks()["skewed"] == [{"sender": "probe/as-e04", "seconds": skew}]
        told = {dict(one.key[1]).get("sender"): one.value for one in monitor.list_own_values()}
    assert told == {"probe/as-e04": skew, "probe/right": 0.2}


def damage_page(path: Path, find_root: str) -> None:
    """Overwrite a page of a store with zeros, and its log away."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(root,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (find_root,)).fetchall()
        [(size,)] = connection.execute("PRAGMA page_size").fetchall()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(bytes(size))


def cut_short(path: Path, _: str) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def destroy_first_page(path: Path, fill: str) -> None:
    """Overwrite the first page of a store, or its beginning alone, which says that it is one."""
    with path.open("r+b") as file:
        file.write({"zeros": bytes(4096), "garbage": b"\xa5" * 4096, "beginning": bytes(16)}[fill])


@pytest.mark.parametrize(
    ("damage", "of"),
    [
        (damage_page, "bin"),
        (damage_page, "series"),
        (cut_short, ""),
        (destroy_first_page, "zeros"),
        (destroy_first_page, "garbage"),
        (destroy_first_page, "beginning"),
    ],
)
def test_a_damaged_store_is_moved_aside_and_a_new_one_begun(
    city: City, tmp_path: Path, damage: Callable[[Path, str], None], of: str
) -> None:
    path = tmp_path / "monitor.db"
    with monitor_at(city, path) as monitor:
        keep(monitor, 0)
    damage(path, of)
    before = path.read_bytes()
    with monitor_at(city, path) as monitor:
        aside = monitor.store.moved_aside
        assert aside is not None
        assert aside.startswith("monitor.db.damaged-")
        assert (tmp_path / aside).read_bytes() == before
        assert "is damaged" in monitor.store.damage
        assert line(monitor) == ("unknown", None)
        keep(monitor, 0)
    with monitor_at(city, path) as monitor:
        assert (line(monitor)[0], monitor.store.moved_aside) == ("down", None)


def test_a_file_of_somebody_else_is_no_damaged_store(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text('[["school", "as-e04"]]: somebody may need this. ' * 500, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="is no SQLite file"):
        TimeSeriesStore(path)
    assert path.read_bytes() == before


def test_what_cannot_be_read_is_told_until_a_restart_whatever_is_kept_meanwhile(
    city: City, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with monitor_at(city, tmp_path / "monitor.db") as monitor:
        change_store(monitor, "DROP TABLE part")
        for value in (1, 0):
            with pytest.raises(sqlite3.Error) as raised:
                queries.read_totals(monitor.store)
            monitor.note_store_fault(raised.value)
            keep(monitor, value)
            assert monitor.store_fault == "monitor.db: no such table: part"
    assert caplog.text.count("cannot be read (no such table: part)") == 1


def test_a_page_that_is_damaged_where_it_is_written_is_told_until_a_restart(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monitor_at(city, tmp_path / "monitor.db") as monitor:

        def fail(_: object) -> None:
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

        with monkeypatch.context() as broken:
            broken.setattr(monitor.store, "write", fail)
            with pytest.raises(sqlite3.Error, match="malformed"):
                keep(monitor, 0)
        keep(monitor, 0)
        assert monitor.store_fault == "monitor.db: database disk image is malformed"


def test_what_cannot_be_rolled_up_is_told_until_it_can(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody may learn only from a log that the store grows for ever."""
    for name in ("ROLL_UP_SECONDS", "CLEAR_SECONDS"):
        monkeypatch.setattr(store_writer, name, 0.02)
    with monitor_at(city, tmp_path / "monitor.db") as monitor:
        keep(monitor, 1)
        change_store(monitor, "INSERT INTO bin SELECT 1, id, 0, 1, 0, 0, 0 FROM series", STUCK)
        until(lambda: monitor.store_fault is not None)
        keep(monitor, 0)
        assert monitor.store_fault in {f"monitor.db: the roll-up{one} failed: damaged" for one in ("", " of seconds")}
        change_store(monitor, "DROP TRIGGER stuck")
        until(lambda: monitor.store_fault is None)
    assert 1 <= caplog.text.count("the roll-up") <= 2
