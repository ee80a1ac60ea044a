"""`tsunagu audit`: what it says, and that it ends with 1 where something is broken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from controller.cli.audit import audit
from controller.measure.measurement import LinePath, MeasurementKind, ProbeOutcome, ProbeResult
from controller.measure.measurement_store import open_measurement_store
from controller.model.network.packets import Family
from controller.operations.operators_file import VARIABLE
from controller.storage.audit.audit_trail import AuditKind, AuditTrail

OLD = datetime.now(UTC) - timedelta(days=500)
PATH = LinePath("as-e04", "primary", "tokyo", Family.V4)
FOUND = ProbeResult(MeasurementKind.DOWNLOAD, ProbeOutcome.MEASURED, "target", "method", {"mbps": 9.5}, "", "raw")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with a run and measurements of 500 days ago and of today; the head is kept in a file."""
    operators = tmp_path / "operations" / "operations.yaml"
    operators.parent.mkdir(mode=0o700)
    operators.write_text(f"format: 1\naudit:\n  head: {tmp_path}/operations/head\n", encoding="utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(operators))
    folder = tmp_path / "state"
    for number, day in enumerate((OLD, datetime.now(UTC))):
        trail = AuditTrail(folder, now=lambda day=day: day)  # type: ignore[misc]
        trail.record(AuditKind.APPROVED, plan="p", principal="hanako")
        with trail.open_timeline(folder / "timeline" / f"{number}.jsonl") as timeline:
            timeline.write({"event": "end"})
        with open_measurement_store(folder / "lab.sqlite", trail=trail) as store:
            for _ in range(3):
                store.add_measurement("run", day, PATH, FOUND, in_lessons=False)
    return folder


def run(*words: str | Path) -> tuple[int, str]:
    app = typer.Typer()
    app.add_typer(audit, name="audit")
    done = CliRunner().invoke(app, ["audit", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return 1, f"{done.output}{done.exception}"
    return done.exit_code, done.output


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_a_whole_trail_is_said_to_be_whole(state: Path) -> None:
    code, said = run("verify", "--state", state)
    assert (code, "2 timelines, 1 stores of measurements: as they were written" in said) == (0, True)
    code, said = run("verify", "--state", state, "--json")
    assert json.loads(said)["fault"] is None


def test_a_state_folder_without_a_trail_is_no_fault(tmp_path: Path) -> None:
    code, said = run("verify", "--state", tmp_path)
    assert (code, "there is no audit trail yet" in said) == (0, True)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("timeline/1.jsonl", ('"end"', '"start"')),
        ("audit/trail-000001.jsonl", ("hanako", "taro")),
    ],
)
def test_what_was_changed_is_named_and_nothing_is_removed(state: Path, file: str, change: Sequence[str]) -> None:
    edit(state / file, *change)
    code, said = run("verify", "--state", state)
    assert code == 1
    assert f"broken: {state / file}:" in said.replace("\n", "")
    code, said = run("prune", "--state", state)
    assert (code, "nothing is removed" in said) == (1, True)
    assert (state / "timeline/0.jsonl").exists()


def test_a_store_that_is_gone_is_named(state: Path) -> None:
    (state / "lab.sqlite").unlink()
    code, said = run("verify", "--state", state)
    assert (code, "lab.sqlite: is missing" in said) == (1, True)


def test_what_is_too_old_goes_and_the_rest_verifies_still(state: Path) -> None:
    code, said = run("prune", "--state", state)
    assert (code, "measurements up to 3" in said, "1 files are older than 400 days" in said) == (0, True, True)
    assert not (state / "timeline/0.jsonl").exists()
    assert run("verify", "--state", state)[0] == 0
    code, said = run("prune", "--state", state)
    assert (code, "0 files" in said) == (0, True)


def test_the_copy_of_the_head_shows_a_trail_that_was_made_anew(state: Path) -> None:
    assert run("prune", "--state", state)[0] == 0  # writes to the copy
    edit(state.parent / "operations/head", '"hash": "', '"hash": "0')
    code, said = run("verify", "--state", state)
    assert (code, "made anew" in said) == (1, True)


def test_a_store_that_is_none_any_more_is_broken_and_has_a_document(state: Path) -> None:
    (state / "lab.sqlite").write_bytes(b"")
    code, said = run("verify", "--state", state, "--json")
    assert (code, "lab.sqlite" in json.loads(said)["fault"]) == (1, True)
    assert run("prune", "--state", state)[0] == 1


def test_a_number_that_is_none_is_a_finding(state: Path) -> None:
    AuditTrail(state).record(AuditKind.MEASUREMENTS, file="lab.sqlite", number="x", last="y")
    code, said = run("verify", "--state", state)
    assert (code, "broken: " in said) == (1, True)


@pytest.mark.parametrize("name", ["missing", "file"])
def test_a_state_folder_that_is_none_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    for command in ("verify", "prune"):
        code, said = run(command, "--state", tmp_path / name)
        assert (code, "is no folder" in said.replace("\n", " ")) == (1, True)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("days", ["1000000", "99999999999", "0"])
def test_days_before_all_time_are_refused(state: Path, days: str) -> None:
    assert run("prune", "--state", state, "--keep-days", days)[0] == 2


def test_a_prune_that_was_cut_off_is_made_up_by_the_next(state: Path) -> None:
    kept = (state / "timeline/0.jsonl").read_bytes()
    assert run("prune", "--state", state)[0] == 0
    (state / "timeline/0.jsonl").write_bytes(kept)
    assert run("verify", "--state", state)[0] == 1
    assert run("prune", "--state", state)[0] == 0
    assert run("verify", "--state", state)[0] == 0


def test_a_store_that_cannot_be_pruned_is_named(state: Path) -> None:
    """Roll-ups are in no chain, so the verification before it finds nothing."""
    with closing(sqlite3.connect(state / "lab.sqlite")) as connection:
        connection.execute("UPDATE rolled_up SET zone = 'No/Where'")
        connection.commit()
    code, said = run("prune", "--state", state)
    assert code == 1
    assert "lab.sqlite: what is too old cannot be removed: something in it is not what was written" in said
