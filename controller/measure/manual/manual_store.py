"""Keeps people's measurements in a table of their own, beside the probes' and never among them.

A record never changes. A row that is imported again with other figures corrects it: the later import holds, and the
earlier one stays in the table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from controller.measure.manual.manual_chain import Seal, seal_records
from controller.measure.manual.manual_measurement import ManualMeasurement
from controller.measure.measurement_tables import MEASUREMENT_STORE, UNREADABLE, explain_unreadable
from controller.storage.sqlite import open_store

_COLUMNS = "school, place, at, device, download_mbps, upload_mbps, source"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """How many records are new, how many were there already, and which correct an earlier one.

    `seal` is the newest one over all records, None where nothing was kept.
    """

    added: int
    known: int
    corrected: tuple[ManualMeasurement, ...]
    seal: Seal | None = None


def keep_manual_measurements(
    connection: sqlite3.Connection, file: Path, records: Sequence[ManualMeasurement], now: datetime, *, dry_run: bool
) -> ImportResult:
    """Keep records, all or none; with `dry_run` say what would be kept.

    Raises:
        TsunaguError: the store cannot be written.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            known = {one.key: one for one in _read(connection)}
            new = [one for one in records if one.key not in known]
            corrected = tuple(one for one in records if one.key in known and known[one.key].figures != one.figures)
            rows = [_write(one, now) for one in (*new, *corrected)]
            marks = ", ".join("?" * 8)
            connection.executemany(
                f"INSERT INTO manual_measurement ({_COLUMNS}, imported_at) VALUES ({marks})",  # noqa: S608 ours
                rows,
            )
            seal = seal_records(connection)
            connection.execute("ROLLBACK" if dry_run else "COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except UNREADABLE as error:
        what = f"{file}: the records cannot be kept"
        raise explain_unreadable(what, error) from None
    return ImportResult(len(new), len(records) - len(new) - len(corrected), corrected, None if dry_run else seal)


def read_manual_measurements(file: Path) -> list[ManualMeasurement]:
    """Return every record of a store as it was imported last, by school and time.

    Raises:
        StoreRefused: it is no store of measurements, or of a newer format, or damaged.
        TsunaguError: the store cannot be read.
    """
    try:
        with closing(open_store(file, MEASUREMENT_STORE)) as connection:
            return sorted(_read(connection), key=lambda one: (one.school, one.at, one.place, one.device))
    except UNREADABLE as error:
        what = f"{file}: the records cannot be read"
        raise explain_unreadable(what, error) from None


def _read(connection: sqlite3.Connection) -> list[ManualMeasurement]:
    newest: dict[tuple[str, str, datetime, str], ManualMeasurement] = {}
    query = f"SELECT {_COLUMNS} FROM manual_measurement ORDER BY id"  # noqa: S608 ours
    for school, place, at, device, download, upload, source in connection.execute(query):
        moment = datetime.fromisoformat(at)
        one = ManualMeasurement(school, place, moment, device, download, upload, source)
        newest[one.key] = one
    return list(newest.values())


def _write(one: ManualMeasurement, now: datetime) -> tuple[str | float, ...]:
    at = one.at.astimezone(UTC).isoformat()
    imported_at = now.astimezone(UTC).isoformat(timespec="seconds")
    return (one.school, one.place, at, one.device, one.download_mbps, one.upload_mbps, one.source, imported_at)
