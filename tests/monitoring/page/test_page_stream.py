"""One stream a browser, however many tabs; it outlives the tab that has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from controller.model.city import City
from tests.chromium import open_chromium, open_lifelike_chromium
from tests.monitoring.page import figures as figures_module
from tests.monitoring.page.figures import Figures
from tests.monitoring.page.rollouts import rollout

TABS, MORE_THAN_CONNECTIONS = 12, 7
"""A browser has six connections to a server."""
SCHOOL = "as-e04"
PATIENCE_SECONDS = 15
NO_WORKER = "delete window.SharedWorker;"
NO_LOCKS = NO_WORKER + "delete Navigator.prototype.locks;"
SPEED = 4
DEAF = NO_WORKER + (
    f"const [now, every, start] = [Date.now, setInterval, Date.now()];"
    f"Date.now = () => start + {SPEED} * (now() - start);"
    "const [tick, first] = [performance.now.bind(performance), performance.now()];"
    f"performance.now = () => first + {SPEED} * (tick() - first);"
    f"window.setInterval = (act, time) => every(act, time / {SPEED});"
    "const hear = document.addEventListener.bind(document);"
    "document.addEventListener = (name, ...more) => name === 'freeze' ? undefined : hear(name, ...more);"
)
"""A leader that is not told that it will be frozen, as one that hangs; and clocks that run faster, for nobody waits."""


@dataclass
class Tabs:
    """A reader's tabs, and which of them asked for the stream."""

    context: BrowserContext
    base: str
    pages: list[Page] = field(default_factory=list)
    leaders: list[Page] = field(default_factory=list)

    def note(self, request: Request) -> None:
        """Keep who asks for the stream; what a worker asks for is of no tab."""
        if request.url.endswith("/api/events"):
            self.leaders.append(request.frame.page)

    def open(self, *paths: str) -> list[Page]:
        """Open tabs and wait until all are live."""
        first = self.context.new_page()
        first.goto(self.base + paths[0])
        expect_live([first])
        self.pages.append(first)
        for path in paths[1:]:
            # From within, as a reader does; the newest is in front.
            with self.context.expect_page() as opened:
                first.evaluate("(path) => void window.open(path)", path)
            self.pages.append(opened.value)
        expect_live(self.pages[-len(paths) :])
        return self.pages[-len(paths) :]

    def wait_until(self, reached: Callable[[], bool], told: str) -> None:
        """Wait for what no page shows, with Playwright's loop at work."""
        for _ in range(PATIENCE_SECONDS * 20):
            if reached():
                return
            self.pages[-1].wait_for_timeout(50)
        pytest.fail(told)


@contextmanager
def one_reader(context: BrowserContext, base: str, script: str = "") -> Iterator[Tabs]:
    """A reader without tabs yet; `script` is run in each before the page's own."""
    if script:
        context.add_init_script(script)
    tabs = Tabs(context, base)
    context.on("request", tabs.note)
    yield tabs
    context.remove_listener("request", tabs.note)


def tell(figures: Figures, city: City, name: str) -> None:
    figures.rollout = rollout(city, 1.0) | {"id": name, "name": name}
    figures.tell("rollout", figures.rollout)


def expect_live(pages: list[Page]) -> None:
    for page in pages:
        expect(page.locator("html")).to_have_attribute("data-connection", "live", timeout=PATIENCE_SECONDS * 1000)


def expect_told(pages: list[Page], name: str) -> None:
    for page in pages:
        expect(page.locator("#rollout-name")).to_have_text(name)


def test_twelve_tabs_are_live_over_one_stream(base: str, figures: Figures, city: City) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    with open_chromium() as browser, one_reader(browser.new_context(locale="en-GB"), base) as tabs:
        *rollouts, board, school = tabs.open(*["/rollout"] * (TABS - 2), "/", f"/schools/{SCHOOL}")
        assert figures.readers == 1
        tell(figures, city, "to all of them")
        expect_told(rollouts, "to all of them")
        figures.change(SCHOOL, lines={"primary": "down", "backup": "up"})
        expect(board.locator(f".tile[data-school={SCHOOL}][data-down]")).to_be_visible()
        figures.series[SCHOOL]["primary"]["latency"].append([datetime.now(UTC).timestamp(), 77.7])
        figures.change(SCHOOL, lines={"primary": "up", "backup": "up"})
        expect(school.locator("[data-line=primary] [data-value=latency]")).to_have_text("77.7 ms")
        expect_live(tabs.pages)
        assert figures.readers == 1
        for page in tabs.pages[:-1]:
            page.close()
        expect_live([school])
        school.goto("about:blank")
        tabs.wait_until(lambda: figures.readers == 0, "nobody looks, and the stream is still open")


def test_another_tab_leads_when_the_leading_one_is_closed(base: str, figures: Figures, city: City) -> None:
    with open_chromium() as browser, one_reader(browser.new_context(), base, NO_WORKER) as tabs:
        first, *others = tabs.open(*["/rollout"] * MORE_THAN_CONNECTIONS)
        assert tabs.leaders == [first]
        assert figures.readers == 1
        tell(figures, city, "to all of them")
        expect_told(tabs.pages, "to all of them")
        first.close()
        tabs.wait_until(lambda: len(tabs.leaders) == 2 and figures.readers == 1, "nobody took over")
        expect_live(others)
        tell(figures, city, "after it was closed")
        expect_told(others, "after it was closed")


@pytest.mark.parametrize("script", [NO_WORKER, DEAF], ids=["told", "hangs"])
def test_another_tab_leads_when_the_leading_one_is_frozen(
    base: str, figures: Figures, tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = figures.city
    monkeypatch.setattr(figures_module, "ALIVE_SECONDS", figures_module.ALIVE_SECONDS / SPEED)
    with open_lifelike_chromium(tmp_path / "profile") as context, one_reader(context, base, script) as tabs:
        first, *others = tabs.open(*["/rollout"] * 3)
        assert tabs.leaders == [first]
        assert first.evaluate("document.visibilityState") == "hidden"
        freezing = context.new_cdp_session(first)
        freezing.send("Page.setWebLifecycleState", {"state": "frozen"})
        tabs.wait_until(lambda: len(tabs.leaders) > 1, "nobody took over")
        assert first not in tabs.leaders[1:]
        expect_live(others)
        tell(figures, city, "while it is frozen")
        expect_told(others, "while it is frozen")
        freezing.send("Page.setWebLifecycleState", {"state": "active"})
        expect_told([first], "while it is frozen")
        tabs.wait_until(lambda: figures.readers == 1, "two streams are open")
        tell(figures, city, "when it is back")
        expect_told(tabs.pages, "when it is back")


def test_a_browser_that_can_share_nothing_has_a_stream_for_the_tab_in_front(
    base: str, figures: Figures, city: City, tmp_path: Path
) -> None:
    with open_lifelike_chromium(tmp_path / "profile") as context, one_reader(context, base, NO_LOCKS) as tabs:
        (first,) = tabs.open("/rollout")
        (second,) = tabs.open("/rollout")
        tabs.wait_until(lambda: figures.readers == 1, "the tab behind has a stream")
        tell(figures, city, "to the one in front")
        expect_told([second], "to the one in front")
        first.bring_to_front()
        expect_told([first], "to the one in front")
