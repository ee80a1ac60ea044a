"""Who is let in, and what a browser may do with an answer.

On loopback, a page of the internet could reach the monitor through the reader's own browser, by a name that it makes
point to 127.0.0.1 (DNS rebinding) or by posting across sites: the Host and Origin checks end that. Where the monitor
listens for others it has one name, and its pages are asked for by that one alone.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PLAIN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:(?P<port>0|[1-9][0-9]{0,4}))?", re.ASCII | re.IGNORECASE)
"""Compared as text and not taken apart: who takes apart may see another name in it than the browser did."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": then browsers send "Origin: null" with a form, and the monitor's own would be refused.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


SENDERS = "/v1/"
"""What senders ask for, who show a token: no browser has one, and a probe may know this machine by another name."""
_YEAR = 365 * 24 * 3600


class RequestGuard:
    """Only requests that name this machine, and the headers on every answer.

    Args:
        app: what answers then.
        url: how browsers call this monitor, where that is not by a name of loopback.
    """

    def __init__(self, app: ASGIApp, url: str | None = None) -> None:
        self._app = app
        self._url = url
        self._headers = dict(HEADERS)
        if url is not None:
            policy = HEADERS["Content-Security-Policy"]
            # Logging out is a form: it works without a script.
            self._headers["Content-Security-Policy"] = policy.replace("form-action 'none'", "form-action 'self'")
            self._headers["Strict-Transport-Security"] = f"max-age={_YEAR}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        is_sender = self._url is not None and scope["path"].startswith(SENDERS)
        if not is_sender and (reason := _refusal(Headers(scope=scope), self._url)) is not None:
            await PlainTextResponse(reason, 403)(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def _refusal(headers: Headers, url: str | None) -> str | None:
    """Why a request is not let in, or None."""
    hosts = headers.getlist("host")
    if url is None and (len(hosts) != 1 or not _is_loopback(hosts[0])):
        return "this monitor answers only at 127.0.0.1, localhost and [::1]\n"
    if url is not None and (len(hosts) != 1 or f"https://{hosts[0].lower()}" != url):
        return f"this monitor answers only at {url}\n"
    # Its own pages are the only ones that may ask: not a page of another program of this machine either.
    own = url or f"http://{hosts[0].lower()}"
    if any(origin.lower() != own for origin in headers.getlist("origin")):
        return "requests from other sites are refused\n"
    return None


def _is_loopback(host: str) -> bool:
    """Tell whether a Host header names this machine, and in the plain form that clients write."""
    found = _PLAIN_HOST.fullmatch(host)
    return found is not None and int(found["port"] or 0) < 2**16
