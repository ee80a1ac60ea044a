"""The tables of the monitor's store."""

from __future__ import annotations

from controller.storage.sqlite import StoreFormat

_TABLES = """
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

_SPANS_BY_NAME = """
CREATE INDEX span_names ON span (trace, parent, name) WHERE level IN ('school', 'device');
"""

_BASE_UNITS = """
UPDATE latest SET value = value / 1000 WHERE series IN (SELECT id FROM series WHERE metric IN
  ('tsunagu.line.latency', 'tsunagu.line.jitter', 'tsunagu.dns.duration', 'tsunagu.proxy.duration'));
UPDATE bin SET total = total / 1000, least = least / 1000, most = most / 1000
  WHERE series IN (SELECT id FROM series WHERE metric IN
  ('tsunagu.line.latency', 'tsunagu.line.jitter', 'tsunagu.dns.duration', 'tsunagu.proxy.duration'));
UPDATE latest SET value = value * 1000000 WHERE series IN (SELECT id FROM series WHERE metric IN
  ('tsunagu.line.throughput', 'tsunagu.school.bandwidth.measured', 'tsunagu.school.bandwidth.recommended'));
UPDATE bin SET total = total * 1000000, least = least * 1000000, most = most * 1000000
  WHERE series IN (SELECT id FROM series WHERE metric IN
  ('tsunagu.line.throughput', 'tsunagu.school.bandwidth.measured', 'tsunagu.school.bandwidth.recommended'));
UPDATE series SET metric = 'tsunagu.http.duration' WHERE metric = 'tsunagu.proxy.duration';
UPDATE series SET metric = 'tsunagu.school.assessment' WHERE metric = 'tsunagu.school.judgement';
"""
"""The past in today's names and units. They are written out: this is what was, whatever the registry says later."""

_LAST_KNOWN = """
ALTER TABLE latest ADD COLUMN heard REAL NOT NULL DEFAULT 0;
ALTER TABLE latest ADD COLUMN since REAL NOT NULL DEFAULT 0;
UPDATE latest SET heard = at, since = at;
CREATE TABLE operator_action (
  id TEXT PRIMARY KEY,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  need TEXT NOT NULL,
  school TEXT NOT NULL,
  line TEXT NOT NULL,
  since REAL NOT NULL,
  starts REAL NOT NULL,
  until REAL NOT NULL,
  ends TEXT NOT NULL
) STRICT;
"""
"""When each value arrived and since when it says the same; and what people did about a need, which is never changed."""

_STATE_PERIODS = """
CREATE TABLE state_period (
  series INTEGER NOT NULL,
  began REAL NOT NULL,
  until REAL NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (series, began)
) STRICT, WITHOUT ROWID;
CREATE INDEX span_of_device ON span (name, start) WHERE level = 'device';
"""
"""From when to when a series told the same (not before this format); and an index of what was done with a device."""

TIME_SERIES_STORE = StoreFormat(
    name="store of the monitor",
    application_id=0x54534E74,  # "TSNt"
    # To the second format nothing but the application id is new.
    migrations=(_TABLES, "", _SPANS_BY_NAME, _BASE_UNITS, _LAST_KNOWN, _STATE_PERIODS),
    unstamped=1,
    unstamped_tables=frozenset({"series", "latest", "bin", "part", "event", "span"}),
    advice="name another file with --store (of the commands that only read it: --monitor-store)",
    inside=b'[["school", "',  # the attributes of a series
)

OF_SERIES = ("latest", "bin", "part", "state_period")
"""The tables with what is kept of a series."""

ADD_SERIES = "INSERT INTO series (id, metric, attributes, school, line) VALUES (?, ?, ?, ?, ?)"
ADD_LATEST = """
INSERT INTO latest (series, at, value, heard, since) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (series) DO UPDATE
SET at = excluded.at, value = excluded.value, heard = excluded.heard, since = excluded.since
"""
"""Whatever the clocks say: what arrives later is newer."""
DATE_FUTURE = """
UPDATE latest SET at = min(at, ?1), heard = 0, since = min(since, ?1) WHERE heard > ?2 OR at > ?2
"""
END_LATEST = "DELETE FROM latest WHERE series = ? AND at <= ?"
ADD_BIN = """
INSERT INTO bin (step, series, at, n, total, least, most) VALUES (1, ?, ?, 1, ?, ?, ?)
ON CONFLICT (step, series, at) DO UPDATE SET n = n + 1, total = total + excluded.total,
  least = min(least, excluded.least), most = max(most, excluded.most)
"""
ADD_PART = """
INSERT INTO part (series, process, began, at, value, counts) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (series, process, began) DO UPDATE
SET at = excluded.at, value = excluded.value, counts = excluded.counts WHERE excluded.at >= at
"""
ADD_ACTION = "INSERT OR IGNORE INTO operator_action VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
COUNT_PARTS = """
SELECT COUNT(*), MAX(process = ?2 AND began = ?3) FROM part WHERE series = ?1
"""
ADD_EVENT = "INSERT OR IGNORE INTO event (at, kind, school, line, text) VALUES (?, ?, ?, ?, ?)"
ADD_SPAN = """
INSERT INTO span (trace, id, parent, level, name, start, ended, outcome, error, attributes)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
WHERE EXISTS (SELECT 1 FROM span AS own WHERE own.trace = ?1 AND own.id = ?2)
OR NOT EXISTS (
  SELECT 1 FROM span AS above WHERE above.trace = ?1 AND above.id = ?3 AND above.ended > 0
) AND NOT EXISTS (
  SELECT 1 FROM span AS twin WHERE twin.level IN ('school', 'device') AND twin.level = ?4
  AND twin.trace = ?1 AND twin.parent = ?3 AND twin.name = ?5 AND twin.id != ?2
)
ON CONFLICT (trace, id) DO UPDATE SET ended = excluded.ended, outcome = excluded.outcome, error = excluded.error,
  attributes = excluded.attributes WHERE span.ended = 0 AND excluded.ended >= span.start
  AND span.level = excluded.level AND span.name = excluded.name AND span.parent = excluded.parent
RETURNING trace, id, parent, level, name, start, ended, outcome, error, attributes
"""
"""An end adds to a start, once: what has ended never changes, and nothing begins below it any more.

A start that comes late takes nothing from an end, and a school or a device stands once below what it is in. What is
returned is the span as it stands; nothing where nothing was taken.
"""
DELETE_OLD_EVENTS = """
DELETE FROM event WHERE school = ?1 AND id NOT IN (
  SELECT id FROM event WHERE school = ?1 ORDER BY at DESC, id DESC LIMIT ?2
)
"""
