"""The measurements' hash chain: every row's hash covers all rows before it, whatever retention has removed of them.

A seal keeps the hash up to a row. The first may cover many rows, those of an older release; each later one its own.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.storage.audit.audit_trail import AuditKind
from controller.storage.audit.hash_chain import START, hash_after

COLUMNS = "id, run, at, school, line, region, family, kind, outcome, target, method, figures, reason, raw, in_lessons"
OUTPUT_HASH = "sha256:"
"""Begins what a row holds in place of what its program said; rows of an older release hold that itself."""
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


@dataclass(frozen=True, slots=True)
class RemovedPart:
    """A part that retention removed: its last row and the hash up to it, its first row, how many there were.

    `carried` is the hash over the rows that were carried on, each the newest of its path. An older release named
    neither the first nor how many.
    """

    last: int
    hash: str
    first: int = 0
    count: int = 0
    carried: str = ""


@dataclass(frozen=True, slots=True)
class TrailMarks:
    """What the audit trail says of a store: what is sealed, what was removed, and up to where programs' words were."""

    sealed: Sequence[tuple[int, str]] = ()
    removed: Sequence[RemovedPart] = ()
    outputs_removed: int = 0


def collect_trail_marks(entries: Iterable[Mapping[str, object]], store: str) -> TrailMarks:
    """What the entries of an audit trail say of a store, by the name that they give it."""
    found = list(entries)
    removed = [one for one in found if one.get("kind") == AuditKind.REMOVED]
    sealed = (one for one in found if one.get("kind") == AuditKind.MEASUREMENTS)
    return TrailMarks(
        sealed=[_find_mark(one) for one in sealed if one.get("file") == store],
        removed=[_find_removed(one) for one in removed if one.get("store") == store],
        outputs_removed=max(
            (_find_whole(one, "number") for one in removed if one.get("outputs_of") == store), default=0
        ),
    )


def _find_mark(entry: Mapping[str, object]) -> tuple[int, str]:
    """The number and the hash that an entry names; a number that is none belongs to no measurement."""
    number = entry.get("number")
    return number if isinstance(number, int) else sys.maxsize, str(entry.get("last"))


def _find_removed(entry: Mapping[str, object]) -> RemovedPart:
    number, last = _find_mark(entry)
    carried = str(entry.get("carried", ""))
    return RemovedPart(number, last, _find_whole(entry, "first"), _find_whole(entry, "count"), carried)


def _find_whole(entry: Mapping[str, object], name: str) -> int:
    """A whole number of an entry; 0 where it names none."""
    found = entry.get(name)
    return found if isinstance(found, int) else 0


def hash_output(text: str) -> str:
    """What a row holds in place of what a program said: the chain covers that, too, also when it is removed.

    >>> hash_output("")
    ''
    >>> hash_output("pong")[:20]
    'sha256:9795c5ff8937f'
    """
    return OUTPUT_HASH + hashlib.sha256(text.encode()).hexdigest() if text else ""


def hash_carried(connection: sqlite3.Connection) -> str:
    """The hash over all rows that were carried on; "" where there is none."""
    found = ""
    for row in connection.execute(f"SELECT {COLUMNS} FROM carried ORDER BY id"):  # noqa: S608 every word is ours
        found = _hash_row(found or START, row)
    return found


def find_broken_measurement(connection: sqlite3.Connection, marks: TrailMarks, up_to: int | None = None) -> str | None:
    """What is the first broken measurement, or None; `marks` is what the audit trail says of the store.

    With `up_to` only the chain up to that measurement is followed: what retention is about to remove.
    """
    connection.execute("BEGIN")  # so that what is added meanwhile does not look like something outside the chain
    try:
        return next(_list_faults(connection, marks, up_to), None)
    except (sqlite3.Error, TypeError, ValueError, IndexError) as error:
        # Whoever changes the file past SQLite can put anything anywhere; whatever it is, it was not written by us.
        return f"the measurements are not what was written: {error}"
    finally:
        connection.execute("ROLLBACK")


def _list_faults(connection: sqlite3.Connection, marks: TrailMarks, up_to: int | None) -> Iterator[str]:
    """What is broken. Only the first one can be relied on: nothing is known of what follows it."""
    query = "SELECT up_to, hash, first, count, carried FROM removal ORDER BY up_to DESC LIMIT 1"
    row = connection.execute(query).fetchone()
    removed = None if row is None else RemovedPart(*row)
    if removed is not None and removed not in marks.removed:
        yield f"measurements up to {removed.last} were removed, and no entry of the trail says so"
    if hash_carried(connection) != ("" if removed is None else removed.carried):
        yield "a measurement that was carried on from a removed part is not what was written"
    yield from _list_chain_faults(connection, marks, removed, up_to)
    if up_to is not None:
        return
    yield from _list_output_faults(connection, marks)
    query = "SELECT DISTINCT school, line, region, family, kind FROM measurement EXCEPT SELECT * FROM measured_path"
    for school, *_ in connection.execute(query):
        yield f"the measurements of {school} are hidden: their path is not among those that were measured"


def _list_chain_faults(
    connection: sqlite3.Connection, marks: TrailMarks, removed: RemovedPart | None, up_to: int | None
) -> Iterator[str]:
    """What is wrong with the rows that are left, from the hash of what was removed on."""
    start, found = (0, START) if removed is None else (removed.last, removed.hash)
    last, sealed = start, {start: found}
    end = sys.maxsize if up_to is None else up_to
    query = "SELECT last, hash FROM seal WHERE last > ? AND last <= ? ORDER BY last"
    seals = connection.execute(query, (start, end)).fetchall()
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
    query = "SELECT id FROM measurement WHERE id <= 0 OR (? AND id > ? AND id <= ?) ORDER BY id LIMIT 1"
    for (number,) in connection.execute(query, (bool(seals) or removed is not None, last, end)):
        yield f"measurement {number} stands outside the chain"
    for number, claimed in marks.sealed:
        if start <= number <= end and sealed.get(number) != claimed:
            yield f"measurement {number} is missing, or the store is not the one that the trail names"


def _list_output_faults(connection: sqlite3.Connection, marks: TrailMarks) -> Iterator[str]:
    """What is wrong with what programs said: changed, put in, or gone though no retention took it."""
    [(removed,)] = connection.execute("SELECT COALESCE(MAX(up_to), 0) FROM output_removal").fetchall()
    if removed > marks.outputs_removed:
        yield f"what programs said up to measurement {removed} was removed, and no entry of the trail says so"
    query = (
        "SELECT o.id, o.text, m.raw FROM output o LEFT JOIN (SELECT id, raw FROM measurement UNION ALL "
        "SELECT id, raw FROM carried) m ON m.id = o.id ORDER BY o.id"
    )
    for number, text, claimed in connection.execute(query):
        if claimed is None or hash_output(text) != claimed:
            yield f"what the program said at measurement {number} is not what was written"
    query = (
        "SELECT id FROM measurement WHERE id > ? AND raw LIKE ? AND id NOT IN (SELECT id FROM output) "
        "ORDER BY id LIMIT 1"
    )
    for (number,) in connection.execute(query, (removed, f"{OUTPUT_HASH}%")):
        yield f"what the program said at measurement {number} is missing"


def _hash_row(previous: str, row: Sequence[object]) -> str:
    return hash_after(previous, json.dumps(list(row), ensure_ascii=False))
