"""Where a path leads; nothing that others put there makes the question itself fail."""

from __future__ import annotations

import os
from pathlib import Path


def find_real_path(path: Path) -> Path:
    """Return the absolute path with all links followed; a loop of links leads to itself.

    `Path.resolve` raises RuntimeError at a loop before Python 3.13, and whoever writes a folder can put one there.
    """
    return Path(os.path.realpath(path))
