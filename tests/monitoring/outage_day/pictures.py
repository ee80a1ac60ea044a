"""Pictures of the page on the scripted day: both languages, both themes, from a phone to a wall; and what must hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType

from playwright.sync_api import Browser, Page

from tests.monitoring.page.conftest import opened


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that can be looked at: in which browser, at which address, and what time it is there."""

    browser: Browser
    url: str
    now: float


LANGUAGES, THEMES = ("ja", "en"), ("light", "dark")
SIZES: Mapping[int, int] = MappingProxyType({1280: 800, 1920: 1080, 3840: 2160, 390: 844})
"""Width and height of the windows: an old notebook, a desk, a wall, a phone."""
ONE_EACH = tuple(
    zip((1280, 1920, 3840, 390), ("ja", "en", "en", "ja"), ("light", "dark", "light", "dark"), strict=True)
)
"""A picture of each size, in which each language and each theme comes twice."""
ALL = tuple(product(SIZES, LANGUAGES, THEMES))
_CUT_OFF = """() => [...document.querySelectorAll(".need *, .figure *, .masthead *, .unfetched")].filter((one) =>
  one.clientWidth > 0 && one.children.length === 0 && one.scrollWidth > one.clientWidth + 1
).map((one) => `${one.className}: ${one.textContent}`)"""


def take_pictures(
    shown: Shown,
    folder: Path,
    name: str,
    path: str = "/",
    views: tuple[tuple[int, str, str], ...] = ONE_EACH,
) -> Iterator[Path]:
    """Take pictures of a view as it stands; nothing in it may be cut off or wider than the window."""
    folder.mkdir(parents=True, exist_ok=True)
    for width, language, theme in views:
        viewport = {"width": width, "height": SIZES[width]}
        with opened(shown.browser, shown.url, viewport=viewport, color_scheme=theme) as visit:
            visit.page.clock.set_fixed_time(shown.now)
            page = visit.open(f"{path}{'&' if '?' in path else '?'}lang={language}")
            hold_layout(page, width)
            file = folder / f"{name}-{language}-{theme}-{width}.png"
            page.screenshot(path=file)
            assert visit.problems() == []
            yield file


def hold_layout(page: Page, width: int) -> None:
    """No text of the list, of the counts or of the head is cut off, and the page is no wider than its window."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(_CUT_OFF) == []
