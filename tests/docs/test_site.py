"""The site of the docs: built whole, asks no other host for anything, says what the code has; its tutorial works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread

import pytest

from controller.cli.main import COMMANDS, GROUPS
from controller.exit_codes import Exit
from controller.model.loading.schema import build_schemas
from controller.platforms.registry import list_platforms
from controller.telemetry.registry import METRICS
from stacks.guardrails.pack import GUARDRAILS
from tests.chromium import TELL_VIOLATIONS, open_chromium
from tests.docs.commands import run_commands
from tools.site.__main__ import build_site
from tools.site.reference import build_reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ASKED = re.compile(
    r"<(?:script|link|img|iframe|source|object|embed|video|audio)\b[^>]*?\b(?:src|href|srcset|data)=[\"']?((?:https?:)?//[^\s\"'>]*)",
    re.IGNORECASE,
)
POLICY = """http-equiv="Content-Security-Policy" content="default-src 'self'"""
READ = [*PAGES, *(ROOT / folder / "README.md" for folder in ("stacks", "playbooks", "monitoring"))]
MOST_WORDS = 18
"""The median of a page's sentences; code in a sentence counts as one word."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site; a broken link or anchor ends the building."""
    target = tmp_path_factory.mktemp("site")
    assert build_site(target) == 0
    return target


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    return build_reference()


def test_every_page_is_on_the_site(site: Path) -> None:
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    wanted = {page.relative_to(ROOT).with_suffix(".html").as_posix() for page in PAGES if page.name != "README.md"}
    assert wanted | {"index.html", "README.ja.html", "stacks/index.html"} <= built
    assert {f"reference/{name.removesuffix('.md')}.html" for name in build_reference()} <= built


def test_the_browser_asks_no_other_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert ASKED.findall(text) == [], page
        assert POLICY in text, page
        assert "vendor/mermaid/mermaid.min.js" in text, page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://x.example/a.js">',
        "<link rel=stylesheet href=//x.example/a.css>",
        '<img alt="a" src="http://x.example/a.png">',
    ],
)
def test_a_request_to_another_host_would_be_found(tag: str) -> None:
    assert len(ASKED.findall(tag)) == 1
    assert ASKED.findall('<a href="https://x.example/">') == []


DRAWN = """
() => document.querySelector("div.mermaid") && !document.querySelector("pre.mermaid")
  && [...document.querySelectorAll("div.mermaid")].every((one) => one.getBoundingClientRect().height > 100)
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 the library's own name
        """Say nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address of a folder's files on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_browser_asks_only_this_host_finds_words_and_draws_diagrams(site: Path) -> None:
    drawings = [
        one.relative_to(ROOT).with_suffix(".html").as_posix().replace("README", "index")
        for one in READ
        if "```mermaid" in one.read_text("utf-8")
    ]
    with serve(site) as base, open_chromium() as browser:
        context = browser.new_context()
        context.add_init_script(TELL_VIOLATIONS)
        page = context.new_page()
        asked: set[str] = set()
        said: list[str] = []
        page.on("request", lambda request: asked.add(request.url))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda one: said.append(one.text) if one.type in {"error", "warning"} else None)
        for name in (*drawings, "index.html", "README.ja.html", "docs/glossary.html", "reference/commands.html"):
            page.goto(f"{base}/{name}")
            if name in drawings:  # they stand in a closed shadow tree: only their size can be seen
                page.wait_for_function(DRAWN)
            said += page.evaluate("window.violations")
        for word in ("exit codes", "学校"):
            page.goto(f"{base}/index.html")
            search = page.locator("input.md-search__input")
            search.fill(word)
            search.press("Shift")  # the search listens to keys
            page.locator(".md-search-result__item").first.wait_for()
    assert (said, {one for one in asked if not one.startswith((base, "data:", "blob:"))}) == ([], set())


def test_the_reference_has_every_command(reference: dict[str, str]) -> None:
    for name in (*COMMANDS, *GROUPS):
        assert f"\n## `tsunagu {name}`\n" in reference["commands.md"], name
    assert "### `tsunagu lab matrix`" in reference["commands.md"]
    assert "| `--policies`" in reference["commands.md"]


def test_the_reference_has_every_field_of_the_policy(reference: dict[str, str]) -> None:
    text = reference["policy-files.md"]
    for name, schema in build_schemas().items():
        assert f"## `{name.removesuffix('.json')}.yaml`" in text
        for one in (schema, *schema.get("$defs", {}).values()):
            for field in one.get("properties", {}):
                assert f"| `{field}` |" in text, (name, field)


def test_the_reference_has_metrics_codes_guardrails_and_platforms(reference: dict[str, str]) -> None:
    for metric in METRICS.values():
        assert f"| `{metric.name}` | `{metric.prometheus}` |" in reference["metrics.md"]
    for code in Exit:
        assert f"| `{code.value}` | {code.name} |" in reference["exit-codes.md"]
    for guardrail in GUARDRAILS:
        assert f"| `{guardrail.name}` |" in reference["guardrails.md"]
    for platform in list_platforms():
        assert f"`{platform}`" in reference["platforms.md"]


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    said = run_commands((line for block in blocks for line in block.splitlines()), tmp_path)
    assert "0 errors" in said["check"]
    assert "DENIED" in said["explain"]
    assert "other-school" in said["what-if"]
    assert "plan: 0 of" in said["plan"]
    assert "configs/kw-e01-core1.cfg:" in said["prove"]


def test_every_message_of_the_troubleshooting_is_one_of_ours() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for top in ("controller", "monitoring")
        for kind in ("*.py", "*.yaml", "*.sh")
        for path in (ROOT / top).rglob(kind)
    )
    assert len(messages) >= 25
    assert [one for one in messages if one not in code] == []


@pytest.mark.parametrize("page", READ, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_sentences_are_short(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`]+`", "code", re.sub(r"\]\([^)]*\)", "]", text))
    lines = [line for line in text.splitlines() if not line.startswith(("|", "#", "!", "<!--"))]
    paragraphs = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) ", "\n".join(lines))
    sentences = [one.split() for part in paragraphs for one in re.split(r"(?<=[.!?])\s+", part)]
    lengths = [len(words) for words in sentences if len(words) > 2]
    assert median(lengths) <= MOST_WORDS
