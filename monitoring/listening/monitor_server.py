"""One process, one or two listeners: loopback as ever, and beside it an address with TLS and a login."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from controller.errors import MonitorError
from monitoring.city_state.monitor import Monitor
from monitoring.listening.tls_connection import build_tls_connections
from monitoring.listening.tls_files import RenewedContext
from monitoring.web.bounded_connection import BoundedConnection

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 3
"""How long requests that are under way have when the monitor stops."""
RENEWED_SECONDS = 60
"""How often it is looked whether the certificate was renewed."""


class SecondServer(uvicorn.Server):
    """Serves beside the main one, which begins, ends and hears signals for both."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the main server."""
        yield


class MonitorServer(uvicorn.Server):
    """Ends the open pages' streams before it waits for requests to end: they would never."""

    def __init__(self, config: uvicorn.Config, monitor: Monitor) -> None:
        super().__init__(config)
        self._monitor = monitor
        self._second: tuple[SecondServer, asyncio.Task[None]] | None = None

    async def serve_both(self, listener: socket.socket, second: tuple[SecondServer, socket.socket] | None) -> None:
        """Serve until the process is told to stop, or one of both servers ends."""
        if second is None:
            await self.serve([listener])
            return
        server, other = second
        task = asyncio.create_task(server.serve([other]))
        task.add_done_callback(self._end)
        self._second = (server, task)
        try:
            await self.serve([listener])
        finally:
            server.should_exit = True
            await task

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: no new requests, what is under way ends, what was taken is written."""
        self._monitor.stream.close()
        if self._second is not None:
            # The application ends with this server: what the other one answers must be over before.
            server, task = self._second
            server.should_exit = True
            await asyncio.wait([task])
        await super().shutdown(sockets)

    def _end(self, _: object) -> None:
        self.should_exit = True


def build_main_server(app: ASGIApp, monitor: Monitor) -> MonitorServer:
    """The server on loopback; it begins and ends the application."""
    return MonitorServer(_build_config(app, BoundedConnection, lifespan="on"), monitor)


def build_second_server(app: ASGIApp, tls: RenewedContext | None) -> SecondServer:
    """The server beside it, with TLS where it has a certificate."""
    if tls is None:
        return SecondServer(_build_config(app, BoundedConnection, lifespan="off"))
    connections = build_tls_connections(tls)
    renewal: dict[str, Any] = {"callback_notify": tls.renew_certificate, "timeout_notify": RENEWED_SECONDS}
    return SecondServer(_build_config(app, connections, lifespan="off", **renewal))


def _build_config(app: ASGIApp, connections: Callable[..., Any], *, lifespan: str, **more: Any) -> uvicorn.Config:  # noqa: ANN401 as uvicorn has it
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", connections),  # it is called, and nothing else
        ws="none",
        access_log=False,
        log_level="error",  # a line for each broken request would let anybody fill a log
        server_header=False,
        proxy_headers=False,  # whoever sends a request does not say by which way it came
        lifespan=cast("Any", lifespan),
        timeout_graceful_shutdown=PATIENCE_SECONDS,
        **more,
    )


def open_listener(port: int, address: str = LOOPBACK, *, change: str = "choose another with --port") -> socket.socket:
    """A socket that listens.

    Raises:
        MonitorError: the port is taken, or the address is none of this machine's; `change` says what to do.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen()  # only then is the port surely ours: two may bind to it
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno or 0)
        message = f"port {port} of {address} cannot be listened on ({reason}); {change}"
        raise MonitorError(message) from None
    return listener
