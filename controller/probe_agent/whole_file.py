"""Small files of the probe's state, written whole or not at all, and on the disk when it returns."""

from __future__ import annotations

import os
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all.

    Raises:
        OSError: it cannot be written; what stood there stands there still.
    """
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
