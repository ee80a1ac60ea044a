"""What the monitor's store costs after 400 days: bytes a point, its size, opening it, asking it, migrating it.

The rows are written in the order in which time brings them (all series of an hour, then the next hour), because a page
that is filled in the middle is not full: hours of 400 days, then minutes, values of 10 s and of seconds as they are
kept today, the last days through the store's own roll-up. A school has 8 paths with latency, jitter and loss each
second, DNS and HTTP each minute, and 3 series of throughput each quarter of an hour. Sizes of larger cities follow from
the bytes a point; their number of points is counted, not measured.

    python -m tests.benchmarks.monitor_store [--schools 11] [--days 400] [--migrate]

`--migrate` leads the same store from the format before seconds and bit/s to today's, as an update does.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.storage.sqlite import open_store
from controller.telemetry.registry import (
    BANDWIDTH_MEASURED,
    DAY,
    DNS_DURATION,
    HOUR,
    HTTP_DURATION,
    LINE_JITTER,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_THROUGHPUT,
    MINUTE,
)
from monitoring.timeseries import schema
from monitoring.timeseries.queries import read_latest_values
from monitoring.timeseries.records import GaugeValue, SeriesKey, TelemetryBatch
from monitoring.timeseries.retention import LEVELS, roll_up
from monitoring.timeseries.school_queries import read_line_history
from monitoring.timeseries.time_series_store import TimeSeriesStore

NOW = 1_796_083_200
"""A Tuesday at midnight UTC."""
QUARTER = 15 * MINUTE
ROLLED = 3 * DAY
"""So many of the last days go through the store's own roll-up."""
BOARDS = (176, 1_000)
OLD_FORMAT = 3
_OLD = {"tsunagu.line.latency": 1_000.0, "tsunagu.line.throughput": 1e-6, "tsunagu.school.bandwidth.measured": 1e-6}
"""What a value of today's unit was in the format of before."""


def list_series(school: str) -> Iterator[tuple[SeriesKey, int]]:
    """The series of a school that have a past, each with the seconds between two values."""
    for line in ("primary", "backup"):
        for region in ("tokyo", "osaka"):
            for family in ("ipv4", "ipv6"):
                place = (("school", school), ("line", line), ("region", region), ("family", family))
                for metric in (LINE_LATENCY, LINE_JITTER, LINE_LOSS):
                    yield (metric, place), 1
        for family in ("ipv4", "ipv6"):
            for metric in (DNS_DURATION, HTTP_DURATION):
                yield (metric, (("school", school), ("line", line), ("family", family))), MINUTE
    for direction in ("download", "upload"):
        place = (("school", school), ("line", "primary"), ("region", "tokyo"), ("family", "ipv4"))
        yield (LINE_THROUGHPUT, (*place, ("direction", direction))), QUARTER
    yield (BANDWIDTH_MEASURED, (("school", school),)), QUARTER


