"""The archive of an incident: what of the controller's own records is in it, and how large it may be."""

from __future__ import annotations

import os
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.plan.playbook_tasks.evidence import VERIFICATION, collect_records, collect_saved, write_evidence
from controller.storage.audit.audit_trail import AuditKind, AuditTrail

NOW = datetime.now(UTC)


def test_records_since_a_moment_are_collected_and_older_ones_are_not(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path)
    trail.record(AuditKind.PLANNED, plan="0" * 64)
    for name, days in (("new", 1), ("old", 30)):
        file = tmp_path / "timeline" / f"{name}.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}\n", encoding="ascii")
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(file, (at, at))
    plan = tmp_path / "plans/today/plan.json"
    plan.parent.mkdir(parents=True)
    plan.write_text("{}", encoding="ascii")
    (plan.parent / "plan.json.sig").write_text("signed", encoding="ascii")
    (plan.parent / "notes.txt").write_text("{}", encoding="ascii")
    found = dict(collect_records(tmp_path, tmp_path / "plans", NOW - timedelta(days=7)))
    (segment,) = trail.list_segments()
    plans = {f"plans/today/{name}" for name in ("plan.json", "plan.json.sig")}
    assert found.keys() == {VERIFICATION, f"audit/{segment.name}", "timelines/new.jsonl", *plans}
    assert found[f"audit/{segment.name}"] == segment.read_bytes()
    later = dict(collect_records(tmp_path, None, NOW + timedelta(days=1)))
    assert later.keys() == {VERIFICATION}


def test_a_new_approval_goes_in_with_the_old_plan_that_it_is_of(tmp_path: Path) -> None:
    plans, old = tmp_path / "plans", (NOW - timedelta(days=30)).timestamp()
    plans.mkdir()
    of_one = ("plan.json", "plan.json.approval.net01.sig", "plan.json.sig")
    named = ("today.plan", "today.plan.approval.net01.sig")
    for name in (*of_one, *named, "other.json", "other.json.sig", "notes.txt", "new.txt"):
        (plans / name).write_text("{}", encoding="ascii")
        if "approval" not in name and name != "new.txt":
            os.utime(plans / name, (old, old))
    found = dict(collect_records(tmp_path, plans, NOW - timedelta(days=7)))
    assert [name for name in found if name.startswith("plans/")] == [f"plans/{name}" for name in of_one + named]


def test_a_trail_with_a_broken_line_is_evidence_too(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path)
    for number in range(3):
        trail.record(AuditKind.PLANNED, plan=str(number) * 64)
    (segment,) = trail.list_segments()
    whole = segment.read_bytes()
    for broken in (whole[:-20], whole.replace(b"1" * 64, b"9" * 64), b"\xff\n" + whole, b""):
        segment.write_bytes(broken)
        found = dict(collect_records(tmp_path, None, NOW - timedelta(days=1)))
        assert found[f"audit/{segment.name}"] == broken
        assert b"broken: " in found[VERIFICATION] or broken == whole[:-20]


def test_a_folder_of_plans_that_is_none_is_refused_and_no_trail_is_said(tmp_path: Path) -> None:
    with pytest.raises(TsunaguError, match="is no folder; name the one that holds the plans"):
        list(collect_records(tmp_path, tmp_path / "plan", NOW))
    assert b"there is no audit trail yet" in dict(collect_records(tmp_path, None, NOW))[VERIFICATION]


def test_nothing_kept_is_an_archive_that_says_so(tmp_path: Path) -> None:
    files = [*collect_saved(tmp_path / "none"), *collect_records(tmp_path / "none", None, NOW)]
    done = write_evidence(tmp_path / "new", iter(files), {"sw-1": "no answer"}, NOW)
    assert done.path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(done.path) as archive:
        assert archive.getnames() == ["evidence/MISSING.json", "evidence/SHA256SUMS", f"evidence/{VERIFICATION}"]
    again = write_evidence(tmp_path / "again", iter(files), {"sw-1": "no answer"}, NOW)
    assert again.sha256 == done.sha256


def test_an_archive_that_would_be_too_large_is_refused_before_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(TsunaguError, match="name fewer schools or fewer days"):
        write_evidence(tmp_path / "new", iter([("a", b"12345"), ("b", b"12345")]), {}, NOW, most_bytes=9)
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(TsunaguError, match="the evidence cannot be written"):
        write_evidence(tmp_path / "file", iter(()), {}, NOW)
