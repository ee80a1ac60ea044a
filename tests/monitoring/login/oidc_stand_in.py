"""A provider of OpenID Connect for tests, on loopback with TLS: strict, from the specifications, no code of ours in it.

It refuses what RFC 6749, RFC 7636 and OpenID Connect Core let it refuse: another client, redirect or verifier, a code
shown twice, a request without state, nonce or PKCE. A test says who is logged in there, and what of a token is wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.monitoring.login.signing import RsaSigner, Signer, key_set, sign_token

CLIENT, SECRET = "tsunagu-monitor", "s3cret-of-the/client+1"


class Refused(Exception):
    """What a provider refuses, and why."""


def refuse(why: str) -> NoReturn:
    raise Refused(why)


@dataclass
class StandIn:
    """The provider; what stands here a test may change."""

    redirect: str
    issuer: str = ""
    signer: Signer = field(default_factory=lambda: RsaSigner("p1"))
    person: dict[str, Any] = field(default_factory=dict)
    """Claims of whoever is logged in there; None takes a right one away."""
    sign: Callable[[Signer, dict[str, Any]], str] = sign_token
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    describes: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {
            "issuer": self.issuer,
            **{name: f"{self.issuer}/{path}" for name, path in paths.items()},
            **self.describes,
        }

    def authorize(self, asked: dict[str, list[str]]) -> str:
        """Where the browser is sent back to."""
        right = {"response_type": ["code"], "client_id": [CLIENT], "redirect_uri": [self.redirect]}
        right["code_challenge_method"] = ["S256"]
        wrong = [name for name, value in right.items() if asked.get(name) != value]
        short = [name for name in ("state", "nonce", "code_challenge") if len("".join(asked.get(name, []))) < 43]
        if wrong or short or "openid" not in asked.get("scope", [""])[0].split():
            refuse(f"authorize: {wrong} {short}")
        code = secrets.token_urlsafe(24)
        self.codes[code] = {name: asked[name][0] for name in ("nonce", "code_challenge")}
        return f"{self.redirect}?{urlencode({'code': code, 'state': asked['state'][0], 'iss': self.issuer})}"

    def exchange(self, authorization: str, form: dict[str, list[str]]) -> dict[str, Any]:
        scheme, _, pair = authorization.partition(" ")
        client, _, secret = base64.b64decode(pair).decode().partition(":")
        if (scheme, unquote(client), unquote(secret)) != ("Basic", CLIENT, SECRET):
            refuse("token: another client")
        begun = self.codes.pop(form["code"][0], None)
        if begun is None:
            refuse("token: a code that was shown before, or never given")
        digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != begun["code_challenge"]:
            refuse("token: another verifier")
        if form["redirect_uri"] != [self.redirect] or form["grant_type"] != ["authorization_code"]:
            refuse("token: another redirect")
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 300, "nonce": begun["nonce"]}
        claims = {"email_verified": True, **claims, **self.person}
        said = {name: value for name, value in claims.items() if value is not None}
        return {"access_token": "x", "token_type": "Bearer", "id_token": self.sign(self.signer, said)}


def _build_handler(provider: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            match parts.path:
                case "/.well-known/openid-configuration":
                    self._answer(json.dumps(provider.describe()).encode())
                case "/keys":
                    self._answer(key_set(provider.signer))
                case _:
                    self._try(lambda: self._send_back(provider.authorize(parse_qs(parts.query))))

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            shown = self.headers["Authorization"]
            self._try(lambda: self._answer(json.dumps(provider.exchange(shown, form)).encode()))

        def _try(self, action: Callable[[], None]) -> None:
            try:
                action()
            except (Refused, ValueError, KeyError) as error:
                provider.refused.append(str(error))
                self._answer(b'{"error": "invalid_request"}', 400)

        def _send_back(self, where: str) -> None:
            self.send_response(302)
            self.send_header("Location", where)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _answer(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serve_provider(redirect: str, files: tuple[Path, Path]) -> Iterator[StandIn]:
    """A provider at https://localhost:PORT; it is gone afterwards."""
    provider = StandIn(redirect)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _build_handler(provider))
    server.daemon_threads = False  # they are waited for
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    provider.issuer = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
