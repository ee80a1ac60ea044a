"""The HTTP server of a program of the virtual city: uvicorn at all its addresses, in whatever namespaces."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from http import HTTPStatus
from typing import Any

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from controller.lab.state.layout import Listener
from controller.platforms.transport import namespace

LONGEST_BODY = 65_536
_BACKLOG = 512
_PATIENCE_SECONDS = 15
_GRACE_SECONDS = 1

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BodyTooLong(Exception):
    """A request's body is longer than any that is meant."""


def open_listener(listener: Listener) -> socket.socket:
    """Return a listening socket in the listener's namespace.

    Raises:
        OSError: the namespace or the address is not there, or the port is taken.
    """
    opened = namespace.open_stream_socket(listener.namespace, listener.address)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind((listener.address, listener.port))
    opened.listen(_BACKLOG)
    opened.settimeout(0)
    return opened


def serve_http(
    handler: Handler,
    sockets: Iterable[socket.socket],
    *,
    tls: ssl.SSLContext | None = None,
    beside: AbstractAsyncContextManager[object] | None = None,
) -> None:
    """Answer until SIGTERM; prints the process number as soon as every socket is served and `beside` is entered.

    Args:
        handler: answers every request; `local_address` tells which of the sockets it came in at.
        sockets: listening sockets.
        tls: the settings, where HTTPS is spoken.
        beside: what the program does beside HTTP, for as long as it serves.
    """
    config = uvicorn.Config(
        as_application(handler),
        http=_PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # the peer's address decides who may enter: nobody else may name it
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_PATIENCE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    asyncio.run(_AnnouncedServer(config, beside or nullcontext()).serve(list(sockets)))


def as_application(handler: Handler) -> ASGIApp:
    """Return the ASGI application that hands every request to a handler."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await handler(Request(scope, receive))
        except BodyTooLong:
            response = JSONResponse({"refused": "the body is too long"}, HTTPStatus.BAD_REQUEST)
        except (ClientDisconnect, TimeoutError):
            return  # whoever goes away, or does not say what they want, gets no answer
        await response(scope, receive, send)

    return answer


def local_address(request: Request) -> tuple[str, int]:
    """Return the address and the port that a request came in at."""
    address, port = request.scope["server"]
    return str(address), int(port)


def one_header(request: Request, name: str) -> str:
    """Return the one value of a header; empty where it is missing, or comes more than once (then none counts)."""
    found = request.headers.getlist(name)
    return str(found[0]) if len(found) == 1 else ""


def host_name(request: Request) -> str:
    """Return the host asked for, without a port, in small letters."""
    host = one_header(request, "host").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def request_target(request: Request) -> str:
    """Return the path and the query of a request as they were sent."""
    path, query = bytes(request.scope["raw_path"]), bytes(request.scope["query_string"])
    return (path + (b"?" + query if query else b"")).decode("latin-1")


async def read_body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        BodyTooLong: it is longer than `LONGEST_BODY`.
        TimeoutError: it did not come in time.
    """
    body = b""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_BODY:
                raise BodyTooLong
    return body


class _PatientProtocol(H11Protocol):
    """Closes a connection over which nothing is said, as after an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base class
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


class _AnnouncedServer(uvicorn.Server):
    """Says on standard output that it serves; what goes on beside it ends before it does."""

    def __init__(self, config: uvicorn.Config, beside: AbstractAsyncContextManager[object]) -> None:
        super().__init__(config)
        self._beside = beside
        self._entered = AsyncExitStack()

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Begin to serve, and announce it."""
        await super().startup(list(sockets or ()))
        await self._entered.enter_async_context(self._beside)
        sys.stdout.write(f"{os.getpid()}\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """End what goes on beside it, then serving."""
        await self._entered.aclose()
        await super().shutdown(list(sockets or ()))
