"""Keys of this user, for proofs that are remembered and plans made here: who cannot read one is not believed."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from pathlib import Path

from controller.errors import TsunaguError
from controller.inputs.home_folder import find_home_folder
from controller.operations.trusted_files import read_trusted_file

KEY_BYTES = 32
_WHAT = "A key of this user cannot be used:"


def find_key_file(name: str = "proof-cache.key") -> Path:
    """Return where a key stands: under XDG_STATE_HOME, or ~/.local/state; never beside what it vouches for."""
    return Path(os.environ.get("XDG_STATE_HOME") or find_home_folder() / ".local/state") / "tsunagu" / name


def load_key(path: Path) -> bytes:
    """Return the key, which is made once, readable by nobody else.

    Raises:
        TsunaguError: it belongs to somebody else, others can read or change it, or it is damaged.
        OSError: it cannot be made.
    """
    try:
        key = read_trusted_file(path, _WHAT, private=True, most_bytes=KEY_BYTES)
    except FileNotFoundError:
        _make_key(path)
        key = read_trusted_file(path, _WHAT, private=True, most_bytes=KEY_BYTES)
    if len(key) != KEY_BYTES:
        message = f"{path}: is damaged: {len(key)} bytes instead of {KEY_BYTES}; delete it, and it is made anew"
        raise TsunaguError(message)
    return key


def _make_key(path: Path) -> None:
    """Put a new key in its place whole; where another process was quicker, its key stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        Path(name).unlink(missing_ok=True)


def make_private_folder(folder: Path) -> None:
    """Make a folder that nobody else can look into, and refuse one that others could have written to.

    Raises:
        TsunaguError: it is a link, belongs to somebody else, or others can write to it.
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        message = f"{folder}: is no folder of its own but a link"
        raise TsunaguError(message)
    if status.st_uid != os.geteuid():
        message = f"{folder}: belongs to user {status.st_uid}, not to you (user {os.geteuid()})"
        raise TsunaguError(message)
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        message = f"{folder}: others can write to it (mode {stat.S_IMODE(status.st_mode):04o}): chmod 700 it"
        raise TsunaguError(message)
    if stat.S_IMODE(status.st_mode) != 0o700:  # noqa: PLR2004 nobody else
        folder.chmod(0o700)
