"""The tables of the store of measurements, and how the store of an older release is led to them.

`measurement` holds the rows, chained by `seal`; `output` what the programs said, `carried` the newest row of a path
whose part retention removed, `measured_path` every path and kind, so that the index alone finds the newest of each.
`hour_figures` and `day_figures` are the roll-ups; `rolled_up` is the last row that is in them. What people measured by
hand stands in `manual_measurement`, and nowhere else, chained by `manual_seal`. `missed_slot` has the planned tests
that nobody made, `claimed_slot` those that somebody began and what they may carry, and `noted_slots` until when the
missed ones are known.
"""

from __future__ import annotations

import sqlite3

from controller.errors import TsunaguError
from controller.inputs.shown_text import shorten_value
from controller.measure.measurement_chain import CHAIN_TABLES, NUMBER_TRIGGER
from controller.storage.sqlite import StoreFormat

UNREADABLE = (sqlite3.Error, LookupError, TypeError, ValueError)
"""What reading a store raises: SQLite's own, or what a row leads to that somebody changed past SQLite."""


def explain_unreadable(what: str, error: Exception) -> TsunaguError:
    """The refusal of a store that cannot be read or written; `what` names its file and what was to be done.

    >>> print(explain_unreadable("m.sqlite: the records cannot be read", KeyError("x")))
    m.sqlite: the records cannot be read: something in it is not what was written ("'x'"); restore it from a backup
    """
    if isinstance(error, sqlite3.Error):
        return TsunaguError(f"{what}: {error}")
    said = shorten_value(str(error))
    return TsunaguError(f"{what}: something in it is not what was written ({said}); restore it from a backup")


