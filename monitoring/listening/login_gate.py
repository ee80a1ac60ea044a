"""Who reads is asked here, before anything is answered: who is logged in, in which role, and for how long.

What senders post is not asked about (a token says who they are), nor the page for everybody, nor how to log in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.operations.monitor_settings import Role, RoleSettings
from monitoring.login.login_method import (
    ENDS_AT,
    PERSON,
    Identity,
    LoginMethod,
    LoginMissing,
    LoginNotAccepted,
    Person,
    describe_missing_role,
)
from monitoring.web.pages import render_notice
from monitoring.web.public_status import PUBLIC_JSON_PATH, PUBLIC_PATH

METRICS_PATH = "/metrics"
OPEN_PATHS = ("/v1/", "/static/")
"""What begins so needs no login: the senders' own paths, and the pages' styles."""
_SAFE = frozenset({"GET", "HEAD"})
_SEE_OTHER = 303
_UNAUTHORIZED, _FORBIDDEN = 401, 403


class LoginGate:
    """Lets in who is logged in and has a role; a reader changes nothing.

    Args:
        app: what answers then.
        method: the way to log in.
        roles: who may do what.
        url: how browsers call the monitor where they log in.
        local: on loopback nobody can log in; Prometheus, senders and the page for everybody are all that is served.
        clock: seconds that run on, as `Identity.until` is told by.
    """

    def __init__(  # noqa: PLR0913 what a gate is
        self,
        app: ASGIApp,
        method: LoginMethod,
        roles: RoleSettings,
        url: str,
        *,
        local: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._method = method
        self._roles = roles
        self._url = url
        self._local = local
        self._clock = clock
        paths = (method.begins_at, method.ends_at)
        self._open = frozenset(
            (PUBLIC_PATH, PUBLIC_JSON_PATH, *(one for one in paths if one is not None and not local))
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or self._is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if self._local:
            why = f"this monitor asks for a login: open {self._url}/"
            await _refuse(request, _UNAUTHORIZED, "needed", why)(scope, receive, send)
            return
        try:
            identity = await self._method.identify_reader(Headers(scope=scope))
        except LoginMissing as error:
            await self._ask_to_log_in(request, str(error))(scope, receive, send)
            return
        except LoginNotAccepted as error:
            await _refuse(request, _UNAUTHORIZED, "not-accepted", str(error))(scope, receive, send)
            return
        role = self._roles.find_role(identity.email, identity.groups)
        if role is None:
            why = describe_missing_role(identity.email)
            await _refuse(request, _FORBIDDEN, "no-role", why)(scope, receive, send)
            return
        if role is Role.READER and scope["method"] not in _SAFE:
            why = f"{identity.email} may read, and change nothing; ask somebody who has the role operator"
            await _refuse(request, _FORBIDDEN, "reads-only", why)(scope, receive, send)
            return
        scope[PERSON] = Person(identity.email, role)
        scope[ENDS_AT] = self._method.ends_at
        left = max(0.0, identity.until - self._clock())
        await _answer_until(self._app, (scope, receive, send), left, identity)

    def _is_open(self, path: str) -> bool:
        if path.startswith(OPEN_PATHS) or path in self._open:
            return True
        begins_at = self._method.begins_at
        if self._local:
            return path == METRICS_PATH
        return begins_at is not None and path.startswith(f"{begins_at}/")

    def _ask_to_log_in(self, request: Request, why: str) -> Response:
        """Send a reader to the login, and say to a program what is missing."""
        begins_at = self._method.begins_at
        if begins_at is None or request.method not in _SAFE or not _wants_page(request):
            return _refuse(request, _UNAUTHORIZED, "needed", why)
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{begins_at}?to={quote(asked, safe='/')}", _SEE_OTHER)


async def _answer_until(app: ASGIApp, call: tuple[Scope, Receive, Send], seconds: float, identity: Identity) -> None:
    """Answer for so long: a stream of events ends with its reader's login, and its page shows it anew."""
    scope, receive, send = call
    begun = ended = False

    async def note_message(message: Message) -> None:
        nonlocal begun, ended
        begun = begun or message["type"] == "http.response.start"
        ended = ended or (message["type"] == "http.response.body" and not message.get("more_body", False))
        await send(message)

    bound = asyncio.timeout(seconds)
    try:
        async with bound:
            identity.answering.add(bound)
            await app(scope, receive, note_message)
    except TimeoutError:
        if not bound.expired():
            raise
        if not begun:
            await JSONResponse({"error": "the login ended meanwhile; log in again"}, _UNAUTHORIZED)(
                scope, receive, send
            )
        elif not ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        identity.answering.discard(bound)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _refuse(request: Request, status: int, key: str, why: str) -> Response:
    if _wants_page(request):
        return render_notice(request, key, status, why)
    return JSONResponse({"error": why}, status)
