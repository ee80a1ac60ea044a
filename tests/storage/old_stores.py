"""Stores as the releases before migrations wrote them, word for word; each with something in it.

    python -m tests.storage.old_stores FOLDER

makes one of each there, for looking at.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

MEASUREMENTS = """
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
MONITOR = """
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  metric TEXT NOT NULL,
  attributes TEXT NOT NULL,
  school TEXT NOT NULL,
  line TEXT NOT NULL,
  UNIQUE (metric, attributes)
) STRICT;
CREATE INDEX series_of_school ON series (school, metric, line);
CREATE TABLE latest (
  series INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  value REAL NOT NULL
) STRICT;
CREATE TABLE bin (
  step INTEGER NOT NULL,
  series INTEGER NOT NULL,
  at INTEGER NOT NULL,
  n INTEGER NOT NULL,
  total REAL NOT NULL,
  least REAL NOT NULL,
  most REAL NOT NULL,
  PRIMARY KEY (step, series, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE part (
  series INTEGER NOT NULL,
  process TEXT NOT NULL,
  began INTEGER NOT NULL,
  at REAL NOT NULL,
  value REAL NOT NULL,
  counts TEXT NOT NULL,
  PRIMARY KEY (series, process, began)
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  school TEXT NOT NULL,
  line TEXT NOT NULL,
  text TEXT NOT NULL,
  UNIQUE (at, kind, school, line, text)
) STRICT;
CREATE INDEX event_of_school ON event (school, at);
CREATE TABLE span (
  trace TEXT NOT NULL,
  id TEXT NOT NULL,
  parent TEXT NOT NULL,
  level TEXT NOT NULL,
  name TEXT NOT NULL,
  start REAL NOT NULL,
  ended REAL NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT NOT NULL,
  attributes TEXT NOT NULL,
  PRIMARY KEY (trace, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX span_roots ON span (level, start);
"""
WORLD = """
CREATE TABLE IF NOT EXISTS resources (
    token TEXT NOT NULL, id TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
    inputs TEXT NOT NULL, outputs TEXT NOT NULL, PRIMARY KEY (token, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (
    alias TEXT NOT NULL, token TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (alias, token, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
    token TEXT NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL,
    to_token TEXT NOT NULL, to_id TEXT NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (token, id, field, to_token, to_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_to ON links (to_token, to_id);
CREATE TABLE IF NOT EXISTS taken (token TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (token, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS addresses (address TEXT PRIMARY KEY, token TEXT NOT NULL, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS faults (rule TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""
KINDS = ("download", "upload", "echo", "dns", "proxy")
ROWS = 60


def make_old_measurements(path: Path) -> None:
    """Format 1: pages over HTTP are called `proxy`."""
    with closing(_make(path, MEASUREMENTS, 1)) as connection:
        for number in range(ROWS):
            kind = KINDS[number % len(KINDS)]
            figures = '{"mbps": 93.25}' if kind in ("download", "upload") else '{"duration-ms": 3.5}'
            at = f"2026-11-21T03:{number:02}:00.000000+00:00"
            path_ = (f"r{number // 10}", at, "as-e04", "primary", "tokyo", 4, kind, "measured")
            connection.execute(
                "INSERT INTO measurement (run, at, school, line, region, family, kind, outcome, target, method, "
                "figures, reason, raw, in_lessons) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 't', 'm', ?, '', ?, 0)",
                (*path_, figures, f"what the program said, {number}: {'x' * 300}"),
            )


def make_old_monitor(path: Path) -> None:
    """Format 1: 400 days of events and of bandwidth, a row a day; an hour's latency, a page."""
    day, now = 86_400, 1_790_000_000
    with closing(_make(path, MONITOR, 1)) as connection:
        connection.execute(
            "INSERT INTO series VALUES (1, 'tsunagu.school.bandwidth.measured', ?, 'as-e04', '')",
            ('[["school", "as-e04"]]',),
        )
        place = '["school", "as-e04"], ["line", "primary"], '
        for number, metric, rest in (
            (2, "tsunagu.line.latency", '["region", "tokyo"], ["family", "ipv4"]'),
            (3, "tsunagu.proxy.duration", '["family", "ipv4"]'),
        ):
            series = (number, metric, f"[{place}{rest}]")
            connection.execute("INSERT INTO series VALUES (?, ?, ?, 'as-e04', 'primary')", series)
        connection.execute("INSERT INTO latest VALUES (1, ?1, 190.5), (2, ?1, 20.3), (3, ?1, 250)", (now,))
        connection.execute("INSERT INTO bin VALUES (3600, 2, ?, 2, 40.6, 10.3, 30.3)", (now - now % 3600,))
        for number in range(400):
            at = now - number * day
            connection.execute("INSERT INTO bin VALUES (3600, 1, ?, 1, 190.5, 190.5, 190.5)", (at - at % 3600,))
            row = (float(at), "line-down", "as-e04", "primary", f"the line was down on day {number}")
            connection.execute("INSERT INTO event (at, kind, school, line, text) VALUES (?, ?, ?, ?, ?)", row)


def make_old_world(path: Path) -> None:
    """The offline Google's memory had no format number."""
    with closing(_make(path, WORLD, 0)) as connection:
        for number in range(ROWS):
            row = ("gcp:storage/bucket:Bucket", f"b{number}", "p", f"b{number}", '{"name": "x"}', "{}")
            connection.execute("INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?)", row)
            connection.execute("INSERT INTO aliases VALUES (?, ?, ?)", (f"alias-{number}", row[0], row[1]))


def _make(path: Path, tables: str, version: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(tables)
    connection.execute(f"PRAGMA user_version={version}")
    return connection


MAKERS = {"measurements": make_old_measurements, "monitor": make_old_monitor, "world": make_old_world}


if __name__ == "__main__":
    for name, make in MAKERS.items():
        make(Path(sys.argv[1]) / f"{name}.sqlite")
