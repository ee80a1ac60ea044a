"""Writes a file whole: whoever reads it gets the old content or the new one, also after a crash."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def write_whole(content: bytes, path: Path, *, private: bool = True, mode: int | None = None) -> None:
    """Write a file beside its place and move it there; `private`: readable by its owner alone.

    `mode` are the permissions that it gets where it has had others before.

    Raises:
        OSError: it cannot be written, or a device or a pipe stands there; what stood there before still does.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        # The move would put a file into the place of /dev/null, for everybody on this computer.
        raise OSError(errno.EEXIST, "stands there and is no regular file", str(path))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if not private:
                os.fchmod(file.fileno(), 0o666 & ~read_umask() if mode is None else mode)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_umask() -> int:
    """Return the permissions that new files of this process do not get; the system tells it by a change only."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
