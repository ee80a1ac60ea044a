"""The planned tests of a school, told to whoever shows the token of its own probe."""

from __future__ import annotations

from datetime import UTC, datetime

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from controller.measure.schedule.probe_timetable import ProbeTimetable
from controller.model.city import City
from controller.probe_agent.probing.planned_slots import write_planned_slots
from controller.probe_agent.sender import SLOTS_PATH
from monitoring.ingest.client_certificates import CLIENT_CERTIFICATE
from monitoring.ingest.sender_tokens import SenderTokens


def build_slot_routes(city: City, tokens: SenderTokens) -> list[BaseRoute]:
    """The path that probes ask."""
    timetable = ProbeTimetable(city)

    async def answer(request: Request) -> Response:
        sender = tokens.find_sender(request.headers.getlist("authorization"))
        if sender is None or not sender.school:
            return JSONResponse(
                {"error": "show the token of a school's own probe"}, 401, {"WWW-Authenticate": "Bearer"}
            )
        shown = request.scope.get(CLIENT_CERTIFICATE)
        if shown is not None and (fault := tokens.find_certificate_fault(sender, shown)) is not None:
            return JSONResponse({"error": fault}, 403)
        # A day's plan is made once, and takes a while: pages are answered meanwhile.
        planned = await run_sync(lambda: timetable.list_slots(sender.school, datetime.now(UTC)))
        return Response(write_planned_slots(planned), media_type="application/json")

    return [Route(SLOTS_PATH, answer, methods=["GET"])]
