"""Connections with TLS, bounded before there is a request: a handshake has its time, and few are under way at once.

A server that counts connections after their handshake keeps whoever opens them and says nothing.

Probes and readers come by one address. Who begins TLS as a probe does is asked for a certificate; a reader's browser
never is: it would let its user choose one of his own, which leads nowhere here.
"""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import Any

from controller.probe_agent.sender import SHOWS_CERTIFICATE
from monitoring.ingest.client_certificates import show_certificate
from monitoring.limits import HEADER_SECONDS, MOST_HANDSHAKES
from monitoring.listening.tls_files import RenewedContext
from monitoring.web.bounded_connection import BoundedConnection

_HANDSHAKE = b"\x16"
_RECORD_HEAD = 5
_LONGEST_RECORD = _RECORD_HEAD + 2**14
_PROBES_WORD = bytes([len(SHOWS_CERTIFICATE)]) + SHOWS_CERTIFICATE.encode("ascii")
"""As a hello has it (RFC 7301). Who has it there by chance is asked for a certificate that he need not show."""


class SeenConnection(BoundedConnection):
    """Tells with each request which certificate was shown, if any was."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection whose handshake is done."""
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.app = show_certificate(self.app, shown or b"")
        super().connection_made(transport)


class TlsLayer(SSLProtocol):
    """What asyncio itself puts before a connection of a server with TLS."""

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        """Say why a handshake failed: asyncio ends such a connection without a word, and a probe could tell nobody."""
        if handshake_exc is not None:
            self._process_outgoing()  # type: ignore[attr-defined]  # asyncio's own, as all of this class is
        super()._on_handshake_complete(handshake_exc)


class TlsConnection(asyncio.Protocol):
    """A connection until its handshake is done, with bounds. Of the event loop's thread."""

    def __init__(self, behind: BoundedConnection, tls: RenewedContext, handshakes: dict[TlsConnection, None]) -> None:
        self._behind = behind
        self._tls = tls
        self._handshakes = handshakes
        self._hello = b""
        self._plain: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the hello; where too many handshakes are under way, the oldest ends."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 a server's connection is one
        self._plain = transport
        for one in [one for one in self._handshakes if one.is_over()]:
            del self._handshakes[one]
        if len(self._handshakes) >= MOST_HANDSHAKES:
            next(iter(self._handshakes)).drop_connection()
        self._handshakes[self] = None
        asyncio.get_running_loop().call_later(HEADER_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        """Read the hello, and begin TLS once it is whole."""
        self._hello += data
        if self._plain is None or not is_hello_whole(self._hello):
            return
        context = self._tls.probes if _PROBES_WORD in self._hello[:_LONGEST_RECORD] else self._tls.readers
        layer = TlsLayer(
            asyncio.get_running_loop(),
            self._behind,
            context,
            None,  # type: ignore[arg-type]  # asyncio itself does so where nobody waits for the handshake
            server_side=True,
            ssl_handshake_timeout=int(HEADER_SECONDS),
            ssl_shutdown_timeout=int(HEADER_SECONDS),
        )
        self._plain.set_protocol(layer)
        layer.connection_made(self._plain)
        _hand_over(self._hello, layer)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget a connection that ended before its hello."""
        self._handshakes.pop(self, None)

    def is_over(self) -> bool:
        """Whether its handshake is done, from when on the connection behind it counts; or it has ended."""
        return self._behind.transport is not None or self._plain is None or self._plain.is_closing()

    def drop_connection(self) -> None:
        """End it at once."""
        self._handshakes.pop(self, None)
        if self._plain is not None:
            self._plain.abort()

    def _look(self) -> None:
        """The handshake's time is over."""
        if not self.is_over():
            self.drop_connection()


def is_hello_whole(received: bytes) -> bool:
    """Whether the first record of TLS is there, or what came is none that is worth waiting for.

    >>> is_hello_whole(bytes.fromhex("1603010002")), is_hello_whole(bytes.fromhex("16030100020100"))
    (False, True)
    >>> is_hello_whole(b"GET / HTTP/1.1")
    True
    """
    if not received.startswith(_HANDSHAKE):
        return True
    if len(received) < _RECORD_HEAD:
        return False
    return len(received) >= min(_RECORD_HEAD + int.from_bytes(received[3:_RECORD_HEAD]), _LONGEST_RECORD)


def _hand_over(received: bytes, layer: asyncio.BufferedProtocol) -> None:
    """Give bytes to a protocol that has a buffer of its own, as a transport does."""
    while received:
        buffer = memoryview(layer.get_buffer(len(received)))
        taken = min(len(buffer), len(received))
        buffer[:taken] = received[:taken]
        layer.buffer_updated(taken)
        received = received[taken:]


def build_tls_connections(tls: RenewedContext) -> Callable[..., asyncio.Protocol]:
    """What a server makes of each connection that comes in, in place of `BoundedConnection`."""
    handshakes: dict[TlsConnection, None] = {}

    def build_connection(*words: Any, **named: Any) -> asyncio.Protocol:  # noqa: ANN401 as the server hands it on
        return TlsConnection(SeenConnection(*words, **named), tls, handshakes)

    return build_connection
