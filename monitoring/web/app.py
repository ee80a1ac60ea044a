"""The monitor as one web application."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controller.model.city import City
from controller.operations.monitor_settings import MonitorSettings
from monitoring.city_state.monitor import Monitor
from monitoring.ingest import otlp_receiver, slot_answers
from monitoring.ingest.sender_tokens import SenderTokens
from monitoring.login.login_method import LoginMethod
from monitoring.timeseries.retention import KeptSeconds
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web import action_api, api, exposition, pages, probes_api, public_status, rollout_api, runbooks


def build_application(  # noqa: PLR0913, PLR0917 what it is put together of
    city: City,
    store: TimeSeriesStore,
    tokens: SenderTokens,
    settings: MonitorSettings,
    login: LoginMethod | None,
    kept: KeptSeconds | None,
) -> Starlette:
    """Every path over one store; `app.state.monitor` is the monitor itself. It is served behind the guards alone."""
    monitor = Monitor(city, store, kept)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        telling = asyncio.create_task(monitor.tell())
        try:
            yield
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
            monitor.close()

    parts = (
        otlp_receiver.build_receiver_routes(monitor, tokens),
        slot_answers.build_slot_routes(city, tokens),
        api.build_api_routes(monitor),
        rollout_api.build_rollout_routes(monitor),
        action_api.build_action_routes(monitor),
        probes_api.build_probe_routes(tokens),
        exposition.build_metrics_routes(monitor),
        pages.build_page_routes(city),
        runbooks.build_runbook_routes(city),
        public_status.build_public_routes(monitor) if settings.public == "status" else [],
        [] if login is None else login.build_routes(),
    )

    async def answer_store_fault(_: Request, error: Exception) -> Response:
        if isinstance(error, sqlite3.Error):
            monitor.note_store_fault(error)
        return JSONResponse({"error": f"the store cannot be read ({error})"}, 503)

    app = Starlette(
        exception_handlers={sqlite3.Error: answer_store_fault},
        routes=[route for part in parts for route in part],
        lifespan=lifespan,
    )
    app.state.monitor = monitor
    return app
