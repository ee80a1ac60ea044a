"""What a store of measurements of 176 schools costs after 400 days: its size, and how long the newest take to read.

Rows are made as the line monitor keeps them, 20 a school and quarter of an hour, for as many days as the operators'
file keeps them by default; what their programs said, the roll-ups of 30 days of hours and of 400 of days stand beside
them. Roll-ups older than the rows are written directly, those of the rows by the store's own code. The old query looked
at every row; it is asked of the same store in the same run.

    python tests/benchmarks/measurement_store.py [--schools 176] [--rows-days 7] [--days 400] [--file FILE] [--prune]

`--prune` only fills the rows' days, and removes all but the last of them as the daily pruning does.

Exit code 1 when the newest take more than 50 ms of CPU the first time (median of five), or the store is larger than
2 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2]))

from controller.measure.measurement_chain import COLUMNS, hash_output, seal_new_row
from controller.measure.measurement_retention import KeptDays, Pruned, prune_measurements
from controller.measure.measurement_rollups import DAYS, HOURS, Spread, day_number, hour_number, roll_up_next
from controller.measure.measurement_store import open_measurement_store
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.operations.operations import Retention
from controller.storage.audit.audit_trail import AuditTrail
from controller.storage.sqlite import open_store

NOW = datetime(2026, 11, 30, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
PATHS = [(region, family) for region in ("tokyo", "osaka") for family in (4, 6)]
OLD_QUERY = """
SELECT COUNT(*) FROM measurement WHERE id IN (
  SELECT MAX(id) FROM measurement WHERE at <= ? GROUP BY school, line, region, family, kind
)
"""
MOST_MS, MOST_BYTES = 50.0, 2_000_000_000


def list_probes() -> Iterator[tuple[str, int, str, dict[str, float], int]]:
    """What is measured at a school in a quarter of an hour: region, family, kind, figures, bytes of what was said."""
    for region, family in PATHS:
        near = random.uniform(3, 9)  # noqa: S311 figures of a benchmark
        yield region, family, "echo", {"latency-ms": near, "jitter-ms": near / 10, "loss-ratio": 0.0}, 600
        yield region, family, "dns", {"duration-ms": near * 2}, 200
        yield region, family, "http", {"duration-ms": near * 4}, 200
        yield region, family, "path-mtu", {"mtu-bytes": 1500}, 200
    for family in (4, 6):
        for kind in ("download", "upload"):
            figures = {"mbps": random.uniform(80, 900), "segments": 20_000, "retransmitted": 3, "idle-ms": 4.1}  # noqa: S311
            yield "tokyo", family, kind, figures, 4_500


def fill_rows(connection: sqlite3.Connection, schools: list[str], days: int, outputs_days: int) -> int:
    """Add the rows of the last days, chained and rolled up; gives how many."""
    columns = COLUMNS.removeprefix("id, ")
    insert = f"INSERT INTO measurement ({columns}) VALUES ({', '.join('?' * 14)})"  # noqa: S608 ours
    said = {size: ("x" * size, hash_output("x" * size)) for size in (200, 600, 4_500)}
    added, at = 0, NOW - timedelta(days=days)
    while at < NOW:
        connection.execute("BEGIN")
        for school in schools:
            for region, family, kind, figures, size in list_probes():
                text, digest = said[size]
                path = (school, "primary", region, family, kind)
                row = ("20261130T000000Z-abc123", at.isoformat(timespec="microseconds"), *path, "measured")
                rest = ("100.64.0.1 port 5201", "iperf3 -P 4 -t 2", json.dumps(figures), "", digest, 0)
                number = connection.execute(insert, (*row, *rest)).lastrowid or 0
                seal_new_row(connection, number)
                connection.execute("INSERT OR IGNORE INTO measured_path VALUES (?, ?, ?, ?, ?)", path)
                if at >= NOW - timedelta(days=outputs_days):
                    connection.execute("INSERT INTO output VALUES (?, ?)", (number, text))
                added += 1
        roll_up_next(connection, 1_000_000)
        connection.execute("COMMIT")
        at += QUARTER
    return added


def fill_rollups(connection: sqlite3.Connection, rows_days: int, kept: Retention, days: int) -> None:
    """Add the roll-ups of the time before the rows."""
    paths = [number for (number,) in connection.execute("SELECT id FROM figure_path")]
    began = NOW - timedelta(days=rows_days)
    for table, values, first, last in (
        (HOURS, 4, hour_number(NOW - timedelta(days=kept.hourly_figures_days)), hour_number(began)),
        (DAYS, 96, day_number((NOW - timedelta(days=days)).date()), day_number(began.date())),
    ):
        for span in range(first, last):
            spread = Spread.from_values(random.gauss(100, 4) for _ in range(values))
            text = spread.write_classes()
            row = (span, spread.count, spread.total, spread.least, spread.most, text)
            connection.execute("BEGIN")
            connection.executemany(
                f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 ours
                ((path, *row) for path in paths),
            )
            connection.execute("COMMIT")


@dataclass(frozen=True)
class Took:
    """How long a question took: milliseconds of this process' CPU, and of the clock beside whatever else runs."""

    cpu: float
    clock: float


