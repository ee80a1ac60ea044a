"""A short slice of the scripted bad day; `make soak-outage` plays all of it, with every school."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from controller.model.city import City
from tests.monitoring.feed import LINES
from tests.monitoring.outage_day.alerts import Scrapes, judge_alerts
from tests.monitoring.outage_day.pictures import ONE_EACH, Shown, take_pictures
from tests.monitoring.outage_day.play import Play
from tests.monitoring.outage_day.script import Step, cast_roles, read_day
from tests.monitoring.page.conftest import browser as browser  # noqa: PLC0414 the same fixture

SCHOOLS, SEED = 6, 1
PICTURED = "cut-off"


def test_page_metrics_and_alerts_tell_the_truth_on_a_bad_day(browser: Browser, city: City, tmp_path: Path) -> None:
    day = read_day().shorten()
    pictures: list[Path] = []

    def picture(step: Step, shown: Shown) -> None:
        if step.name == PICTURED:
            pictures.extend(take_pictures(shown, tmp_path, PICTURED))

    play = Play(cast_roles(day, city, SCHOOLS, SEED), city, tmp_path, picture)
    play.run(browser)
    assert len(pictures) == len(ONE_EACH)
    assert judge_alerts(play.cast, play.scrapes, tmp_path) == ""


def test_the_judge_names_what_is_not_as_the_script_says(city: City, tmp_path: Path) -> None:
    day = read_day()
    cut = day.model_copy(update={"steps": day.steps[:2]})
    cast = cast_roles(cut, city, SCHOOLS, SEED)
    school = cast.roles["a"]
    scrapes = Scrapes(begins=cut.begins.timestamp())
    for _ in range(cut.list_ends()["cut"] // cut.tick_seconds + 1):
        scrapes.add("\n".join(f'tsunagu_line_up{{school="{school}",line="{line}"}} 1' for line in LINES))
    told = judge_alerts(cast, scrapes, tmp_path)
    assert f'exp: {{alertname="TsunaguLineDown", line="primary", school="{school}"}}' in told
