"""The monitor as one web application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.middleware import Middleware

from controller.model.city import City
from monitoring.city_state.monitor import Monitor
from monitoring.ingest import receiver
from monitoring.timeseries.store import Store
from monitoring.web import api, exposition, pages
from monitoring.web.security import Guarded


def application(city: City, store: Store) -> Starlette:
    """Receiver, API, `/metrics` and pages over one store; `app.state.monitor` is the monitor itself."""
    monitor = Monitor(city, store)

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

    parts = (receiver.routes(monitor), api.routes(monitor), exposition.routes(monitor), pages.routes(city))
    app = Starlette(
        routes=[route for part in parts for route in part],
        middleware=[Middleware(Guarded)],
        lifespan=lifespan,
    )
    app.state.monitor = monitor
    return app
