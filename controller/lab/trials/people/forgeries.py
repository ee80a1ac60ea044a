"""Tokens that must open nothing: forged, expired, made out to others, without a signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from joserfc.jwk import ECKey

from controller.lab.iap.signed_tokens import sign_claims

Claims = Mapping[str, Any]

GENUINE = "genuine"
_HOUR = 3600


def make_claims(issuer: str, audience: str, **more: object) -> dict[str, Any]:
    """Claims with nothing wrong about them."""
    now = int(time.time())
    times = {"iat": now, "exp": now + 600}
    return {"iss": issuer, "aud": audience, "sub": "attacker", "email": "attacker@example.com", **times, **more}


def list_forgeries(key: ECKey, right: Claims) -> Iterator[tuple[str, str]]:
    """Ways to lie, each with its token; first, the control: a genuine one.

    `key` is the signer's own key: only the runner, who is root here, can make such expired and misdirected tokens.
    """
    now = int(time.time())
    yield GENUINE, sign_claims(key, right)
    yield "no token", ""
    yield "not a token", "x.y.z"
    yield "signed by a stranger's key", sign_claims(ECKey.generate_key("P-256", auto_kid=True), right)
    stranger = ECKey.generate_key("P-256", {"kid": key.kid or ""})
    yield "signed by a stranger's key under the right name", sign_claims(stranger, right)
    yield "expired", sign_claims(key, {**right, "iat": now - 2 * _HOUR, "exp": now - _HOUR})
    yield "issued in the future", sign_claims(key, {**right, "iat": now + _HOUR, "exp": now + 2 * _HOUR})
    yield "made out to another", sign_claims(key, {**right, "aud": f"{right['aud']}0"})
    yield (
        "made out to several",
        sign_claims(key, {**right, "aud": [right["aud"], "/projects/1/global/backendServices/1"]}),
    )
    yield "of another issuer", sign_claims(key, {**right, "iss": "https://issuer.example"})
    for name in ("exp", "aud", "iss", "sub", "email", "iat"):
        yield f"without {name}", sign_claims(key, {claim: value for claim, value in right.items() if claim != name})
    yield "alg none", f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(right)}."
    yield "the public key taken for a secret", _symmetric(key, right)
    yield "claims changed after signing", _changed(sign_claims(key, right))


def _symmetric(key: ECKey, right: Claims) -> str:
    text = f"{_encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{_encoded(right)}"
    signature = hmac.new(key.as_pem(private=False), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_base64(signature)}"


def _changed(token: str) -> str:
    head, body, signature = token.split(".")
    found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{head}.{_encoded({**found, 'email': 'principal@example.com'})}.{signature}"


def _encoded(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
