"""The measurements' hash chain: every row's hash covers all rows before it, whatever retention has removed of them.

A seal keeps the hash up to a row. The first may cover many rows, those of an older release; each later one its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from controller.storage.audit.hash_chain import START, hash_after

COLUMNS = "id, run, at, school, line, region, family, kind, outcome, target, method, figures, reason, raw, in_lessons"
_ROWS = f"SELECT {COLUMNS} FROM measurement WHERE id > ? AND id <= ? ORDER BY id"  # noqa: S608 every word is ours

CHAIN_TABLES = """
DROP TRIGGER kept_as_it_was;
CREATE TABLE seal (last INTEGER PRIMARY KEY, hash TEXT NOT NULL) STRICT;
CREATE TABLE removal (up_to INTEGER PRIMARY KEY, hash TEXT NOT NULL, at TEXT NOT NULL) STRICT;
CREATE TRIGGER kept_as_it_was BEFORE UPDATE ON measurement
BEGIN
  SELECT RAISE(ABORT, 'a measurement never changes');
END;
CREATE TRIGGER measurement_is_new BEFORE INSERT ON measurement WHEN NEW.id IS NOT NULL AND NEW.id != -1
BEGIN
  SELECT RAISE(ABORT, 'a measurement is only added, and the store gives its number');
END;
CREATE TRIGGER measurement_stays BEFORE DELETE ON measurement
WHEN OLD.id > (SELECT COALESCE(MAX(up_to), 0) FROM removal)
BEGIN
  SELECT RAISE(ABORT, 'measurements are removed by retention, a whole sealed part at a time');
END;
CREATE TRIGGER seal_never_changes BEFORE UPDATE ON seal
BEGIN
  SELECT RAISE(ABORT, 'a seal never changes');
END;
CREATE TRIGGER seal_is_new BEFORE INSERT ON seal WHEN NEW.last <= (SELECT COALESCE(MAX(last), 0) FROM seal)
BEGIN
  SELECT RAISE(ABORT, 'a seal is only added');
END;
CREATE TRIGGER seal_stays BEFORE DELETE ON seal WHEN OLD.last >= (SELECT COALESCE(MAX(up_to), 0) FROM removal)
BEGIN
  SELECT RAISE(ABORT, 'the last seal of what was removed stays');
END;
CREATE TRIGGER removal_never_changes BEFORE UPDATE ON removal
BEGIN
  SELECT RAISE(ABORT, 'a removal never changes');
END;
CREATE TRIGGER removal_stays BEFORE DELETE ON removal
BEGIN
  SELECT RAISE(ABORT, 'a removal stays');
END;
CREATE TRIGGER removal_is_sealed BEFORE INSERT ON removal
WHEN NEW.up_to <= (SELECT COALESCE(MAX(up_to), 0) FROM removal)
OR NOT EXISTS (SELECT 1 FROM seal WHERE last = NEW.up_to AND hash = NEW.hash)
BEGIN
  SELECT RAISE(ABORT, 'only what is sealed can be removed, and only once');
END;
"""

NUMBER_TRIGGER = """
CREATE TRIGGER measurement_has_a_number AFTER INSERT ON measurement WHEN NEW.id <= 0
BEGIN
  SELECT RAISE(ABORT, 'a measurement is only added, and the store gives its number');
