"""The monitor's memory: SQLite in WAL mode. What `write` has returned for outlives a kill and a power cut."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Self

from controller.errors import FileLocked, MonitorError
from controller.storage.file_lock import hold_file_lock
from controller.storage.sqlite import open_store
from controller.telemetry.registry import METRICS
from monitoring.timeseries import schema
from monitoring.timeseries.records import (
    OVERFLOWN,
    CumulativeTotal,
    GaugeValue,
    SeriesKey,
    SpanRecord,
    TelemetryBatch,
)


class TimeSeriesStore:
    """The file. One thread writes; reading is for any thread.

    Raises:
        MonitorError: another monitor has it, or it cannot be made there.
        StoreRefused: it is no store of a monitor, of a newer format, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading = Lock()
        self._ids: dict[SeriesKey, int] = {}
        self._sizes: Counter[str] = Counter()
        with ExitStack() as opened:
            opened.enter_context(_hold_store(path))
            # FULL: what was acknowledged is on the disk, not only with the system.
            self._writer = opened.enter_context(closing(open_store(path, schema.TIME_SERIES_STORE, synchronous="FULL")))
            self._reader = opened.enter_context(closing(open_store(path, schema.TIME_SERIES_STORE)))
            try:
                self._reader.execute("PRAGMA query_only=ON")
                self._remember()
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

    def write(self, batches: Sequence[TelemetryBatch]) -> None:
        """Keep batches, all or nothing; when it returns, they are on the disk.

        Raises:
            sqlite3.Error: they are not, e.g. because the disk is full.
        """
        try:
            with self.writing() as connection:
                for batch in batches:
                    self._write_values(connection, batch.values)
                    self._write_totals(connection, batch.totals)
                    events = [(one.at, one.kind, one.school, one.line, one.text) for one in batch.events]
                    connection.executemany(schema.ADD_EVENT, events)
                    connection.executemany(schema.ADD_SPAN, [_span_row(span) for span in batch.spans])
        except BaseException:
            self._remember()
            raise

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

    def _write_values(self, connection: sqlite3.Connection, values: Sequence[GaugeValue]) -> None:
        rows = [(self._id(connection, one.key), one.at, one.value) for one in values]
        connection.executemany(schema.ADD_LATEST, rows)
        past = [
            (series, int(at), value, value, value)
            for one, (series, at, value) in zip(values, rows, strict=True)
            if one.key[0].history
        ]
        connection.executemany(schema.ADD_BIN, past)

    def _write_totals(self, connection: sqlite3.Connection, totals: Sequence[CumulativeTotal]) -> None:
        rows = [
            (self._id(connection, one.key), one.process, one.began, one.at, one.value, json.dumps(one.counts))
            for one in totals
        ]
        connection.executemany(schema.ADD_PART, rows)

    def _id(self, connection: sqlite3.Connection, key: SeriesKey) -> int:
        """The number of a series; what is beyond its metric's limit shares one, as in the SDK."""
        if (known := self._ids.get(key)) is not None:
            return known
        metric, attributes = key
        if attributes != OVERFLOWN and self._sizes[metric.name] >= metric.limit:
            return self._id(connection, (metric, OVERFLOWN))
        named = dict(attributes)
        number = len(self._ids) + 1
        place = named.get("school", ""), named.get("line", "")
        connection.execute(schema.ADD_SERIES, (number, metric.name, json.dumps(attributes), *place))
        self._ids[key] = number
        self._sizes[metric.name] += attributes != OVERFLOWN
        return number

    def _remember(self) -> None:
        """Know the series that the file knows."""
        rows = self._writer.execute("SELECT id, metric, attributes FROM series").fetchall()
        self._ids = {key: number for number, key in ((row[0], parse_series_key(row[1], row[2])) for row in rows) if key}
        self._sizes = Counter(metric.name for metric, attributes in self._ids if attributes != OVERFLOWN)


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
    """A series as the registry knows it, or None where the metric has gone from it."""
    known = METRICS.get(metric)
    return (known, tuple((name, value) for name, value in json.loads(attributes))) if known else None


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
