"""Signed tokens: the proxy's assertion to applications, and the identity provider's word on a person.

The assertion is as Google documents it ("Securing your app with signed headers"): ES256, a known key, issuer, audience,
expiry and time of issue (30 s of clock skew); `google.access_levels` holds the access levels that were granted.

A token is believed only in the form that its two makers here give it: a header of three words, claims of these types,
a life of `ASSERTION_SECONDS` at most. A right signature under an odd form is refused as well.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.lab.iap.directory import DeviceFacts

ASSERTION_HEADER = "x-goog-iap-jwt-assertion"
ISSUER = "https://cloud.google.com/iap"
KEYS_PATH = "/iap/verify/public_key-jwk"
"""Where the proxy shows its public keys; Google's are on another host, under the same path."""
ALGORITHM = "ES256"
SKEW_SECONDS = 30
ASSERTION_SECONDS = 600

LONGEST_TOKEN = 8192
"""Characters; no header of a request here is longer."""

Claims = Mapping[str, Any]
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_Text = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[\x21-\x7e]+$")]
_Moment = Annotated[int, Field(ge=0, lt=2**53)]


class TokenClaims(BaseModel):
    """The claims of a token by their types. Claims of other names mean nothing here (RFC 7519, 4.3).

    Mail addresses are of letters that no header, log or page has to escape.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    iss: _Text
    aud: _Text
    sub: _Text
    email: Annotated[str, Field(max_length=254, pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")]
    iat: _Moment
    exp: _Moment
    nbf: _Moment | None = None
    auth_time: _Moment | None = None
    hd: _Text | None = None
    nonce: Annotated[str, Field(max_length=512)] | None = None
    groups: tuple[_Text, ...] = ()
    crd_str: dict[str, bool] = {}
    device: DeviceFacts | None = None
    google: dict[str, tuple[_Text, ...]] = {}


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


def verify_token(
    token: str, keys: Mapping[str, Any], issuer: str, audience: str, *, now: float | None = None
) -> Claims:
    """Return the claims of a token, if everything about it is right at a time (None: now).

    Raises:
        TokenRefused: the signature, the key, the algorithm, the issuer, the audience, the times or the form are wrong.
    """
    if not token or len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
        message = "no token" if not token else f"no signed token of at most {LONGEST_TOKEN} characters"
        raise TokenRefused(message)
    try:
        # The algorithm is ours to choose, never the token's: "none" and symmetric ones end here.
        found = jwt.decode(token, _imported(keys), algorithms=[ALGORITHM])
        _check_header(found.header, {key["kid"] for key in keys["keys"]})
        # From the text, not from what the library made of it: 1 is no true, and "1" no 1.
        claims = TokenClaims.model_validate_json(json.dumps(found.claims, allow_nan=False), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"claim {'.'.join(map(str, first['loc'][:2]))}: {first['msg']}"
        raise TokenRefused(message) from None
    except (JoseError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        # A stranger's text can fail in many places inside the library; wherever it does, it is refused.
        message = str(error) or type(error).__name__
        raise TokenRefused(message) from None
    _check_claims(claims, issuer, audience, time.time() if now is None else now)
    # Only what was checked is handed on; what is null says nothing.
    return claims.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def _check_header(header: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(header) - {"alg", "kid", "typ"})
    if unknown or header.get("typ", "JWT") != "JWT":
        message = f"the header has {', '.join(unknown) or 'another type'}; expected alg, kid and typ JWT"
        raise TokenRefused(message)
    if header.get("kid") not in known:
        message = "the header names no key of the issuer (kid)"
        raise TokenRefused(message)


def _check_claims(claims: TokenClaims, issuer: str, audience: str, now: float) -> None:
    wrong = (
        (claims.iss != issuer, "iss: another issuer"),
        (claims.aud != audience, "aud: made out to another"),
        (claims.iat > now + SKEW_SECONDS, "iat: issued in the future"),
        (claims.nbf is not None and claims.nbf > now + SKEW_SECONDS, "nbf: not valid yet"),
        (claims.exp <= now - SKEW_SECONDS, "exp: expired"),
        (not 0 < claims.exp - claims.iat <= ASSERTION_SECONDS, f"exp: a life of more than {ASSERTION_SECONDS} s"),
    )
    for is_wrong, message in wrong:
        if is_wrong:
            raise TokenRefused(message)


def _imported(keys: Mapping[str, Any]) -> KeySet:
    return KeySet([ECKey.import_key(key) for key in keys["keys"]])
