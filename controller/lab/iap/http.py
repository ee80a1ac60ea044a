"""A small HTTP/1.1 server and client on `h11`: enough for the proxy, the identity provider and the stand-ins."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import h11

LONGEST_BODY = 65_536
_CHUNK = 65_536
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in. Names of headers are in small letters; `peer` and `local` are the two addresses."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    peer: str = ""
    local: str = ""

    def header(self, name: str) -> str:
        """The one value of a header; empty where it is missing, or comes more than once (then none counts)."""
        found = [value for key, value in self.headers if key == name]
        return found[0] if len(found) == 1 else ""

    @property
    def host(self) -> str:
        """The host asked for, without a port, in small letters."""
        name, colon, port = self.header("host").lower().rpartition(":")
        return name if colon and port.isdigit() else self.header("host").lower()

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


def as_json(status: int, document: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """An answer that is a JSON document."""
    text = json.dumps(document, ensure_ascii=False).encode()
    return Response(status, text, {"content-type": "application/json; charset=utf-8", **(headers or {})})


async def serve(doors: Iterable[tuple[socket.socket, ssl.SSLContext | None, Handler]]) -> None:
    """Answer at listening sockets until SIGTERM; prints the process number when all are being served."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    servers = [
        await asyncio.start_server(_answering(handler), sock=door, ssl=context) for door, context, handler in doors
    ]
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    await ended.wait()
    for server in servers:
        server.close()


async def ask(address: str, port: int, request: Request, tls: tuple[ssl.SSLContext, str] | None = None) -> Response:
    """Send a request and read the answer; `tls` holds the settings and the name that the certificate must have.

    Raises:
        OSError: nobody answers there, or not in HTTP.
        TimeoutError: no whole answer in time.
    """
    async with asyncio.timeout(_PATIENCE_SECONDS):
        context, name = tls or (None, None)
        reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
        try:
            connection = h11.Connection(h11.CLIENT)
            head = h11.Request(method=request.method, target=request.target, headers=list(request.headers))
            for event in (head, h11.Data(data=request.body), h11.EndOfMessage()):
                writer.write(connection.send(event) or b"")
            await writer.drain()
            return await _response(connection, reader)
        except h11.ProtocolError as error:
            raise OSError(str(error)) from None
        finally:
            writer.close()


async def _response(connection: h11.Connection, reader: asyncio.StreamReader) -> Response:
    status, headers, body = 0, {}, b""
    while True:
        event = await _event(connection, reader)
        if isinstance(event, h11.Response):
            status = event.status_code
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return Response(status, body, headers)
        elif isinstance(event, h11.ConnectionClosed):
            message = "the connection was closed before the answer"
            raise OSError(message)


def _answering(handler: Handler) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, ConnectionError):  # a client that goes away is its own affair
            await _conversation(handler, reader, writer)
        writer.close()

    return answer


async def _conversation(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h11.Connection(h11.SERVER)
    while True:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                request = await _request(connection, reader, writer)
        except h11.RemoteProtocolError:
            if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                _send(connection, writer, as_json(HTTPStatus.BAD_REQUEST, {"refused": "this is no HTTP/1.1 request"}))
                await writer.drain()
            return
        if request is None:
            return
        _send(connection, writer, await handler(request))
        await writer.drain()
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return
        connection.start_next_cycle()


async def _request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    head, body = None, b""
    while True:
        event = await _event(connection, reader)
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LONGEST_BODY:
                message = "the body is too long"
                raise h11.RemoteProtocolError(message)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Request(
                head.method.decode("ascii"),
                head.target.decode("latin-1"),
                tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers),
                bytes(body),
                writer.get_extra_info("peername")[0],
                writer.get_extra_info("sockname")[0],
            )
        elif isinstance(event, h11.ConnectionClosed):
            return None


async def _event(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(_CHUNK))
    return event


def _send(connection: h11.Connection, writer: asyncio.StreamWriter, response: Response) -> None:
    headers = [*response.headers.items(), ("content-length", str(len(response.body)))]
    for event in (
        h11.Response(status_code=response.status, headers=headers),
        h11.Data(data=response.body),
        h11.EndOfMessage(),
    ):
        writer.write(connection.send(event) or b"")
