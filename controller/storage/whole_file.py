"""Writes a file whole: whoever reads it gets the old content or the new one, also after a crash."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(content: bytes, path: Path) -> None:
    """Write a file beside its place (readable by its owner alone) and move it there.

    Raises:
        OSError: it cannot be written; what stood there before still does.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
