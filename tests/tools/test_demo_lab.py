"""Chapters of the demo on the tests' own small virtual city. What the others show, other tests of the lab try."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.lab.state.layout import Layout
from controller.offline_google.environment import FOLDER
from tools.demo.chapters import CHAPTERS
from tools.demo.kept_page import show_trouble
from tools.demo.lines import ENDPOINT, read_tiles, repair_lines
from tools.demo.showing import Showing
from tools.demo.stage import Demo
from tools.demo.story import begin_first_day

pytestmark = pytest.mark.lab
SHOWN = ("check", "plan", "apply", "proof", "rollouts", "region")


@pytest.fixture
def demo(fresh_lab: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    for name in (FOLDER, ENDPOINT):
        monkeypatch.delenv(name, raising=False)
    found = Demo(tmp_path, fresh_lab.schools[0].id, schools=len(fresh_lab.schools), has_city=True)
    begin_first_day(found)
    yield found
    found.end_background()
    for name in (FOLDER, ENDPOINT):
        os.environ.pop(name, None)


def test_the_chapters_show_what_they_say(demo: Demo) -> None:
    showing = Showing(demo, [one for one in CHAPTERS if one.name in SHOWN], shown=("city",))
    showing.show_all()
    assert showing.failed == {}


def test_the_page_that_is_kept_names_the_school_that_is_cut_off_first(demo: Demo) -> None:
    watch = show_trouble(demo)
    troubled = {name: tile["need"] for name, tile in read_tiles().items() if tile["need"] in ("cut-off", "line-down")}
    assert troubled.pop(demo.canary) == "line-down"
    assert list(troubled.values()) == ["cut-off"]
    demo.end_one(watch)
    repair_lines(demo)
