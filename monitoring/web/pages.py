"""The HTML of the monitor: three pages in two languages, their messages as JSON, and their static files.

A page is a frame of words; its modules fetch the figures from the API and keep them fresh. Nothing on it is inline and
nothing comes from elsewhere, so the policy of `monitoring.web.request_guard` allows neither.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Protocol, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from controller.messages import LANGUAGES, Language, load_catalogue
from controller.model.city import City
from controller.model.sites.stages import STAGES
from monitoring.login.login_method import ENDS_AT, PERSON
from monitoring.web.school_past import Measure

FOLDER = Path(__file__).parent / "page"
LANGUAGE_COOKIE = "tsunagu_language"
THEME_COOKIE = "tsunagu_theme"
THEMES = ("light", "dark")
"""What a reader can choose; without a choice the page follows the system."""
SUBJECTS = ("page.", "assessments.", "needs.")
"""The subjects of the catalogue that the page's modules read."""
_STATES = ("availability", "down", "unknown")
PAST_TABLES = {
    "lines": ("line", *_STATES, "outages"),
    "paths": (
        "path",
        *_STATES,
        *("of-contract", "of-recommended", "slowest", "upload", "latency", "latency-most", "jitter", "loss"),
    ),
    "services": ("service", *_STATES, "duration", "duration-most"),
    "devices": ("device", "role", "platform", "last-rollout", "outcome", "error"),
    "tasks": ("task", "good-at", "bad-at"),
    "outages": ("began", "line", "ended", "seconds"),
}
"""The tables of a school's past, and the columns of each in the order in which the page's module fills them."""
_YEAR = 365 * 24 * 3600


def build_page_routes(city: City) -> list[BaseRoute]:
    """The pages of a city, to be served beside the API that they read."""
    shown = describe_city(city)

    async def city_page(request: Request) -> Response:
        return render_page(request, "city.html", **shown)

    async def school_page(request: Request) -> Response:
        school = city.school_by_id.get(request.path_params["school"])
        if school is None:
            return render_page(request, "unknown.html", status=404, **shown)
        ward = next(ward for ward in city.wards if ward.id == school.ward)
        kind = city.kinds[school.kind].get_name(choose_language(request))
        return render_page(
            request,
            "school.html",
            school=school,
            ward=ward,
            kind=kind,
            stage=city.find_stage(school),
            regions=city.lines.regions,
            families=[f"ipv{family}" for family in city.families],
            measures=get_args(Measure),
            past_tables=PAST_TABLES,
            **shown,
        )

    async def rollout_page(request: Request) -> Response:
        return render_page(request, "rollout.html", **shown)

    return [
        Route("/", city_page),
        Route("/schools/{school}", school_page),
        Route("/rollout", rollout_page),
        Route("/messages/{language}.json", _messages),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]


def describe_city(city: City) -> dict[str, Any]:
    """What every page shows of the city."""
    name, _, note = city.name.partition(" (")
    return {
        "city": name,
        "note": note.removesuffix(")"),
        "wards": city.wards,
        "zone": city.timezone.key,
        "stages": STAGES if any(city.find_stage(school) for school in city.schools) else (),
    }


def choose_language(request: Request, *, cookies: bool = True) -> Language:
    """The reader's language: what the address asks for, else the last choice, else the browser's, else Japanese."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE) if cookies else None):
        if asked in LANGUAGES:
            return asked
    for entry in request.headers.get("accept-language", "").split(","):
        spoken = entry.split(";")[0].strip().split("-")[0].lower()
        if spoken in LANGUAGES:
            return spoken
    return "ja"


def render_page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    language: Language | None = None,
    cookies: bool = True,
    **shown: object,
) -> Response:
    """A page in the reader's language, or in the one that is given; without `cookies` it is the same for everybody."""
    language = language or choose_language(request, cookies=cookies)
    theme = request.cookies.get(THEME_COOKIE) if cookies else None
    text = (
        _templates()
        .get_template(template)
        .render(
            say=load_catalogue(language),
            language=language,
            other=next(one for one in LANGUAGES if one != language),
            theme=theme if theme in THEMES else "",
            path=request.url.path,
            person=request.scope.get(PERSON),
            ends_at=request.scope.get(ENDS_AT),
            name_for=lambda named: find_name(named, language),
            name_language=lambda named: "ja" if language == "ja" or named.english is None else "en",
            **shown,
        )
    )
    response = HTMLResponse(text, status)
    if request.query_params.get("lang") == language:
        tls = request.url.scheme == "https"
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, samesite="strict", secure=tls)
    return response


def render_notice(request: Request, key: str, status: int, why: str = "") -> Response:
    """A page of one message about a login, and the reason as it was given; it needs no script and no city."""
    why = load_catalogue(choose_language(request)).translate("login_reasons", why)
    return render_page(request, "notice.html", status=status, key=f"login.{key}", why=why)


class Named(Protocol):
    """A school, a ward or a region."""

    @property
    def name(self) -> str:
        """Its Japanese name."""

    @property
    def english(self) -> str | None:
        """Its English name, where it has one."""


def find_name(named: Named, language: Language) -> str:
    """The name for a reader; without an English one a reader of English has the Japanese one."""
    return named.name if language == "ja" or named.english is None else named.english


async def _messages(request: Request) -> Response:
    language = request.path_params["language"]
    if language not in LANGUAGES:
        return JSONResponse({"languages": LANGUAGES}, 404)
    texts = {key: text for key, text in load_catalogue(language).texts.items() if key.startswith(SUBJECTS)}
    return JSONResponse(texts, headers={"Cache-Control": "no-cache"})


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined)