def take_time(ask: Callable[[], object]) -> Took:
    """Ask once."""
    began, used = time.perf_counter(), time.process_time()
    ask()
    return Took(1000 * (time.process_time() - used), 1000 * (time.perf_counter() - began))


def describe(found: list[Took]) -> str:
    """The medians as text."""
    return f"{median(one.cpu for one in found):.1f} ms CPU, {median(one.clock for one in found):.1f} ms by the clock"


def run(file: Path, schools: int, rows_days: int, days: int) -> int:
    """Make the store, ask it, print the figures."""
    kept = Retention()
    names = [f"school-{number:03}" for number in range(schools)]
    if not file.exists():
        with closing(open_store(file, MEASUREMENT_STORE)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            fill_rows(connection, names, rows_days, kept.outputs_days)
            fill_rollups(connection, rows_days, kept, days)
    first, again, old = [], [], []
    for _ in range(5):
        with open_measurement_store(file) as store, closing(sqlite3.connect(file)) as raw:
            first.append(take_time(lambda: store.read_latest(NOW)))
            again.append(take_time(lambda: store.read_latest(NOW)))
            old.append(take_time(lambda: raw.execute(OLD_QUERY, (NOW.isoformat(),)).fetchall()))
    with closing(sqlite3.connect(file)) as raw:
        tables = ("measurement", "measured_path", HOURS, DAYS)
        counts = [raw.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in tables]  # noqa: S608 ours
    size = file.stat().st_size
    rows, paths, hours, rolled_days = counts
    sys.stdout.write(
        f"{schools} schools, {days} days: {rows} rows of {rows_days} days, {paths} paths and kinds, "
        f"{hours} roll-ups of hours, {rolled_days} of days\n"
        f"size {size / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f}\n"
        f"latest, first of a process: {describe(first)}; again: {describe(again)}; the old query: {describe(old)}; "
        f"ratio of CPU {median(one.cpu for one in old) / median(one.cpu for one in first):.0f}\n"
    )
    return int(median(one.cpu for one in first) > MOST_MS or size > MOST_BYTES)


def time_pruning(file: Path, schools: int, rows_days: int) -> int:
    """Fill some days of rows, prune all but the last one, and print how long that took, and its longest part."""
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        fill_rows(connection, [f"school-{number:03}" for number in range(schools)], rows_days, rows_days)
    parts = [time.perf_counter()]

    def is_over() -> bool:
        parts.append(time.perf_counter())
        return False

    found: list[Pruned] = []
    kept = KeptDays(outputs=1, rows=1, hours=30, days=400)
    took = take_time(
        lambda: found.append(prune_measurements(AuditTrail(file.parent), [], file.name, NOW, kept, is_over))
    )
    longest = max(after - before for before, after in pairwise(parts))
    sys.stdout.write(
        f"{'; '.join(found[0].describe_removed())}: {describe([took])}, the longest part {longest:.1f} s; "
        f"load {os.getloadavg()[0]:.1f}\n"
    )
    return 0


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--schools", type=int, default=176)
    parser.add_argument("--rows-days", type=int, default=Retention().measurements_days)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--prune", action="store_true")
    given = parser.parse_args()
    if given.prune:
        with TemporaryDirectory() as place:
            return time_pruning(Path(place) / "measurements.sqlite", given.schools, given.rows_days)
    if given.file is not None:
        return run(given.file, given.schools, given.rows_days, given.days)
    with TemporaryDirectory() as place:
        return run(Path(place) / "measurements.sqlite", given.schools, given.rows_days, given.days)


if __name__ == "__main__":
    sys.exit(main())
