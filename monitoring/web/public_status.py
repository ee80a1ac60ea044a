"""A page for everybody: how the schools' Internet is, by ward and in words alone.

No school, line, device, count or time of an outage is on it. A ward of few schools stands with others, so its word says
nothing of one school. It is made once a minute, however many ask, and needs no script.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypedDict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from controller.messages import Language
from controller.model.sites.schools import Ward
from monitoring.city_state.monitor import Monitor
from monitoring.city_state.needs import Need, NeedKind
from monitoring.city_state.school_tiles import Tile
from monitoring.web.pages import choose_language, describe_city, render_page

PUBLIC_PATH, PUBLIC_JSON_PATH = "/public", "/public.json"
KEPT_SECONDS = 60
LEAST_SCHOOLS = 3
"""A word is said of so many schools or more together."""
OTHERS = "others"
_MOST_UNHEARD = 0.1
"""Where more of the schools than this were not heard lately, nobody knows that all is well."""

_REDUCED: frozenset[NeedKind] = frozenset({"line-down", "brown-out", "region-down"})
WardWord = Literal["well", "reduced", "partly-out", "out", "unknown"]
_SchoolWord = Literal["well", "reduced", "out", "unknown"]


class WardStatus(TypedDict):
    """A ward, or all small ones together (`others`), and how its schools are."""

    ward: str
    state: WardWord


class PublicStatus(NamedTuple):
    """What everybody is told, and when it was looked at."""

    at: float
    wards: tuple[WardStatus, ...]


class StatusBoard:
    """What everybody is told, looked at once a minute. Belongs to the event loop's thread."""

    def __init__(self, look: Callable[[], tuple[WardStatus, ...]], clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._status: PublicStatus | None = None
        self._looked = 0.0
        self.pages: dict[Language, bytes] = {}
        """What was made of the status that stands, by language."""

    def renew_status(self) -> PublicStatus:
        """Return the status of at most a minute ago."""
        now = self._clock()
        if self._status is None or now - self._looked >= KEPT_SECONDS:
            self._status, self._looked = PublicStatus(time.time(), self._look()), now
            self.pages.clear()
        return self._status


def build_public_routes(monitor: Monitor) -> list[BaseRoute]:
    """The page for everybody, and the same as JSON."""
    city = describe_city(monitor.city)

    def assess_city() -> tuple[WardStatus, ...]:
        return assess_wards(monitor.city.wards, monitor.present.tiles(), monitor.present.list_needs(anew=False))

    board = StatusBoard(assess_city)
    named = {ward.id: ward for ward in monitor.city.wards}
    headers = {"Cache-Control": f"public, max-age={KEPT_SECONDS}", "Vary": "Accept-Language"}

    async def show_status(request: Request) -> Response:
        status = board.renew_status()
        # Not by a cookie: what is kept on the way must be the same for everybody who asks so.
        language = choose_language(request, cookies=False)
        if language not in board.pages:
            at = datetime.fromtimestamp(status.at, monitor.city.timezone).strftime("%Y-%m-%d %H:%M")
            wards = [{**one, "message": f"public.{_name_state(one['state'])}"} for one in status.wards]
            shown = {**city, "wards": wards, "named": named, "at": at}
            page = render_page(request, "public.html", language=language, cookies=False, **shown)
            board.pages[language] = bytes(page.body)
        return Response(board.pages[language], media_type="text/html", headers=headers)

    async def answer_status(_: Request) -> Response:
        status = board.renew_status()
        at = datetime.fromtimestamp(status.at, UTC).isoformat(timespec="minutes")
        return JSONResponse({"at": at, "wards": status.wards}, headers=headers)

    return [Route(PUBLIC_PATH, show_status), Route(PUBLIC_JSON_PATH, answer_status)]


def assess_wards(wards: Sequence[Ward], tiles: Sequence[Tile], needs: Sequence[Need] = ()) -> tuple[WardStatus, ...]:
    """How the schools of each ward are, in the order of the wards; small wards stand together, as `others`."""
    by_ward: dict[str, list[_SchoolWord]] = {ward.id: [] for ward in wards}
    kinds: dict[str, set[NeedKind]] = {}
    for need in needs:
        kinds.setdefault(need.school, set()).add(need.kind)
    for tile in tiles:
        by_ward[tile["ward"]].append(_assess_school(tile, kinds.get(tile["id"], set())))
    small = {ward for ward, words in by_ward.items() if words and len(words) < LEAST_SCHOOLS}
    while small and sum(len(by_ward[one]) for one in small) < LEAST_SCHOOLS:
        rest = [one for one, words in by_ward.items() if words and one not in small]
        if not rest:
            return ()  # so few schools in all that each word would be about one of them
        small.add(min(rest, key=lambda one: len(by_ward[one])))
    found: list[WardStatus] = [
        {"ward": ward, "state": summarize_schools(words)}
        for ward, words in by_ward.items()
        if words and ward not in small
    ]
    if small:
        found.append({"ward": OTHERS, "state": summarize_schools([word for one in small for word in by_ward[one]])})
    return tuple(found)


def summarize_schools(words: Sequence[str]) -> WardWord:
    """One word for several schools.

    >>> summarize_schools(["well"] * 9 + ["out"]), summarize_schools(["well", "unknown", "unknown"])
    ('partly-out', 'unknown')
    """
    count: Mapping[str, int] = Counter(words)
    heard = len(words) - count["unknown"]
    if heard < LEAST_SCHOOLS:
        return "unknown"  # the word would be about one or two
    if 2 * count["out"] > heard:
        return "out"
    if count["out"]:
        return "partly-out"
    if count["reduced"]:
        return "reduced"
    return "unknown" if count["unknown"] > _MOST_UNHEARD * len(words) else "well"


def _name_state(state: WardWord) -> str:
    return f"state-{state}"


def _assess_school(tile: Tile, needs: set[NeedKind]) -> _SchoolWord:
    """How a school's Internet is, as far as it is heard: by its most urgent need, and all that are its own."""
    # First what is bad: it stands until something says otherwise, however long nothing is heard.
    if tile["need"] == "cut-off":
        return "out"
    if tile["need"] in _REDUCED or needs & _REDUCED:
        return "reduced"
    return "well" if tile["heard"] == "now" else "unknown"
