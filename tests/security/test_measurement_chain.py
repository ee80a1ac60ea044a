"""Measurements are only added: nothing in their store can be changed; what is changed past its triggers is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from controller.errors import TsunaguError
from controller.measure.measurement import LinePath, MeasurementId, MeasurementKind, ProbeOutcome, ProbeResult
from controller.measure.measurement_chain import RemovedPart, TrailMarks, find_broken_measurement
from controller.measure.measurement_retention import remove_expired_measurements, remove_expired_outputs
from controller.measure.measurement_store import open_measurement_store
from controller.measure.measurement_tables import MEASUREMENT_STORE
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
            store.add_measurement("run", NOW - days * DAY, PATH, FOUND, in_lessons=False)
    return file


def broken(file: Path, report: AuditReport | None = None) -> str | None:
    found = report or verify_trail(AuditTrail(file.parent))
    assert found.fault is None
    known = [(int(str(one["number"])), str(one["last"])) for one in found.list_kind(AuditKind.MEASUREMENTS)]
    removals = [
        RemovedPart(*(one[name] for name in ("number", "last", "first", "count", "carried")))  # type: ignore[arg-type]
        for one in found.list_kind(AuditKind.REMOVED)
        if "store" in one
    ]
    outputs = max(
        (int(str(one["number"])) for one in found.list_kind(AuditKind.REMOVED) if "outputs_of" in one), default=0
    )
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        return find_broken_measurement(connection, TrailMarks(known, removals, outputs))


def remove(file: Path, *, outputs: bool = True, told: bool = True) -> RemovedPart | None:
    """Remove what is older than 400 days, as `tsunagu audit prune` does."""
    trail, before = AuditTrail(file.parent), NOW - 400 * DAY

    def record_outputs(number: int) -> None:
        if told:
            trail.record(AuditKind.REMOVED, outputs_of=file.name, number=number, last="")

    def record(part: RemovedPart) -> None:
        if told:
            about: dict[str, str | int] = {"first": part.first, "count": part.count, "carried": part.carried}
            trail.record(AuditKind.REMOVED, store=file.name, number=part.last, last=part.hash, **about)

    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        if outputs:
            remove_expired_outputs(connection, before, record_outputs)
        return remove_expired_measurements(connection, before, record)


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
    "INSERT INTO removal VALUES (2, 'x', '', 1, 2, '')",
    "INSERT INTO removal VALUES (99, 'x', '', 1, 99, '')",
    "REPLACE INTO removal VALUES (0, 'x', '', 1, 0, '')",
    "UPDATE output SET text = 'x'",
    "DELETE FROM output WHERE id = 2",
    "REPLACE INTO output VALUES (2, 'x')",
    put_in(99).replace("INTO measurement", "INTO carried"),
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
        """INSERT INTO removal SELECT last, hash, '', 1, 2, '' FROM seal WHERE last = 2;
        DELETE FROM measurement WHERE id <= 2; DELETE FROM seal WHERE last < 2""",
        "measurements up to 2 were removed, and no entry",
    ),
    "what a program said": (
        "UPDATE output SET text = 'x' WHERE id = 2",
        "what the program said at measurement 2 is not what was written",
    ),
    "what a program said is gone": (
        "DELETE FROM output WHERE id = 2",
        "what the program said at measurement 2 is missing",
    ),
    "what programs said, as if retention had taken it": (
        "INSERT INTO output_removal VALUES (2, ''); DELETE FROM output WHERE id <= 2",
        "what programs said up to measurement 2 was removed, and no entry of the trail says so",
    ),
    "what none said": ("INSERT INTO output VALUES (9, 'x')", "what the program said at measurement 9"),
    "a path is hidden": ("DELETE FROM measured_path", "the measurements of as-e04 are hidden"),
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
    removed = remove(file)
    assert removed is not None
    assert (removed.first, removed.last, removed.count, removed.carried) == (1, 5, 5, "")
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        assert connection.execute("SELECT COUNT(*), MIN(id) FROM measurement").fetchone() == (3, 6)
        assert connection.execute("SELECT COUNT(*), MIN(id) FROM output").fetchone() == (3, 6)
    assert remove(file) is None
    assert broken(file) is None
    measure(tmp_path, 2)
    assert broken(file) is None
    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM measurement WHERE id = 6")


def test_a_removal_that_the_trail_tells_otherwise_is_found(tmp_path: Path) -> None:
    measure(tmp_path, 5, days=500)
    file = measure(tmp_path, 3)
    assert remove(file, told=False) is not None
    assert "no entry of the trail says so" in str(broken(file))
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        [(number, last)] = connection.execute("SELECT up_to, hash FROM removal").fetchall()
    trail = AuditTrail(tmp_path)
    trail.record(AuditKind.REMOVED, outputs_of="m.sqlite", number=number, last="")
    trail.record(AuditKind.REMOVED, store="m.sqlite", number=number, last=last, first=1, count=4, carried="")
    assert "no entry of the trail says so" in str(broken(file))
    trail.record(AuditKind.REMOVED, store="m.sqlite", number=number, last=last, first=1, count=5, carried="")
    assert broken(file) is None


def test_what_a_program_said_goes_before_its_row(tmp_path: Path) -> None:
    file = measure(tmp_path, 3, days=500)
    assert remove(file, outputs=False) is None
    assert remove(file) is not None
    assert broken(file) is None


def test_the_newest_of_a_path_is_carried_on_and_cannot_be_changed(tmp_path: Path) -> None:
    file = measure(tmp_path, 5, days=500)
    removed = remove(file)
    assert removed is not None
    assert removed.carried
    assert broken(file) is None
    with open_measurement_store(file, trail=AuditTrail(tmp_path)) as store:
        [carried] = store.read_latest(NOW)
        assert (carried.id, carried.figure("mbps"), carried.result.raw) == (5, 9.5, "")
        assert store.read_measurement(carried.id) == carried
        with pytest.raises(TsunaguError, match="there is no measurement 4: retention removed it"):
            store.read_measurement(MeasurementId(4))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in ("UPDATE carried SET figures = '{}'", "DELETE FROM carried"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
        connection.execute("DROP TRIGGER carried_never_changes")
        connection.execute("UPDATE carried SET figures = '{\"mbps\": 99}'")
    assert "carried on from a removed part is not what was written" in str(broken(file))


def test_what_was_carried_on_goes_when_its_path_is_measured_again(tmp_path: Path) -> None:
    measure(tmp_path, 2, days=600)
    file = tmp_path / "m.sqlite"
    assert remove(file) is not None
    measure(tmp_path, 2, days=500)
    assert remove(file) is not None
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT id FROM carried").fetchall() == [(4,)]
    assert broken(file) is None


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

    def record(part: RemovedPart) -> None:
        if committed:
            about: dict[str, str | int] = {"first": part.first, "count": part.count, "carried": part.carried}
            trail.record(AuditKind.REMOVED, store="m.sqlite", number=part.last, last=part.hash, **about)
        raise KeyboardInterrupt

    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        remove_expired_outputs(
            connection,
            NOW - 400 * DAY,
            lambda number: trail.record(AuditKind.REMOVED, outputs_of="m.sqlite", number=number, last=""),
        )
        with pytest.raises(KeyboardInterrupt):
            remove_expired_measurements(connection, NOW - 400 * DAY, record)
    assert broken(file) is None
    removed = remove(file)
    assert removed is not None
    assert removed.last == 2
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
