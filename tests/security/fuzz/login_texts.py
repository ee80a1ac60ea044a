"""What the monitor reads of logins, for the fuzzer: signed tokens, issuers' keys, cookies, pages to go back to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from monitoring.login.https_fetch import FetchFailed
from monitoring.login.issuer_keys import parse_key_set
from monitoring.login.login_method import LoginNotAccepted
from monitoring.login.oidc_login import read_page
from monitoring.login.oidc_provider import read_groups
from monitoring.login.sessions import SESSION_COOKIE, read_cookie
from monitoring.login.signed_token import Expected, read_key_id, verify_token
from tests.monitoring.login.signing import EllipticSigner, key_set, sign_token

Run = Callable[[bytes], object]
_KEY = EllipticSigner("k1")
_CLAIMS = {"iss": "i", "aud": "a", "sub": "s", "email": "a@b.example", "iat": 1, "exp": 60}
_TOKEN = sign_token(_KEY, _CLAIMS).encode()
_KEYS = key_set(_KEY)


def list_login_readers() -> Iterator[tuple[str, tuple[bytes, ...], Run, tuple[str, ...], tuple[type[Exception], ...]]]:
    """Yield name, seeds, reader, the functions that it is for, and its refusals."""
    judging = ("read_key_id", "verify_token")
    yield "logins", (_TOKEN,), _judge_token, judging, (LoginNotAccepted,)
    yield "claims of a login", (json.dumps(_CLAIMS).encode(),), _judge_claims, ("verify_token",), (LoginNotAccepted,)
    yield "keys of an issuer", (_KEYS,), lambda data: parse_key_set(data, "ES256"), ("parse_key_set",), (FetchFailed,)
    cookie = f"a=1; {SESSION_COOKIE}=x; b=2".encode()
    yield "cookies", (cookie,), lambda data: read_cookie([_text(data)], SESSION_COOKIE), ("read_cookie",), ()
    yield "pages after a login", (b"/schools/as-e01?lang=en",), _read_page, ("read_page",), ()
    yield "groups of a login", (b'["a", "b"]',), _read_groups, ("read_groups",), (LoginNotAccepted, ValueError)


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _judge_token(data: bytes) -> object:
    key = parse_key_set(_KEYS, "ES256")[read_key_id(_text(data), "ES256") and "k1"]
    return verify_token(_text(data), key, Expected("ES256", "i", "a", 3600), 30)


def _judge_claims(data: bytes) -> object:
    """Any claims under the right key."""
    try:
        claims = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return _judge_token(sign_token(_KEY, claims).encode())


def _read_page(data: bytes) -> object:
    page = read_page(_text(data))
    assert page.startswith("/"), page
    assert not page.startswith(("//", "/\\")), page
    return page


def _read_groups(data: bytes) -> object:
    return read_groups({"groups": json.loads(data)}, "groups")
