"""The hash chain of what people measured by hand: the hash of an import covers its records and all before them.

The audit trail is told each. Records are never removed, so the chain is whole from its beginning.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

from controller.storage.audit.audit_trail import AuditKind
from controller.storage.audit.hash_chain import START, hash_after

COLUMNS = "id, school, place, at, device, download_mbps, upload_mbps, source, imported_at"
_ROWS = f"SELECT {COLUMNS} FROM manual_measurement WHERE id > ? AND id <= ? ORDER BY id"  # noqa: S608 every word is ours
_NEWEST = "SELECT last, hash FROM manual_seal ORDER BY last DESC LIMIT 1"

Seal = tuple[int, str]
"""The number of a record, and the hash over it and all before it."""


def seal_records(connection: sqlite3.Connection) -> Seal | None:
    """Seal the records that are not sealed yet; gives the newest seal, None where there is no record.

    It belongs into the transaction that added them. The first seal covers those of an older release, too.
    """
    newest = connection.execute(_NEWEST).fetchone()
    last, found = (0, START) if newest is None else (int(newest[0]), str(newest[1]))
    [(end,)] = connection.execute("SELECT COALESCE(MAX(id), 0) FROM manual_measurement").fetchall()
    if end > last:
        for row in connection.execute(_ROWS, (last, end)):
            found = _hash_record(found, row)
        connection.execute("INSERT INTO manual_seal (last, hash) VALUES (?, ?)", (end, found))
    return (max(end, last), found) if end or last else None


def collect_manual_seals(entries: Iterable[Mapping[str, object]], store: str) -> list[Seal]:
    """What the entries of an audit trail say of the records of a store, by the name that they give it."""
    return [
        (number if isinstance(number := one.get("number"), int) else 0, str(one.get("last")))
        for one in entries
        if one.get("kind") == AuditKind.MANUAL_MEASUREMENTS and one.get("file") == store
    ]


def find_broken_record(connection: sqlite3.Connection, told: Sequence[Seal]) -> str | None:
    """What is the first broken record, or None; `told` is what the audit trail says of them."""
    connection.execute("BEGIN")  # an import meanwhile would look like a record outside the chain
    try:
        return next(_list_faults(connection, told), None)
    except (sqlite3.Error, TypeError, ValueError) as error:
        # Whoever changes the file past SQLite can put anything anywhere; whatever it is, it was not written by us.
        return f"the records of people are not what was written: {error}"
    finally:
        connection.execute("ROLLBACK")


def _list_faults(connection: sqlite3.Connection, told: Sequence[Seal]) -> Iterator[str]:
    last, found, sealed = 0, START, dict[int, str]()
    for number, claimed in connection.execute("SELECT last, hash FROM manual_seal ORDER BY last").fetchall():
        for row in connection.execute(_ROWS, (last, number)):
            found = _hash_record(found, row)
        if found != claimed:
            yield f"a record of people up to number {number} is not what was written, or one was taken out"
        last = int(number)
        sealed[last] = found
    for number, claimed in told:
        if sealed.get(number) != claimed:
            yield f"the record of people with number {number} is missing, or the store is not the one of the trail"
    query = "SELECT id FROM manual_measurement WHERE id <= 0 OR (? AND id > ?) ORDER BY id LIMIT 1"
    for (number,) in connection.execute(query, (bool(sealed), last)):
        yield f"the record of people with number {number} stands outside the chain"


def _hash_record(previous: str, row: Sequence[object]) -> str:
    return hash_after(previous, json.dumps(list(row), ensure_ascii=False))
