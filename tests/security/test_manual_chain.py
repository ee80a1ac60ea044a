"""What people measured by hand stands under a chain that the audit trail knows: each change past the store is named."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.measure.manual.manual_chain import collect_manual_seals, find_broken_record
from controller.measure.manual.manual_measurement import ManualMeasurement
from controller.measure.manual.manual_store import keep_manual_measurements
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.storage.audit.audit_retention import remove_expired
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.sqlite import open_store
from tests.cli.running import Done, here
from tests.policies import SHIPPED

NOW = datetime(2026, 12, 1, tzinfo=UTC)
EXAMPLE = SHIPPED.parent / "examples/manual-measurements.csv"
STATE = ("--policies", str(SHIPPED), "--state", "state")
STORE = Path("state/measurements-lab.sqlite")


def bring(folder: Path, table: Path = EXAMPLE) -> Done:
    done = here("measure", "import", str(table), "--lab", *STATE, cwd=folder)
    assert done.code == 0, done.errors
    return done


def verify(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(here("audit", "verify", *STATE, "--json", cwd=folder).said)
    return found


def change(folder: Path, *statements: str) -> None:
    """Change the store past its triggers, as who may write the file can."""
    with closing(sqlite3.connect(folder / STORE, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


def test_an_import_is_sealed_and_told_and_the_same_table_again_adds_nothing(tmp_path: Path) -> None:
    bring(tmp_path)
    bring(tmp_path)
    found = verify(tmp_path)
    assert (found["fault"], found["measurement_stores"]) == (None, 1)
    told = [one for one in AuditTrail(tmp_path / "state").read_entries() if one["kind"] == "manual-measurements"]
    assert {one["file"] for one in told} == {STORE.name}
    assert len({one["last"] for one in told}) == 1


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (("UPDATE manual_measurement SET download_mbps = 1 WHERE id = 2",), "is not what was written"),
        (("DELETE FROM manual_measurement WHERE id = 1",), "one was taken out"),
        (
            (("INSERT INTO manual_measurement SELECT 99, school, 'x', at, device, 1, 1, source, imported_at "
             "FROM manual_measurement WHERE id = 1"),),
            "number 99 stands outside the chain",
        ),
        (("DELETE FROM manual_measurement", "DELETE FROM manual_seal"), "is missing, or the store is not the one"),
        (("UPDATE manual_seal SET hash = 'x'",), "is not what was written"),
        (("UPDATE manual_measurement SET source = CAST(x'ff' AS TEXT) WHERE id = 1",), "written"),
    ],
)  # fmt: skip
def test_a_change_past_the_store_is_named(tmp_path: Path, statements: tuple[str, ...], named: str) -> None:
    bring(tmp_path)
    change(tmp_path, *statements)
    assert named in verify(tmp_path)["fault"]


def record(number: int) -> ManualMeasurement:
    return ManualMeasurement("as-e04", f"room {number}", NOW, "d", 88.0, 40.0, f"r.csv:{number}")


def test_records_of_an_older_release_are_sealed_with_the_next_import(tmp_path: Path) -> None:
    file = tmp_path / "m.sqlite"
    with closing(open_store(file, MEASUREMENT_STORE)) as connection:
        keep_manual_measurements(connection, file, [record(1)], NOW, dry_run=False)
        connection.execute("DROP TRIGGER manual_seal_stays")
        connection.execute("DELETE FROM manual_seal")
        assert find_broken_record(connection, []) is None
        tried = keep_manual_measurements(connection, file, [record(2)], NOW, dry_run=True)
        assert tried.seal is None
        kept = keep_manual_measurements(connection, file, [record(2)], NOW, dry_run=False)
        assert kept.seal is not None
        assert (kept.seal[0], find_broken_record(connection, [kept.seal])) == (2, None)


def test_the_trail_says_the_newest_seal_again_before_its_file_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.storage.audit.audit_trail.MOST_ENTRIES", 3)
    trail = AuditTrail(tmp_path, now=lambda: NOW - timedelta(days=900))
    trail.record(AuditKind.MANUAL_MEASUREMENTS, file="m.sqlite", number=7, last="h7")
    for _ in range(6):
        trail.record(AuditKind.DAEMON, said="x")
    removed = remove_expired(AuditTrail(tmp_path, now=lambda: NOW), NOW - timedelta(days=400))
    assert any("trail" in name for name in removed)
    assert collect_manual_seals(trail.read_entries(), "m.sqlite")[-1] == (7, "h7")