END;
"""
"""Before a row is added, a number that the store will give reads as -1: whether somebody gave that shows afterwards."""


def seal_new_row(connection: sqlite3.Connection, number: int) -> str:
    """Seal a row that was just added, and before the first one the rows of an older release; gives its hash.

    It belongs into the transaction that added the row.
    """
    newest = connection.execute("SELECT last, hash FROM seal ORDER BY last DESC LIMIT 1").fetchone()
    if newest is None:
        last, found = 0, START
        for row in connection.execute(_ROWS, (0, number - 1)):
            last, found = int(row[0]), _hash_row(found, row)
        if last:
            connection.execute("INSERT INTO seal (last, hash) VALUES (?, ?)", (last, found))
    else:
        found = str(newest[1])
    [row] = connection.execute(_ROWS, (number - 1, number)).fetchall()
    found = _hash_row(found, row)
    connection.execute("INSERT INTO seal (last, hash) VALUES (?, ?)", (number, found))
    return found


def remove_expired_measurements(
    connection: sqlite3.Connection, before: datetime, record: Callable[[int, str], object]
) -> int | None:
    """Delete the sealed measurements from before a time; gives the last one's number, or None.

    `record` keeps the last one's number and hash before they are gone: what is recorded and not yet deleted is no
    fault, and the next run deletes it.
    """
    text = before.astimezone(UTC).isoformat(timespec="microseconds")
    connection.execute("BEGIN IMMEDIATE")
    try:
        query = (
            "SELECT last, hash FROM seal WHERE NOT EXISTS (SELECT 1 FROM measurement WHERE at >= ? AND id <= last) "
            "ORDER BY last DESC LIMIT 1"
        )
        found = connection.execute(query, (text,)).fetchone()
        [(done,)] = connection.execute("SELECT COALESCE(MAX(up_to), 0) FROM removal").fetchall()
        if found is None or found[0] <= done:
            connection.execute("ROLLBACK")
            return None
        connection.execute("INSERT INTO removal (up_to, hash, at) VALUES (?, ?, ?)", (*found, text))
        connection.execute("DELETE FROM measurement WHERE id <= ?", (found[0],))
        connection.execute("DELETE FROM seal WHERE last < ?", (found[0],))
        record(int(found[0]), str(found[1]))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return int(found[0])


def find_broken_measurement(
    connection: sqlite3.Connection, known: Sequence[tuple[int, str]], removals: Sequence[tuple[int, str]]
) -> str | None:
    """What is the first broken measurement, or None.

    `known` are numbers and hashes that the audit trail names as sealed, `removals` those that it names as removed.
    """
    connection.execute("BEGIN")  # so that what is added meanwhile does not look like something outside the chain
    try:
        return next(_list_faults(connection, known, removals), None)
    except (sqlite3.Error, TypeError, ValueError, IndexError) as error:
        # Whoever changes the file past SQLite can put anything anywhere; whatever it is, it was not written by us.
        return f"the measurements are not what was written: {error}"
    finally:
        connection.execute("ROLLBACK")


def _list_faults(
    connection: sqlite3.Connection, known: Sequence[tuple[int, str]], removals: Sequence[tuple[int, str]]
) -> Iterator[str]:
    """What is broken. Only the first one can be relied on: nothing is known of what follows it."""
    removed = connection.execute("SELECT up_to, hash FROM removal ORDER BY up_to DESC LIMIT 1").fetchone()
    if removed is not None and tuple(removed) not in set(removals):
        yield f"measurements up to {removed[0]} were removed, and no entry of the trail says so"
    start, found = (0, START) if removed is None else (int(removed[0]), str(removed[1]))
    last, sealed = start, {start: found}
    seals = connection.execute("SELECT last, hash FROM seal WHERE last > ? ORDER BY last", (start,)).fetchall()
    for number, claimed in seals:
        rows = connection.execute(_ROWS, (last, number)).fetchall()
        if not rows or rows[-1][0] != number:
            yield f"measurement {number} is missing"
        if len(rows) > 1 and last:  # only the first seal of all covers many rows
            yield f"measurement {rows[0][0]} stands outside the chain"
        for row in rows:
            found = _hash_row(found, row)
        if found != claimed:
            yield f"measurement {rows[0][0]} is not what was written, or one before it was taken out"
        sealed[number] = found
        last = number
    query = "SELECT id FROM measurement WHERE id <= 0 OR (? AND id > ?) ORDER BY id LIMIT 1"
    for (number,) in connection.execute(query, (bool(seals) or removed is not None, last)):
        yield f"measurement {number} stands outside the chain"
    for number, claimed in known:
        if number >= start and sealed.get(number) != claimed:
            yield f"measurement {number} is missing, or the store is not the one that the trail names"


def _hash_row(previous: str, row: Sequence[object]) -> str:
    return hash_after(previous, json.dumps(list(row), ensure_ascii=False))
