"""The lab's identity provider: OpenID Connect, the authorisation-code flow with PKCE (S256) and nothing else.

Run as `python -m controller.lab.iap.identity_provider STATE`. It is not Google's. Sources: OpenID Connect Core 1.0,
RFC 7636. Codes live a minute, serve once, and are bound to client, redirect address and challenge.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from controller.lab.iap import certificate_authority, signed_tokens
from controller.lab.iap.directory import Directory, SignIn, check_sign_in
from controller.lab.iap.iap_files import IapFiles
from controller.lab.services.http_server import open_listener, read_body, serve_http
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Listener
from controller.lab.state.perimeter import HTTPS
from controller.model.network.packets import Family

HOST = "identity.lab.example"
ISSUER = f"https://{HOST}"
CLIENT = "tsunagu-lab-iap"
REDIRECT = "https://127.0.0.1/signed-in"
AUTHORIZE, TOKEN, KEYS = "/authorize", "/token", "/jwks"
DISCOVERY = "/.well-known/openid-configuration"
TOKEN_SECONDS = 600
_CODE_SECONDS = 60
_MOST_CODES = 10_000
_ASKED = ("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge")
_PAGE = """<!doctype html><meta charset="utf-8"><title>Sign in</title>
<h1>The virtual city's identity provider</h1><p>This is not Google, and no real password belongs here.</p>
<form method="post">{hidden}<input name="email"><input name="password" type="password">
<input name="factor"><input name="factor_secret" type="password"><input name="device">
<input name="device_secret" type="password"><button>Sign in</button></form>"""


@dataclass(frozen=True, slots=True)
class _Code:
    claims: Mapping[str, object]
    challenge: str
    nonce: str
    until: float


class IdentityProvider:
    """Answers the requests; forgets everything when it ends."""

    def __init__(self, files: IapFiles) -> None:
        self._files = files
        self._key = signed_tokens.read_key(files.identity_key)
        self._codes: dict[str, _Code] = {}

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        match request.method, request.scope["path"]:
            case "GET", "/.well-known/openid-configuration":
                return JSONResponse(build_discovery_document())
            case "GET", "/jwks":
                return JSONResponse(signed_tokens.export_public_keys(self._key))
            case "GET", "/authorize":
                return self._page(request.query_params)
            case "POST", "/authorize":
                return self._sign_in(await _read_form(request))
            case "POST", "/token":
                return self._exchange(await _read_form(request))
        return JSONResponse({"error": "not_found"}, HTTPStatus.NOT_FOUND)

    def _page(self, asked: Mapping[str, str]) -> Response:
        if not _acceptable(asked):
            return JSONResponse({"error": "invalid_request"}, HTTPStatus.BAD_REQUEST)
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(asked[name], quote=True)}">' for name in _ASKED
        )
        return HTMLResponse(_PAGE.format(hidden=hidden))

    def _sign_in(self, given: Mapping[str, str]) -> Response:
        if not _acceptable(given):
            return JSONResponse({"error": "invalid_request"}, HTTPStatus.BAD_REQUEST)
        try:
            entered = SignIn.model_validate({name: given[name] for name in SignIn.model_fields if name in given})
            claims = check_sign_in(self._accounts(), entered)
        except ValidationError:
            claims = None
        if claims is None:
            return JSONResponse({"error": "access_denied"}, HTTPStatus.FORBIDDEN)
        now = time.monotonic()
        self._codes = {code: one for code, one in self._codes.items() if one.until > now}
        if len(self._codes) >= _MOST_CODES:
            return JSONResponse({"error": "temporarily_unavailable"}, HTTPStatus.SERVICE_UNAVAILABLE)
        code = secrets.token_urlsafe(24)
        claims = {**claims, "auth_time": int(time.time())}
        self._codes[code] = _Code(claims, given["code_challenge"], given["nonce"], now + _CODE_SECONDS)
        back = f"{REDIRECT}?{urlencode({'code': code, 'state': given['state']})}"
        return RedirectResponse(back, HTTPStatus.FOUND)

    def _exchange(self, given: Mapping[str, str]) -> Response:
        code = self._codes.pop(given.get("code", ""), None)
        right = (
            code is not None
            and code.until > time.monotonic()
            and given.get("grant_type") == "authorization_code"
            and given.get("client_id") == CLIENT
            and given.get("redirect_uri") == REDIRECT
            and hmac.compare_digest(make_challenge(given.get("code_verifier", "")), code.challenge)
        )
        if code is None or not right:
            return JSONResponse({"error": "invalid_grant"}, HTTPStatus.BAD_REQUEST)
        now = int(time.time())
        times = {"iat": now, "exp": now + TOKEN_SECONDS}
        claims = {"iss": ISSUER, "aud": CLIENT, "nonce": code.nonce, **times, **code.claims}
        token = signed_tokens.sign_claims(self._key, claims)
        body = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": token}
        return JSONResponse(body, headers={"cache-control": "no-store"})

    def _accounts(self) -> Directory:
        try:
            return Directory.model_validate_json(self._files.accounts.read_bytes())
        except FileNotFoundError:
            return Directory()


def make_challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def build_discovery_document() -> dict[str, object]:
    """The discovery document."""
    return {
        "issuer": ISSUER,
        "authorization_endpoint": ISSUER + AUTHORIZE,
        "token_endpoint": ISSUER + TOKEN,
        "jwks_uri": ISSUER + KEYS,
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [signed_tokens.ALGORITHM],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid"],
        "token_endpoint_auth_methods_supported": ["none"],
    }


async def _read_form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await read_body(request)).decode("utf-8", "replace")))


def _acceptable(asked: Mapping[str, str]) -> bool:
    return (
        all(asked.get(name) for name in _ASKED)
        and asked["client_id"] == CLIENT
        and asked["redirect_uri"] == REDIRECT
        and asked["response_type"] == "code"
        and "openid" in asked["scope"].split()
        and asked.get("code_challenge_method", "S256") == "S256"
    )


def main(state: Path) -> None:
    """Serve the lab of a state directory."""
    record = undo_log.read_record(state)
    if record is None or record.layout.perimeter is None:
        sys.exit(f"no lab with a deployed cloud in {state}")
    files, address = IapFiles(state), record.layout.perimeter.identity
    known = frozenset({HOST})
    context = certificate_authority.make_server_tls(
        certificate_authority.CertificateAuthority(files.folder), lambda: known
    )
    listeners = [
        Listener(namespace=paths.INTERNET, address=address.of(family), port=HTTPS, applications=()) for family in Family
    ]
    serve_http(IdentityProvider(files).answer, map(open_listener, listeners), tls=context)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
