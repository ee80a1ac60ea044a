"""A controller that has done something, and the archive of its state."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from controller.operations.operations import Operations
from controller.recovery.controller_archive import MANIFEST

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
PINS = "kw-e01-core1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDZ4\n"


def operate(folder: Path) -> Operations:
    """The operators of a controller whose state and pinned keys stand in a folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    access = {"user": "tsunagu", "password": {"env": "X"}, "known-hosts": str(folder / "known_hosts")}
    jump = {"host": "jump", "user": "t", "key": {"env": "J"}, "known-hosts": str(folder / "jump_hosts")}
    return Operations.model_validate({"access": {"switches": {**access, "jump-host": jump}}, "state": folder / "state"})


def read_tree(folder: Path) -> dict[str, bytes]:
    kept = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in kept.items() if not name.endswith(("lock", "-wal", "-shm"))}


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
