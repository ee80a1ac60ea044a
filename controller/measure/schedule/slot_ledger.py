"""Which slots were claimed for a test, kept in the store of measurements: the one place where a test is let in.

A slot is claimed before its test begins, in one transaction with all that limits it, so neither a restart, a second
process nor a clock that is put back makes two tests of it, two on one link, or more bytes than a line's budget.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.measure.measurement import MBPS, MeasurementKind
from controller.measure.measurement_tables import MEASUREMENT_STORE, UNREADABLE, explain_unreadable
from controller.measure.schedule.day_plan import TestSlot
from controller.storage.sqlite import open_store

_BITS = 8


class ClaimAnswer(StrEnum):
    """Whether a slot may be used, or why not."""

    CLAIMED = "claimed"
    TAKEN = "taken"
    """Somebody used it, or it was noted as missed."""
    BUSY = "busy"
    """Another test has a link of it, or as many run as may."""
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class ClaimLimits:
    """What a test carries at most, what its line may carry on a day, how many tests run at once, and how long."""

    megabytes: float
    megabytes_a_day: float
    at_once: int
    seconds: int
    """Of a test in one direction and family, by which what was measured besides is counted."""


class SlotLedger:
    """The claimed slots in a file; safe for several processes at once. Open it with `open_slot_ledger`."""

    def __init__(self, connection: sqlite3.Connection, file: str, timezone: ZoneInfo) -> None:
        self._connection = connection
        self._timezone = timezone
        self.file = file

    def claim_slot(self, slot: TestSlot, limits: ClaimLimits, now: datetime) -> ClaimAnswer:
        """Take a slot for a test that begins now; only `CLAIMED` lets it begin.

        Raises:
            TsunaguError: the store cannot be read or written.
        """
        with self._writing():
            answer = self._judge(slot, limits)
            if answer is ClaimAnswer.CLAIMED:
                day = self._find_day(slot).isoformat()
                links = json.dumps(sorted(slot.links))
                row = (slot.school, slot.line, _text(slot.begins), _text(slot.ends), day, links, limits.megabytes)
                self._connection.execute("INSERT INTO claimed_slot VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _text(now)))
        return answer

    def keep_missed(self, slots: Sequence[TestSlot], up_to: datetime) -> None:
        """Keep slots that were missed, each once, and that all until a time are known.

        Raises:
            TsunaguError: the store cannot be written.
        """
        with self._writing():
            add_missed_rows(self._connection, slots, up_to)
            self._connection.execute("INSERT OR REPLACE INTO noted_slots VALUES (1, ?)", (_text(up_to),))

    def read_noted_time(self) -> datetime | None:
        """Until when the missed slots are known; None where nobody looked yet.

        Raises:
            TsunaguError: the store cannot be read.
        """
        with self._refusing():
            rows = self._connection.execute("SELECT up_to FROM noted_slots").fetchall()
            return datetime.fromisoformat(rows[0][0]) if rows else None

    def _judge(self, slot: TestSlot, limits: ClaimLimits) -> ClaimAnswer:
        mine = (slot.school, slot.line, _text(slot.begins))
        for table in ("claimed_slot", "missed_slot"):
            query = f"SELECT 1 FROM {table} WHERE (school, line, begins) = (?, ?, ?)"  # noqa: S608 ours
            if self._connection.execute(query, mine).fetchall():
                return ClaimAnswer.TAKEN
        query = "SELECT links FROM claimed_slot WHERE ends > ? AND begins < ?"
        beside = [set(json.loads(links)) for (links,) in self._connection.execute(query, (mine[2], _text(slot.ends)))]
        if len(beside) >= limits.at_once or any(links & slot.links for links in beside):
            return ClaimAnswer.BUSY
        used = self._count_megabytes(slot.school, slot.line, self._find_day(slot), limits.seconds)
        return ClaimAnswer.BUDGET if used + limits.megabytes > limits.megabytes_a_day else ClaimAnswer.CLAIMED

    def _count_megabytes(self, school: str, line: str, day: date, seconds: int) -> float:
        """What a line's tests carried on a day: the claimed ones at most, and what was measured besides."""
        query = "SELECT begins, ends, megabytes FROM claimed_slot WHERE (school, line, day) = (?, ?, ?)"
        claimed = self._connection.execute(query, (school, line, day.isoformat())).fetchall()
        midnight = datetime.combine(day, datetime.min.time(), self._timezone)
        where = "(school, line) = (?, ?) AND kind IN (?, ?) AND at >= ? AND at < ?"
        query = f"SELECT at, figures FROM measurement WHERE {where}"  # noqa: S608 ours
        kinds = (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
        span = (_text(midnight), _text(midnight + timedelta(days=1)))
        besides = 0.0
        for at, figures in self._connection.execute(query, (school, line, *kinds, *span)):
            # A test in a claimed slot is counted by what it may carry.
            if not any(begins <= at < ends for begins, ends, _ in claimed):
                found = json.loads(figures)
                besides += float(found[MBPS]) * seconds / _BITS if MBPS in found else 0.0
        return besides + sum(float(megabytes) for _, _, megabytes in claimed)

    def _find_day(self, slot: TestSlot) -> date:
        return slot.begins.astimezone(self._timezone).date()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._refusing():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            what = f"{self.file}: the slots of the tests cannot be read or kept"
            raise explain_unreadable(what, error) from None


@contextmanager
def open_slot_ledger(file: Path, timezone: ZoneInfo) -> Iterator[SlotLedger]:
    """The claimed slots in a store of measurements; `timezone` is the city's, whose days have a budget each.

    Raises:
        StoreRefused: it is no store of measurements, or of a newer format, or damaged.
    """
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        yield SlotLedger(connection, str(file), timezone)


def add_missed_rows(connection: sqlite3.Connection, slots: Sequence[TestSlot], noticed: datetime) -> None:
    """Add slots that were missed to the table, each once, inside the caller's transaction."""
    rows = [(one.school, one.line, one.kind, *(_text(at) for at in (one.begins, one.ends, noticed))) for one in slots]
    connection.executemany("INSERT OR IGNORE INTO missed_slot VALUES (?, ?, ?, ?, ?, ?)", rows)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
