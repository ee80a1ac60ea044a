"""The store of measurements is pruned by itself: bounded in time, told in the trail, never what is broken."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from threading import Event, Thread
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from controller.errors import TsunaguError
from controller.measure import measurement_retention
from controller.measure.measurement import LinePath, MeasurementKind, ProbeOutcome, ProbeResult
from controller.measure.measurement_chain import collect_trail_marks, find_broken_measurement
from controller.measure.measurement_retention import KeptDays
from controller.measure.measurement_store import open_measurement_store
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.measure.schedule.day_plan import SlotKind, TestSlot
from controller.measure.schedule.slot_ledger import ClaimAnswer, ClaimLimits, open_slot_ledger
from controller.model.network.packets import Family
from controller.resilience import daily_pruning
from controller.resilience.daily_pruning import DailyPruning
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.file_lock import hold_file_lock
from controller.storage.sqlite import open_store

NOW = datetime.now(UTC)
OLD, NEW = NOW - timedelta(days=10), NOW - timedelta(hours=1)
KEPT = KeptDays(outputs=1, rows=5, hours=30, days=400)
PATH = LinePath("as-e01", "primary", "tokyo", Family.V4)


class Room:
    """A state folder with some old measurements and a new one, and what prunes it."""

    def __init__(self, folder: Path, old: int = 12) -> None:
        self.trail = AuditTrail(folder)
        self.file = folder / "m.sqlite"
        self.said: list[str] = []
        self.keep(old, OLD)
        self.keep(1, NEW)
        self.pruning = DailyPruning(self.trail, None, self.file, lambda: KEPT, self.said.append)

    def keep(self, count: int, at: datetime) -> None:
        found = ProbeResult(MeasurementKind.ECHO, ProbeOutcome.MEASURED, "t", "ping", {"latency-ms": 4.0}, raw="pong")
        with open_measurement_store(self.file, trail=self.trail) as store:
            for number in range(count):
                store.add_measurement("run", at + timedelta(seconds=number), PATH, found, in_lessons=False)

    def count(self) -> int:
        with closing(sqlite3.connect(self.file)) as connection:
            return cast("int", connection.execute("SELECT COUNT(*) FROM measurement").fetchone()[0])

    def find_fault(self) -> str | None:
        with closing(open_store(self.file, MEASUREMENT_STORE)) as connection:
            return find_broken_measurement(connection, collect_trail_marks(self.trail.read_entries(), "m.sqlite"))

    def list_removed(self) -> list[dict[str, object]]:
        return [one for one in self.trail.read_entries() if one["kind"] == AuditKind.REMOVED]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_what_is_too_old_goes_and_the_trail_is_told(room: Room) -> None:
    found = room.pruning.prune_store(Event())
    assert (found.left, [part.last for part in found.parts], room.count()) == (False, [12], 1)
    rows = [one for one in room.list_removed() if "store" in one]
    assert [(one["store"], one["number"], one["count"]) for one in rows] == [("m.sqlite", 12, 12)]
    assert room.said == [
        "removed m.sqlite: what programs said up to measurement 12",
        "removed m.sqlite: measurements up to 12 (12 from 1 on)",
    ]
    assert room.find_fault() is None
    assert room.pruning.prune_store(Event()).describe_removed() == []


def test_slots_of_tests_go_with_the_roll_ups_of_their_days_and_newer_ones_stay(room: Room) -> None:
    limits = ClaimLimits(1.0, 100.0, 4, 2)
    old, new = (
        TestSlot("s", "primary", SlotKind.OFF_PEAK, now, now + timedelta(minutes=1), frozenset({"s primary"}))
        for now in (datetime.now(UTC) - timedelta(days=days) for days in (KEPT.days + 1, KEPT.days - 1))
    )
    with open_slot_ledger(room.file, ZoneInfo("Asia/Tokyo")) as ledger:
        for slot in (old, new):
            assert ledger.claim_slot(slot, limits, slot.begins) is ClaimAnswer.CLAIMED
        ledger.keep_missed([replace(slot, line="backup") for slot in (old, new)], new.ends)
    assert room.pruning.prune_store(Event()).slots == 2
    assert "removed m.sqlite: 2 slots of tests" in room.said
    with open_slot_ledger(room.file, ZoneInfo("Asia/Tokyo")) as ledger:
        for slot, answer in ((old, ClaimAnswer.CLAIMED), (new, ClaimAnswer.TAKEN)):
            assert ledger.claim_slot(slot, limits, slot.begins) is answer
            assert ledger.claim_slot(replace(slot, line="backup", links=frozenset()), limits, slot.begins) is answer


def test_a_part_is_bounded_and_no_other_begins_when_the_time_is_over(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement_retention, "AT_ONCE", 5)
    stop = Event()
    stop.set()
    first = room.pruning.prune_store(stop)
    assert (first.left, first.outputs, first.parts) == (True, 5, [])
    monkeypatch.setattr(daily_pruning, "MOST_SECONDS", 0.0)
    assert room.pruning.prune_store(Event()).outputs == 10
    monkeypatch.setattr(daily_pruning, "MOST_SECONDS", 3600.0)
    rest = room.pruning.prune_store(Event())
    assert [(one.first, one.last) for one in rest.parts] == [(1, 5), (6, 10), (11, 12)]
    assert (rest.left, room.count(), room.find_fault()) == (False, 1, None)


def test_what_one_seal_of_an_older_release_covers_goes_together(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement_retention, "AT_ONCE", 5)
    change_past_the_store(room, "DELETE FROM seal WHERE last < 12")
    found = room.pruning.prune_store(Event())
    assert ([one.last for one in found.parts], room.count(), room.find_fault()) == ([12], 1, None)


def test_while_another_process_prunes_nothing_is_done(room: Room) -> None:
    with hold_file_lock(room.file.with_name("m.sqlite.prune.lock")):
        assert room.pruning.prune_store(Event()).describe_removed() == []
    assert room.count() == 13


def test_what_is_measured_meanwhile_is_kept_and_the_chain_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement_retention, "AT_ONCE", 10)
    room = Room(tmp_path, old=60)
    other = DailyPruning(AuditTrail(tmp_path), None, room.file, lambda: KEPT, room.said.append)
    work: list[Callable[[], object]] = [
        lambda: room.pruning.prune_store(Event()),
        lambda: other.prune_store(Event()),
        lambda: room.keep(20, NEW),
    ]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda one: one(), work))
    assert (room.count(), room.find_fault()) == (21, None)


def change_past_the_store(room: Room, script: str) -> None:
    with closing(sqlite3.connect(room.file, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(script)


def test_evidence_of_a_change_is_not_removed(room: Room) -> None:
    change_past_the_store(room, "UPDATE measurement SET figures = '{}' WHERE id = 3")
    with pytest.raises(TsunaguError, match=r"measurement 3 is not what was written.* nothing is removed"):
        room.pruning.prune_store(Event())
    assert room.count() == 13


def test_nothing_is_removed_behind_a_broken_trail(room: Room) -> None:
    segment = room.trail.list_segments()[0]
    segment.write_bytes(
        segment.read_bytes().replace(b'"number": 12', b'"number": 11').replace(b"measurements", b"measuremenks")
    )
    with pytest.raises(TsunaguError, match="the audit trail is broken"):
        room.pruning.prune_store(Event())
    assert room.count() == 13


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_terminal_that_was_closed_ends_no_removal(room: Room, *, is_broken: bool) -> None:
    stop, heard = Event(), list[str]()

    def say(line: str) -> None:
        heard.append(line)
        stop.set()
        raise BrokenPipeError

    if is_broken:
        change_past_the_store(room, "UPDATE measurement SET figures = '{}' WHERE id = 3")
    DailyPruning(room.trail, None, room.file, lambda: KEPT, say).run_daily(stop)
    assert heard[0].startswith("what is too old is not removed" if is_broken else "removed m.sqlite: ")
    assert len(heard) == (1 if is_broken else 2)


def test_on_a_full_disk_everything_stays_it_is_said_and_the_next_try_goes_on(room: Room) -> None:
    change_past_the_store(
        room,
        "CREATE TRIGGER full BEFORE DELETE ON measurement BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    )
    stop = Event()

    def say(line: str) -> None:
        room.said.append(line)
        stop.set()

    pruning = DailyPruning(room.trail, None, room.file, lambda: KEPT, say)
    thread = Thread(target=pruning.run_daily, args=(stop,))
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert "database or disk is full" in room.said[-1]
    assert room.count() == 13
    with closing(sqlite3.connect(room.file, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER full")
    assert [one.last for one in room.pruning.prune_store(Event()).parts] == [12]
    assert room.find_fault() is None


@pytest.mark.parametrize("was_believed", [False, True])
def test_a_clock_that_is_put_ahead_removes_nothing_for_a_day_and_that_is_told_once(
    room: Room, monkeypatch: pytest.MonkeyPatch, *, was_believed: bool
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(days=6)

    if was_believed:
        room.pruning.prune_store(Event())
    count, told = room.count(), len(room.said)
    monkeypatch.setattr(daily_pruning, "datetime", Ahead)
    for _ in range(2):
        assert room.pruning.prune_store(Event()).left
    assert room.count() == count
    assert [line for line in room.said[told:] if "its clock put ahead" in line] == room.said[told:]
    assert len(room.said[told:]) == 1
    room.keep(1, Ahead.now(UTC))  # measured on, by the same clock
    assert room.pruning.prune_store(Event()).left
    tell_time = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: tell_time() + daily_pruning.EVERY_SECONDS)
    assert room.pruning.prune_store(Event()).left is False
    assert room.count() == 1


def test_without_a_store_there_is_nothing_to_do(tmp_path: Path) -> None:
    pruning = DailyPruning(AuditTrail(tmp_path), None, tmp_path / "none.sqlite", lambda: KEPT, lambda _: None)
    assert pruning.prune_store(Event()).describe_removed() == []
    assert not (tmp_path / "none.sqlite").exists()
