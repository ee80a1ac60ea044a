"""The store of measurements: SQLite in WAL mode, so that a watch may write while a report is read.

Nothing in it is ever changed: a figure in a report names the number of its measurement, and that finds the method, the
time, the target and what the program really said.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
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
from controller.model.network.packets import Family

FORMAT = 1
"""Of the tables; a store of another format is refused, never guessed at."""
_BUSY_MS = 30_000
_TABLES = """
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
CREATE TRIGGER kept_as_it_was BEFORE UPDATE ON measurement
BEGIN
  SELECT RAISE(ABORT, 'a measurement never changes');
END;
"""
_COLUMNS = "id, run, at, school, line, region, family, kind, outcome, target, method, figures, reason, raw, in_lessons"
_LATEST = f"""
SELECT {_COLUMNS} FROM measurement WHERE id IN (
  SELECT MAX(id) FROM measurement WHERE at <= ? GROUP BY school, line, region, family, kind
) ORDER BY id
"""  # noqa: S608 every word is ours


class MeasurementStore:
    """Measurements in a file; safe for several threads and processes at once. Open it with `open_measurement_store`."""

    def __init__(self, connection: sqlite3.Connection, file: str) -> None:
        self._connection = connection
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
        marks = ", ".join("?" * len(row))
        with self._refusing(), self._connection:
            done = self._connection.execute(
                f"INSERT INTO measurement ({_COLUMNS.removeprefix('id, ')}) VALUES ({marks})",  # noqa: S608 ours
                row,
            )
        assert done.lastrowid is not None  # noqa: S101 an INSERT has one
        return Measurement(MeasurementId(done.lastrowid), run, at, path, found, in_lessons)

    def get(self, number: MeasurementId) -> Measurement:
        """One measurement.

        Raises:
            TsunaguError: there is none of this number.
        """
        found = self._read(f"SELECT {_COLUMNS} FROM measurement WHERE id = ?", (number,))  # noqa: S608 ours
        if not found:
            message = f"{self.file}: there is no measurement {number}"
            raise TsunaguError(message)
        return found[0]

    def read_latest(self, until: datetime | None = None) -> list[Measurement]:
        """The newest measurement of each kind on each path, as of a time; in the order they were made."""
        return self._read(_LATEST, (_text(until or datetime.now(UTC)),))

    def read_run(self, run: str) -> list[Measurement]:
        """Everything that one run measured, in order."""
        return self._read(f"SELECT {_COLUMNS} FROM measurement WHERE run = ? ORDER BY id", (run,))  # noqa: S608 ours

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
def open_measurement_store(file: Path, *, must_exist: bool = False) -> Iterator[MeasurementStore]:
    """The store in a file; the file and its folder are made if they are missing, unless it must exist.

    Raises:
        TsunaguError: the file is missing, is no store, is of another format, or cannot be written.
    """
    if must_exist and not file.exists():
        message = f"{file}: nothing was measured yet (no such file)"
        raise TsunaguError(message)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(file, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        message = f"{file}: cannot be opened: {error}"
        raise TsunaguError(message) from None
    with closing(connection):
        try:
            _prepare(connection, file)
        except sqlite3.Error as error:
            message = f"{file}: is no store of measurements: {error}"
            raise TsunaguError(message) from None
        yield MeasurementStore(connection, str(file))


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    # Two commands that start at once must not both find an empty file.
    connection.execute("BEGIN IMMEDIATE")
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    empty = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None
    if found == 0 and empty:
        for statement in _statements(_TABLES):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")
    if found != FORMAT and not empty:
        message = f"{file}: is no store of measurements of format {FORMAT} (found format {found})"
        raise TsunaguError(message)


def _statements(script: str) -> Iterable[str]:
    """A script's statements: `executescript` would commit between them."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _text(at: datetime) -> str:
    """A time as text that sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _measurement(row: Sequence[object]) -> Measurement:
    number, run, at, school, line, region, family, kind, outcome, target, method, figures, reason, raw, lessons = row
    return Measurement(
        id=MeasurementId(int(str(number))),
        run=str(run),
        at=datetime.fromisoformat(str(at)),
        path=LinePath(str(school), "primary" if line == "primary" else "backup", str(region), Family(int(str(family)))),
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
