"""The controller's own state into one file and back: whole, strict about the archive, never over what is there."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from controller.errors import BackupRefused
from controller.operations.operations import Operations
from controller.recovery import controller_backup
from controller.recovery.controller_archive import parse_archive, write_archive
from controller.recovery.controller_backup import create_backup, restore_backup
from controller.rollout.durable.carry_out import find_database, use_rollouts
from controller.storage.audit import audit_trail
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.sqlite import backup_store
from tests.recovery.backup_scene import NOW, PINS, operate, read_tree, repack
from tests.security.audit_samples import write_trail


def test_what_is_restored_is_what_was_backed_up(old: Operations, archive: Path, tmp_path: Path) -> None:
    new = operate(tmp_path / "new")
    found = restore_backup(archive, new)
    assert (found.made, found.pins) == (NOW, 2)
    before, after = read_tree(old.state), read_tree(new.state)
    assert before.keys() - after.keys() == {"plans.key", "locks/kw-e01-core1"}
    stores = {name for name in after if name.endswith(".sqlite")}
    assert stores == {"lab.sqlite", "rollouts/rollouts.sqlite"}
    assert all(before[name] == after[name] for name in after.keys() - stores)
    assert verify_trail(AuditTrail(new.state)).fault is None
    with use_rollouts(new.state) as rollouts:
        assert rollouts.list_rollouts() == []
    assert (tmp_path / "new" / "known_hosts").read_text(encoding="utf-8") == PINS
    assert archive.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in new.state.rglob("*"))
    AuditTrail(new.state).record(AuditKind.APPROVED, plan="next")
    assert verify_trail(AuditTrail(new.state)).fault is None


def test_the_secrets_of_the_controller_are_not_in_it_and_are_named(old: Operations, tmp_path: Path) -> None:
    made = create_backup(tmp_path / "x.tar", old, None, NOW)
    assert made.left_out == ("plans.key",)
    assert b"secret" not in (tmp_path / "x.tar").read_bytes()
    assert made.sha256 == hashlib.sha256((tmp_path / "x.tar").read_bytes()).hexdigest()


def test_what_cannot_be_backed_up_whole_is_refused_by_name(old: Operations, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (old.state / "backups").rename(elsewhere) if (old.state / "backups").exists() else elsewhere.mkdir()
    (old.state / "backups").symlink_to(elsewhere)
    with pytest.raises(BackupRefused, match="backups: is a link to another folder"):
        create_backup(tmp_path / "x.tar", old, None, NOW)
    (old.state / "backups").unlink()
    (old.state / "x-block").write_text("", encoding="ascii")
    (old.state / ".hidden").write_text("", encoding="ascii")
    assert set(create_backup(tmp_path / "y.tar", old, None, NOW).left_out) == {"plans.key", "x-block", ".hidden"}


def test_nothing_that_stands_where_a_state_comes_is_touched(archive: Path, tmp_path: Path) -> None:
    new = operate(tmp_path / "new")
    kept = new.state / ".tokens" / "x"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine", encoding="ascii")
    with pytest.raises(BackupRefused, match="nothing is mixed or overwritten"):
        restore_backup(archive, new)
    assert kept.read_text(encoding="ascii") == "mine"
    kept.unlink()
    kept.parent.rmdir()
    restore_backup(archive, new)


def test_a_store_is_whole_while_somebody_writes_to_it(old: Operations, tmp_path: Path) -> None:
    with closing(sqlite3.connect(find_database(old.state), isolation_level=None)) as writer:
        writer.execute("CREATE TABLE more (x TEXT)")
        writer.execute("INSERT INTO more VALUES ('committed')")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO more VALUES ('not yet')")
        create_backup(tmp_path / "x.tar", old, None, NOW)
        writer.execute("ROLLBACK")
    new = operate(tmp_path / "new")
    restore_backup(tmp_path / "x.tar", new)
    with closing(sqlite3.connect(find_database(new.state))) as reader:
        assert reader.execute("SELECT x FROM more").fetchall() == [("committed",)]


def test_nobody_who_adds_to_the_trail_waits_for_a_backup(
    old: Operations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "_PATIENCE", 0.1)

    def copy_slowly(connection: sqlite3.Connection, path: Path) -> None:
        with AuditTrail(old.state).open_timeline(old.state / "timeline" / "meanwhile.jsonl") as timeline:
            timeline.write({"event": "end"})
        backup_store(connection, path)

    monkeypatch.setattr(controller_backup, "backup_store", copy_slowly)
    before = len(list(AuditTrail(old.state).read_entries()))
    made = create_backup(tmp_path / "x.tar", old, None, NOW)
    assert made.left_out == ("plans.key",)
    new = operate(tmp_path / "new")
    restore_backup(tmp_path / "x.tar", new)
    assert len(list(AuditTrail(new.state).read_entries())) == before
    assert not list((new.state / "timeline").glob("meanwhile*"))
    assert verify_trail(AuditTrail(new.state)).fault is None


def test_pinned_keys_of_a_large_city_are_backed_up(old: Operations, tmp_path: Path) -> None:
    pins = tmp_path / "old" / "known_hosts"
    pins.write_text("".join(f"d{number} {'x' * 400}\n" for number in range(5_000)), encoding="ascii")
    create_backup(tmp_path / "x.tar", old, None, NOW)
    new = operate(tmp_path / "new")
    assert restore_backup(tmp_path / "x.tar", new).pins == 2
    assert (tmp_path / "new" / "known_hosts").read_bytes() == pins.read_bytes()


def test_a_place_where_nothing_can_be_made_is_named(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = operate(tmp_path / "new")
    new.state.mkdir()

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied", str(new.state.parent))

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(
        BackupRefused, match=r"new: nothing can be made here \(Permission denied\).* write here, or name"
    ):
        restore_backup(archive, new)
    assert list(new.state.iterdir()) == []


def test_a_backup_is_never_overwritten(old: Operations, archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(BackupRefused, match="is there already"):
        create_backup(archive, old, None, NOW)
    assert archive.read_bytes() == before


@pytest.mark.parametrize("links", [True, False])
def test_a_backup_takes_no_name_that_was_taken_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "x.tar"

    def yield_files(first: bytes) -> Iterator[tuple[str, bytes]]:
        yield "audit/trail-000001.jsonl", b"{}\n"
        if first:
            path.write_bytes(first)

    with pytest.raises(BackupRefused, match="is there already"):
        write_archive(path, NOW, yield_files(b"another one"))
    assert path.read_bytes() == b"another one"
    path.unlink()
    write_archive(path, NOW, yield_files(b""))
    assert parse_archive(path.read_bytes(), "x.tar").files == {"audit/trail-000001.jsonl": b"{}\n"}
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o077 == 0


def test_a_store_that_is_a_link_or_was_removed_is_refused_and_never_made(
    old: Operations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = old.state / "lab.sqlite"
    store.rename(tmp_path / "elsewhere.sqlite")
    store.symlink_to(tmp_path / "elsewhere.sqlite")
    with pytest.raises(BackupRefused, match=r"lab\.sqlite: is no regular file"):
        create_backup(tmp_path / "x.tar", old, None, NOW)
    store.unlink()
    (tmp_path / "elsewhere.sqlite").rename(store)
    whole = controller_backup._list_state  # noqa: SLF001 behind it, somebody removes the store

    def remove_behind(*given: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:  # noqa: ANN401 as it is given
        found = whole(*given)
        store.unlink()
        return found

    monkeypatch.setattr(controller_backup, "_list_state", remove_behind)
    with pytest.raises(BackupRefused, match=r"lab\.sqlite: was removed while"):
        create_backup(tmp_path / "x.tar", old, None, NOW)
    assert not store.exists()
    assert not (tmp_path / "x.tar").exists()


def test_a_broken_trail_or_store_is_not_backed_up_as_if_it_were_whole(old: Operations, tmp_path: Path) -> None:
    trail = old.state / "audit" / "trail-000001.jsonl"
    text = trail.read_text(encoding="utf-8")
    trail.write_text(text.replace("plan 1", "plan 9"), encoding="utf-8")
    with pytest.raises(BackupRefused, match="the audit trail is broken"):
        create_backup(tmp_path / "x.tar", old, None, NOW)
    trail.write_text(text, encoding="utf-8")
    database = find_database(old.state)
    content = bytearray(database.read_bytes())
    content[-4096:] = b"\xff" * 4096
    database.write_bytes(content)
    for extra in ("-wal", "-shm"):
        database.with_name(database.name + extra).unlink(missing_ok=True)
    with pytest.raises(BackupRefused, match=r"rollouts\.sqlite: this store"):
        create_backup(tmp_path / "x.tar", old, None, NOW)
    assert not (tmp_path / "x.tar").exists()


def test_what_is_there_is_neither_mixed_nor_overwritten(archive: Path, tmp_path: Path) -> None:
    new = operate(tmp_path / "new")
    write_trail(new.state, runs=1)
    before = read_tree(new.state)
    with pytest.raises(BackupRefused, match="holds the state of a controller already"):
        restore_backup(archive, new)
    assert read_tree(new.state) == before
    assert not (tmp_path / "new" / "known_hosts").exists()


def test_other_host_keys_are_refused_and_the_same_ones_are_kept(archive: Path, tmp_path: Path) -> None:
    new = operate(tmp_path / "new")
    pins = tmp_path / "new" / "known_hosts"
    pins.write_text("other\n", encoding="utf-8")
    pins.chmod(0o600)
    with pytest.raises(BackupRefused, match="holds other host keys"):
        restore_backup(archive, new)
    assert not new.state.exists()
    pins.write_text(PINS, encoding="utf-8")
    assert restore_backup(archive, new).pins == 1


def test_pinned_keys_of_two_files_are_never_lost_in_one(archive: Path, tmp_path: Path) -> None:
    new = operate(tmp_path / "new")
    switches = new.access["switches"]
    assert switches.jump_host is not None
    for spelled in (switches.known_hosts, tmp_path / "new" / "state" / ".." / "known_hosts"):
        jump = switches.jump_host.model_copy(update={"known_hosts": spelled})
        one = new.model_copy(update={"access": {"switches": switches.model_copy(update={"jump_host": jump})}})
        with pytest.raises(BackupRefused, match="names it for switches/device and for switches/jump-host"):
            restore_backup(archive, one)
        assert not switches.known_hosts.exists()
        assert not new.state.exists()

    def make_same(files: dict[str, bytes]) -> None:
        files["known-hosts/switches/jump-host"] = files["known-hosts/switches/device"]

    repack(archive, make_same)
    assert restore_backup(archive, one).pins > 0
    assert switches.known_hosts.read_text(encoding="utf-8") == PINS


def test_an_access_that_the_operators_do_not_have_is_named(archive: Path, tmp_path: Path) -> None:
    new = operate(tmp_path / "new").model_copy(update={"access": {}})
    with pytest.raises(BackupRefused, match="of the access switches, which"):
        restore_backup(archive, new)
    assert not new.state.exists()
