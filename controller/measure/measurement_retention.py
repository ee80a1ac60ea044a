"""Retention of measurements: by age, and never more than the chain can do without.

What programs said goes first, then whole sealed parts of the rows, then roll-ups of hours and of days. What went is
recorded in the store and told to whoever asked: first and last row, how many, and the hash up to the last.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.errors import TsunaguError
from controller.measure.measurement_chain import (
    COLUMNS,
    RemovedPart,
    TrailMarks,
    collect_trail_marks,
    find_broken_measurement,
    hash_carried,
)
from controller.measure.measurement_rollups import (
    DAYS,
    HOURS,
    day_number,
    hour_number,
    read_zone,
    roll_up_measurements,
)
from controller.measure.measurement_tables import MEASUREMENT_STORE, UNREADABLE, explain_unreadable
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.sqlite import open_store

AT_ONCE = 20_000
"""Measurements of one part: while it goes, nobody can write for a second."""
_PATH = "school = {0}.school AND line = {0}.line AND region = {0}.region AND family = {0}.family AND kind = {0}.kind"
# Each path's newest row of all, where it is among those that go.
_CARRY = f"""
INSERT INTO carried SELECT {COLUMNS} FROM measurement WHERE id <= ? AND id IN (
  SELECT (
    SELECT id FROM measurement WHERE {_PATH.format("known")} ORDER BY at DESC, id DESC LIMIT 1
  ) FROM measured_path known
)
"""  # noqa: S608 every word is ours
_SUPERSEDED = f"""
DELETE FROM carried WHERE EXISTS (
  SELECT 1 FROM measurement WHERE {_PATH.format("carried")} AND (at, id) > (carried.at, carried.id)
)
"""  # noqa: S608 every word is ours


@dataclass(frozen=True, slots=True)
class KeptDays:
    """How many days of measurements are kept: what programs said, rows, roll-ups of hours and of days."""

    outputs: int
    rows: int
    hours: int
    days: int


@dataclass(slots=True)
class Pruned:
    """What was removed of a store: what programs said up to a measurement, parts of rows, how many roll-ups and slots.

    `left`: there may be more that is too old, and the time was over.
    """

    outputs: int = 0
    parts: list[RemovedPart] = field(default_factory=list)
    figures: int = 0
    slots: int = 0
    left: bool = False

    def describe_removed(self) -> list[str]:
        """What was removed, in words."""
        found = [f"what programs said up to measurement {self.outputs}"] if self.outputs else []
        if self.parts:
            count, last = sum(one.count for one in self.parts), self.parts[-1].last
            found.append(f"measurements up to {last} ({count} from {self.parts[0].first} on)")
        found += [f"{self.figures} roll-ups"] if self.figures else []
        return [*found, f"{self.slots} slots of tests"] if self.slots else found


def find_newest_time(path: Path) -> datetime | None:
    """Return when the last measurement of a store was kept, by the clock of then; None where there is none.

    Raises:
        TsunaguError: the store cannot be read.
    """
    last = "SELECT COALESCE((SELECT at FROM measurement ORDER BY id DESC LIMIT 1), (SELECT MAX(at) FROM carried))"
    try:
        with closing(open_store(path, MEASUREMENT_STORE)) as connection:
            [(at,)] = connection.execute(last).fetchall()
            return None if at is None else datetime.fromisoformat(at)
    except UNREADABLE as error:
        what = f"{path}: when it was measured last cannot be read"
        raise explain_unreadable(what, error) from None


def prune_measurements(  # noqa: PLR0913, PLR0917 a store, what its trail says, and how much may be done
    trail: AuditTrail,
    entries: Iterable[Mapping[str, object]],
    name: str,
    now: datetime,
    kept: KeptDays,
    is_over: Callable[[], bool] = lambda: False,
) -> Pruned:
    """Remove what is too old in a store of measurements, a part after the other, each told to the audit trail first.

    `name` is how the trail names the store, `entries` is what it says. Each part is held against the chain before it
    goes. No part is begun once `is_over` says so.

    Raises:
        TsunaguError: a part is not what was written, or the store or the trail cannot be written; that part is there.
    """
    path, marks = trail.state / name, collect_trail_marks(entries, name)
    found = Pruned()

    def record_outputs(number: int) -> None:
        trail.record(AuditKind.REMOVED, outputs_of=name, number=number, last="")

    def record(part: RemovedPart) -> None:
        details: dict[str, str | int] = {"number": part.last, "last": part.hash}
        trail.record(AuditKind.REMOVED, store=name, **details, first=part.first, count=part.count, carried=part.carried)

    try:
        with closing(open_store(path, MEASUREMENT_STORE)) as connection:
            before = now - timedelta(days=kept.outputs)
            while number := remove_expired_outputs(connection, before, record_outputs, AT_ONCE):
                found.outputs = number
                if is_over():
                    found.left = True
                    return found
            before = now - timedelta(days=kept.rows)
            _refuse_broken_part(connection, marks, path)
            while part := remove_expired_measurements(connection, before, record, AT_ONCE):
                found.parts.append(part)
                if is_over():
                    found.left = True
                    return found
                _refuse_broken_part(connection, replace(marks, removed=[*marks.removed, part]), path)
            found.figures = remove_expired_figures(connection, now, kept)
            found.slots = remove_expired_slots(connection, now - timedelta(days=kept.days))
    except UNREADABLE as error:
        what = f"{path}: what is too old cannot be removed"
        raise explain_unreadable(what, error) from None
    return found


def _refuse_broken_part(connection: sqlite3.Connection, marks: TrailMarks, path: Path) -> None:
    """Refuse to remove what is not what was written: it would be gone, and nobody could look at it any more."""
    [(first,)] = connection.execute("SELECT COALESCE(MIN(id), 0) FROM measurement").fetchall()
    fault = find_broken_measurement(connection, marks, first + _count_next(connection, first, AT_ONCE) - 1)
    if fault is not None:
        message = f"{path}: {fault}, so nothing is removed; ask 'tsunagu audit verify'"
        raise TsunaguError(message)


def remove_expired_outputs(
    connection: sqlite3.Connection, before: datetime, record: Callable[[int], object], most: int = sys.maxsize
) -> int | None:
    """Delete what programs said before a time; gives the last measurement that it was removed of, or None.

    At most that of so many measurements (`most`). `record` keeps that number before they are gone: what is recorded and
    not yet deleted is no fault.
    """
    with _write(connection):
        [(first,)] = connection.execute("SELECT COALESCE(MIN(id), 1) FROM output").fetchall()
        last = _find_last_before(connection, _text(before), first, most)
        [(done,)] = connection.execute("SELECT COALESCE(MAX(up_to), 0) FROM output_removal").fetchall()
        if last <= done:
            return None
        connection.execute("INSERT INTO output_removal (up_to, at) VALUES (?, ?)", (last, _text(before)))
        connection.execute("DELETE FROM output WHERE id <= ?", (last,))
        record(last)
    return last


def remove_expired_measurements(
    connection: sqlite3.Connection, before: datetime, record: Callable[[RemovedPart], object], most: int = sys.maxsize
) -> RemovedPart | None:
    """Delete the sealed measurements from before a time, at most so many; gives what was removed, or None.

    The newest of a path is carried on, and everything is in the roll-ups before it goes. `record` keeps what is removed
    before it is gone: what is recorded and not yet deleted is no fault, and the next run deletes it.
    """
    roll_up_measurements(connection)
    with _write(connection):
        [(oldest,)] = connection.execute("SELECT COALESCE(MIN(id), 1) FROM measurement").fetchall()
        last = _find_last_before(connection, _text(before), oldest, _count_next(connection, oldest, most))
        [(first_output,)] = connection.execute("SELECT MIN(id) FROM output").fetchall()
        if first_output is not None:  # what a program said goes before its row, and is recorded by itself
            last = min(last, first_output - 1)
        query = "SELECT last, hash FROM seal WHERE last <= ? ORDER BY last DESC LIMIT 1"
        found = connection.execute(query, (last,)).fetchone()
        [(done,)] = connection.execute("SELECT COALESCE(MAX(up_to), 0) FROM removal").fetchall()
        [(rolled_up,)] = connection.execute("SELECT up_to FROM rolled_up").fetchall()
        if found is None or found[0] <= done or found[0] > rolled_up:
            return None
        connection.execute(_CARRY, (found[0],))
        connection.execute(_SUPERSEDED)
        query = "SELECT MIN(id), COUNT(*) FROM measurement WHERE id <= ?"
        [(first, count)] = connection.execute(query, (found[0],)).fetchall()
        part = RemovedPart(int(found[0]), str(found[1]), int(first), int(count), hash_carried(connection))
        row = (part.last, part.hash, _text(before), part.first, part.count, part.carried)
        connection.execute(
            "INSERT INTO removal (up_to, hash, at, first, count, carried) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        connection.execute("DELETE FROM measurement WHERE id <= ?", found[:1])
        connection.execute("DELETE FROM seal WHERE last < ?", found[:1])
        record(part)
    return part


def remove_expired_figures(connection: sqlite3.Connection, now: datetime, kept: KeptDays) -> int:
    """Delete the roll-ups that are too old; gives how many."""
    hours = hour_number(now - timedelta(days=kept.hours))
    days = day_number((now - timedelta(days=kept.days)).astimezone(read_zone(connection)).date())
    with _write(connection):
        gone = connection.execute(f"DELETE FROM {HOURS} WHERE span < ?", (hours,)).rowcount  # noqa: S608 ours
        gone += connection.execute(f"DELETE FROM {DAYS} WHERE span < ?", (days,)).rowcount  # noqa: S608 ours
    return gone


def remove_expired_slots(connection: sqlite3.Connection, before: datetime) -> int:
    """Delete the claimed and the missed slots that ended before a time; gives how many."""
    with _write(connection):
        tables = ("claimed_slot", "missed_slot")
        done = [connection.execute(f"DELETE FROM {name} WHERE ends < ?", (_text(before),)) for name in tables]  # noqa: S608 ours
    return sum(one.rowcount for one in done)


def _count_next(connection: sqlite3.Connection, first: int, most: int) -> int:
    """How many rows from one on are the next part: the rows under one seal of an older release go together."""
    query = "SELECT COALESCE(MIN(last), 0) FROM seal WHERE last >= ?"
    [(sealed,)] = connection.execute(query, (first,)).fetchall()
    return max(most, int(sealed) - first + 1)


def _find_last_before(connection: sqlite3.Connection, moment: str, first: int, most: int) -> int:
    """The last of so many rows from one on, such that it and all before it are older than a moment; 0: there is none.

    They are looked through in their order: as many as are removed, however many are kept.

    A row of a time to come, kept while a clock was wrong, is as old as those that were kept after it: else it would
    hold everything after it for ever.
    """
    end = min(first + most - 1, sys.maxsize)
    query = (
        "SELECT id FROM measurement kept WHERE id >= ? AND id <= ? AND +at >= ? AND NOT (at > ? AND EXISTS "
        "(SELECT 1 FROM measurement WHERE id > kept.id AND at < ?)) ORDER BY id LIMIT 1"
    )
    now = _text(datetime.now(UTC))
    first_kept = connection.execute(query, (first, end, moment, now, moment)).fetchone()
    query = "SELECT COALESCE(MAX(id), 0) FROM measurement WHERE id <= ?"
    [(last,)] = connection.execute(query, (end if first_kept is None else first_kept[0] - 1,)).fetchall()
    return int(last)


@contextmanager
def _write(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
