"""The monitor's memory: SQLite in WAL mode. What `write` has returned for outlives a kill and a power cut."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from threading import Lock
from typing import Any, Self

from controller.errors import FileLocked, MonitorError, StoreDamaged, StoreRefused
from controller.storage.file_lock import hold_file_lock
from controller.storage.sqlite import move_store_aside, open_store
from controller.telemetry.registry import METRICS
from monitoring.limits import CLOCK_SECONDS, ENDED_SECONDS, MOST_EVENTS, MOST_PROCESSES, MOST_ROLLOUTS, MOST_SPANS
from monitoring.timeseries import schema
from monitoring.timeseries.records import (
    OVERFLOWN,
    CumulativeTotal,
    GaugeValue,
    KeptBatch,
    SeriesAttributes,
    SeriesKey,
    SpanRecord,
    TelemetryBatch,
    add_up_totals,
    can_be_time,
)
from monitoring.timeseries.state_periods import StatePeriodWriter


class TimeSeriesStore:
    """The file. One thread writes; reading is for any thread. A damaged one is moved aside, and a new one begun.

    Raises:
        MonitorError: another monitor has it, or it cannot be made there.
        StoreRefused: it is no store of a monitor, or of a newer format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading = Lock()
        self._ids: dict[SeriesKey, int] = {}
        self._sizes: Counter[str] = Counter()
        self._newest = 0
        self.future = 0
        """How many newest values were dated later than now when the store was opened."""
        self.moved_aside: str | None = None
        """The name that a damaged store was moved to when it was opened; this one began empty then."""
        self.damage = ""
        """What was wrong with that one."""
        self._spans: Counter[str] = Counter()
        self._periods = StatePeriodWriter()
        with ExitStack() as opened:
            opened.enter_context(_hold_store(path))
            # FULL: what was acknowledged is on the disk, not only with the system.
            self._writer = opened.enter_context(closing(self._open_writer()))
            self._reader = opened.enter_context(closing(open_store(path, schema.TIME_SERIES_STORE)))
            try:
                # A text that is damaged is shown damaged; it stops nothing.
                self._reader.text_factory = self._writer.text_factory = _decode_text
                self._reader.execute("PRAGMA query_only=ON")
                self.load_index()
            except sqlite3.Error as error:
                message = f"{path}: cannot be used as the monitor's store ({error}); name another file with --store"
                raise MonitorError(message) from None
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._opened.close()

    def _open_writer(self) -> sqlite3.Connection:
        """The connection that writes; a monitor that goes on without its past is better than none."""
        try:
            return open_store(self.path, schema.TIME_SERIES_STORE, synchronous="FULL")
        except StoreDamaged as error:
            try:
                self.moved_aside = move_store_aside(self.path).name
            except OSError as reason:
                message = f"{error}; it cannot be moved aside ({reason.strerror})"
                raise StoreRefused(message) from None
            self.damage = str(error)
        return open_store(self.path, schema.TIME_SERIES_STORE, synchronous="FULL")

    def write(self, batches: Sequence[TelemetryBatch]) -> list[KeptBatch]:
        """Keep batches, all or nothing; when it returns what it took of each, that is on the disk.

        Raises:
            sqlite3.Error: they are not, e.g. because the disk is full.
        """
        try:
            with self.writing() as connection:
                kept = [self._write_batch(connection, batch) for batch in batches]
                for school in {event.school for batch in batches for event in batch.events}:
                    connection.execute(schema.DELETE_OLD_EVENTS, (school, MOST_EVENTS))
        except BaseException:
            self.load_index()
            raise
        return kept

    def delete_unknown(self, find_unknown: Callable[[SeriesAttributes], str | None], now: float) -> list[str]:
        """Delete the series of schools and regions that are gone; gives the schools.

        Nothing is deleted for being dated later than now: a machine that starts with a wrong clock would forget its
        past. A newest value that is dated later than now, because this machine's clock was put back, stays what was
        last known; when it was heard is not known any more, so it stands for the present nowhere.

        Raises:
            MonitorError: the store has schools, and none of them is known: it is another city's.
        """
        gone = {key: number for key, number in self._ids.items() if find_unknown(key[1]) is not None}
        schools = {dict(attributes).get("school") for _, attributes in self._ids} - {None}
        lost = {dict(attributes).get("school") for _, attributes in gone} - {None}
        if schools and schools == lost:
            message = f"{self.path}: holds other schools than these policies; name another file with --store"
            raise MonitorError(message)
        if gone:  # what was beyond a limit may have been so because of them
            gone |= {key: number for key, number in self._ids.items() if key[1] == OVERFLOWN}
        with self.writing() as connection:
            places = (*((table, "series") for table in schema.OF_SERIES), ("series", "id"))
            for table, column in places:
                query = f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 ours
                connection.executemany(query, [(number,) for number in gone.values()])
            self.future = connection.execute(schema.DATE_FUTURE, (now, now + CLOCK_SECONDS)).rowcount
        self.load_index()
        return sorted(str(school) for school in lost)

    def _write_batch(self, connection: sqlite3.Connection, batch: TelemetryBatch) -> KeptBatch:
        refused = Counter[str]()
        values = self._write_values(connection, batch.values)
        ended = [(self._ids[one.key], one.at) for one in batch.ends if one.key in self._ids]
        connection.executemany(schema.END_LATEST, ended)
        self._write_totals(connection, batch.totals, refused)
        events = [(one.at, one.kind, one.school, one.line, one.text) for one in batch.events]
        connection.executemany(schema.ADD_EVENT, events)
        connection.executemany(schema.ADD_ACTION, [astuple(action) for action in batch.actions])
        return KeptBatch(values, self._write_spans(connection, batch.spans, refused), refused)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction of the one writing thread."""
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self._reading, closing(self._reader.execute(query, parameters)) as found:
            return found.fetchall()

    def _write_values(self, connection: sqlite3.Connection, values: Sequence[GaugeValue]) -> list[GaugeValue]:
        """Write values; gives them under the series that they were written to."""
        numbers = [self._find_series(connection, one.key) for one in values]
        rows = [(number, one.at, one.value) for one, (number, _) in zip(values, numbers, strict=True)]
        # Of one request the newest by its sender's clock stays; of two the one that came later.
        for one, row in sorted(zip(values, rows, strict=True), key=_read_time):
            if not one.late:
                heard = one.at if one.heard is None else one.heard
                since = heard if one.since is None else one.since
                connection.execute(schema.ADD_LATEST, (*row, heard, since))
        past = [
            (series, int(at), value, value, value)
            for one, (series, at, value) in zip(values, rows, strict=True)
            if one.key[0].history
        ]
        connection.executemany(schema.ADD_BIN, past)
        kept = [(row[0], one) for one, row in zip(values, rows, strict=True) if one.key[0].periods]
        self._periods.write(connection, kept)
        return [one if one.key == key else replace(one, key=key) for one, (_, key) in zip(values, numbers, strict=True)]

    def _write_totals(
        self, connection: sqlite3.Connection, totals: Sequence[CumulativeTotal], refused: Counter[str]
    ) -> None:
        for one in totals:
            series, _ = self._find_series(connection, one.key)
            if not self._make_room(connection, series, one):
                refused["a total of more processes than are told apart"] += 1
                continue
            row = (series, one.process, one.began, one.at, one.value, json.dumps(one.counts))
            connection.execute(schema.ADD_PART, row)

    def _make_room(self, connection: sqlite3.Connection, series: int, total: CumulativeTotal) -> bool:
        """Whether a process's total may be kept; where there are too many, those that have ended are added up."""
        known = connection.execute(schema.COUNT_PARTS, (series, total.process, total.began)).fetchone()
        if known[0] < MOST_PROCESSES or known[1]:
            return True
        add_up_ended(connection, total.at - ENDED_SECONDS, series)
        return bool(connection.execute(schema.COUNT_PARTS, (series, "", 0)).fetchone()[0] < MOST_PROCESSES)

    def _write_spans(
        self, connection: sqlite3.Connection, spans: Sequence[SpanRecord], refused: Counter[str]
    ) -> list[SpanRecord]:
        """Write spans; gives those that were taken, as they stand now."""
        kept = []
        for span in spans:
            if self._spans[span.trace] >= MOST_SPANS:
                refused["a span beyond the most of a rollout"] += 1
                continue
            if span.trace not in self._spans and len(self._spans) >= MOST_ROLLOUTS:
                self._delete_oldest_rollouts(connection)
            row = connection.execute(schema.ADD_SPAN, _span_row(span)).fetchone()
            if row is not None:
                kept.append(read_span(row))
                self._spans[span.trace] += 1
            elif not self._is_late(connection, span):
                refused["a span that has ended, or stands below one that has, or stands there already"] += 1
        return kept

    @staticmethod
    def _is_late(connection: sqlite3.Connection, span: SpanRecord) -> bool:
        """Whether a span tells nothing new: a start that comes after its end, or an end that is sent again."""
        query = "SELECT ended, outcome FROM span WHERE trace = ? AND id = ?"
        found = connection.execute(query, (span.trace, span.id)).fetchone()
        return found is not None and (span.end == 0 or found == (span.end, span.outcome))

    def _delete_oldest_rollouts(self, connection: sqlite3.Connection) -> None:
        """Make room for a tenth more rollouts."""
        query = "SELECT trace FROM span GROUP BY trace ORDER BY MIN(start) LIMIT ?"
        oldest = connection.execute(query, (max(1, MOST_ROLLOUTS // 10),)).fetchall()
        connection.executemany("DELETE FROM span WHERE trace = ?", oldest)
        for (trace,) in oldest:
            self._spans.pop(trace, None)

    def _find_series(self, connection: sqlite3.Connection, key: SeriesKey) -> tuple[int, SeriesKey]:
        """A series' number, and what it is known by; what is beyond its metric's limit shares one, as in the SDK."""
        if (known := self._ids.get(key)) is not None:
            return known, key
        metric, attributes = key
        if attributes != OVERFLOWN and self._sizes[metric.name] >= metric.limit:
            return self._find_series(connection, (metric, OVERFLOWN))
        named = dict(attributes)
        self._newest += 1
        place = named.get("school", ""), named.get("line", "")
        connection.execute(schema.ADD_SERIES, (self._newest, metric.name, json.dumps(attributes), *place))
        self._ids[key] = self._newest
        self._sizes[metric.name] += attributes != OVERFLOWN
        return self._newest, key

    def load_index(self) -> None:
        """Know the series that the file knows, and how many spans it has of each rollout."""
        self._periods.forget()
        rows = self._writer.execute("SELECT id, metric, attributes FROM series").fetchall()
        self._ids = {key: number for number, key in ((row[0], parse_series_key(row[1], row[2])) for row in rows) if key}
        self._sizes = Counter(metric.name for metric, attributes in self._ids if attributes != OVERFLOWN)
        self._newest = max((row[0] for row in rows), default=0)
        self._spans = Counter(dict(self._writer.execute("SELECT trace, COUNT(*) FROM span GROUP BY trace").fetchall()))


@contextmanager
def _hold_store(path: Path) -> Iterator[None]:
    """Keep other monitors off a store, also one that this monitor is about to make."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock")
        with ExitStack() as held:
            held.enter_context(hold_file_lock(lock))
            released = held.pop_all()
    except OSError as error:
        message = f"{path}: cannot be made there ({error.strerror}); name another file with --store"
        raise MonitorError(message) from None
    except FileLocked as error:
        message = (
            f"{path}: another monitor is using this store ({error.held_by}); stop it, or name another file with --store"
        )
        raise MonitorError(message) from None
    with released:
        yield


def parse_series_key(metric: str, attributes: str) -> SeriesKey | None:
    """A series as the registry knows it, or None where the metric has gone from it, or what is kept is unreadable."""
    known = METRICS.get(metric)
    if known is None:
        return None
    try:
        return known, tuple((str(name), str(value)) for name, value in json.loads(attributes))
    except (ValueError, TypeError):
        return None


def read_total(row: tuple[Any, ...]) -> CumulativeTotal | None:
    """A total from its metric, attributes, time, value and counts; None where what is kept is none (any more)."""
    metric, attributes, at, value, text = row
    key = parse_series_key(metric, attributes)
    if key is None:
        return None
    try:
        counts = tuple(int(count) for count in json.loads(text))
    except (ValueError, TypeError):
        return None
    boundaries = key[0].boundaries
    whole = len(counts) == (len(boundaries) + 1 if boundaries else 0)
    return CumulativeTotal(key, "", 0, at, value, counts) if whole and math.isfinite(at + value) else None


def _decode_text(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _read_time(pair: tuple[GaugeValue, tuple[int, float, float]]) -> float:
    return pair[0].at


def _span_row(span: SpanRecord) -> tuple[object, ...]:
    return (
        span.trace,
        span.id,
        span.parent,
        span.level,
        span.name,
        span.start,
        span.end,
        span.outcome,
        span.error,
        json.dumps(dict(span.attributes), ensure_ascii=False),
    )


def read_span(row: tuple[Any, ...]) -> SpanRecord:
    """A span from its row; a time that is none (any more) is 0."""
    try:
        attributes = {str(name): str(value) for name, value in json.loads(row[-1]).items()}
    except (ValueError, AttributeError):
        attributes = {}
    span = SpanRecord(*row[:-1])
    start, end = (time if can_be_time(time) else 0.0 for time in (span.start, span.end))
    return replace(span, start=start, end=end, attributes=attributes)


def add_up_ended(connection: sqlite3.Connection, before: float, series: int | None = None) -> None:
    """Add up the totals of processes that told nothing since a time, of one series or of all."""
    query = (
        "SELECT series, metric, attributes, at, value, counts FROM part JOIN series ON series.id = part.series "
        "WHERE at < ?1 AND (?2 IS NULL OR series = ?2)"
    )
    ended = connection.execute(query, (before, series)).fetchall()
    known: Mapping[SeriesKey, int] = {key: row[0] for row in ended if (key := parse_series_key(row[1], row[2]))}
    parts = [total for row in ended if (total := read_total(row[1:])) is not None]
    connection.execute("DELETE FROM part WHERE at < ?1 AND (?2 IS NULL OR series = ?2)", (before, series))
    for one in add_up_totals(parts):
        row = (known[one.key], "", 0, one.at, one.value, json.dumps(one.counts))
        connection.execute(schema.ADD_PART, row)
