"""One request to an issuer: https alone, no redirect, an answer of a bounded size within a bounded time.

It leaves the loop free and no thread behind. A proxy for the way out is not asked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

from controller.errors import TsunaguError
from monitoring.limits import FETCH_SECONDS, MOST_FETCHED

_PIECE = 64 * 1024


class FetchFailed(TsunaguError):
    """An issuer does not answer, or not as it must; names it."""

    temporary = True


class Fetched(NamedTuple):
    """An answer."""

    status: int
    body: bytes


Fetch = Callable[[str, Mapping[str, str], bytes | None], Awaitable[Fetched]]
"""Asks an address, with headers and perhaps a body, which is posted."""


def build_fetch(context: ssl.SSLContext, seconds: float = FETCH_SECONDS) -> Fetch:
    """A fetch that judges certificates by a context."""

    async def fetch_answer(url: str, headers: Mapping[str, str], body: bytes | None) -> Fetched:
        try:
            async with asyncio.timeout(seconds):
                return await _ask(url, headers, body, context)
        except TimeoutError:
            message = f"{url}: no whole answer within {seconds:g} s"
            raise FetchFailed(message) from None
        except ssl.SSLCertVerificationError as error:
            message = f"{url}: its certificate is not believed ({error.verify_message})"
            raise FetchFailed(message) from None
        except (OSError, UnicodeError, h11.ProtocolError) as error:
            # A host's name may be none that can be looked up.
            message = f"{url}: no answer ({getattr(error, 'strerror', None) or type(error).__name__})"
            raise FetchFailed(message) from None

    return fetch_answer


async def _ask(url: str, headers: Mapping[str, str], body: bytes | None, context: ssl.SSLContext) -> Fetched:
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        message = f"{url}: is no https address"
        raise FetchFailed(message)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
    try:
        connection = h11.Connection(h11.CLIENT)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": parts.netloc, "Connection": "close", "Accept": "application/json", **headers}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        request = h11.Request(method="GET" if body is None else "POST", target=target, headers=list(sent.items()))
        writer.write(connection.send(request) or b"")
        writer.write((connection.send(h11.Data(body)) if body else b"") or b"")
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return await _read_answer(reader, connection, url)
    finally:
        # Nothing is to come: whoever does not end TLS on his side is not waited for.
        writer.transport.abort()


async def _read_answer(reader: asyncio.StreamReader, connection: h11.Connection, url: str) -> Fetched:
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_PIECE))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_FETCHED:
                message = f"{url}: answers with more than {MOST_FETCHED:,} bytes"
                raise FetchFailed(message)
        elif isinstance(event, h11.EndOfMessage):
            return Fetched(status, bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            message = f"{url}: ended before its answer"
            raise FetchFailed(message)
