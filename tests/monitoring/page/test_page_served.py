"""What the server sends, without a browser."""

from __future__ import annotations

import http.client
import inspect
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest

from controller.messages import LANGUAGES, load_catalogue
from controller.model.city import City
from controller.model.policy_files import SCHOOLS
from controller.model.sites.schools import SchoolFile
from controller.rollout import device_step, end_reading
from monitoring.web import pages
from tests.monitoring.page.figures import Figures
from tests.monitoring.page.serving import served
from tools import vendor_npm

VIEWS = ("/", "/schools/as-e04", "/rollout")
MODULES = sorted((pages.FOLDER / "static" / "js").rglob("*.js"))
SAID = re.compile(r'say\("([\w.-]+)"')


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Reader:
    """A reader that keeps cookies, as a browser does."""

    base: str
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def get(self, path: str, accept_language: str = "fr") -> Answer:
        """Fetch a path."""
        connection = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=10)
        cookie = "; ".join(f"{one.key}={one.coded_value}" for one in self.cookies.values())
        try:
            connection.request("GET", path, headers={"Cookie": cookie, "Accept-Language": accept_language})
            answer = connection.getresponse()
            for line in answer.headers.get_all("set-cookie", []):
                self.cookies.load(line)
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()


@contextmanager
def serving(city: City) -> Iterator[Reader]:
    with served(Figures(city)) as base:
        yield Reader(base)


@pytest.fixture(scope="module")
def address(city: City) -> Iterator[str]:
    with served(Figures(city)) as base:
        yield base


@pytest.fixture
def reader(address: str) -> Reader:
    return Reader(address)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_allows_nothing_inline_and_nothing_from_elsewhere(reader: Reader, view: str) -> None:
    answer = reader.get(view)
    assert answer.status == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?://|src=\"//", answer.text)


def test_the_language_asked_for_is_kept(reader: Reader) -> None:
    assert '<html lang="ja"' in reader.get("/").text
    assert '<html lang="en"' in reader.get("/?lang=en").text
    assert '<html lang="en"' in reader.get("/rollout").text
    assert '<html lang="ja"' in reader.get("/?lang=ja").text


def test_the_browser_s_language_is_taken_where_none_was_asked_for(reader: Reader) -> None:
    assert '<html lang="en"' in reader.get("/", accept_language="fr, en-GB;q=0.8").text


@pytest.mark.parametrize("asked", ["xx", "../ja", "<b>", ""])
def test_a_language_that_is_none_is_japanese(reader: Reader, asked: str) -> None:
    assert '<html lang="ja"' in reader.get(f"/?{urlencode({'lang': asked})}").text
    assert reader.get(f"/messages/{quote(asked or 'x')}.json").status == 404


def test_a_theme_that_is_none_is_not_written_into_the_page(reader: Reader) -> None:
    for theme, written in (("dark", True), ("blue", False)):
        reader.cookies[pages.THEME_COOKIE] = theme
        text = reader.get("/").text
        assert (f'data-theme="{theme}"' in text) is written
        assert ("data-theme" in text) is written


def test_there_is_no_such_school(reader: Reader) -> None:
    answer = reader.get("/schools/no-such?lang=en")
    assert answer.status == 404
    assert "There is no such school" in answer.text


def test_names_are_escaped(city: City) -> None:
    school = city.schools[0].model_copy(update={"name": "<img src=x>&"})
    with serving(city.replace_file(SCHOOLS, SchoolFile(schools=(school,)))) as reader:
        answer = reader.get(f"/schools/{school.id}")
    assert "<img" not in answer.text
    assert "&lt;img src=x&gt;&amp;" in answer.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_modules_get_the_words_of_the_catalogue(reader: Reader, language: str) -> None:
    texts = json.loads(reader.get(f"/messages/{language}.json").text)
    assert texts["page.city"] == load_catalogue("ja" if language == "ja" else "en")["page.city"]
    assert {key.split(".")[0] for key in texts} == {"page", "assessments", "needs"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_says_only_what_the_catalogue_has(module: Path) -> None:
    texts = load_catalogue("ja").texts
    for key in SAID.findall(module.read_text(encoding="utf-8")):
        assert f"page.{key}" in texts, f"{module.name} says {key!r}"


def test_every_message_is_said_somewhere() -> None:
    files = [*MODULES, *(pages.FOLDER / "templates").glob("*.html")]
    said = "\n".join(file.read_text(encoding="utf-8") for file in files)
    built = re.compile(r'"page\.([\w-]+-)" ~|`([\w-]+-)\$\{|"page\.()" ~|`\$\{line\}(-short)')
    starts = {start for found in built.findall(said) for start in found if start}
    for key in (key.removeprefix("page.") for key in load_catalogue("ja").texts if key.startswith("page.")):
        known = f'"page.{key}"' in said or f'"{key}"' in said
        assert known or any(key.startswith(start) or key.endswith(start) for start in starts), key


def test_every_step_of_a_rollout_has_its_words() -> None:
    source = inspect.getsource(device_step) + inspect.getsource(end_reading)
    steps = re.findall(r'(?:Level\.STEP, |step\()"([^"]+)"', source)
    assert {"read", "push", "confirm", "read what is left"} <= set(steps)
    for step in steps:
        assert f"page.step-{re.sub('[^a-z]+', '-', step)}" in load_catalogue("ja").texts


def test_vendored_files_are_the_ones_that_were_noted() -> None:
    assert list(vendor_npm.find_differences(vendor_npm.read_manifest())) == []
    for one in vendor_npm.read_manifest():
        assert (vendor_npm.ROOT / one.folder / "LICENSE").exists()


def test_a_vendored_file_that_was_changed_is_named() -> None:
    one = vendor_npm.read_manifest()[0]
    file = next(iter(one.files))
    other = one.model_copy(update={"files": {file: "0" * 64}})
    (difference,) = vendor_npm.find_differences([other])
    assert Path(file).name in difference
    assert "0" * 64 in difference
