"""The archive of a backup, where it is of somebody else: cut, changed, forged, too large."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.errors import BackupRefused
from controller.operations.operations import Operations
from controller.recovery import controller_archive
from controller.recovery.controller_archive import parse_archive
from controller.recovery.controller_backup import create_backup, restore_backup
from tests.recovery.backup_scene import NOW, operate, repack


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
