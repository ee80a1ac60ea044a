"""176 schools that all change once a second make no long task."""

from __future__ import annotations

from random import Random

from playwright.sync_api import Browser

from tests.monitoring.page.conftest import Visit
from tests.monitoring.page.figures import Figures
from tests.monitoring.page.main_thread import recorded

LONG = 50.0
ROUNDS = 3


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
