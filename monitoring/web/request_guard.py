"""Who is let in, and what a browser may do with an answer.

The monitor listens on loopback only. A page of the internet could still reach it through the reader's own browser, by
a name that it makes point to 127.0.0.1 (DNS rebinding) or by posting across sites: the Host and Origin checks end that.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.telemetry.writer_tokens import LOOPBACK

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class RequestGuard:
    """Only requests that name this machine, and the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if (reason := _refusal(Headers(scope=scope))) is not None:
            await PlainTextResponse(reason, 403)(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def _refusal(headers: Headers) -> str | None:
    """Why a request is not let in, or None."""
    if _host(f"//{headers.get('host', '')}") not in LOOPBACK:
        return "this monitor answers only at 127.0.0.1, localhost and [::1]\n"
    if (origin := headers.get("origin")) is not None and _host(origin) not in LOOPBACK:
        return "requests from other sites are refused\n"
    return None


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
