"""The record of what was done is only added to, and whatever else is done to it is found."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import AuditRefused
from controller.storage.audit import audit_trail
from controller.storage.audit.audit_retention import remove_expired
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.head_copy import HeadFile, SystemdHead, TrailHead
from tests.soak import examples

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def write_trail(state: Path, head: HeadFile | None = None, *, runs: int = 3, days: int = 0) -> AuditTrail:
    """A trail with some runs and approvals, so many days ago."""
    trail = AuditTrail(state, head, lambda: NOW - days * DAY)
    for number in range(runs):
        trail.record(AuditKind.APPROVED, plan=f"plan {number}", principal="監査 <a@b>")
        with trail.open_timeline(state / "timeline" / f"{days}-{number}.jsonl") as timeline:
            for step in range(4):
                timeline.write({"event": "end", "name": f"step {step}", "outcome": "applied"})
    return trail


def fault(state: Path, head: HeadFile | None = None) -> str | None:
    return verify_trail(AuditTrail(state), head).fault


def test_what_was_written_is_as_it_was_written(tmp_path: Path) -> None:
    write_trail(tmp_path)
    report = verify_trail(AuditTrail(tmp_path))
    assert (report.fault, len(report.entries), report.timelines) == (None, 10, 3)
    assert "no copy of the head" in report.notes[0]


def test_every_file_is_for_its_user_only_whatever_the_shell_says(tmp_path: Path) -> None:
    old = tmp_path / "state" / "timeline" / "old.jsonl"
    old.parent.mkdir(parents=True)
    old.write_text('{"event": "end"}\n', encoding="utf-8")
    old.chmod(0o644)
    before = os.umask(0)
    try:
        write_trail(tmp_path / "state", HeadFile(tmp_path / "head"))
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 7
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def change(state: Path, name: str, edit: Callable[[list[str]], list[str]]) -> None:
    path = state / name
    path.write_text("".join(edit(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")


EDITS: dict[str, Callable[[list[str]], list[str]]] = {
    "a word": lambda lines: [*lines[:1], lines[1].replace("applied", "failed").replace("plan 0", "plan 9"), *lines[2:]],
    "a line less": lambda lines: [lines[0], *lines[2:]],
    "a line twice": lambda lines: [*lines[:2], *lines[1:]],
    "two lines in another order": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "a line more": lambda lines: [*lines[:2], '{"n": 3, "kind": "approved"}\n', *lines[2:]],
    "an empty line": lambda lines: [*lines[:2], "\n", *lines[2:]],
    "the end cut": lambda lines: lines[:-1],
    "half a line cut": lambda lines: [*lines[:-1], lines[-1][: len(lines[-1]) // 2]],
    "nothing left": lambda _: [],
    "no UTF-8": lambda lines: [*lines[:2], "\udcff\n".encode("utf-8", "replace").decode(), *lines[2:]],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("name", ["timeline/0-1.jsonl", "audit/trail-000001.jsonl"])
def test_a_changed_file_is_found_at_its_first_broken_line(
    tmp_path: Path, name: str, edit: Callable[[list[str]], list[str]]
) -> None:
    head = HeadFile(tmp_path / "head")
    write_trail(tmp_path / "state", head)
    change(tmp_path / "state", name, edit)
    found = fault(tmp_path / "state", head)
    assert found is not None
    assert str(tmp_path / "state") in found


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_any_changed_byte_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("trail")
    write_trail(folder, runs=2)
    path = data.draw(st.sampled_from([folder / "audit/trail-000001.jsonl", *sorted((folder / "timeline").iterdir())]))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255).filter(lambda one: one != content[place]))
    path.write_bytes(content)
    assert fault(folder) is not None
    shutil.rmtree(folder)


def test_a_deleted_and_an_added_timeline_are_found(tmp_path: Path) -> None:
    write_trail(tmp_path)
    (tmp_path / "timeline/added.jsonl").write_text("{}\n", encoding="utf-8")
    assert "added.jsonl: stands outside the trail" in str(fault(tmp_path))
    (tmp_path / "timeline/added.jsonl").unlink()
    (tmp_path / "timeline/0-1.jsonl").rename(tmp_path / "timeline/0-9.jsonl")
    assert "0-1.jsonl: is missing" in str(fault(tmp_path))


def test_a_timeline_cannot_take_the_place_of_another(tmp_path: Path) -> None:
    write_trail(tmp_path)
    shutil.copy(tmp_path / "timeline/0-2.jsonl", tmp_path / "timeline/0-1.jsonl")
    assert "0-1.jsonl:1: " in str(fault(tmp_path))


def test_a_trail_that_is_made_anew_is_seen_by_the_copy_of_its_head_only(tmp_path: Path) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head)
    shutil.rmtree(state)
    assert "entry 10 is not the one that the copy of the head names" in str(fault(state, head))
    write_trail(state, days=1)
    assert fault(state) is None
    assert "made anew, or cut at its end" in str(fault(state, head))


def test_an_end_that_is_cut_off_is_seen_by_the_copy_of_the_head(tmp_path: Path) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    trail = write_trail(state, head)
    trail.record(AuditKind.APPROVED, plan="the last one")
    change(state, "audit/trail-000001.jsonl", lambda lines: lines[:-1])
    assert fault(state) is None
    assert "entry 11" in str(fault(state, head))


def test_other_lines_in_the_file_of_heads_are_left_alone(tmp_path: Path) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    (tmp_path / "head").write_text('# kept by the auditors\n{"trail": 1}\nnull\n', encoding="utf-8")
    write_trail(state, head)
    write_trail(tmp_path / "another", head, runs=5)
    assert fault(state, head) is None
    assert (tmp_path / "head").read_text(encoding="utf-8").startswith("# kept by the auditors\n")


def test_the_head_goes_to_the_journal_in_its_own_protocol(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        AuditTrail(tmp_path / "state", SystemdHead(tmp_path / "socket")).record(AuditKind.APPROVED, plan="p")
        said = dict(line.split("=", 1) for line in journal.recv(65_536).decode().splitlines())
    assert said["SYSLOG_IDENTIFIER"] == "tsunagu-audit"
    assert json.loads(said["MESSAGE"])["n"] == 2


@pytest.mark.parametrize("place", ["missing/head", "folder"])
def test_nothing_is_done_when_the_head_cannot_be_kept(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(AuditRefused, match="cannot be written there"):
        AuditTrail(tmp_path / "state", HeadFile(tmp_path / place)).record(AuditKind.APPROVED, plan="p")
    with pytest.raises(AuditRefused, match="to the journal"):
        SystemdHead(tmp_path / "no socket").write(TrailHead("t", 1, "h"))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuditRefused, match="nothing is done that it cannot show"):
        AuditTrail(tmp_path / "file").record(AuditKind.APPROVED, plan="p")


def test_a_run_that_was_killed_is_sealed_by_the_next_one(tmp_path: Path) -> None:
    script = """
