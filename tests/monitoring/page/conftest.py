"""The page in Debian's own Chromium, over figures that the tests hold in their hands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from controller.model.city import City
from tests.chromium import TELL_VIOLATIONS, open_chromium
from tests.monitoring.page.figures import Figures
from tests.monitoring.page.serving import served


@dataclass
class Visit:
    """A browser's window with everything that went wrong in it, and every request that it made."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """Go to a view and wait until its figures are there and live."""
        self.page.goto(self.base + path)
        self.page.wait_for_selector("html[data-connection=live]")
        self.page.wait_for_selector("[aria-busy]", state="detached")
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self.page

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the console complains of."""
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def problems(self) -> list[str]:
        """Console errors and warnings, script errors, and violations of the content security policy."""
        return [*self.complaints, *self.page.evaluate("window.violations")]


@pytest.fixture
def figures(city: City) -> Figures:
    """The city's figures, the same ones for every test."""
    return Figures(city)


@pytest.fixture
def base(figures: Figures) -> Iterator[str]:
    """The address at which the figures are shown."""
    with served(figures) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one a module."""
    with open_chromium() as found:
        yield found


@contextmanager
def opened(browser: Browser, base: str, **options: object) -> Iterator[Visit]:
    """A window, closed at the end; options are those of Playwright's contexts."""
    wanted: dict[str, Any] = {"locale": "ja-JP", "viewport": {"width": 1440, "height": 900}, **options}
    context = browser.new_context(**wanted)
    context.add_init_script(TELL_VIOLATIONS)
    visit = Visit(context.new_page(), base)
    visit.page.set_default_timeout(20_000)
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("console", visit.hear)
    yield visit
    context.close()


@pytest.fixture
def visits(browser: Browser, base: str) -> Iterator[Callable[..., Visit]]:
    """Opens windows on the figures."""
    with ExitStack() as windows:
        yield lambda **options: windows.enter_context(opened(browser, base, **options))


@pytest.fixture
def visit(visits: Callable[..., Visit]) -> Visit:
    """A wide Japanese window."""
    return visits()