def fill(store: TimeSeriesStore, schools: int, days: int) -> None:
    """Write the rows of a store that has run for so many days."""
    keys = [one for number in range(schools) for one in list_series(f"school-{number:04}")]
    store.write([TelemetryBatch(values=[GaugeValue(key, NOW - 10.0, 0.004) for key, _ in keys])])
    numbers = [(store._ids[key], every) for key, every in keys]  # noqa: SLF001 rows are written as the roll-up does
    with store.writing() as connection:
        connection.execute("DELETE FROM bin")
    add = "INSERT INTO bin VALUES (?, ?, ?, ?, ?, ?, ?)"

    def write(step: int, at: int, n: int) -> Iterator[tuple[float, ...]]:
        for number, every in numbers:
            if at % every == 0 or step >= every:
                value = 0.004 + (number * 7 + at) % 997 / 1e6
                count = max(1, n // every)
                yield step, number, at, count, value * count, value * 0.9, value * 1.3

    for day in range(days - ROLLED // DAY):
        with store.writing() as connection:
            for hour in range(24):
                connection.executemany(add, write(HOUR, NOW - days * DAY + day * DAY + hour * HOUR, HOUR))
    for at in range(NOW - ROLLED, NOW - 2 * HOUR, MINUTE):
        with store.writing() as connection:
            connection.executemany(add, write(MINUTE, at, MINUTE))
        if at % HOUR == 0:
            roll_up(store, at)
    for at in range(NOW - 2 * HOUR, NOW - 5 * MINUTE, 10):
        with store.writing() as connection:
            connection.executemany(add, write(10, at, 10))
    for at in range(NOW - 5 * MINUTE, NOW):
        with store.writing() as connection:
            connection.executemany(add, write(1, at, 1))
    roll_up(store, NOW)


def take(ask: Callable[[], object]) -> str:
    """Ask once; how long that took, as text."""
    began, used = time.perf_counter(), time.process_time()
    ask()
    return (
        f"{1000 * (time.process_time() - used):.0f} ms CPU, {1000 * (time.perf_counter() - began):.0f} ms by the clock"
    )


def count_points(schools: int, days: int = 400) -> int:
    """How many rows a store has: of each series those of every level."""
    fast = sum(level.kept // level.step for level in LEVELS[:-1]) + days * DAY // HOUR
    hours = days * DAY // HOUR
    return sum(fast if every == 1 else 2 * DAY // every + hours for _, every in list_series("s")) * schools


def make_old(file: Path) -> Path:
    """The same past in the format of before seconds and bit/s: what an update finds; gives its file."""
    path = file.with_name("old.db")
    store = replace(schema.TIME_SERIES_STORE, migrations=schema.TIME_SERIES_STORE.migrations[:OLD_FORMAT])
    with closing(open_store(path, store, synchronous="NORMAL")) as connection:
        connection.execute("ATTACH ? AS new", (str(file),))
        connection.execute("BEGIN")
        connection.execute("INSERT INTO series SELECT * FROM new.series")
        connection.execute("INSERT INTO bin SELECT * FROM new.bin")
        for metric, factor in _OLD.items():
            connection.execute(
                "UPDATE bin SET total = total * ?1, least = least * ?1, most = most * ?1 "
                "WHERE series IN (SELECT id FROM series WHERE metric = ?2)",
                (factor, metric),
            )
        connection.execute("COMMIT")
    return path


def migrate(file: Path) -> None:
    """Lead the store's past to today's format, and print what that took."""
    old = make_old(file)
    took = take(lambda: open_store(old, schema.TIME_SERIES_STORE).close())
    [copy] = file.parent.glob("old.db.*.backup")
    sys.stdout.write(f"migrated from format {OLD_FORMAT}: {took}; a copy of {copy.stat().st_size / 1e6:.0f} MB\n")


def run(folder: Path, schools: int, days: int, *, migrated: bool) -> None:
    """Make the store, ask it, print the figures."""
    file = folder / "monitor.db"
    with TimeSeriesStore(file) as store:
        store._writer.execute("PRAGMA synchronous=OFF")  # noqa: SLF001 filling alone
        fill(store, schools, days)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = dict(connection.execute("SELECT step, COUNT(*) FROM bin GROUP BY step"))
        [(free,)] = connection.execute("PRAGMA freelist_count")
    points = sum(rows.values())
    bytes_a_point = file.stat().st_size / points
    kept = ", ".join(f"{count} of {step} s" for step, count in sorted(rows.items()))
    sys.stdout.write(
        f"{schools} schools, {days} days: {points} points ({kept}), counted {count_points(schools, days)}\n"
    )
    sys.stdout.write(
        f"size {file.stat().st_size / 1e6:.0f} MB, {bytes_a_point:.1f} bytes a point, {free} free pages; "
        f"load {os.getloadavg()[0]:.1f}\n"
    )
    for board in BOARDS:
        counted = count_points(board)
        sys.stdout.write(
            f"{board} schools: {counted / 1e6:.0f} million points, {counted * bytes_a_point / 1e9:.2f} GB\n"
        )
    sys.stdout.write(f"opened: {take(lambda: TimeSeriesStore(file).close())}\n")
    with TimeSeriesStore(file) as store:
        place = ("school-0000", "primary")
        for name, since, step in (("year", NOW - 365 * DAY, DAY), ("day", NOW - DAY, 5 * MINUTE)):
            found = take(lambda: read_line_history(store, place, LINE_LATENCY, since, step))  # noqa: B023 asked at once
            sys.stdout.write(f"a line's {name}: {found}\n")
        sys.stdout.write(f"all newest values: {take(lambda: read_latest_values(store))}\n")
        sys.stdout.write(f"a whole roll-up: {take(lambda: roll_up(store, NOW + HOUR))}\n")
    if migrated:
        migrate(file)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--schools", type=int, default=11)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--migrate", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        run(Path(folder), given.schools, given.days, migrated=given.migrate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