_NEVER_CHANGES = """
CREATE TRIGGER kept_as_it_was BEFORE UPDATE ON measurement
BEGIN
  SELECT RAISE(ABORT, 'a measurement never changes');
END;
"""
_ROW = """
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
"""
_SAME_PATH = (
    "school = OLD.school AND line = OLD.line AND region = OLD.region AND family = OLD.family AND kind = OLD.kind"
)
_LATEST_AND_ROLLUPS = f"""
CREATE TABLE measured_path (
  school TEXT NOT NULL,
  line TEXT NOT NULL,
  region TEXT NOT NULL,
  family INTEGER NOT NULL,
  kind TEXT NOT NULL,
  PRIMARY KEY (school, line, region, family, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO measured_path SELECT DISTINCT school, line, region, family, kind FROM measurement;
DROP INDEX path;
CREATE INDEX path ON measurement (school, line, region, family, kind, at);
CREATE INDEX moment ON measurement (at);
CREATE TABLE output (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TRIGGER output_never_changes BEFORE UPDATE ON output
BEGIN
  SELECT RAISE(ABORT, 'what a program said never changes');
END;
CREATE TABLE output_removal (up_to INTEGER PRIMARY KEY, at TEXT NOT NULL) STRICT;
CREATE TRIGGER output_removal_never_changes BEFORE UPDATE ON output_removal
BEGIN
  SELECT RAISE(ABORT, 'a removal never changes');
END;
CREATE TRIGGER output_removal_stays BEFORE DELETE ON output_removal
BEGIN
  SELECT RAISE(ABORT, 'a removal stays');
END;
CREATE TRIGGER output_stays BEFORE DELETE ON output
WHEN OLD.id > (SELECT COALESCE(MAX(up_to), 0) FROM output_removal)
BEGIN
  SELECT RAISE(ABORT, 'what programs said is removed by retention');
END;
CREATE TRIGGER output_is_new BEFORE INSERT ON output
WHEN NEW.id <= (SELECT COALESCE(MAX(up_to), 0) FROM output_removal) OR EXISTS (SELECT 1 FROM output WHERE id = NEW.id)
BEGIN
  SELECT RAISE(ABORT, 'what a program said is only added');
END;
ALTER TABLE removal ADD COLUMN first INTEGER NOT NULL DEFAULT 0;
ALTER TABLE removal ADD COLUMN count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE removal ADD COLUMN carried TEXT NOT NULL DEFAULT '';
CREATE TABLE carried (id INTEGER PRIMARY KEY, {_ROW}) STRICT;
CREATE TRIGGER carried_never_changes BEFORE UPDATE ON carried
BEGIN
  SELECT RAISE(ABORT, 'a measurement never changes');
END;
CREATE TRIGGER carried_is_kept BEFORE INSERT ON carried
WHEN NOT EXISTS (SELECT 1 FROM measurement WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM carried WHERE id = NEW.id)
BEGIN
  SELECT RAISE(ABORT, 'only a measurement that is there is carried on, and only once');
END;
CREATE TRIGGER carried_stays BEFORE DELETE ON carried
WHEN NOT EXISTS (SELECT 1 FROM measurement WHERE {_SAME_PATH} AND (at, id) > (OLD.at, OLD.id))
BEGIN
  SELECT RAISE(ABORT, 'the newest measurement of a path stays');
END;
CREATE TABLE figure_path (
  id INTEGER PRIMARY KEY,
  school TEXT NOT NULL,
  line TEXT NOT NULL,
  region TEXT NOT NULL,
  family INTEGER NOT NULL,
  kind TEXT NOT NULL,
  figure TEXT NOT NULL,
  UNIQUE (school, line, region, family, kind, figure)
) STRICT;
CREATE TABLE hour_figures (
  path INTEGER NOT NULL,
  span INTEGER NOT NULL,
  count INTEGER NOT NULL,
  total REAL NOT NULL,
  least REAL NOT NULL,
  most REAL NOT NULL,
  spread TEXT NOT NULL,
  PRIMARY KEY (path, span)
) STRICT, WITHOUT ROWID;
CREATE TABLE day_figures (
  path INTEGER NOT NULL,
  span INTEGER NOT NULL,
  count INTEGER NOT NULL,
  total REAL NOT NULL,
  least REAL NOT NULL,
  most REAL NOT NULL,
  spread TEXT NOT NULL,
  PRIMARY KEY (path, span)
) STRICT, WITHOUT ROWID;
CREATE TABLE rolled_up (only INTEGER PRIMARY KEY CHECK (only = 1), up_to INTEGER NOT NULL, zone TEXT NOT NULL) STRICT;
INSERT INTO rolled_up (only, up_to, zone) VALUES (1, 0, 'Asia/Tokyo');
"""  # noqa: S608 ours
_MANUAL_MEASUREMENTS = """
CREATE TABLE manual_measurement (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  school TEXT NOT NULL,
  place TEXT NOT NULL,
  at TEXT NOT NULL,
  device TEXT NOT NULL,
  download_mbps REAL NOT NULL,
  upload_mbps REAL NOT NULL,
  source TEXT NOT NULL,
  imported_at TEXT NOT NULL
) STRICT;
CREATE TRIGGER manual_measurement_never_changes BEFORE UPDATE ON manual_measurement
BEGIN
  SELECT RAISE(ABORT, 'a record never changes; a later import corrects it');
END;
CREATE TRIGGER manual_measurement_stays BEFORE DELETE ON manual_measurement
BEGIN
  SELECT RAISE(ABORT, 'a record stays');
END;
"""
_MISSED_SLOTS = """
CREATE TABLE missed_slot (
  school TEXT NOT NULL,
  line TEXT NOT NULL,
  kind TEXT NOT NULL,
  begins TEXT NOT NULL,
  ends TEXT NOT NULL,
  noticed_at TEXT NOT NULL,
  PRIMARY KEY (school, line, begins)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER missed_slot_never_changes BEFORE UPDATE ON missed_slot
BEGIN
  SELECT RAISE(ABORT, 'a missed slot never changes');
END;
"""
_MANUAL_SEALS = """
CREATE TABLE manual_seal (last INTEGER PRIMARY KEY, hash TEXT NOT NULL) STRICT;
CREATE TRIGGER manual_seal_never_changes BEFORE UPDATE ON manual_seal
BEGIN
  SELECT RAISE(ABORT, 'a seal never changes');
END;
CREATE TRIGGER manual_seal_is_new BEFORE INSERT ON manual_seal
WHEN NEW.last <= (SELECT COALESCE(MAX(last), 0) FROM manual_seal)
BEGIN
  SELECT RAISE(ABORT, 'a seal is only added');
END;
CREATE TRIGGER manual_seal_stays BEFORE DELETE ON manual_seal
BEGIN
  SELECT RAISE(ABORT, 'a seal stays');
END;
"""
_CLAIMED_SLOTS = """
CREATE TABLE claimed_slot (
  school TEXT NOT NULL,
  line TEXT NOT NULL,
  begins TEXT NOT NULL,
  ends TEXT NOT NULL,
  day TEXT NOT NULL,
  links TEXT NOT NULL,
  megabytes REAL NOT NULL,
  claimed_at TEXT NOT NULL,
  PRIMARY KEY (school, line, begins)
) STRICT, WITHOUT ROWID;
CREATE INDEX claimed_time ON claimed_slot (ends);
CREATE TRIGGER claimed_slot_never_changes BEFORE UPDATE ON claimed_slot
BEGIN
  SELECT RAISE(ABORT, 'a claimed slot never changes');
END;
CREATE TABLE noted_slots (only INTEGER PRIMARY KEY CHECK (only = 1), up_to TEXT NOT NULL) STRICT;
"""
MEASUREMENT_STORE = StoreFormat(
    name="store of measurements",
    application_id=0x54534E6D,  # "TSNm"
    migrations=(
        f"""
CREATE TABLE measurement (
  id INTEGER PRIMARY KEY AUTOINCREMENT,{_ROW}) STRICT;
CREATE INDEX path ON measurement (school, line, region, family, kind, id);
{_NEVER_CHANGES}""",
        # A page over HTTP was called a proxy: schools have real ones, and none of them was asked.
        f"""
DROP TRIGGER kept_as_it_was;
UPDATE measurement SET kind = 'http' WHERE kind = 'proxy';
{_NEVER_CHANGES}""",  # noqa: S608 ours
        CHAIN_TABLES,
        NUMBER_TRIGGER,
        _LATEST_AND_ROLLUPS,
        _MANUAL_MEASUREMENTS,
        _MISSED_SLOTS,
        _MANUAL_SEALS,
        _CLAIMED_SLOTS,
    ),
    unstamped=1,
    unstamped_tables=frozenset({"measurement"}),
    advice="name another folder with --state",
    checked_bytes=256 * 1024 * 1024,  # a second or two; in a larger one a damaged page is refused when it is read
)
