"""A login by OpenID Connect: the authorization code flow with PKCE (S256), state and nonce, and a session of ours.

What a login that is under way must remember (state, nonce, verifier, page) is sealed in a cookie of that browser: so
nobody fills the monitor's memory by beginning to log in, and nobody ends in a session that another browser began.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol
from urllib.parse import urlencode, urlsplit

from cryptography.fernet import Fernet, InvalidToken
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from controller.errors import TsunaguError
from controller.operations.monitor_settings import OidcLogin, RoleSettings
from monitoring.limits import LOGIN_LOG_SECONDS, LOGIN_SECONDS, MOST_UNDER_WAY
from monitoring.login.https_fetch import FetchFailed
from monitoring.login.login_attempts import BEGUN_NONE, LoginAttempts
from monitoring.login.login_method import Identity, LoginMissing, LoginNotAccepted, describe_missing_role
from monitoring.login.oidc_provider import CodeToRedeem, OidcProvider
from monitoring.login.sessions import SESSION_COOKIE, Sessions, list_cookies, read_cookie, write_cookie

LOGIN_PATH, BACK_PATH, LOGOUT_PATH = "/login", "/login/back", "/logout"
_UNDER_WAY = "__Host-tsunagu-login-"
_COOKIE_NAME = re.compile(rf"{_UNDER_WAY}[0-9a-f]{{12}}")
_RANDOM_BYTES = 32
_LONGEST_PAGE = 200
_LONGEST_CODE = 4096
_SEE_OTHER = 303
_HTTP_UNAUTHORIZED, _HTTP_FORBIDDEN, _HTTP_UNAVAILABLE = 401, 403, 503


class RenderNotice(Protocol):
    """Makes a page that says how a login ended."""

    def __call__(self, request: Request, key: str, status: int, why: str = "") -> Response:
        """Return the page of a message, with a reason."""


class _UnderWay(NamedTuple):
    """What a login that is under way must remember."""

    state: str
    nonce: str
    verifier: str
    page: str


class OidcSessions:
    """Logs people in at a provider, and knows them by a cookie afterwards.

    Args:
        settings: for how long a session lasts, and what is asked for.
        provider: who knows them.
        roles: who has one. Who has none gets no session: at many providers anybody can have an account.
        url: how browsers call this monitor.
        render: makes a page of a notice.
        clock: seconds that run on, whatever is done to the machine's clock.
    """

    begins_at: str | None = LOGIN_PATH
    ends_at: str | None = LOGOUT_PATH

    def __init__(  # noqa: PLR0913, PLR0917 what a login is put together of
        self,
        settings: OidcLogin,
        provider: OidcProvider,
        roles: RoleSettings,
        url: str,
        render: RenderNotice,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._roles = roles
        self._url = url
        self._render = render
        self._clock = clock
        self._seal = Fernet(Fernet.generate_key())
        self._logged_at: float | None = None
        self._attempts = LoginAttempts(clock)
        self.sessions = Sessions(clock)

    async def identify_reader(self, headers: Headers) -> Identity:
        """Return whose session a request shows.

        Raises:
            LoginMissing: it shows none, or one that is over.
        """
        shown = read_cookie(headers.getlist("cookie"), SESSION_COOKIE)
        found = None if shown is None else self.sessions.find_session(shown)
        if found is None:
            message = f"log in first: open {self._url}{LOGIN_PATH} in a browser"
            raise LoginMissing(message)
        return found

    def build_routes(self) -> list[BaseRoute]:
        """Return the paths of logging in and out."""
        return [
            Route(LOGIN_PATH, self._begin),
            Route(BACK_PATH, self._take_back),
            Route(LOGOUT_PATH, self._log_out, methods=["POST"]),
        ]

    async def _begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        page = read_page(request.query_params.get("to", "/"))
        try:
            paths = await self._provider.find_paths()
        except FetchFailed as error:
            return self._tell(request, error, _HTTP_UNAVAILABLE)
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
        way = _UnderWay(state, nonce, verifier, page)
        digest = hashlib.sha256(way.verifier.encode("ascii")).digest()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client,
            "redirect_uri": f"{self._url}{BACK_PATH}",
            "scope": " ".join(self._settings.scopes),
            "state": way.state,
            "nonce": way.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
            "code_challenge_method": "S256",
        }
        joined = "&" if urlsplit(paths.authorization_endpoint).query else "?"
        answer = RedirectResponse(f"{paths.authorization_endpoint}{joined}{urlencode(asked)}", _SEE_OTHER)
        sealed = self._seal.encrypt_at_time(json.dumps(way).encode(), int(self._clock())).decode("ascii")
        answer.headers.append("set-cookie", write_cookie(_name_cookie(way.state), sealed, LOGIN_SECONDS))
        begun = list_cookies(request.headers.getlist("cookie"), _UNDER_WAY)
        for name in begun[: max(0, len(begun) - MOST_UNDER_WAY + 1)]:
            if _COOKIE_NAME.fullmatch(name):
                answer.headers.append("set-cookie", write_cookie(name, "", 0))
        return answer

    async def _take_back(self, request: Request) -> Response:
        """Take the browser that the provider sends back, and let its person in."""
        state = request.query_params.get("state", "")
        try:
            way = self._open(request, state)
            code = self._read_code(request)
            redeemed = CodeToRedeem(code, f"{self._url}{BACK_PATH}", way.verifier, way.nonce)
            with self._attempts.bound_attempt(state):
                person = await self._provider.redeem_code(redeemed)
        except FetchFailed as error:
            return self._tell(request, error, _HTTP_UNAVAILABLE)
        except LoginNotAccepted as error:
            return self._tell(request, error, _HTTP_UNAUTHORIZED)
        if self._roles.find_role(person.email, person.groups) is None:
            refused = self._render(request, "no-role", _HTTP_FORBIDDEN, describe_missing_role(person.email))
            refused.headers.append("set-cookie", write_cookie(_name_cookie(state), "", 0))
            return refused
        seconds = self._settings.session_hours * 3600
        before = read_cookie(request.headers.getlist("cookie"), SESSION_COOKIE)
        if before is not None:
            self.sessions.end_session(before)
        shown = self.sessions.begin_session(Identity(person.email, person.groups, self._clock() + seconds))
        answer = RedirectResponse(way.page, _SEE_OTHER)
        answer.headers.append("set-cookie", write_cookie(SESSION_COOKIE, shown, seconds))
        answer.headers.append("set-cookie", write_cookie(_name_cookie(state), "", 0))
        return answer

    async def _log_out(self, request: Request) -> Response:
        """End the session; only the monitor's own page may ask for it."""
        if not request.headers.get("origin"):
            return self._render(request, "only-own-page", 403)
        shown = read_cookie(request.headers.getlist("cookie"), SESSION_COOKIE)
        if shown is not None:
            self.sessions.end_session(shown)
        answer = self._render(request, "logged-out", 200)
        answer.headers.append("set-cookie", write_cookie(SESSION_COOKIE, "", 0))
        return answer

    def _open(self, request: Request, state: str) -> _UnderWay:
        """What this browser began, if it was this state, and not long ago."""
        sealed = read_cookie(request.headers.getlist("cookie"), _name_cookie(state)) if state else None
        if sealed is None:
            raise LoginNotAccepted(BEGUN_NONE)
        try:
            opened = self._seal.decrypt_at_time(sealed, LOGIN_SECONDS, int(self._clock()))
        except InvalidToken:
            raise LoginNotAccepted(BEGUN_NONE) from None
        way = _UnderWay(*json.loads(opened))
        if not hmac.compare_digest(way.state.encode(), state.encode("utf-8", "replace")):
            raise LoginNotAccepted(BEGUN_NONE)
        return way

    def _read_code(self, request: Request) -> str:
        """The code that the provider sent along; it is the provider that was asked."""
        asked = request.query_params
        if "error" in asked:
            message = "the provider did not log you in; begin again, or ask its operators"
            raise LoginNotAccepted(message)
        if asked.get("iss", self._settings.issuer) != self._settings.issuer:
            message = "another provider sent the browser back (iss)"
            raise LoginNotAccepted(message)
        codes = asked.getlist("code")
        if len(codes) != 1 or not 0 < len(codes[0]) <= _LONGEST_CODE:
            message = "the provider sent no code"
            raise LoginNotAccepted(message)
        return codes[0]

    def _tell(self, request: Request, error: TsunaguError, status: int) -> Response:
        now = self._clock()
        if self._logged_at is None or not 0 <= now - self._logged_at < LOGIN_LOG_SECONDS:
            self._logged_at = now
            logging.getLogger("tsunagu").warning("a login failed: %s", error)
        return self._render(request, "failed", status, str(error))


def _name_cookie(state: str) -> str:
    """A cookie of its own for each login that is under way: several tabs may begin at once."""
    return f"{_UNDER_WAY}{hashlib.sha256(state.encode('utf-8', 'replace')).hexdigest()[:12]}"


def read_page(text: str) -> str:
    """The page of ours that somebody wanted to see before logging in; the first page for whatever else it is.

    >>> [read_page(one) for one in ("/schools/as-e01?lang=en", "//other.example/", "https://other.example")]
    ['/schools/as-e01?lang=en', '/', '/']
    """
    plain = text.isascii() and text.isprintable() and "\\" not in text and len(text) <= _LONGEST_PAGE
    return text if plain and text.startswith("/") and not text.startswith("//") else "/"
