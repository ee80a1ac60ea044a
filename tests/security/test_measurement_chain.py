"""Measurements are only added: nothing in their store can be changed; what is changed past its triggers is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from controller.measure.measurement import LinePath, MeasurementKind, ProbeOutcome, ProbeResult
from controller.measure.measurement_chain import find_broken_measurement, remove_expired_measurements
from controller.measure.measurement_store import MEASUREMENT_STORE, open_measurement_store
from controller.model.network.packets import Family
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import AuditReport, verify_trail
from controller.storage.sqlite import open_store

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 29, tzinfo=UTC)
PATH = LinePath("as-e04", "primary", "tokyo", Family.V4)
FOUND = ProbeResult(MeasurementKind.DOWNLOAD, ProbeOutcome.MEASURED, "target", "method", {"mbps": 9.5}, "", "raw")


def measure(state: Path, number: int, *, days: int = 0) -> Path:
    file = state / "m.sqlite"
    with open_measurement_store(file, trail=AuditTrail(state)) as store:
        for _ in range(number):
            store.add("run", NOW - days * DAY, PATH, FOUND, in_lessons=False)
    return file


def broken(file: Path, report: AuditReport | None = None) -> str | None:
    found = report or verify_trail(AuditTrail(file.parent))
    assert found.fault is None
    known = [(int(str(one["number"])), str(one["last"])) for one in found.list_kind(AuditKind.MEASUREMENTS)]
    removals = [
        (int(str(one["number"])), str(one["last"])) for one in found.list_kind(AuditKind.REMOVED) if "store" in one
    ]
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        return find_broken_measurement(connection, known, removals)


REST = "run, at, school, line, region, family, kind, outcome, target, method, figures, reason, raw, in_lessons"


def put_in(number: int, verb: str = "INSERT") -> str:
    """A copy of the second measurement under another number."""
    return f"{verb} INTO measurement SELECT {number}, {REST} FROM measurement WHERE id = 2"  # noqa: S608 ours


FORBIDDEN = [
    "UPDATE measurement SET figures = '{}' WHERE id = 2",
    "UPDATE OR REPLACE measurement SET id = 3 WHERE id = 2",
    "DELETE FROM measurement WHERE id = 2",
    "DELETE FROM measurement",
    put_in(2, "INSERT OR REPLACE"),
    "REPLACE INTO measurement SELECT * FROM measurement WHERE id = 2",
    put_in(99),
    *(put_in(number, verb) for number in (-1, -2, 0) for verb in ("INSERT", "INSERT OR REPLACE", "REPLACE")),
    "INSERT INTO measurement SELECT * FROM measurement WHERE id = 2 ON CONFLICT (id) DO UPDATE SET figures = '{}'",
    "UPDATE seal SET hash = 'x'",
    "DELETE FROM seal WHERE last = 1",
    "DELETE FROM seal",
    "REPLACE INTO seal VALUES (2, 'x')",
    "INSERT INTO seal VALUES (1, 'x')",
    "INSERT INTO removal VALUES (2, 'x', '')",
    "INSERT INTO removal VALUES (99, 'x', '')",
    "REPLACE INTO removal VALUES (0, 'x', '')",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
@pytest.mark.parametrize("recursive", ["OFF", "ON"])
def test_nothing_in_the_store_can_be_changed_or_taken_away(tmp_path: Path, statement: str, recursive: str) -> None:
    file = measure(tmp_path, 4)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA recursive_triggers={recursive}")
        before = list(connection.iterdump())
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
        assert list(connection.iterdump()) == before
    assert broken(file) is None


TAMPERING = {
    "a figure": ("UPDATE measurement SET figures = '{\"mbps\": 99}' WHERE id = 3", "measurement 3 is not what"),
    "a time": ("UPDATE measurement SET at = '2020' WHERE id = 1", "measurement 1 is not what"),
    "one less": ("DELETE FROM measurement WHERE id = 2", "measurement 2 is missing"),
    "one less with its seal": (
        "DELETE FROM measurement WHERE id = 2; DELETE FROM seal WHERE last = 2",
        "measurement 3",
    ),
    "the end": ("DELETE FROM measurement WHERE id > 3; DELETE FROM seal WHERE last > 3", "measurement 4 is missing"),
    "all": ("DELETE FROM measurement; DELETE FROM seal", "measurement 4 is missing"),
    "the seals": ("DELETE FROM seal", "measurement 4 is missing"),
    "one more": (put_in(9), "measurement 9 stands outside the chain"),
    "one before the first": (put_in(-1), "measurement -1 stands outside the chain"),
    "one at zero": (put_in(0), "measurement 0 stands outside the chain"),
    "a gap with its seals closed": (
        "DELETE FROM measurement WHERE id IN (2, 3); DELETE FROM seal WHERE last IN (2, 3)",
        "measurement 4 is not what was written, or one before it was taken out",
    ),
    "a part as if retention had taken it": (
        """INSERT INTO removal SELECT last, hash, '' FROM seal WHERE last = 2;
        DELETE FROM measurement WHERE id <= 2; DELETE FROM seal WHERE last < 2""",
        "measurements up to 2 were removed, and no entry",
    ),
}


@pytest.mark.parametrize(("statements", "said"), TAMPERING.values(), ids=TAMPERING)
def test_what_is_changed_past_the_triggers_is_found(tmp_path: Path, statements: str, said: str) -> None:
    file = measure(tmp_path, 4)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.executescript(statements)
    assert said in str(broken(file))


def test_a_row_that_is_put_in_stays_outside_the_chain_whatever_comes_after_it(tmp_path: Path) -> None:
    file = measure(tmp_path, 2)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"INSERT INTO measurement ({REST}) SELECT {REST} FROM measurement WHERE id = 1")  # noqa: S608 ours
    measure(tmp_path, 2)
    assert broken(file) == "measurement 3 stands outside the chain"


def test_retention_of_measurements_keeps_the_last_hash(tmp_path: Path) -> None:
    measure(tmp_path, 5, days=500)
    file = measure(tmp_path, 3, days=1)
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        said: list[tuple[int, str]] = []
        assert remove_expired_measurements(connection, NOW - 400 * DAY, lambda *one: said.append(one)) == 5
        assert connection.execute("SELECT COUNT(*), MIN(id) FROM measurement").fetchone() == (3, 6)
        assert remove_expired_measurements(connection, NOW - 400 * DAY, lambda *one: said.append(one)) is None
    [(number, last)] = said
    assert "no entry of the trail says so" in str(broken(file))
    AuditTrail(tmp_path).record(AuditKind.REMOVED, store="m.sqlite", number=number, last=last)
    assert broken(file) is None
    measure(tmp_path, 2)
    assert broken(file) is None
    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM measurement WHERE id = 6")


def test_what_is_added_while_it_is_verified_is_no_fault(tmp_path: Path) -> None:
    file, stop = measure(tmp_path, 1), Event()

    def go_on() -> None:
        while not stop.is_set():
            measure(tmp_path, 2)
            with AuditTrail(tmp_path).open_timeline(tmp_path / "timeline" / "run.jsonl") as timeline:
                timeline.write({"event": "end"})

    adding = Thread(target=go_on)
    adding.start()
    try:
        found = [broken(file) for _ in range(8)]
    finally:
        stop.set()
        adding.join()
    assert found == [None] * 8


@pytest.mark.parametrize("committed", [False, True])
def test_a_retention_that_was_cut_off_breaks_nothing_and_is_made_up(tmp_path: Path, *, committed: bool) -> None:
    measure(tmp_path, 2, days=500)
    file, trail = measure(tmp_path, 1), AuditTrail(tmp_path)

    def record(number: int, last: str) -> None:
        if committed:
            trail.record(AuditKind.REMOVED, store="m.sqlite", number=number, last=last)
        raise KeyboardInterrupt

    with closing(open_store(file, MEASUREMENT_STORE)) as connection, pytest.raises(KeyboardInterrupt):
        remove_expired_measurements(connection, NOW - 400 * DAY, record)
    assert broken(file) is None

    def keep(number: int, last: str) -> None:
        trail.record(AuditKind.REMOVED, store="m.sqlite", number=number, last=last)

    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        assert remove_expired_measurements(connection, NOW - 400 * DAY, keep) == 2
    assert broken(file) is None


@pytest.mark.parametrize(
    "change",
    [
        ["UPDATE measurement SET raw = CAST(x'ff41' AS TEXT) WHERE id = 2"],
        ["DROP TABLE seal"],
        ["DROP TABLE measurement"],
        ["DROP TABLE removal"],
    ],
)
def test_whatever_stands_in_a_store_is_a_finding_and_no_traceback(tmp_path: Path, change: list[str]) -> None:
    file = measure(tmp_path, 3)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in ["DROP TRIGGER kept_as_it_was", *change]:
            connection.execute(statement)
    assert "are not what was written" in str(broken(file))
