"""The runbooks of `docs/runbooks/` as pages: links of alerts and of needs lead here.

They are files of this project in a form of their own: a title, paragraphs, headings, numbered steps; in a line code
and links. Nothing else is understood, and everything is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from controller.messages import LANGUAGES, Language
from controller.model.city import City
from monitoring.web.pages import choose_language, describe_city, render_page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
_KEY = re.compile(r"[a-z]+(-[a-z]+)+")
_IN_LINE = re.compile(r"`([^`]+)`|\[([^\[\]]+)\]\(([\w./-]+)\)")


def build_runbook_routes(city: City) -> list[BaseRoute]:
    """The runbooks: in the language of the address, or else of the reader."""
    shown = describe_city(city)
    texts = {
        (language, path.stem): path.read_text(encoding="utf-8")
        for language in LANGUAGES
        for path in sorted((FOLDER / language).glob("*.md"))
    }

    async def redirect(request: Request) -> Response:
        key = (choose_language(request), request.path_params["name"].removesuffix(".md"))
        if key in texts:
            return RedirectResponse("/runbooks/{}/{}.md".format(*key), 303)
        return render_page(request, "unknown-runbook.html", status=404, **shown)

    async def runbook(request: Request) -> Response:
        language = _choose(request)
        text = texts.get((language, request.path_params["name"].removesuffix(".md")))
        if text is None:
            return render_page(request, "unknown-runbook.html", status=404, language=language, **shown)
        title, _, rest = text.removeprefix("# ").partition("\n")
        body = Markup("").join(render_blocks(rest))
        return render_page(request, "runbook.html", language=language, title=title, body=body, **shown)

    return [Route("/runbooks/{name}", redirect), Route("/runbooks/{language}/{name}", runbook)]


def _choose(request: Request) -> Language:
    """The language that a reader asks for, else that of the address."""
    named = request.path_params.get("language")
    return named if named in LANGUAGES and "lang" not in request.query_params else choose_language(request)


def render_blocks(text: str) -> Iterator[Markup]:
    r"""The blocks of a runbook below its title.

    >>> str(Markup("").join(render_blocks("## Look\n\n1. `ss -l`\n2. [here](a.md)")))
    '<h2>Look</h2><ol><li><code>ss -l</code></li><li><a href="a.md">here</a></li></ol>'
    """
    for block in text.strip().split("\n\n"):
        lines = block.splitlines()
        if block.startswith("## "):
            title = block.removeprefix("## ")
            # A heading that is an alert's key is where its link leads.
            place = Markup(' id="{}"').format(title) if _KEY.fullmatch(title) else ""
            yield Markup("<h2{}>{}</h2>").format(place, _render_line(title))
        elif re.match(r"\d+\. ", block):
            steps = (Markup("<li>{}</li>").format(_render_line(line.partition(". ")[2])) for line in lines)
            yield Markup("<ol>{}</ol>").format(Markup("").join(steps))
        elif block.startswith("|"):
            rows = (_render_row(line) for line in lines if not line.startswith("|--"))
            yield Markup("<table>{}</table>").format(Markup("").join(rows))
        else:
            yield Markup("<p>{}</p>").format(_render_line(" ".join(lines)))


def _render_row(line: str) -> Markup:
    cells = (Markup("<td>{}</td>").format(_render_line(cell.strip())) for cell in line.strip("|").split("|"))
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def _render_line(text: str) -> Markup:
    """A line with its code and links; a link leads to another runbook, or to nowhere else."""
    parts: list[Markup] = []
    end = 0
    for found in _IN_LINE.finditer(text):
        parts.append(escape(text[end : found.start()]))
        code, label, target = found.groups()
        parts.append(
            Markup("<code>{}</code>").format(code) if code else Markup('<a href="{}">{}</a>').format(target, label)
        )
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
