"""The JSON API that the page reads, and the stream of what changes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypedDict

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from controller.model.city import City
from controller.model.sites.schools import School
from controller.telemetry.registry import DAY, FAMILY, HOUR, MINUTE, REGION, EventKind
from monitoring.city_state.certificate_ends import list_certificate_ends
from monitoring.city_state.monitor import Monitor
from monitoring.city_state.school_tiles import Tile, format_time
from monitoring.city_state.task_ends import build_guideline_view, list_task_ends
from monitoring.limits import CLOCK_SECONDS
from monitoring.timeseries import queries
from monitoring.web.school_devices import SchoolDeviceView, list_school_devices
from monitoring.web.school_past import SchoolPast, read_school_past

EVENTS_SHOWN = 200
SHOWN_SECONDS = HOUR
"""How far back a school is shown when nobody asks for more."""


def build_api_routes(monitor: Monitor) -> list[BaseRoute]:
    """The paths below /api."""

    async def city(_: Request) -> Response:
        wards = [{"id": one.id, "name": one.name, "english": one.english} for one in monitor.city.wards]
        return JSONResponse(
            {
                "city": monitor.city.name,
                "wards": wards,
                "schools": monitor.present.tiles(),
                "needs": monitor.build_needs(),
                "clocks": monitor.build_clocks(),
                "store": monitor.build_store_state(),
            }
        )

    async def needs(_: Request) -> Response:
        return JSONResponse({"needs": monitor.build_needs()})

    async def clocks(_: Request) -> Response:
        return JSONResponse(monitor.build_clocks())

    async def school(request: Request) -> Response:
        found = monitor.city.school_by_id.get(request.path_params["school"])
        if found is None:
            return _wrong(404, "the city has no such school")
        try:
            since = _since(request.query_params.get("since"))
        except ValueError:
            return _wrong(400, "since is a time in ISO 8601, e.g. 2026-04-01T00:00:00Z, or in seconds since 1970")
        try:
            only = _read_path(request, monitor.city)
        except ValueError as error:
            return _wrong(400, str(error))
        try:
            past, devices, events = await run_sync(_past, monitor, found, since, only)
        except sqlite3.Error as error:
            monitor.note_store_fault(error)
            return _wrong(
                503, f"the past cannot be read from the store ({error}); what is now is on the page of the city"
            )
        tile = monitor.present.tile(found)
        return JSONResponse(
            {
                "tile": tile,
                **past,
                "devices": devices,
                "tasks": list_task_ends(monitor.present.known),
                "guideline": build_guideline_view(monitor.present.known, monitor.city.digest),
                "certificates": list_certificate_ends(monitor.present.known),
                "recommended_upload_mbps": _find_upload(monitor.city, tile),
                "events": _add_untold(events, tile, format_time(since)),
                "needs": [need for need in monitor.build_needs() if need["school"] == found.id],
            }
        )

    async def events(request: Request) -> Response:
        last = request.headers.get("last-event-id") or request.query_params.get("last")
        stream = monitor.stream.read(last, request.query_params.get("school"))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return [
        Route("/api/city", city),
        Route("/api/needs", needs),
        Route("/api/clocks", clocks),
        Route("/api/schools/{school}", school),
        Route("/api/events", events),
    ]


class EventView(TypedDict):
    """An event of a school; `line` is None where it is of none."""

    at: str
    kind: str
    line: str | None
    text: str


def _find_upload(city: City, tile: Tile) -> float | None:
    """What a school's upload is assessed against: its share of the recommendation."""
    recommended = tile["recommended_mbps"]
    return None if recommended is None else round(recommended * city.measurement.upload_percent / 100, 1)


def _add_untold(events: list[EventView], tile: Tile, since: str) -> list[EventView]:
    """The events, and the beginning of each outage that lasts and that only measurements told.

    Nobody need send an event for a line that is down; "nothing happened" would be false all the same.
    """
    down = {line: times["since"] for line, times in tile["line_times"].items() if tile["lines"][line] == "down"}
    untold: list[EventView] = [
        {"at": began, "kind": str(EventKind.LINE_DOWN), "line": line, "text": "told by measurements, not by an event"}
        for line, began in down.items()
        if began is not None and began >= since and not any(_is_told(one, line, began) for one in events)
    ]
    return sorted([*events, *untold], key=lambda one: one["at"])


def _is_told(event: EventView, line: str, began: str) -> bool:
    """Whether an event tells that a line went down about then."""
    apart = datetime.fromisoformat(event["at"]) - datetime.fromisoformat(began)
    return event["kind"] == EventKind.LINE_DOWN and event["line"] == line and abs(apart.total_seconds()) <= MINUTE


def _past(
    monitor: Monitor, school: School, since: float, only: Mapping[str, str]
) -> tuple[SchoolPast, list[SchoolDeviceView], list[EventView]]:
    """What was measured on a school's lines, its devices and its events; in a thread, for the disk may be slow."""
    now = time.time()
    events: list[EventView] = [
        {"at": format_time(one.at), "kind": one.kind, "line": one.line or None, "text": one.text}
        for one in queries.read_events(monitor.store, school.id, since, EVENTS_SHOWN, now + CLOCK_SECONDS)
    ]
    past = read_school_past(monitor.store, school, since, now, only)
    return past, list_school_devices(monitor.city, school, monitor.store), events


def _read_path(request: Request, city: City) -> dict[str, str]:
    """The region and the family that the lines are to be shown of.

    Raises:
        ValueError: the city has no such region, or there is no such family.
    """
    known = {REGION.name: [region.id for region in city.lines.regions], FAMILY.name: FAMILY.values}
    asked = {name: request.query_params[name] for name in known if request.query_params.get(name)}
    for name, value in asked.items():
        if value not in known[name]:
            message = f"{name} is one of {', '.join(known[name])}"
            raise ValueError(message)
    return asked


def _since(text: str | None) -> float:
    """When to begin, in seconds since 1970.

    Raises:
        ValueError: the text is no time.
    """
    now = time.time()
    if text is None:
        return now - SHOWN_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if seconds != seconds:  # noqa: PLR0124 not a number
        raise ValueError(text)
    return min(max(seconds, now - 400 * DAY), now + HOUR)


def _wrong(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
