"""176 schools that all change once a second make no long task, and neither does a rollout of 4,928 devices."""

from __future__ import annotations

from random import Random

from playwright.sync_api import Browser, expect

from tests.monitoring.page.conftest import Visit
from tests.monitoring.page.figures import Figures
from tests.monitoring.page.main_thread import recorded
from tests.monitoring.page.rollouts import begin_rollout, end_device, large_rollout

LONG = 50.0
ROUNDS = 3
DEVICES = 4_928


def test_no_long_task_while_every_tile_changes_once_a_second(visit: Visit, browser: Browser, figures: Figures) -> None:
    page = visit.open()
    random = Random(7)  # noqa: S311 figures, no secrets
    shown = page.locator(".tile[data-school=as-e04] .measured")

    def changes() -> None:
        for _ in range(ROUNDS):
            figures.measure_all(random)
            page.wait_for_timeout(1000)

    busy = recorded(browser, page, changes)
    assert shown.text_content() == f"{int(figures.tiles['as-e04']['measured_mbps'])}"
    assert sum(busy.cpu) > 5, "the trace shows a page that did nothing"
    assert max(busy.cpu) < LONG, f"longest: {max(busy.cpu):.1f} ms on the processor, {max(busy.wall):.1f} ms in all"
    assert visit.problems() == []


def test_no_long_task_while_a_rollout_of_the_whole_city_is_shown(
    visit: Visit, browser: Browser, figures: Figures
) -> None:
    whole = large_rollout(figures.city, DEVICES)
    page = visit.open("/rollout?lang=en")
    running = next(n for n, device in enumerate(whole["waves"][0]["devices"]) if device["step"])

    def show() -> None:
        figures.rollout = whole
        figures.tell("rollout", begin_rollout(whole))
        expect(page.locator("#ends [data-outcome=failed] b")).to_have_text("46")
        expect(page.locator("#spans tr")).to_have_count(1 + len(figures.city.schools))
        for n in range(3):
            figures.tell("rollout", end_device(whole, running + n))
            page.wait_for_timeout(300)

    before = page.locator("#ends [data-outcome=applied] b")
    busy = recorded(browser, page, show)
    expect(before).to_have_text(f"{sum(one['outcome'] == 'applied' for one in whole['waves'][0]['devices']):,}")
    assert page.locator(".device").count() < 200
    assert sum(busy.cpu) > 5, "the trace shows a page that did nothing"
    assert max(busy.cpu) < LONG, f"longest: {max(busy.cpu):.1f} ms on the processor, {max(busy.wall):.1f} ms in all"
    assert visit.problems() == []
