"""A copy of the head shows a trail that was made anew or cut, whatever was added to it afterwards."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from controller.errors import AuditRefused
from controller.storage.audit import audit_trail
from controller.storage.audit.audit_retention import remove_expired
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.head_copy import HeadFile, SystemdHead, TrailHead
from tests.security.audit_samples import DAY, NOW, change, fault, write_trail


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


def test_nothing_is_added_to_a_trail_that_its_copy_does_not_know(tmp_path: Path) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head)
    kept = (state / "audit/trail-000001.jsonl").read_bytes()
    change(state, "audit/trail-000001.jsonl", lambda lines: lines[:-1])
    for attempt in (lambda: write_trail(state, head), lambda: AuditTrail(state, head).record(AuditKind.PLANNED)):
        with pytest.raises(AuditRefused, match=r"copy of the head \(.*/head\) names entry 10, which is not in it"):
            attempt()
    shutil.rmtree(state)
    with pytest.raises(AuditRefused, match="names entry 10"):
        write_trail(state, head)
    assert not list(state.rglob("*.jsonl"))
    (state / "audit/trail-000001.jsonl").write_bytes(kept)
    AuditTrail(state, head).record(AuditKind.PLANNED)


def test_one_entry_more_does_not_hide_what_was_made_anew(tmp_path: Path) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head)
    shutil.rmtree(state)
    aside = tmp_path / "aside"
    write_trail(state, HeadFile(aside), days=1)
    with head.path.open("a", encoding="utf-8") as file:
        file.write(aside.read_text(encoding="utf-8"))
    assert "made anew, or cut at its end" in str(fault(state, head))


def test_a_new_trail_that_begins_at_a_high_number_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "MOST_ENTRIES", 7)
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head, runs=1)
    shutil.rmtree(state)
    forged = write_trail(state, HeadFile(tmp_path / "aside"), runs=6, days=500)
    remove_expired(forged, NOW - 400 * DAY)
    assert forged.list_segments()[0].name > "trail-000001.jsonl"
    assert fault(state) is None
    assert fault(state, head) is not None
    with head.path.open("a", encoding="utf-8") as file:
        newest = (tmp_path / "aside").read_text(encoding="utf-8").splitlines()[-1]
        file.write(newest + "\n")
    assert "before the first one that is kept" in str(fault(state, head))


def test_a_copy_that_is_gone_is_missed(tmp_path: Path) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head)
    for content in (None, "", '{"trail": "another", "n": 1, "hash": "x"}\n'):
        head.path.unlink(missing_ok=True)
        if content is not None:
            head.path.write_text(content, encoding="utf-8")
        assert "the copy of the head is gone" in str(fault(state, head))
        with pytest.raises(AuditRefused, match="names no entry of it any more"):
            AuditTrail(state, head).record(AuditKind.PLANNED)
    another = HeadFile(tmp_path / "another")
    report = verify_trail(AuditTrail(state), another)
    assert (report.fault, "begins with the next entry" in report.notes[0]) == (None, True)
    AuditTrail(state, another).record(AuditKind.PLANNED)
    assert fault(state, another) is None
    (tmp_path / "another").unlink()
    assert fault(state, another) is not None


def test_a_run_that_was_killed_before_it_wrote_the_copy_stops_nobody(tmp_path: Path) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head)
    change(tmp_path, "head", lambda lines: lines[:-1])
    report = verify_trail(AuditTrail(state), head)
    assert (report.fault, "newest entries are not in the copy" in report.notes[0]) == (None, True)
    write_trail(state, head, runs=1, days=-1)
    assert fault(state, head) is None
    assert [one.number for one in head.read_heads(AuditTrail(state).name)] == list(range(2, 14))


def test_another_name_of_the_folder_is_the_same_trail(tmp_path: Path) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head)
    change(state, "audit/trail-000001.jsonl", lambda lines: lines[:-2])
    (tmp_path / "link").symlink_to(state)
    assert "made anew, or cut" in str(fault(tmp_path / "link", head))


@pytest.mark.parametrize("number", ["1e999", '"x"', "null", "[1]", "-1"])
def test_a_head_of_no_number_is_no_traceback(tmp_path: Path, number: str) -> None:
    state, head = tmp_path / "state", HeadFile(tmp_path / "head")
    write_trail(state, head)
    with head.path.open("a", encoding="utf-8") as file:
        file.write(f'{{"trail": "{AuditTrail(state).name}", "n": {number}, "hash": "x"}}\n')
    assert fault(state, head) is None or number == "-1"


def test_the_journal_is_asked_for_lines_of_those_who_may_write_the_trail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    write_trail(tmp_path / "state")
    assert SystemdHead().read_heads(AuditTrail(tmp_path / "state").name) == []
    asked = (tmp_path / "asked").read_text(encoding="utf-8").split()
    assert {word for word in asked if word.startswith("_UID=")} == {"_UID=0", f"_UID={os.geteuid()}"}


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
    with pytest.raises(AuditRefused, match=r"cannot be written there|is no regular file"):
        AuditTrail(tmp_path / "state", HeadFile(tmp_path / place)).record(AuditKind.APPROVED, plan="p")
    with pytest.raises(AuditRefused, match="to the journal"):
        SystemdHead(tmp_path / "no socket").write(TrailHead("t", 1, "h"))
