"""Pictures of the page for the documents: every view in both languages, from the same figures each time.

    python tests/monitoring/page/screenshots.py [--folder docs/screenshots]

A test takes them too, into a folder of its own.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from playwright.sync_api import Browser, Page, sync_playwright

from controller.messages import LANGUAGES, load_catalogue
from controller.model.loading.load_city import load_city
from tests.chromium import ARGUMENTS
from tests.monitoring.page.conftest import opened
from tests.monitoring.page.figures import STARTED, Figures
from tests.monitoring.page.rollouts import rollout
from tests.monitoring.page.serving import served

ROOT = Path(__file__).parents[3]
SCHOOL = "as-e04"
CUT = "tk-e03"
NOT_MEASURED = {"assessment": "not-measured", "measured_mbps": None, "measured_at": None}
VIEWS = {"city": ("/", 1440, 980), "school": (f"/schools/{SCHOOL}", 1440, 1160), "rollout": ("/rollout", 1440, 900)}
THEMES = {"ja": "light", "en": "dark"}
SECONDS_OF_THE_ROLLOUT = 4.6


def staged(figures: Figures) -> Figures:
    """A city on an ordinary day: one line is cut; the school that is looked at had its own cut a while ago."""
    figures.past(SCHOOL, datetime.now(UTC))
    figures.change(CUT, lines={"primary": "down", "backup": "up"}, **NOT_MEASURED)
    now = datetime.now(UTC)
    figures.newest = now.isoformat()
    since = (now - timedelta(minutes=12)).isoformat()
    _need(figures, "line-down", CUT, "primary", since=since, causes=["line"])
    for school, tile in figures.tiles.items():
        if tile["assessment"] == "below":
            _need(figures, "below", school, None, since=STARTED.isoformat(), causes=["contract"])
    return figures


def _need(figures: Figures, kind: str, school: str, line: str | None, **more: object) -> None:
    step = {language: load_catalogue(language)[f"needs.step-{kind}"] for language in LANGUAGES}
    command = "tsunagu report bandwidth" if kind == "below" else f"tsunagu measure --school {school}"
    figures.need(kind, school, line, step=step, command=command, **more)


def taken(browser: Browser, base: str, figures: Figures, folder: Path) -> Iterator[Path]:
    """The pictures, as they are written."""
    for language, theme in THEMES.items():
        for view, (path, width, height) in VIEWS.items():
            viewport = {"width": width, "height": height}
            with opened(browser, base, viewport=viewport, color_scheme=theme) as visit:
                figures.rollout = rollout(figures.city, SECONDS_OF_THE_ROLLOUT, datetime.now(UTC))
                page = visit.open(f"{path}?lang={language}")
                _dress(page, view)
                file = folder / f"{view}-{language}.png"
                page.screenshot(path=file)
                yield file


def _dress(page: Page, view: str) -> None:
    if view == "rollout":
        page.locator("[data-level=device] .opener").first.click()
    page.evaluate("document.activeElement.blur()")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description="Pictures of the page for the documents.")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "screenshots")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    figures = staged(Figures(load_city(ROOT / "policies")))
    with served(figures) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for file in taken(browser, base, figures, folder):
            sys.stdout.write(f"{file}: {file.stat().st_size // 1024} KiB\n")
        browser.close()


if __name__ == "__main__":
    main()
