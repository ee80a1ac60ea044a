"""The report in Debian's own Chromium: it asks nobody for anything, its policy refuses nothing, axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from controller.measure.report.bandwidth_report import ReportEdition, render_bandwidth_report
from controller.measure.report.city_figures import CityFigures
from controller.messages import Language, load_catalogue
from controller.model.city import City
from tests.chromium import open_chromium
from tests.measure.findings import NOON
from tests.measure.test_measure_report import assessed, measurements
from tests.monitoring.page.test_page_axe import clean


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_chromium() as opened:
        yield opened


@pytest.mark.parametrize(
    ("language", "scheme", "width"), [("ja", "light", 1100), ("ja", "dark", 390), ("en", "dark", 1100)]
)
def test_the_report_opens_alone_and_axe_finds_nothing(  # noqa: PLR0913, PLR0917 what is shown where
    chromium: Browser, city: City, tmp_path: Path, language: Language, scheme: str, width: int
) -> None:
    figures = CityFigures(assessed(city, measurements(), city.virtual_estate.schools))
    file = tmp_path / "report.html"
    edition = ReportEdition(NOON, "m.sqlite", "tsunagu report measurement --lab", notice="virtual")
    file.write_text(render_bandwidth_report(city, figures, edition, load_catalogue(language)), encoding="utf-8")
    page = chromium.new_page(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 900}
    )
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    assert (asked, said) == ([file.as_uri()], [])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    accent = page.evaluate("getComputedStyle(document.querySelector('h2')).borderLeftColor")
    assert accent == ("rgb(140, 196, 255)" if scheme == "dark" else "rgb(11, 79, 138)")  # so its style was let in
    clean(page)
    page.close()
