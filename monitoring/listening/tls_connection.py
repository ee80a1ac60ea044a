"""Connections with TLS, bounded before there is a request: a handshake has its time, and few are under way at once.

A server that counts connections after their handshake keeps whoever opens them and says nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import Any

from monitoring.limits import HEADER_SECONDS, MOST_HANDSHAKES
from monitoring.web.bounded_connection import BoundedConnection


class TlsConnection(SSLProtocol):
    """What asyncio itself puts before a connection of a server with TLS, with bounds. Of the event loop's thread."""

    def __init__(
        self, behind: BoundedConnection, context: ssl.SSLContext, handshakes: dict[TlsConnection, None]
    ) -> None:
        super().__init__(
            asyncio.get_running_loop(),
            behind,
            context,
            None,  # type: ignore[arg-type]  # asyncio itself does so where nobody waits for the handshake
            server_side=True,
            ssl_handshake_timeout=int(HEADER_SECONDS),
            ssl_shutdown_timeout=int(HEADER_SECONDS),
        )
        self._behind = behind
        self._handshakes = handshakes
        self._plain: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a handshake; where too many are under way, the oldest ends."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 a server's connection is one
        self._plain = transport
        for one in [one for one in self._handshakes if one.has_request_layer()]:
            del self._handshakes[one]
        if len(self._handshakes) >= MOST_HANDSHAKES:
            next(iter(self._handshakes)).drop_connection()
        self._handshakes[self] = None
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget a connection."""
        self._handshakes.pop(self, None)
        super().connection_lost(exc)

    def has_request_layer(self) -> bool:
        """Whether its handshake is done: from then on the connection behind it counts."""
        return self._behind.transport is not None

    def drop_connection(self) -> None:
        """End it at once."""
        self._handshakes.pop(self, None)
        if self._plain is not None:
            self._plain.abort()


def build_tls_connections(context: ssl.SSLContext) -> Callable[..., asyncio.Protocol | asyncio.BufferedProtocol]:
    """What a server makes of each connection that comes in, in place of `BoundedConnection`."""
    handshakes: dict[TlsConnection, None] = {}

    def build_connection(*words: Any, **named: Any) -> asyncio.BufferedProtocol:  # noqa: ANN401 as the server hands it on
        return TlsConnection(BoundedConnection(*words, **named), context, handshakes)

    return build_connection
