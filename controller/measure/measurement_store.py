"""The store of measurements: SQLite in WAL mode, so that a watch may write while a report is read.

Nothing in it is ever changed: a figure in a report names the number of its measurement, and that finds the method, the
time, the target and what the program really said.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from controller.errors import TsunaguError
from controller.measure.measurement import (
    LinePath,
    Measurement,
    MeasurementId,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.measure.measurement_chain import CHAIN_TABLES, COLUMNS, NUMBER_TRIGGER, seal_new_row
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES, AccessLineName
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.sqlite import StoreFormat, open_store

TOLD_EVERY = 1_000
"""After so many measurements the audit trail is told how far they go; and at the end."""
_NEVER_CHANGES = """
CREATE TRIGGER kept_as_it_was BEFORE UPDATE ON measurement
BEGIN
  SELECT RAISE(ABORT, 'a measurement never changes');
END;
"""
MEASUREMENT_STORE = StoreFormat(
    name="store of measurements",
    application_id=0x54534E6D,  # "TSNm"
    migrations=(
        f"""
CREATE TABLE measurement (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL,
  at TEXT NOT NULL,
  school TEXT NOT NULL,
  line TEXT NOT NULL,
  region TEXT NOT NULL,
  family INTEGER NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  target TEXT NOT NULL,
  method TEXT NOT NULL,
  figures TEXT NOT NULL,
  reason TEXT NOT NULL,
  raw TEXT NOT NULL,
  in_lessons INTEGER NOT NULL
) STRICT;
CREATE INDEX path ON measurement (school, line, region, family, kind, id);
{_NEVER_CHANGES}""",
        # A page over HTTP was called a proxy: schools have real ones, and none of them was asked.
        f"""
