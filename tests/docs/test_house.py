"""The house as docs/architecture.md promises it: rooms of a size that can be looked over, and files of one subject."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = ("controller", "monitoring", "stacks", "policies", "playbooks", "tools", "docs")
MOST_ENTRIES = 15
"""Files and folders of one folder; a package's own `__init__.py` is its door and does not count."""
MOST_LINES = 400
LEFT_OUT = {"__pycache__", "node_modules", "__init__.py"}


def count_entries() -> dict[str, int]:
    """The files and folders of each folder; what tools left there, and what others wrote (`vendor/`), is not ours."""
    found: dict[str, set[str]] = defaultdict(set)
    for top in TOP:
        for path in (ROOT / top).rglob("*"):
            parts = path.relative_to(ROOT).parts
            hidden = any(part.startswith(".") or part in LEFT_OUT or part.endswith(".egg-info") for part in parts)
            if path.is_file() and not hidden and "vendor" not in parts:
                for depth in range(1, len(parts)):
                    found["/".join(parts[:depth])].add(parts[depth])
    return {folder: len(names) for folder, names in found.items()}


def test_a_folder_with_many_entries_says_why() -> None:
    large = {folder for folder, entries in count_entries().items() if entries > MOST_ENTRIES}
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^- `([a-z_/-]+)/`: \S", architecture, flags=re.MULTILINE))
    assert large == explained, "docs/architecture.md, 'Large folders': a line for each of these, and for no other"


def test_a_file_holds_one_subject() -> None:
    tops = (*TOP, "tests")
    long = {
        str(path.relative_to(ROOT)): lines
        for top in tops
        for path in (ROOT / top).rglob("*.py")
        if "node_modules" not in path.parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not long
