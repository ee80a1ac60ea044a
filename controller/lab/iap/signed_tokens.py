"""Signed tokens: the proxy's assertion to applications, and the identity provider's word on a person.

The assertion is as Google documents it ("Securing your app with signed headers"): ES256, a known key, issuer, audience,
expiry and time of issue (30 s of clock skew); `google.access_levels` holds the access levels that were granted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

ASSERTION_HEADER = "x-goog-iap-jwt-assertion"
ISSUER = "https://cloud.google.com/iap"
KEYS_PATH = "/iap/verify/public_key-jwk"
"""Where the proxy shows its public keys; Google's are on another host, under the same path."""
ALGORITHM = "ES256"
SKEW_SECONDS = 30
ASSERTION_SECONDS = 600

Claims = Mapping[str, Any]


class TokenRefused(Exception):
    """A token is not what it must be; says in what."""


def create_signing_key(path: Path) -> None:
    """Make a signing key, readable by root alone."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(ECKey.generate_key("P-256", private=True, auto_kid=True).as_pem(private=True))


def read_key(path: Path) -> ECKey:
    """A signing key; its id is the thumbprint of its public part."""
    plain = ECKey.import_key(path.read_bytes())
    return ECKey.import_key(path.read_bytes(), {"kid": plain.thumbprint(), "use": "sig", "alg": ALGORITHM})


def export_public_keys(key: ECKey) -> dict[str, Any]:
    """The public part, as a set of one, in the form of a JWK file."""
    return dict(KeySet([key]).as_dict(private=False))


def sign_assertion(key: ECKey, audience: str, subject: str, email: str, levels: tuple[str, ...]) -> str:
    """The proxy's word to an application that this person may come in."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": f"accounts.google.com:{subject}",
        "email": email,
        "hd": email.rpartition("@")[2],
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
        "google": {"access_levels": list(levels)},
    }
    return sign_claims(key, claims)


def sign_claims(key: ECKey, claims: Claims) -> str:
    """Any claims under a key's signature."""
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, dict(claims), key)


def verify_token(token: str, keys: Mapping[str, Any], issuer: str, audience: str) -> Claims:
    """The claims of a token, if everything about it is right.

    Raises:
        TokenRefused: the signature, the key, the algorithm, the issuer, the audience or the times are not right.
    """
    if not token:
        message = "no token"
        raise TokenRefused(message)
    registry = jwt.JWTClaimsRegistry(
        leeway=SKEW_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        email={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
    )
    try:
        # The algorithm is ours to choose, never the token's: "none" and symmetric ones end here.
        found = jwt.decode(token, _imported(keys), algorithms=[ALGORITHM])
        registry.validate(found.claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        # A stranger's text can fail in many places inside the library; wherever it does, it is refused.
        message = str(error) or type(error).__name__
        raise TokenRefused(message) from None
    if not isinstance(found.claims["aud"], str):
        message = "the token is made out to several"
        raise TokenRefused(message)
    return found.claims


def _imported(keys: Mapping[str, Any]) -> KeySet:
    return KeySet([ECKey.import_key(key) for key in keys["keys"]])
