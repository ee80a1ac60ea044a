"""The record of what was done is only added to, and whatever else is done to it is found."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import AuditRefused
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.head_copy import HeadFile
from tests.security.audit_samples import change, fault, write_trail
from tests.soak import examples


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


def test_a_changed_end_of_any_line_is_found_by_whatever_it_is_replaced(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path)
    with trail.open_timeline(tmp_path / "timeline/r.jsonl") as timeline:
        timeline.write({"a": "\ufffd"})
        timeline.write({"b": 2})
    for path in (*trail.list_segments(), tmp_path / "timeline/r.jsonl"):
        content = path.read_bytes()
        for place in (place for place, byte in enumerate(content) if byte == ord("\n")):
            for other in (b"\r", b"\r\n", b"\n\r", b"\n\n", b" ", b"\0", b"\x0b", b"\x85", b"\xe2\x80\xa8", b"}"):
                if other.startswith(b"\n") and place == len(content) - 1 and path != tmp_path / "timeline/r.jsonl":
                    continue  # something after the last entry: a power cut leaves that, too
                path.write_bytes(content[:place] + other + content[place + 1 :])
                assert fault(tmp_path) is not None, (path.name, place, other)
        path.write_bytes(content)
    path.write_bytes(content.replace("\ufffd".encode(), b"\xff"))
    assert fault(tmp_path) is not None


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


def test_a_timeline_in_a_folder_of_its_own_stands_outside_the_trail(tmp_path: Path) -> None:
    write_trail(tmp_path)
    (tmp_path / "timeline/x").mkdir()
    (tmp_path / "timeline/x/f.jsonl").touch()
    assert "f.jsonl: stands outside the trail" in str(fault(tmp_path))


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


WHOLE = b'{"n": 11, "at": "2026-11-29T00:00:00.000+00:00", "kind": "approved", "principal": "\xe4\xbd\x90'


@pytest.mark.parametrize("left", [WHOLE[:-1], WHOLE[:-2], b"{", b"\0" * 40, b"\r", b"a\xe2\x80\xa8b"])
def test_whatever_a_power_cut_left_of_a_line_breaks_no_chain(tmp_path: Path, left: bytes) -> None:
    trail = write_trail(tmp_path)
    with trail.list_segments()[0].open("ab") as file:
        file.write(left)
    assert fault(tmp_path) is None
    write_trail(tmp_path, runs=1, days=-1)
    assert fault(tmp_path) is None
    trail.list_segments()[0].write_bytes(trail.list_segments()[0].read_bytes().replace(left + b"\n", left + b"x\n"))
    assert fault(tmp_path) is not None


def test_a_whole_line_without_its_end_is_what_a_power_cut_left(tmp_path: Path) -> None:
    trail = write_trail(tmp_path)
    trail.record(AuditKind.PLANNED, plan="p")
    path = trail.list_segments()[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert fault(tmp_path) is None
    trail.record(AuditKind.PLANNED, plan="q")
    assert fault(tmp_path) is None
    assert [entry.get("plan") for entry in verify_trail(trail).list_kind(AuditKind.PLANNED)] == ["q"]


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    script = """
import os, pathlib, sys
from controller.storage.audit.audit_trail import AuditTrail
state = pathlib.Path(sys.argv[1])
with AuditTrail(state).open_timeline(state / "timeline" / "killed.jsonl") as timeline:
    timeline.write({"a": "\\u2028 \\x85 \\x0b \\x1e \\r"})
    timeline.write({"b": 1})
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 9
    trail = AuditTrail(tmp_path)
    trail.record(AuditKind.APPROVED, principal="\u2028 \x85 \x0b \x1e \r")
    write_trail(tmp_path)
    report = verify_trail(trail)
    assert report.fault is None
    assert [one["lines"] for one in report.list_kind(AuditKind.TIMELINE_SEALED) if "run" in one] == [2]
    assert [entry.get("kind") for entry in trail.read_entries()] == [entry.get("kind") for entry in report.entries]


@pytest.mark.parametrize("form", ["empty", "half a line", "pipe", "link", "folder"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_file_of_the_trail_without_an_entry_is_said_by_verify_and_writer_alike(
    tmp_path: Path, form: str, number: int
) -> None:
    write_trail(tmp_path)
    path = tmp_path / f"audit/trail-{number:06}.jsonl"
    path.unlink(missing_ok=True)
    match form:
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to("/dev/null")
        case "folder":
            path.mkdir()
        case _:
            path.write_text("" if form == "empty" else '{"n": 1', encoding="utf-8")
    assert str(path) in str(fault(tmp_path))
    with pytest.raises(AuditRefused, match=path.name):
        AuditTrail(tmp_path).record(AuditKind.PLANNED)


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
