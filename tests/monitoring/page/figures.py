"""The monitor's API over figures in memory: what it answers is made here, so a test knows what the page must show.

It keeps the contract of the API (docs of `monitoring`), and nothing of the monitor's code: what is measured arrives by
method calls in place of OTLP.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Lock
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from controller.model.city import City
from controller.model.sites.schools import School
from monitoring.web import pages
from monitoring.web.request_guard import RequestGuard

Tile = dict[str, Any]
STARTED = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
LINES = ("primary", "backup")
MEASURES = ("throughput", "upload", "latency", "jitter", "loss", "dns", "http")
NO_TIME = {"up": 0.0, "down": 0.0, "unknown": 3600.0}
ALIVE_SECONDS = 5
TEXTS = {
    "line-down": "the {line} line is down: no region answers over it",
    "line-up": "the {line} line answers again",
    "failover": "traffic leaves by the {line} line",
    "drift": "1 device is not configured as the policy says",
}


@dataclass
class Figures:
    """Every school's figures. Methods may be called from any thread."""

    city: City
    seed: int = 1
    tiles: dict[str, Tile] = field(default_factory=dict)
    series: dict[str, dict[str, dict[str, list[list[float]]]]] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rollout: dict[str, Any] | None = None
    older: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rollouts that began before, by their ids."""
    broken: bool = False
    mute: bool = False
    """The streams go on, and whoever asks for figures gets an error."""
    pasts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is known of a period of a school, beside its lines over time."""
    devices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)
    guideline: dict[str, Any] | None = None
    needs: list[dict[str, Any]] = field(default_factory=list)
    newest: str | None = STARTED.isoformat()
    skewed: list[dict[str, Any]] = field(default_factory=list)
    moved_aside: str | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What pages asked to be done: the path and the body."""
    fetched: list[dict[str, str]] = field(default_factory=list)
    """How pages asked for a school's past."""
    _listeners: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[str]]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        random = Random(self.seed)  # noqa: S311 figures, no secrets
        for school in self.city.schools:
            self.tiles[school.id] = self._tile(school, random)
            self.series[school.id] = {line: {measure: [] for measure in MEASURES} for line in LINES}
            self.events[school.id] = []

    def change(self, school: str, **news: object) -> Tile:
        """A school's tile changes in these fields, and everyone hears of it."""
        self.tiles[school] = {**self.tiles[school], **news}
        self.tell("tiles", [self.tiles[school]])
        return self.tiles[school]

    def measure(self, school: str, mbps: float) -> Tile:
        """A new measured throughput, assessed."""
        tile = self.tiles[school]
        return {**tile, "measured_mbps": mbps, "assessment": _assessed(mbps, tile["recommended_mbps"])}

    def measure_all(self, random: Random) -> None:
        """Every school is measured again; all of it is one event, as the monitor sends it."""
        for school, tile in list(self.tiles.items()):
            self.tiles[school] = self.measure(school, random.uniform(0.2, 1.4) * tile["recommended_mbps"])
        self.tell("tiles", list(self.tiles.values()))

    def need(self, kind: str, school: str, line: str | None = None, **more: object) -> dict[str, Any]:
        """A need of a school, added to the list; everyone hears of it."""
        step = {"ja": f"{kind}の次の手順", "en": f"the next step of {kind}"}
        own = {"id": ":".join(filter(None, (kind, school, line))), "kind": kind, "urgency": len(self.needs)}
        found = {**own, "school": school, "line": line, "count": 1, "since": STARTED.isoformat(), "heard": None}
        found |= {"stale": False, "causes": ["line"], "patterns": [], "step": step, "notes": [], "quiet": False}
        found["region"] = found["rollout"] = found["certificate"] = found["ends"] = None
        found |= {
            "command": f"tsunagu measure --school {school}",
            "runbook": "/runbooks/line-down",
            "acknowledged": None,
            "maintenance": None,
            **more,
        }
        self.needs.append(found)
        self.tell("needs", self.needs)
        return found

    def happened(self, school: str, kind: str, line: str | None, at: datetime) -> None:
        """An event of a school."""
        event = {"at": at.isoformat(), "kind": kind, "line": line, "text": TEXTS[kind].format(line=line)}
        self.events[school].append(event)
        self.tell("school", {"id": school})

    def past(self, school: str, now: datetime, minutes: int = 60) -> None:
        """The past of a school: a point every ten seconds, and its primary line gone for a tenth of the time."""
        random = Random(school)  # noqa: S311 figures, no secrets
        tile, series = self.tiles[school], self.series[school]
        rate = tile["measured_mbps"] or tile["recommended_mbps"] * 0.8
        for step in range(minutes * 6):
            at = (now - timedelta(minutes=minutes) + timedelta(seconds=10 * step)).timestamp()
            wave = 1 + 0.05 * math.sin(step / 9)
            alive = not 0.62 < step / (minutes * 6) < 0.72
            for line, part in (("primary", 1.0), ("backup", 0.45)):
                if line == "primary" and not alive:
                    series[line]["loss"].append([at, 1.0])
                    continue
                noise = random.gauss(1, 0.02)
                series[line]["throughput"].append([at, rate * part * wave * noise])
                series[line]["upload"].append([at, rate * part * wave * noise * 0.6])
                latency = (4.2 if line == "primary" else 9.5) * wave * random.gauss(1, 0.06)
                series[line]["latency"].append([at, latency])
                series[line]["jitter"].append([at, latency / 8])
                for service, slower in (("dns", 3), ("http", 9)):
                    series[line][service].append([at, latency * slower])
                series[line]["loss"].append([at, max(0.0, random.gauss(-0.01, 0.008))])
        self.pasts[school] = _describe_past(rate, now, minutes)
        began = now - timedelta(minutes=minutes * 0.38)
        self.happened(school, "line-down", "primary", began)
        self.happened(school, "failover", "backup", began + timedelta(seconds=1))
        self.happened(school, "line-up", "primary", began + timedelta(minutes=minutes * 0.1))

    def tell(self, name: str, data: object) -> None:
        """Send an event to everyone who listens."""
        text = f"event: {name}\ndata: {json.dumps(data)}\n\n"
        with self._lock:
            for loop, queue in self._listeners:
                loop.call_soon_threadsafe(queue.put_nowait, text)

    @property
    def readers(self) -> int:
        """How many streams are open."""
        with self._lock:
            return len(self._listeners)

    def hang_up(self) -> None:
        """End every open stream."""
        with self._lock:
            for loop, queue in self._listeners:
                loop.call_soon_threadsafe(queue.put_nowait, "")

    def application(self) -> Starlette:
        """The pages and the API that they read."""
        api = [
            Route("/api/city", self._city),
            Route("/api/clocks", self._clocks),
            Route("/api/schools/{school}", self._school),
            Route("/api/rollout", self._rollout),
            Route("/api/rollouts", self._rollouts),
            *(
                Route(path, self._act, methods=["POST"])
                for path in ("/api/needs/acknowledge", "/api/needs/note", "/api/maintenance")
            ),
            Route("/api/events", self._events),
        ]
        return Starlette(routes=[*api, *pages.build_page_routes(self.city)], middleware=[Middleware(RequestGuard)])

    async def _city(self, _: Request) -> Response:
        if self.broken:
            return JSONResponse({"error": "broken"}, 503)
        wards = [{"id": one.id, "name": one.name, "english": one.english} for one in self.city.wards]
        return JSONResponse(
            {
                "city": self.city.name,
                "wards": wards,
                "schools": list(self.tiles.values()),
                "needs": self.needs,
                "clocks": self._tell_clocks(),
                "store": {"moved_aside": self.moved_aside, "fault": None},
            }
        )

    async def _clocks(self, _: Request) -> Response:
        return JSONResponse(self._tell_clocks())

    def _tell_clocks(self) -> dict[str, object]:
        return {"newest_at": self.newest, "skewed": self.skewed}

    async def _act(self, request: Request) -> Response:
        body = await request.json()
        if "refuse" in body["reason"]:
            return JSONResponse({"error": "it is refused"}, 400)
        self.asked.append((request.url.path, body))
        return JSONResponse({"action": {}})

    async def _school(self, request: Request) -> Response:
        if self.mute:
            return JSONResponse({"error": "mute"}, 503)
        school = request.path_params["school"]
        since = float(request.query_params["since"])
        lines = {
            line: {measure: [one for one in points if one[0] > since] for measure, points in measures.items()}
            for line, measures in self.series[school].items()
        }
        events = [one for one in self.events[school] if datetime.fromisoformat(one["at"]).timestamp() > since]
        now = datetime.now(UTC).timestamp()
        answer = {
            "period": {"since": since, "until": now, "step": 10},
            "lines": lines,
            "line_totals": [
                {"line": line, "contract_mbps": 1000, "availability": NO_TIME, "outages": 0} for line in lines
            ],
            **{part: [] for part in ("paths", "services", "outages")},
            "unknown": {line: [] for line in lines},
            **self.pasts.get(school, {}),
            "tile": self.tiles[school],
            "devices": self.devices.get(school, []),
            "tasks": self.tasks,
            "certificates": self.certificates,
            "guideline": self.guideline,
            "recommended_upload_mbps": round(self.tiles[school]["recommended_mbps"] / 5, 1),
            "events": events,
            "needs": [one for one in self.needs if one["school"] == school],
        }
        self.fetched.append(dict(request.query_params))
        return JSONResponse(answer)

    async def _rollout(self, request: Request) -> Response:
        if self.mute:
            return JSONResponse({"error": "mute"}, 503)
        wanted = request.query_params.get("id")
        if wanted is None or (self.rollout is not None and self.rollout["id"] == wanted):
            return JSONResponse(self.rollout)
        if wanted not in self.older:
            return JSONResponse({"error": "no rollout of this id is kept"}, 404)
        return JSONResponse(self.older[wanted])

    async def _rollouts(self, _: Request) -> Response:
        if self.mute:
            return JSONResponse({"error": "mute"}, 503)
        known = [*([] if self.rollout is None else [self.rollout]), *self.older.values()]
        listed = [{name: one[name] for name in ("id", "name", "started", "ended")} for one in known]
        return JSONResponse({"rollouts": [{**one, "outcome": None} for one in listed]})

    async def _events(self, _: Request) -> Response:
        if self.broken:
            return JSONResponse({"error": "broken"}, 503)
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _stream(self) -> AsyncIterator[str]:
        me = (asyncio.get_running_loop(), asyncio.Queue[str]())
        with self._lock:
            self._listeners.append(me)
        try:
            yield ": here\n\n"
            while text := await self._next(me[1]):
                yield text
        finally:
            with self._lock, suppress(ValueError):
                self._listeners.remove(me)

    async def _next(self, queue: asyncio.Queue[str]) -> str:
        try:
            async with asyncio.timeout(ALIVE_SECONDS):
                return await queue.get()
        except TimeoutError:
            return "event: alive\ndata: {}\n\n"

    def _tile(self, school: School, random: Random) -> Tile:
        recommended = self.city.measurement.recommended.recommend_bandwidth(school.pupils)
        measured: float | None = min(school.lines.primary.mbps * 0.955, recommended.mbps * random.uniform(0.35, 1.45))
        if random.random() < 0.06:
            measured = None
        return {
            "id": school.id,
            "name": school.name,
            "english": school.english,
            "ward": school.ward,
            "kind": school.kind,
            "pupils": school.pupils,
            "recommended_mbps": recommended.mbps,
            "basis": recommended.basis,
            "policy_recommended_mbps": None,
            "measured_mbps": measured,
            "assessment": _assessed(measured, recommended.mbps),
            "lines": {"primary": "up", "backup": "up" if random.random() > 0.02 else "unknown"},
            "line_times": {},
            "doubt": None,
            "heard": "now",
            "heard_at": STARTED.isoformat(),
            "need": None,
            "unconfirmed": 0,
            "drift": 2 if random.random() < 0.02 else 0,
            "measured_at": None if measured is None else STARTED.isoformat(),
            "silent": random.random() < 0.02,
            "stage": self.city.find_stage(school),
        }


