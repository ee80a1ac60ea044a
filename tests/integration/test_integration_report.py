from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import date

import pytest

from controller.integration.report.integration_report import IntegrationFigures, render_integration_report
from controller.integration.schedule.build_schedule import Schedule, build_schedule
from controller.integration.stage_change import StageSubject, change_stage
from controller.integration.status import list_school_statuses
from controller.messages import LANGUAGES, Language, load_catalogue
from controller.model.city import City
from controller.model.sites.stages import STAGES, Stage
from controller.operations.integration_settings import IntegrationSettings
from tests.integration.test_schedule import bound, separate
from tests.measure.test_measure_report import outline
from tests.policies import NOON, TODAY


def render(city: City, settings: IntegrationSettings, language: Language = "ja") -> tuple[str, Schedule]:
    assert city.calendar is not None
    schedule = build_schedule(city, {}, settings, TODAY, city.calendar)
    figures = IntegrationFigures(list_school_statuses(city, {}, TODAY), schedule, settings, NOON)
    return render_integration_report(city, figures, load_catalogue(language)), schedule


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_school_stands_in_it_with_its_stage(city: City, language: Language) -> None:
    changed = change_stage(separate(city), StageSubject("school", "as-e04"), Stage.INTEGRATED, by="課", since=TODAY)
    html, schedule = render(changed, bound(schools_per_week=12), language)
    page = outline(html)
    assert not page.open
    assert schedule.shortage is None
    for school in city.schools:
        assert school.name in page.text
    cards = re.findall(r'<li class="(\w+)">.*?<strong>(\d+)</strong>', html)
    assert cards == [("separated", str(len(city.schools) - 1)), ("coexist", "0"), ("integrated", "1")]
    assert "2026-12-01" in page.text


def test_a_shortage_stands_in_it(city: City) -> None:
    html, schedule = render(separate(city), bound(schools_per_week=1, until=date(2027, 3, 31)))
    assert schedule.shortage is not None
    assert f"最初に足りないのは {schedule.shortage.schools[0].name}" in html


def test_it_asks_nothing_of_anybody_and_escapes_names(city: City) -> None:
    school = city.schools[0].model_copy(update={"name": "<script>alert(1)</script>"})
    evil = separate(city)
    statuses = list_school_statuses(evil, {}, TODAY)
    changed = (replace(statuses[0], school=school), *statuses[1:])
    figures = IntegrationFigures(changed, None, bound(), NOON, notice="report-virtual")
    html = render_integration_report(evil, figures, load_catalogue("ja"))
    assert "<script" not in html
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html
    assert not re.search(r'(?:src|href)="(?!#)', html)
    assert {f'class="{stage}"' for stage in STAGES} <= set(re.findall(r'class="\w+"', html))
