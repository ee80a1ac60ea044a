"""`tsunagu backup create` and `restore` as they are typed: what they say, and the entries that they leave."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from controller.errors import AuditRefused
from controller.operations.operators_file import VARIABLE
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.head_copy import HeadFile
from tests.cli.running import here
from tests.security.audit_samples import refuse_entries, write_trail


def write_operators(folder: Path, monkeypatch: pytest.MonkeyPatch, head: str = "") -> None:
    (folder.parent / "work").mkdir(exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "operations.yaml"
    audit = f"audit: {{head: {head}}}\n" if head else ""
    file.write_text(f"format: 1\nstate: {folder}/state\n{audit}", encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(file))


def test_the_commands_back_up_and_restore_and_leave_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_operators(tmp_path / "one", monkeypatch)
    write_trail(tmp_path / "one" / "state")
    made = here("backup", "create", str(tmp_path / "x.tar"), "--json", cwd=tmp_path / "work")
    assert (made.code, json.loads(made.said)["host_keys"]) == (0, 0)
    write_operators(tmp_path / "two", monkeypatch)
    done = here("backup", "restore", str(tmp_path / "x.tar"), cwd=tmp_path / "work")
    assert done.code == 0, done.errors
    assert "files, 0 of host keys" in done.said
    kinds = [entry["kind"] for entry in AuditTrail(tmp_path / "two" / "state").read_entries()]
    assert kinds[-1] == "restored"
    assert [entry["kind"] for entry in AuditTrail(tmp_path / "one" / "state").read_entries()][-1] == "backed-up"
    again = here("backup", "restore", str(tmp_path / "x.tar"), cwd=tmp_path / "work")
    assert again.code == 1
    assert "holds the state of a controller already" in again.errors


def test_a_copy_of_the_head_that_knows_more_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_operators(tmp_path / "one", monkeypatch, head=f"{tmp_path}/one/heads")
    state = tmp_path / "one" / "state"
    write_trail(state, HeadFile(tmp_path / "one" / "heads"))
    assert here("backup", "create", str(tmp_path / "x.tar"), cwd=tmp_path / "work").code == 0
    AuditTrail(state, HeadFile(tmp_path / "one" / "heads")).record(AuditKind.APPROVED, plan="done after the backup")
    state.rename(tmp_path / "lost")
    done = here("backup", "restore", str(tmp_path / "x.tar"), cwd=tmp_path / "work")
    assert done.code == 1
    assert "What was done after the backup is not in it" in done.errors
    assert (state / "audit").is_dir()


def test_a_trail_that_cannot_be_written_is_not_told_as_an_old_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_operators(tmp_path / "one", monkeypatch)
    write_trail(tmp_path / "one" / "state")
    assert here("backup", "create", str(tmp_path / "x.tar"), cwd=tmp_path / "work").code == 0
    write_operators(tmp_path / "two", monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        message = "the audit trail cannot be written (No space left on device)"
        raise AuditRefused(message)

    monkeypatch.setattr(AuditTrail, "record", refuse)
    done = here("backup", "restore", str(tmp_path / "x.tar"), cwd=tmp_path / "work")
    assert done.code == 1
    assert "No space left on device" in done.errors
    assert "after the backup" not in done.errors


def test_a_backup_that_the_trail_does_not_take_is_told_with_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_operators(tmp_path / "one", monkeypatch)
    write_trail(tmp_path / "one" / "state")
    refuse_entries(monkeypatch, AuditKind.BACKED_UP)
    done = here("backup", "create", str(tmp_path / "x.tar"), cwd=tmp_path / "work")
    assert done.code == 1
    assert "the disk is full" in done.errors
    assert f"sha256: {hashlib.sha256((tmp_path / 'x.tar').read_bytes()).hexdigest()}" in done.said
