"""What is known of the schools' own probes, for the page: version, clock, last word."""

from __future__ import annotations

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from monitoring.ingest.sender_tokens import SenderTokens


def build_probe_routes(tokens: SenderTokens) -> list[BaseRoute]:
    """The path of the probes below /api."""

    async def probes(_: Request) -> Response:
        schools = tokens.schools
        return JSONResponse({"probes": [] if schools is None else await run_sync(schools.listener.list_probes)})

    return [Route("/api/probes", probes)]
