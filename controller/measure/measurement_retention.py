"""Retention of measurements: by age, and never more than the chain can do without.

What programs said goes first, then whole sealed parts of the rows, then roll-ups of hours and of days. What went is
recorded in the store and told to whoever asked: first and last row, how many, and the hash up to the last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.measure.measurement_chain import COLUMNS, RemovedPart, hash_carried
from controller.measure.measurement_rollups import (
    DAYS,
    HOURS,
    day_number,
    hour_number,
    read_zone,
    roll_up_measurements,
)

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


def remove_expired_outputs(
    connection: sqlite3.Connection, before: datetime, record: Callable[[int], object]
) -> int | None:
    """Delete what programs said before a time; gives the last measurement that it was removed of, or None.

    `record` keeps that number before they are gone: what is recorded and not yet deleted is no fault.
    """
    with _write(connection):
        last = _find_last_before(connection, _text(before))
        [(done,)] = connection.execute("SELECT COALESCE(MAX(up_to), 0) FROM output_removal").fetchall()
        if last <= done:
            return None
        connection.execute("INSERT INTO output_removal (up_to, at) VALUES (?, ?)", (last, _text(before)))
        connection.execute("DELETE FROM output WHERE id <= ?", (last,))
        record(last)
    return last


def remove_expired_measurements(
    connection: sqlite3.Connection, before: datetime, record: Callable[[RemovedPart], object]
) -> RemovedPart | None:
    """Delete the sealed measurements from before a time; gives what was removed, or None.

    The newest of a path is carried on, and everything is in the roll-ups before it goes. `record` keeps what is removed
    before it is gone: what is recorded and not yet deleted is no fault, and the next run deletes it.
    """
    roll_up_measurements(connection)
    with _write(connection):
        last = _find_last_before(connection, _text(before))
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


def _find_last_before(connection: sqlite3.Connection, moment: str) -> int:
    """The last row such that it and all before it are older than a moment; 0 where there is none.

    A row of a time to come, kept while a clock was wrong, is as old as those that were kept after it: else it would
    hold everything after it for ever.
    """
    query = (
        "SELECT id FROM measurement kept WHERE at >= ? AND NOT (at > ? AND EXISTS "
        "(SELECT 1 FROM measurement WHERE id > kept.id AND at < ?)) ORDER BY +id LIMIT 1"
    )
    first_kept = connection.execute(query, (moment, _text(datetime.now(UTC)), moment)).fetchone()
    if first_kept is None:
        [(last,)] = connection.execute("SELECT COALESCE(MAX(id), 0) FROM measurement").fetchall()
    else:
        query = "SELECT COALESCE(MAX(id), 0) FROM measurement WHERE id < ?"
        [(last,)] = connection.execute(query, first_kept).fetchall()
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