import os, pathlib, sys
from controller.storage.audit.audit_trail import AuditTrail
state = pathlib.Path(sys.argv[1])
with AuditTrail(state).open_timeline(state / "timeline" / "killed.jsonl") as timeline:
    timeline.write({"event": "start"})
    os.write(timeline._descriptor, b'{"half')
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 9
    report = verify_trail(AuditTrail(tmp_path))
    assert (report.fault, "killed.jsonl: is open (1 lines so far)" in report.notes[1]) == (None, True)
    write_trail(tmp_path)
    assert fault(tmp_path) is None
    change(tmp_path, "timeline/killed.jsonl", lambda lines: [lines[0].replace("start", "other"), *lines[1:]])
    assert "killed.jsonl:1: " in str(fault(tmp_path))


def test_half_a_line_of_a_power_cut_is_said_by_the_next_entry_and_no_fault(tmp_path: Path) -> None:
    write_trail(tmp_path)
    with (tmp_path / "audit/trail-000001.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"n": 11, "at": "2026-')
    write_trail(tmp_path, runs=1, days=-1)
    assert [entry["n"] for entry in verify_trail(AuditTrail(tmp_path)).list_kind(AuditKind.TORN)] == [11]
    assert fault(tmp_path) is None
    change(tmp_path, "audit/trail-000001.jsonl", lambda lines: [one.replace('"2026-\n', '"2027-\n') for one in lines])
    assert "trail-000001.jsonl:11" in str(fault(tmp_path))


def test_two_runs_at_once_have_one_chain(tmp_path: Path) -> None:
    first, second = AuditTrail(tmp_path), AuditTrail(tmp_path)
    path = tmp_path / "timeline" / "same.jsonl"
    with first.open_timeline(path) as one, second.open_timeline(path) as other:
        one.write({"by": "one"})
        other.write({"by": "other"})
        assert one.path != other.path
        assert fault(tmp_path) is None
    report = verify_trail(AuditTrail(tmp_path))
    assert (report.fault, report.timelines) == (None, 2)


def test_a_trail_that_is_gone_is_missed_also_without_a_copy_of_its_head(tmp_path: Path) -> None:
    write_trail(tmp_path)
    shutil.rmtree(tmp_path / "audit")
    assert "0-0.jsonl: was written for an audit trail" in str(fault(tmp_path))


def test_timelines_of_an_older_release_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "timeline").mkdir()
    for name in ("a", "b"):
        (tmp_path / "timeline" / f"{name}.jsonl").write_text('{"event": "start"}\n', encoding="utf-8")
    assert fault(tmp_path) is None
    write_trail(tmp_path)
    assert fault(tmp_path) is None
    change(tmp_path, "timeline/b.jsonl", lambda _: ['{"event": "end"}\n'])
    assert "b.jsonl: is not what it was when the trail began" in str(fault(tmp_path))


# -- retention


def test_retention_removes_whole_parts_and_the_chain_still_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "MOST_ENTRIES", 7)
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head, runs=6, days=500)
    trail = write_trail(state, head, runs=2, days=1)
    before = verify_trail(trail, head)
    removed = remove_expired(trail, NOW - 400 * DAY)
    assert sum(name.startswith("timeline") for name in removed) == 6
    assert sum(name.startswith("audit") for name in removed) >= 2
    after = verify_trail(trail, head)
    assert (after.fault, after.timelines) == (None, 2)
    assert len(after.entries) < len(before.entries)
    assert remove_expired(trail, NOW - 400 * DAY) == []
    again = write_trail(state, head, runs=3, days=-500)
    remove_expired(again, NOW + 400 * DAY)
    assert fault(state, head) is None


def test_a_part_that_retention_did_not_remove_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "MOST_ENTRIES", 7)
    write_trail(tmp_path, runs=6)
    names = sorted(path.name for path in (tmp_path / "audit").glob("*.jsonl"))
    assert len(names) >= 3
    for gone in (names[0], names[1]):
        kept = (tmp_path / "audit" / gone).read_bytes()
        (tmp_path / "audit" / gone).unlink()
        assert "is missing" in str(fault(tmp_path))
        (tmp_path / "audit" / gone).write_bytes(kept)
    assert fault(tmp_path) is None
