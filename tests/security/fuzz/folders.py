"""Whole policy folders with some of their files broken, missing, doubled, or no files at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from random import Random

from controller.model.loading.load_city import load_city
from tests.policies import PolicyFolder
from tests.security.fuzz.mutations import mutate

TODAY = date(2026, 12, 1)
KINDS = ("content", "content", "content", "content", "missing", "folder", "pipe", "link out", "link round", "twin")
Change = tuple[str, str, bytes]


class FolderStage:
    """A policy folder that is broken, loaded and mended again, many times."""

    def __init__(self, place: Path) -> None:
        self.policies = PolicyFolder(place).path
        self.place = place
        self.files = tuple(
            str(path.relative_to(self.policies))
            for path in sorted(self.policies.rglob("*"))
            if path.suffix in (".yaml", ".json") and "schema" not in path.parts
        )
        self._contents = {name: (self.policies / name).read_bytes() for name in self.files}

    def make_changes(self, draw: Random) -> list[Change]:
        """One to three files, and what becomes of each."""
        changes = []
        for name in draw.sample(self.files, draw.randint(1, 3)):
            kind = draw.choice(KINDS)
            changes.append((name, kind, mutate(draw, (self._contents[name],)) if kind == "content" else b""))
        return changes

    def load(self, changes: Sequence[Change]) -> None:
        """Load the folder so changed; afterwards it is what it was."""
        made: list[Path] = []
        try:
            for name, kind, content in changes:
                path = self.policies / name
                path.unlink()
                made.append(self._make(name, kind, content))
            load_city(self.policies, on=TODAY, undeployed=True)
        finally:
            for path in made:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            for name, _, _ in changes:
                (self.policies / name).write_bytes(self._contents[name])

    def _make(self, name: str, kind: str, content: bytes) -> Path:
        path = self.policies / name
        match kind:
            case "content":
                path.write_bytes(content)
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "link out":
                path.symlink_to("/etc/passwd")
            case "link round":
                path.symlink_to(path.name)
            case "twin":
                twin = path.with_name(f"a-{path.name}")
                twin.write_bytes(self._contents[name])
                return twin
        return path
