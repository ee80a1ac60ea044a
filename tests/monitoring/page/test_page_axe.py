"""axe-core finds nothing: every view, both languages, both themes, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page

from controller.model.city import City
from tests.monitoring.page.conftest import Visit
from tests.monitoring.page.figures import Figures
from tests.monitoring.page.rollouts import rollout
from tests.soak import FACTOR

AXE = (Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """async (tags) => {
  const { violations, passes } = await axe.run(document, {
    preload: false, resultTypes: ["violations"], runOnly: { type: "tag", values: tags },
  });
  const told = ({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary}`).join(" | ")}`;
  return { passes: passes.length, violations: violations.map(told) };
}"""
SCHOOL = "as-e04"


def clean(page: Page) -> None:
    page.evaluate(AXE)
    found = page.evaluate(FOUND, RULES)
    assert found["violations"] == []
    assert found["passes"] > 15


PAIRS = [("ja", "dark"), ("en", "light")]
"""Each language and each theme once; `make soak` looks at all pairs."""
OTHERS = [("ja", "light"), ("en", "dark")]


@pytest.mark.parametrize(("language", "scheme"), PAIRS + OTHERS * (FACTOR > 1))
def test_axe_finds_nothing(
    visits: Callable[..., Visit], figures: Figures, city: City, language: str, scheme: str
) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    figures.change(SCHOOL, lines={"primary": "down", "backup": "unknown"}, drift=2)
    figures.change("as-e05", silent=True)
    figures.tasks = [{"task": "prove", "command": "tsunagu prove", "good_at": None, "bad_at": None}]
    figures.devices[SCHOOL] = [{"id": "as-e04-rt1", "role": "router", "platform": "vyos", "last": None}]
    figures.skewed = [{"sender": "probe/1", "seconds": 9.0}]
    figures.rollout = rollout(city, 4.5)
    figures.need("line-down", SCHOOL, "primary", stale=True, heard="2026-11-26T01:05:00+00:00")
    figures.need("drift", "as-e06")
    figures.need("drift", "as-e07")
    visit = visits(color_scheme=scheme)
    page = visit.open(f"/?lang={language}&ward=asao&state=line-down&state=below&state=silent&state=meets")
    page.locator(".legend summary").click()
    page.locator(".need-members summary").click()
    clean(page)
    if language == "en":
        page = visit.open("/?lang=en&density=compact")
        page.locator(".need-act button").first.click()
        clean(page)
    page = visit.open(f"/schools/{SCHOOL}")
    page.locator(".figures-table summary").click()
    clean(page)
    page = visit.open("/rollout")
    page.locator("[data-level=device] .opener").first.click()
    clean(page)


def test_axe_finds_nothing_on_a_narrow_lost_page(visits: Callable[..., Visit], figures: Figures) -> None:
    page = visits(viewport={"width": 390, "height": 844}).open("/?ward=saiwai")
    figures.broken = True
    figures.hang_up()
    page.wait_for_selector("html[data-connection=lost]")
    clean(page)


def test_axe_would_find_something(visit: Visit) -> None:
    page = visit.open("/rollout")
    page.evaluate("document.querySelector('#theme').replaceChildren()")
    with pytest.raises(AssertionError, match="button-name"):
        clean(page)
