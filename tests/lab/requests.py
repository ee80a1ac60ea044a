"""Requests as a server of the virtual city gets them, without one."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from starlette.requests import Request


def make_request(  # noqa: PLR0913 what a request is made of
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    client: str = "192.0.2.230",
    server: tuple[str, int] = ("192.0.2.1", 443),
) -> Request:
    """Return a request as uvicorn hands it over."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": (client, 40000),
        "server": server,
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)
