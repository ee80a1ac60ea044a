"""What a person's browser does: signs in by OpenID Connect and asks for pages, over real TLS, from where they sit."""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from controller.lab.iap import certificate_authority, identity_provider
from controller.lab.iap.directory import SignIn
from controller.lab.iap.iap_files import IapFiles
from controller.lab.services.http_client import HttpConnection
from controller.lab.trials.people.visits import Seat
from controller.model.network.packets import Family
from controller.platforms.transport import namespace

_FORM = {"content-type": "application/x-www-form-urlencoded"}


class SignInFailed(Exception):
    """Nobody was signed in; says how far it came."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where to ask. A plain one (without `tls`) is for those who try to get round the proxy."""

    address: str
    port: int
    name: str
    tls: bool = True


@dataclass(frozen=True, slots=True)
class BrowserPage:
    """What came back. `connected`: the TCP handshake was completed. Status 0: no answer; `problem` says why."""

    connected: bool
    status: int = 0
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] | None = None
    problem: str = ""

    def says(self, name: str) -> str:
        """A text of the JSON body; empty where there is none."""
        return str((self.body or {}).get(name) or "")


class Browser:
    """Knows the lab's authority, and no other."""

    def __init__(self, state: Path) -> None:
        self._trusted = certificate_authority.make_client_tls(IapFiles(state).folder)

    def page(self, seat: Seat, door: ServerAddress, headers: Mapping[str, str], seconds: float) -> BrowserPage:
        """Ask for the first page; so many seconds for each step."""
        try:
            connection = _connected(seat, door, seconds)
        except OSError as error:
            return BrowserPage(connected=False, problem=_reason(error))
        try:
            with connection:
                answer = self._asked(connection, door, ("GET", "/", "", headers))
        except (OSError, HTTPException, ValueError) as error:
            return BrowserPage(connected=True, problem=_reason(error))
        return answer

    def sign_in(self, seat: Seat, address: str, given: SignIn, seconds: float) -> str:
        """The identity token of who signs in.

        Raises:
            SignInFailed: the identity provider was not reached, or let nobody in.
        """
        verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "client_id": identity_provider.CLIENT,
            "redirect_uri": identity_provider.REDIRECT,
            "response_type": "code",
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": identity_provider.make_challenge(verifier),
            "code_challenge_method": "S256",
        }
        door = ServerAddress(address, 443, identity_provider.HOST)
        entered = {name: value for name, value in given.model_dump().items() if value}
        try:
            with _connected(seat, door, seconds) as connection:
                connection.secure(self._trusted)
                page = _exchange(connection, "GET", f"{identity_provider.AUTHORIZE}?{urlencode(asked)}")
                _expect(page, HTTPStatus.OK, "its page")
                back = _exchange(
                    connection, "POST", identity_provider.AUTHORIZE, urlencode({**asked, **entered}), _FORM
                )
                _expect(back, HTTPStatus.FOUND, "the sign-in")
                query = parse_qs(urlsplit((back.headers or {}).get("location", "")).query)
                if query.get("state") != [state]:
                    message = "the identity provider sent back another state"
                    raise SignInFailed(message)
                trade = {
                    "grant_type": "authorization_code",
                    "code": query["code"][0],
                    "client_id": identity_provider.CLIENT,
                    "redirect_uri": identity_provider.REDIRECT,
                    "code_verifier": verifier,
                }
                got = _exchange(connection, "POST", identity_provider.TOKEN, urlencode(trade), _FORM)
                _expect(got, HTTPStatus.OK, "the code")
        except (OSError, HTTPException, ValueError) as error:
            message = f"the identity provider: {_reason(error)}"
            raise SignInFailed(message) from None
        return got.says("id_token")

    def _asked(
        self, connection: HttpConnection, door: ServerAddress, request: tuple[str, str, str, Mapping[str, str]]
    ) -> BrowserPage:
        if door.tls:
            connection.secure(self._trusted)
        return _exchange(connection, *request)


def _connected(seat: Seat, door: ServerAddress, seconds: float) -> HttpConnection:
    opened = namespace.open_stream_socket(seat.namespace, door.address)
    try:
        opened.settimeout(seconds)
        if seat.source is not None:
            opened.bind((seat.source.of(Family.V6 if ":" in door.address else Family.V4), 0))
        opened.connect((door.address, door.port))
    except BaseException:
        opened.close()
        raise
    return HttpConnection(opened, door.name)


def _exchange(
    connection: HttpConnection, method: str, target: str, body: str = "", headers: Mapping[str, str] | None = None
) -> BrowserPage:
    found = connection.send_request(method, target, body.encode(), (headers or {}).items())
    plain = json.loads(found.body) if found.headers.get("content-type", "").startswith("application/json") else None
    return BrowserPage(connected=True, status=found.status, body=plain, headers=found.headers)


def _expect(page: BrowserPage, status: HTTPStatus, what: str) -> None:
    if page.status != status:
        message = f"the identity provider refused {what}: {page.status} {page.says('error')}"
        raise SignInFailed(message)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return str(getattr(error, "strerror", None) or error).lower()
