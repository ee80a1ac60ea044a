"""Retention removes whole parts, and what stands where something was removed is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.storage.audit import audit_trail
from controller.storage.audit.audit_retention import remove_expired, remove_leftovers
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.head_copy import HeadFile
from tests.security.audit_samples import DAY, NOW, fault, write_trail


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


def test_what_stands_under_the_name_of_what_was_removed_is_found(tmp_path: Path) -> None:
    write_trail(tmp_path, runs=2, days=500)
    trail = write_trail(tmp_path, runs=1)
    kept = (tmp_path / "timeline/500-0.jsonl").read_bytes()
    remove_expired(trail, NOW - 400 * DAY)
    assert fault(tmp_path) is None
    for content in (b"forged: sato applied\n", b"", kept + b"{}\n", kept):
        (tmp_path / "timeline/500-0.jsonl").write_bytes(content)
        assert "500-0.jsonl: was removed by retention, and stands there again" in str(fault(tmp_path))
        assert remove_leftovers(trail) == (["timeline/500-0.jsonl"] if content == kept else [])
    assert fault(tmp_path) is None
    write_trail(tmp_path, runs=1, days=500)  # the name is free again
    assert fault(tmp_path) is None
    assert remove_expired(trail, NOW - 400 * DAY) == ["timeline/500-0.jsonl"]
    assert fault(tmp_path) is None


def test_a_file_of_the_trail_that_an_interrupted_retention_left_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "MOST_ENTRIES", 7)
    write_trail(tmp_path, runs=4, days=500)
    trail = write_trail(tmp_path, runs=1)
    contents = {path: path.read_bytes() for path in trail.list_segments()}
    remove_expired(trail, NOW - 400 * DAY)
    gone = [path for path in contents if not path.exists()]
    gone[-1].write_bytes(contents[gone[-1]])
    assert fault(tmp_path) is not None
    assert remove_leftovers(trail) == [trail.name_file(gone[-1])]
    assert fault(tmp_path) is None


def test_the_newest_removal_of_a_store_outlives_its_file_of_the_trail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "MOST_ENTRIES", 4)
    old = AuditTrail(tmp_path, None, lambda: NOW - 500 * DAY)
    old.record(AuditKind.REMOVED, store="m.sqlite", number=3, last="x")
    old.record(AuditKind.REMOVED, store="m.sqlite", number=5, last="y")
    for _ in range(8):
        old.record(AuditKind.PLANNED)
    trail = write_trail(tmp_path, runs=1)
    remove_expired(trail, NOW - 400 * DAY)
    report = verify_trail(trail)
    assert report.fault is None
    assert [one["number"] for one in report.list_kind(AuditKind.REMOVED) if "store" in one] == [5]
