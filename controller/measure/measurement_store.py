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
from itertools import chain
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo

from controller.errors import TsunaguError
from controller.measure.measurement import (
    LinePath,
    Measurement,
    MeasurementId,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.measure.measurement_chain import COLUMNS, OUTPUT_HASH, hash_output, seal_new_row
from controller.measure.measurement_rollups import (
    ROLLED_UP_AT_ONCE,
    RolledFigure,
    RollupQuery,
    choose_zone,
    read_rollups,
    roll_up_measurements,
    roll_up_next,
)
from controller.measure.measurement_tables import MEASUREMENT_STORE, UNREADABLE, explain_unreadable
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES, AccessLineName
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.sqlite import open_store

_CANNOT = "the measurements cannot be read or kept"
TOLD_EVERY = 1_000
"""After so many measurements the audit trail is told how far they go; and at the end."""
_SAID = (
    "COALESCE((SELECT text FROM output WHERE output.id = found.id), "  # noqa: S608 ours
    f"CASE WHEN found.raw LIKE '{OUTPUT_HASH}%' THEN '' ELSE found.raw END)"
)
_READ = ", ".join(_SAID if name == "raw" else f"found.{name}" for name in COLUMNS.split(", "))
"""A row with what its program said, where that is still kept."""
_QUICK_READ = ", ".join("''" if name == "raw" else f"found.{name}" for name in COLUMNS.split(", "))
_LATEST = """
SELECT (
  SELECT id FROM measurement
  WHERE school = known.school AND line = known.line AND region = known.region AND family = known.family
  AND kind = known.kind AND at <= ? ORDER BY at DESC, id DESC LIMIT 1
) FROM measured_path known
"""


class MeasurementStore:
    """Measurements in a file; safe for several threads and processes at once. Open it with `open_measurement_store`."""

    def __init__(self, connection: sqlite3.Connection, file: str, trail: AuditTrail | None = None) -> None:
        self._connection = connection
        self._trail = trail
        self._since_told = 0
        self._known: dict[int, Measurement] = {}
        self._lock = Lock()
        self.file = file

    def add_measurement(
        self, run: str, at: datetime, path: LinePath, found: ProbeResult, *, in_lessons: bool
    ) -> Measurement:
        """Keep a finding; it is on the disk when this returns.

        Raises:
            TsunaguError: the file cannot be written.
        """
        row = [
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
            hash_output(found.raw),
            int(in_lessons),
        ]
        with self._refusing():
            number = self._add_row(row, found.raw)
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

    def _add_row(self, row: Sequence[object], raw: str) -> int:
        """Add a row, seal it and bring it into the roll-ups, all or nothing; gives its number."""
        marks = ", ".join("?" * len(row))
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            done = self._connection.execute(
                f"INSERT INTO measurement ({COLUMNS.removeprefix('id, ')}) VALUES ({marks})",  # noqa: S608 ours
                row,
            )
            assert done.lastrowid is not None  # noqa: S101 an INSERT has one
            seal_new_row(self._connection, done.lastrowid)
            if raw:
                self._connection.execute("INSERT INTO output (id, text) VALUES (?, ?)", (done.lastrowid, raw))
            self._connection.execute("INSERT OR IGNORE INTO measured_path VALUES (?, ?, ?, ?, ?)", row[2:7])
            roll_up_next(self._connection, ROLLED_UP_AT_ONCE)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return done.lastrowid

    def read_measurement(self, number: MeasurementId) -> Measurement:
        """One measurement.

        Raises:
            TsunaguError: there is none of this number.
        """
        for table in ("measurement", "carried"):
            found = self._read(f"SELECT {_READ} FROM {table} found WHERE id = ?", (number,))  # noqa: S608 ours
            if found:
                return found[0]
        with self._refusing():
            [(removed,)] = self._connection.execute("SELECT COALESCE(MAX(up_to), 0) FROM removal").fetchall()
        why = ": retention removed it (operators' file, retention)" if 0 < number <= removed else ""
        message = f"{self.file}: there is no measurement {number}{why}"
        raise TsunaguError(message)

    def read_latest(self, until: datetime | None = None) -> list[Measurement]:
        """The newest measurement of each kind on each path, as of a time, without what programs said; in order.

        It costs an index look-up a path, however many measurements there are; what is known already is not read again.
        """
        moment = _text(until or datetime.now(UTC))
        with self._refusing():
            numbers = [number for (number,) in self._connection.execute(_LATEST, (moment,)) if number is not None]
        known = self._known
        missing = json.dumps([number for number in numbers if number not in known])
        query = f"SELECT {_QUICK_READ} FROM {{}} found WHERE {{}}"  # noqa: S608 ours
        found = self._read(query.format("measurement", "id IN (SELECT value FROM json_each(?))"), (missing,))
        there = {number: known[number] for number in numbers if number in known} | {one.id: one for one in found}
        self._known = dict(there)
        carried = self._read(query.format("carried", "at <= ?"), (moment,))
        return sorted(_choose_newest(carried, there.values()) if carried else there.values(), key=lambda one: one.id)

    def read_last_number(self) -> int:
        """The number of the measurement that was kept last; 0 where none was."""
        with self._refusing():
            [(number,)] = self._connection.execute("SELECT COALESCE(MAX(id), 0) FROM measurement").fetchall()
        return int(number)

    def read_since(self, number: int) -> list[Measurement]:
        """Everything that was kept after the measurement of a number, by any process, in order."""
        return self._read(f"SELECT {_READ} FROM measurement found WHERE id > ? ORDER BY id", (number,))  # noqa: S608 ours

    def read_run(self, run: str) -> list[Measurement]:
        """Everything that one run measured, in order."""
        return self._read(f"SELECT {_READ} FROM measurement found WHERE run = ? ORDER BY id", (run,))  # noqa: S608 ours

    def read_period(self, since: datetime, until: datetime, kinds: Sequence[MeasurementKind]) -> list[Measurement]:
        """Everything of some kinds that was measured from a time until another one, in order."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT {_READ} FROM measurement found WHERE at >= ? AND at <= ? AND kind IN ({marks}) ORDER BY +id"  # noqa: S608 ours
        return self._read(query, (_text(since), _text(until), *kinds))

    def read_removed_time(self) -> datetime | None:
        """What was measured before this may have been removed by retention; None where nothing was."""
        with self._refusing():
            [(at,)] = self._connection.execute("SELECT MAX(at) FROM removal").fetchall()
            return None if at is None else datetime.fromisoformat(at)

    def read_rollups(self, query: RollupQuery) -> list[RolledFigure]:
        """The roll-ups of some figures per hour or day."""
        with self._refusing():
            return read_rollups(self._connection, query)

    def _read(self, query: str, values: Sequence[object]) -> list[Measurement]:
        with self._refusing():
            return [_measurement(row) for row in self._connection.execute(query, values).fetchall()]

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except UNREADABLE as error:
            what = f"{self.file}: {_CANNOT}"
            raise explain_unreadable(what, error) from None


@contextmanager
def open_measurement_store(
    file: Path, *, must_exist: bool = False, trail: AuditTrail | None = None, timezone: ZoneInfo | None = None
) -> Iterator[MeasurementStore]:
    """The store in a file; the file and its folder are made if they are missing, unless it must exist.

    What is added is vouched for by `trail`, the audit trail of the state folder. `timezone` is the city's, whose days a
    new store rolls up. What an older release left is brought into the roll-ups first.

    Raises:
        TsunaguError: the file is missing.
        StoreRefused: it is no store of measurements, of a newer format, damaged, or in the way of a migration in use.
    """
    if must_exist and not file.exists():
        message = f"{file}: nothing was measured yet (no such file)"
        raise TsunaguError(message)
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        try:
            if timezone is not None:
                choose_zone(connection, timezone)
            roll_up_measurements(connection)
        except UNREADABLE as error:
            what = f"{file}: {_CANNOT}"
            raise explain_unreadable(what, error) from None
        store = MeasurementStore(connection, str(file), trail)
        try:
            yield store
        finally:
            store.tell_trail()


def _choose_newest(*found: Iterable[Measurement]) -> Iterable[Measurement]:
    """The newest of each path and kind among some."""
    newest: dict[tuple[LinePath, MeasurementKind], Measurement] = {}
    for one in chain(*found):
        before = newest.setdefault((one.path, one.result.kind), one)
        if (before.at, before.id) < (one.at, one.id):
            newest[one.path, one.result.kind] = one
    return newest.values()


def _text(at: datetime) -> str:
    """A time as text that sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


_LINES: dict[object, AccessLineName] = {name: name for name in ACCESS_LINE_NAMES}
_FAMILIES: dict[object, Family] = {int(family): family for family in Family}
_KINDS: dict[object, MeasurementKind] = {str(kind): kind for kind in MeasurementKind}
_OUTCOMES: dict[object, ProbeOutcome] = {str(outcome): outcome for outcome in ProbeOutcome}
"""Looked up: thousands of rows are read at a time."""


def _measurement(row: Sequence[object]) -> Measurement:
    number, run, at, school, line, region, family, kind, outcome, target, method, figures, reason, raw, lessons = row
    assert isinstance(number, int)  # noqa: S101 the tables are strict
    return Measurement(
        id=MeasurementId(number),
        run=str(run),
        at=datetime.fromisoformat(str(at)),
        path=LinePath(str(school), _LINES[line], str(region), _FAMILIES[family]),
        result=ProbeResult(
            kind=_KINDS[kind],
            outcome=_OUTCOMES[outcome],
            target=str(target),
            method=str(method),
            figures=_read_figures(str(figures)),
            reason=str(reason),
            raw=str(raw),
        ),
        in_lessons=bool(lessons),
    )


def _read_figures(text: str) -> dict[str, float]:
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(one, int | float) for one in found.values()):
        message = f"{text[:80]} are no figures by their names"
        raise ValueError(message)
    return found
