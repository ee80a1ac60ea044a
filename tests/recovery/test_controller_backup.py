"""The controller's own state into one file and back: whole, strict about the archive, never over what is there."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tarfile
import tempfile
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.errors import BackupRefused
from controller.measure.measurement_store import open_measurement_store
from controller.operations.operations import Operations
from controller.recovery import controller_archive, controller_backup
from controller.recovery.controller_archive import MANIFEST, parse_archive
from controller.recovery.controller_backup import create_backup, restore_backup
from controller.rollout.durable.carry_out import find_database, use_rollouts
from controller.storage.audit import audit_trail
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.sqlite import backup_store
from tests.security.audit_samples import write_trail

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
PINS = "kw-e01-core1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDZ4\n"


def operate(folder: Path) -> Operations:
    """The operators of a controller whose state and pinned keys stand in a folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    access = {"user": "tsunagu", "password": {"env": "X"}, "known-hosts": str(folder / "known_hosts")}
    jump = {"host": "jump", "user": "t", "key": {"env": "J"}, "known-hosts": str(folder / "jump_hosts")}
    return Operations.model_validate({"access": {"switches": {**access, "jump-host": jump}}, "state": folder / "state"})


@pytest.fixture
def old(tmp_path: Path) -> Operations:
    """A controller that has done something: a trail, rollouts, measurements, kept policies, a key."""
    operations = operate(tmp_path / "old")
    state = operations.state
    trail = write_trail(state)
    with use_rollouts(state, create=True):
        pass
    with open_measurement_store(state / "lab.sqlite", trail=trail):
        pass
    for name in ("policies/" + "a" * 64 + "/city/city.yaml", "applied/kawasaki.json", "approved/kawasaki-real.json"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("{}\n", encoding="utf-8")
    (state / "locks").mkdir()
    (state / "locks" / "kw-e01-core1").write_text("12", encoding="utf-8")
    (state / "plans.key").write_text("secret", encoding="utf-8")
    for name, text in (("known_hosts", PINS), ("jump_hosts", "jump ssh-ed25519 AAAA\n")):
        path = tmp_path / "old" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    return operations


@pytest.fixture
def archive(old: Operations, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    create_backup(path, old, None, NOW)
    return path


def read_tree(folder: Path) -> dict[str, bytes]:
    kept = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in kept.items() if not name.endswith(("lock", "-wal", "-shm"))}


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


def test_an_access_that_the_operators_do_not_have_is_named(archive: Path, tmp_path: Path) -> None:
    new = operate(tmp_path / "new").model_copy(update={"access": {}})
    with pytest.raises(BackupRefused, match="of the access switches, which"):
        restore_backup(archive, new)
    assert not new.state.exists()


# --- the archive is of somebody else ---


def repack(archive: Path, edit: Callable[[dict[str, bytes]], None], *, seal: bool = True) -> None:
    """Change the files of an archive; with `seal` its list says what they are then, as somebody who forges would."""
    with tarfile.open(archive) as tar:
        files = {one.name: (tar.extractfile(one) or io.BytesIO()).read() for one in tar}
    edit(files)
    if seal:
        listed = [
            {"name": name, "size": len(held), "sha256": hashlib.sha256(held).hexdigest()}
            for name, held in files.items()
            if name != MANIFEST
        ]
        manifest = {**json.loads(files[MANIFEST]), "files": listed}
        files[MANIFEST] = json.dumps(manifest).encode()
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, held in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(held)
            tar.addfile(entry, io.BytesIO(held))


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "audit/../../evil", "plans.key", ".ssh/x", "audit/lock", "other/x", "a b", "policies//x"],
)
def test_no_name_leads_out_of_the_state_folder(archive: Path, tmp_path: Path, name: str) -> None:
    repack(archive, lambda files: files.update({name: b"x"}))
    new = operate(tmp_path / "new")
    with pytest.raises(BackupRefused, match=r"cannot stand there|is no backup|another form"):
        restore_backup(archive, new)
    assert not new.state.exists()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_link_a_folder_or_a_device_is_refused(archive: Path, kind: bytes) -> None:
    with tarfile.open(archive, "a") as tar:
        entry = tarfile.TarInfo("audit/x")
        entry.type, entry.linkname = kind, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(BackupRefused, match="something else than regular files"):
        parse_archive(archive.read_bytes(), "x")


