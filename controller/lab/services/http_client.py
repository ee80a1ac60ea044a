"""The HTTP client of the virtual city: it is told the address, and the name that is asked for there, apart."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Self


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; names of headers are in small letters."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class HttpConnection(HTTPConnection):
    """An HTTP connection over a socket that is connected already, wherever it was made."""

    def __init__(self, opened: socket.socket, name: str) -> None:
        super().__init__(name)
        self.sock = opened

    def __enter__(self) -> Self:
        """Return the connection itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def secure(self, settings: ssl.SSLContext) -> None:
        """Speak TLS from here on, with whoever has a certificate for the connection's name.

        Raises:
            OSError: nobody there has one that is trusted.
        """
        self.sock = settings.wrap_socket(self.sock, server_hostname=self.host)

    def send_request(
        self, method: str, target: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> HttpAnswer:
        """Send a request and return its answer.

        Raises:
            OSError: the connection broke, or nothing came in time.
            HTTPException: what came back is no HTTP.
        """
        headers = list(headers)
        named = any(name.lower() == "host" for name, _ in headers)
        self.putrequest(method, target, skip_host=named, skip_accept_encoding=True)
        for name, value in headers:
            self.putheader(name, value)
        if body or method in {"POST", "PUT", "PATCH"}:
            self.putheader("content-length", str(len(body)))
        self.endheaders(body)
        response = self.getresponse()
        text = response.read()
        return HttpAnswer(response.status, text, {name.lower(): value for name, value in response.getheaders()})


def send_request(  # noqa: PLR0913 what a request is made of
    address: tuple[str, int],
    name: str,
    method: str,
    target: str,
    *,
    body: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
    tls: ssl.SSLContext | None = None,
    seconds: float = 15.0,
) -> HttpAnswer:
    """Connect, send one request for a host name, and return its answer; so many seconds for each step.

    Raises:
        OSError: nobody answers there, or not in time.
        HTTPException: what answers speaks no HTTP.
    """
    with HttpConnection(socket.create_connection(address, seconds), name) as connection:
        if tls is not None:
            connection.secure(tls)
        return connection.send_request(method, target, body, headers)
