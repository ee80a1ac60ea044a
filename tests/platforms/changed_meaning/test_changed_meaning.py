"""No line that changes what an object of ours means is left alone: it is a conflict, a difference, or "not judged".

The tables beside this file were written from the vendors' documents before the readers were looked at. A row says
where its line stands (`at`, see `scenes`), what it does, and the command or chapter of the document that says so.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tests.platforms.changed_meaning.scenes import SCENES, SOURCE, Scene, list_harmless, list_rows

HARMLESS = [(platform, row) for platform in SCENES for row in list_harmless(platform)]
ROWS = [(platform, row) for platform in SCENES for row in list_rows(platform)]


@cache
def build_scene(platform: str) -> Scene:
    return SCENES[platform]()


@pytest.mark.parametrize(("platform", "row"), ROWS, ids=[f"{name}: {row['line']!r}" for name, row in ROWS])
def test_a_line_that_changes_what_ours_mean_is_never_left_alone(platform: str, row: dict[str, Any]) -> None:
    scene = build_scene(platform)
    said = scene.judge(scene.plant(row["at"], row["line"]))
    assert said, row["does"]
    assert "enter: no" not in said
    assert said == "differs" or said.startswith("not judged: ") or f"{SOURCE}:" in said


@pytest.mark.parametrize("platform", SCENES)
def test_without_such_a_line_nothing_is_said(platform: str) -> None:
    scene = build_scene(platform)
    assert scene.judge(scene.text) == ""


@pytest.mark.parametrize(("platform", "row"), HARMLESS, ids=[f"{name}: {row['line']!r}" for name, row in HARMLESS])
def test_a_line_that_stands_beside_them_is_left_alone(platform: str, row: dict[str, Any]) -> None:
    scene = build_scene(platform)
    assert scene.judge(scene.plant(row["at"], row["line"])) == ""
