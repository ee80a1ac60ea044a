"""A short slice of the scripted bad day; `make soak-outage` plays all of it, with every school."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Browser

from controller.model.city import City
from controller.telemetry.registry import MONITOR_REFUSED, ROLLOUT_LOST, Metric
from tests.monitoring.feed import LINES
from tests.monitoring.outage_day.alerts import Scrapes, judge_alerts
from tests.monitoring.outage_day.pictures import ONE_EACH, Shown, take_pictures
from tests.monitoring.outage_day.play import Play
from tests.monitoring.outage_day.probes import Probes
from tests.monitoring.outage_day.replay import replay_day
from tests.monitoring.outage_day.script import Cast, Day, Step, cast_roles, read_day
from tests.monitoring.page.conftest import browser as browser  # noqa: PLC0414 the same fixture

SCHOOLS, SEED = 6, 1
FASTER = 30
"""So many times faster than the day is the replay: 16 s of it."""
_MONITOR_LIVES = f'{MONITOR_REFUSED.prometheus}{{signal="metrics",reason="size"}} 0'
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


def test_the_whole_script_fires_what_it_says_by_the_shipped_rules(city: City, tmp_path: Path) -> None:
    """Also the steps that CI's short day does not have, with what the probes send as what a monitor serves of it."""
    assert judge_alerts(*_scrape(read_day(), city), tmp_path) == ""


def test_people_are_told_by_a_real_alertmanager_what_the_script_says(city: City, tmp_path: Path) -> None:
    day = read_day()
    short = day.model_copy(update={"steps": tuple(one for one in day.steps if one.name in {"all-well", "dns-dead"})})
    assert replay_day(*_scrape(short, city), tmp_path, FASTER) == []


def _scrape(day: Day, city: City) -> tuple[Cast, Scrapes]:
    """What a monitor would serve of what the probes measure, without one."""
    cast = cast_roles(day, city, SCHOOLS, SEED)
    probes, scrapes, now = Probes(city, cast.schools, cast.roles), Scrapes(begins=day.begins.timestamp()), 0.0
    is_monitored = True
    for step in day.steps:
        probes.change(step.does)
        is_monitored = step.does.monitor == "started" or (is_monitored and step.does.monitor != "killed")
        own = [_MONITOR_LIVES, f"{ROLLOUT_LOST.prometheus} {int(step.rollout == 'lost')}"]
        for _ in range(step.minutes * 60 // day.tick_seconds):
            told = [one for school in probes.list_heard() for one in probes.measure(school, scrapes.begins + now)]
            scrapes.add("\n".join([*own, *(_write_sample(*one) for one in told)]) if is_monitored else None)
            now += day.tick_seconds
    return cast, scrapes


def _write_sample(metric: Metric, value: float, place: Mapping[str, str]) -> str:
    labels = ",".join(f'{name}="{text}"' for name, text in place.items())
    return f"{metric.prometheus}{{{labels}}} {value}"
