"""What the API tells of rollouts: the newest, an older one, and which there were."""

from __future__ import annotations

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from monitoring.city_state.monitor import Monitor
from monitoring.city_state.school_tiles import format_time
from monitoring.timeseries import rollout_queries

ROLLOUTS_LISTED = 50


def build_rollout_routes(monitor: Monitor) -> list[BaseRoute]:
    """`/api/rollout`, also with `?id=`, and `/api/rollouts`."""

    async def show_rollout(request: Request) -> Response:
        wanted, newest = request.query_params.get("id"), monitor.rollouts.build_view()
        if wanted is None or (newest is not None and newest["id"] == wanted):
            return JSONResponse(newest)
        older = monitor.rollouts.build_older_view(
            await run_sync(rollout_queries.read_rollout_spans, monitor.store, wanted)
        )
        if older is None:
            return JSONResponse({"error": "no rollout of this id is kept; /api/rollouts has those that are"}, 404)
        return JSONResponse(older)

    async def list_rollouts(_: Request) -> Response:
        return JSONResponse({"rollouts": await run_sync(_list_rollouts, monitor)})

    return [Route("/api/rollout", show_rollout), Route("/api/rollouts", list_rollouts)]


def _list_rollouts(monitor: Monitor) -> list[dict[str, str | None]]:
    """The newest first. A trace that holds several rollouts is shown by the newest of them, so it is listed once."""
    roots = {one.trace: one for one in reversed(rollout_queries.read_rollout_roots(monitor.store, ROLLOUTS_LISTED))}
    return [
        {
            "id": one.trace,
            "name": one.name,
            "started": format_time(one.start),
            "ended": format_time(one.end) if one.end else None,
            "outcome": one.outcome or None,
        }
        for one in reversed(roots.values())
    ]
