"""The runbooks as pages of the monitor: every one, in both languages, with links that lead somewhere."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from controller.messages import LANGUAGES
from monitoring.alerts.alert_list import list_alerts
from monitoring.city_state.needs import RUNBOOKS, NeedKind
from monitoring.web.runbooks import render_blocks
from tests.monitoring.running import Running

KEYS = {alert.key for alert in list_alerts()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alert_has_its_page_and_links_that_lead_to_pages(running: Running, language: str) -> None:
    for alert in list_alerts():
        status, headers, body = running.ask(f"/runbooks/{language}/{alert.key}.md")
        text = body.decode()
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert f'<html lang="{language}"' in text
        assert f"<code>{alert.full_name}</code>" in text
        main = text.partition("<main")[2].partition("</main>")[0]
        assert len(re.findall("<li>", main)) >= 2
        assert "`" not in main
        for target in re.findall(r'<a href="([^"]+)"', main):
            assert target.rpartition("/")[2].removesuffix(".md") in KEYS, (alert.key, target)


def test_without_a_language_the_readers_own_is_chosen(running: Running) -> None:
    status, headers, _ = running.ask("/runbooks/line-down", headers={"Accept-Language": "en"})
    assert (status, headers["location"]) == (303, "/runbooks/en/line-down.md")


@pytest.mark.parametrize("path", ["/runbooks/none", "/runbooks/en/none.md", "/runbooks/en/README.md.md"])
def test_what_is_no_runbook_is_said_to_be_none(running: Running, path: str) -> None:
    status, _, body = running.ask(path, headers={"Accept-Language": "en"})
    assert status == 404
    assert "There is no such runbook" in body.decode()


def test_every_kind_of_need_has_a_runbook_but_what_is_a_matter_of_the_contract() -> None:
    assert set(get_args(NeedKind)) - set(RUNBOOKS) == {"below"}
    assert set(RUNBOOKS.values()) <= KEYS


def test_nothing_of_a_text_becomes_markup() -> None:
    made = "".join(render_blocks('1. <b>x</b> `<i>`\n\n[a](javascript:alert) ["](b.md)'))
    assert "<b>" not in made
    assert "<i>" not in made
    assert "javascript" not in re.findall(r'href="([^"]*)"', made)