def _describe_past(rate: float, now: datetime, minutes: int) -> dict[str, Any]:
    """What the monitor would say of `Figures.past`: the primary line was down a tenth, and not heard another."""
    length = minutes * 60.0
    whole = {"up": length * 0.8, "down": length * 0.1, "unknown": length * 0.1}
    began = now - timedelta(minutes=minutes * 0.38)
    unheard = [(now - timedelta(minutes=minutes * part)).timestamp() for part in (0.9, 0.8)]
    totals = [
        {"line": "primary", "contract_mbps": 1000, "availability": whole, "outages": 1},
        {
            "line": "backup",
            "contract_mbps": 100,
            "availability": {"up": length, "down": 0.0, "unknown": 0.0},
            "outages": 0,
        },
    ]
    paths = [
        {
            "line": one["line"],
            "region": region,
            "family": family,
            "availability": one["availability"],
            "latency": 5.1,
            "latency_most": 40.2,
            "jitter": 0.6,
            "loss": 0.0123,
            "download": None if family == "ipv6" else rate,
            "download_least": None if family == "ipv6" else rate * 0.9,
            "upload": None if family == "ipv6" else rate * 0.6,
        }
        for one in totals
        for region in ("tokyo", "osaka")
        for family in ("ipv4", "ipv6")
    ]
    services = [
        {
            "line": "primary",
            "service": service,
            "family": "ipv4",
            "availability": whole,
            "duration": 12.5,
            "duration_most": 99.0,
        }
        for service in ("dns", "http")
    ]
    outage = {"line": "primary", "began": began.isoformat(), "seconds": length * 0.1}
    outages = [{**outage, "ended": (began + timedelta(minutes=minutes * 0.1)).isoformat()}]
    return {
        "line_totals": totals,
        "paths": paths,
        "services": services,
        "outages": outages,
        "unknown": {"primary": [unheard], "backup": []},
    }


def _assessed(mbps: float | None, recommended: float) -> str:
    if mbps is None:
        return "not-measured"
    if abs(mbps - recommended) <= recommended * 0.05:
        return "within-error"
    return "meets" if mbps > recommended else "below"