def test_extensions_of_tar_are_refused() -> None:
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
            tar.addfile(tarfile.TarInfo("policies/" + "x" * 300))
        with pytest.raises(BackupRefused, match=r"something else|damaged"):
            parse_archive(packed.getvalue(), "x")


def test_what_is_cut_changed_or_added_is_refused_by_name(archive: Path) -> None:
    whole = archive.read_bytes()
    for end in (0, 1, 511, 512, 1024, len(whole) // 2):
        with pytest.raises(BackupRefused):
            parse_archive(whole[: end - end % 512] or b"x", "x")
    repack(archive, lambda files: files.update({"applied/kawasaki.json": b"[]\n"}), seal=False)
    with pytest.raises(BackupRefused, match=r"applied/kawasaki.json is not what was written"):
        parse_archive(archive.read_bytes(), "x")
    archive.write_bytes(whole)
    repack(archive, lambda files: files.update({"applied/more.json": b"{}"}), seal=False)
    with pytest.raises(BackupRefused, match="its list does not name"):
        parse_archive(archive.read_bytes(), "x")
    with pytest.raises(BackupRefused, match="behind its end"):
        parse_archive(whole + b"x" * 512, "x")


def test_every_changed_byte_of_an_archive_is_noticed_or_means_nothing(archive: Path) -> None:
    whole = archive.read_bytes()
    held = parse_archive(whole, "x")
    for place in range(0, len(whole), max(1, len(whole) // 400)):
        changed = bytearray(whole)
        changed[place] ^= 0x41
        try:
            read = parse_archive(bytes(changed), "x")
        except BackupRefused:
            continue
        assert read.files == held.files


def test_a_forged_trail_or_a_damaged_store_is_refused_before_anything_stands(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    edits: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("audit/trail-000001.jsonl", lambda held: held.replace(b"plan 1", b"plan 9")),
        ("timeline/0-0.jsonl", lambda held: held.replace(b"applied", b"unknown")),
        ("lab.sqlite", lambda held: held[: len(held) // 2]),
        ("rollouts/rollouts.sqlite", lambda _: b"not a store"),
    )
    for name, edit in edits:
        archive.write_bytes(whole)
        repack(archive, lambda files, name=name, edit=edit: files.update({name: edit(files[name])}))  # type: ignore[misc]
        new = operate(tmp_path / "new")
        with pytest.raises(BackupRefused):
            restore_backup(archive, new)
        assert not new.state.exists()
        assert list((tmp_path / "new").iterdir()) == []


# --- its size ---


def test_a_large_backup_is_made_and_put_back_piece_by_piece(old: Operations, tmp_path: Path) -> None:
    for number in range(12):
        (old.state / "applied" / f"large-{number}").write_bytes(bytes([number]) * (4 << 20))
    tracemalloc.start()
    try:
        create_backup(tmp_path / "x.tar", old, None, NOW)
        made = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        restore_backup(tmp_path / "x.tar", operate(tmp_path / "new"))
        restored = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "x.tar").stat().st_size > 48 << 20
    assert max(made, restored) < 20 << 20


def test_a_backup_that_would_be_too_large_to_be_read_is_not_made(
    old: Operations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_backup(tmp_path / "x.tar", old, None, NOW)
    size = (tmp_path / "x.tar").stat().st_size
    monkeypatch.setattr(controller_archive, "MOST_BYTES", size - 1)
    with pytest.raises(BackupRefused, match="it would be larger than"):
        create_backup(tmp_path / "y.tar", old, None, NOW)
    assert not list(tmp_path.glob("*y.tar*"))
    monkeypatch.setattr(controller_archive, "MOST_BYTES", size)
    create_backup(tmp_path / "y.tar", old, None, NOW)
    assert parse_archive((tmp_path / "y.tar").read_bytes(), "y").files
