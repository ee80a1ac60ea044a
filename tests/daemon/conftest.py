"""Keys of people and of the daemon."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest


@pytest.fixture(scope="session")
def keys() -> Iterator[Callable[[str], Path]]:
    """Keys by their name, each made when it is first asked for."""
    folder = Path(mkdtemp(prefix="tsunagu-test-keys-"))

    @cache
    def key(name: str) -> Path:
        path = folder / name
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(words, check=True, capture_output=True)
        return path

    yield key
    shutil.rmtree(folder)
