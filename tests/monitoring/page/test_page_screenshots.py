"""The documents' pictures can be taken, and are of a size that a repository can hold."""

from __future__ import annotations

import struct
from pathlib import Path

from playwright.sync_api import Browser

from tests.monitoring.page.figures import Figures
from tests.monitoring.page.screenshots import ROOT, THEMES, VIEWS, staged, taken

LARGEST = 300 * 1024


def size(file: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    width, height = struct.unpack(">II", file.read_bytes()[16:24])
    return width, height


def test_pictures_are_taken_of_every_view_in_both_languages(
    browser: Browser, base: str, figures: Figures, tmp_path: Path
) -> None:
    staged(figures)
    files = list(taken(browser, base, figures, tmp_path))
    assert len(files) == len(VIEWS) * len(THEMES)
    for file in files:
        _, width, height = VIEWS[file.stem.rpartition("-")[0]]
        assert size(file) == (width, height)
        assert 20_000 < file.stat().st_size < LARGEST, file.name


def test_the_documents_have_every_picture() -> None:
    for view, (_, width, height) in VIEWS.items():
        for language in THEMES:
            file = ROOT / "docs" / "screenshots" / f"{view}-{language}.png"
            assert size(file) == (width, height)
            assert file.stat().st_size < LARGEST