DROP TRIGGER kept_as_it_was;
UPDATE measurement SET kind = 'http' WHERE kind = 'proxy';
{_NEVER_CHANGES}""",  # noqa: S608 ours
        CHAIN_TABLES,
        NUMBER_TRIGGER,
    ),
    unstamped=1,
    unstamped_tables=frozenset({"measurement"}),
    advice="name another folder with --state",
    checked_bytes=256 * 1024 * 1024,  # a second or two; in a larger one a damaged page is refused when it is read
)
_LATEST = f"""
SELECT {COLUMNS} FROM measurement WHERE id IN (
  SELECT MAX(id) FROM measurement WHERE at <= ? GROUP BY school, line, region, family, kind
) ORDER BY id
"""  # noqa: S608 every word is ours


class MeasurementStore:
    """Measurements in a file; safe for several threads and processes at once. Open it with `open_measurement_store`."""

    def __init__(self, connection: sqlite3.Connection, file: str, trail: AuditTrail | None = None) -> None:
        self._connection = connection
        self._trail = trail
        self._since_told = 0
        self._lock = Lock()
        self.file = file

    def add(self, run: str, at: datetime, path: LinePath, found: ProbeResult, *, in_lessons: bool) -> Measurement:
        """Keep a finding; it is on the disk when this returns.

        Raises:
            TsunaguError: the file cannot be written.
        """
        row = (
            run,
            _text(at),
            path.school,
            path.line,
            path.region,
            int(path.family),
            found.kind,
            found.outcome,
            found.target,
            found.method,
            json.dumps(dict(found.figures)),
            found.reason,
            found.raw,
            int(in_lessons),
        )
        with self._refusing():
            number = self._add_row(row)
        self._since_told += 1
        if self._since_told >= TOLD_EVERY:
            self.tell_trail()
        return Measurement(MeasurementId(number), run, at, path, found, in_lessons)

    def tell_trail(self) -> None:
        """Write the hash over all measurements so far into the audit trail, where there is one.

        Raises:
            AuditRefused: the trail cannot be written.
        """
        if self._trail is not None and self._since_told:
            self._since_told = 0
            with self._refusing():
                query = "SELECT last, hash FROM seal ORDER BY last DESC LIMIT 1"
                [(last, found)] = self._connection.execute(query).fetchall()
            self._trail.record(
                AuditKind.MEASUREMENTS, file=self._trail.name_file(Path(self.file)), number=last, last=found
            )

    def _add_row(self, row: Sequence[object]) -> int:
        """Add a row and seal it, both or none; gives its number."""
        marks = ", ".join("?" * len(row))
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            done = self._connection.execute(
                f"INSERT INTO measurement ({COLUMNS.removeprefix('id, ')}) VALUES ({marks})",  # noqa: S608 ours
                row,
            )
            assert done.lastrowid is not None  # noqa: S101 an INSERT has one
            seal_new_row(self._connection, done.lastrowid)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return done.lastrowid

    def get(self, number: MeasurementId) -> Measurement:
        """One measurement.

        Raises:
            TsunaguError: there is none of this number.
        """
        found = self._read(f"SELECT {COLUMNS} FROM measurement WHERE id = ?", (number,))  # noqa: S608 ours
        if not found:
            message = f"{self.file}: there is no measurement {number}"
            raise TsunaguError(message)
        return found[0]

    def read_latest(self, until: datetime | None = None) -> list[Measurement]:
        """The newest measurement of each kind on each path, as of a time; in the order they were made."""
        return self._read(_LATEST, (_text(until or datetime.now(UTC)),))

    def read_run(self, run: str) -> list[Measurement]:
        """Everything that one run measured, in order."""
        return self._read(f"SELECT {COLUMNS} FROM measurement WHERE run = ? ORDER BY id", (run,))  # noqa: S608 ours

    def read_period(self, since: datetime, until: datetime, kinds: Sequence[MeasurementKind]) -> list[Measurement]:
        """Everything of some kinds that was measured from a time until another one, in order."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT {COLUMNS} FROM measurement WHERE at >= ? AND at <= ? AND kind IN ({marks}) ORDER BY id"  # noqa: S608 ours
        return self._read(query, (_text(since), _text(until), *kinds))

    def _read(self, query: str, values: Sequence[object]) -> list[Measurement]:
        with self._refusing():
            rows = self._connection.execute(query, values).fetchall()
        return [_measurement(row) for row in rows]

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            message = f"{self.file}: the measurements cannot be read or kept: {error}"
            raise TsunaguError(message) from None


@contextmanager
def open_measurement_store(
    file: Path, *, must_exist: bool = False, trail: AuditTrail | None = None
) -> Iterator[MeasurementStore]:
    """The store in a file; the file and its folder are made if they are missing, unless it must exist.

    What is added is vouched for by `trail`, the audit trail of the state folder.

    Raises:
        TsunaguError: the file is missing.
        StoreRefused: it is no store of measurements, of a newer format, damaged, or in the way of a migration in use.
    """
    if must_exist and not file.exists():
        message = f"{file}: nothing was measured yet (no such file)"
        raise TsunaguError(message)
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        store = MeasurementStore(connection, str(file), trail)
        try:
            yield store
        finally:
            store.tell_trail()


def _text(at: datetime) -> str:
    """A time as text that sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


_LINES: dict[str, AccessLineName] = {name: name for name in ACCESS_LINE_NAMES}


def _measurement(row: Sequence[object]) -> Measurement:
    number, run, at, school, line, region, family, kind, outcome, target, method, figures, reason, raw, lessons = row
    return Measurement(
        id=MeasurementId(int(str(number))),
        run=str(run),
        at=datetime.fromisoformat(str(at)),
        path=LinePath(str(school), _LINES[str(line)], str(region), Family(int(str(family)))),
        result=ProbeResult(
            kind=MeasurementKind(str(kind)),
            outcome=ProbeOutcome(str(outcome)),
            target=str(target),
            method=str(method),
            figures=json.loads(str(figures)),
            reason=str(reason),
            raw=str(raw),
        ),
        in_lessons=bool(lessons),
    )
