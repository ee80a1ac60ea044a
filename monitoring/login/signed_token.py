"""Signed tokens (RFC 7519) of whom a login names: judged in one fixed way, whatever they say of themselves.

The algorithm is the setting's. A token's header is believed in one thing only: which of the issuer's keys to try.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import shorten_text
from monitoring.limits import LOGIN_SKEW_SECONDS, LONGEST_LOGIN_TOKEN
from monitoring.login.login_method import LoginNotAccepted

PublicKey = ECKey | RSAKey
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KNOWN_HEADER = frozenset({"alg", "kid", "typ"})
_MOST_HEADER = 1024
_Text = Annotated[str, Field(pattern=r"^[A-Za-z0-9@:/._~=+,%-]{1,512}$")]
_Moment = Annotated[int, Field(ge=0, lt=2**53)]


class TokenClaims(BaseModel):
    """The claims that count, by their exact types: 1 is no true, and "1" no 1.

    Claims of other names mean nothing here (RFC 7519, 4.3).
    Mail addresses are of letters that no header, log or page has to escape.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    iss: _Text
    aud: _Text | list[_Text]
    azp: _Text | None = None
    email: Annotated[
        str, Field(max_length=254, pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$")
    ]
    email_verified: bool | None = None
    iat: _Moment
    exp: _Moment
    nbf: _Moment | None = None
    nonce: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")] | None = None


class Expected(NamedTuple):
    """What a token must be: signed by this algorithm, by this issuer, for this audience, and for so many seconds."""

    algorithm: str
    issuer: str
    audience: str
    longest_life: float


def read_key_id(token: str, algorithm: str) -> str:
    """Return the id of the key that a token names.

    Raises:
        LoginNotAccepted: it is no signed token, is too long, names no key, or another algorithm.
    """
    found = _COMPACT.fullmatch(token) if len(token) <= LONGEST_LOGIN_TOKEN else None
    if found is None or len(found[1]) > _MOST_HEADER:
        message = f"the login is no signed token of at most {LONGEST_LOGIN_TOKEN} characters"
        raise LoginNotAccepted(message)
    try:
        padded = found[1] + "=" * (-len(found[1]) % 4)
        header = parse_json(base64.b64decode(padded, altchars=b"-_", validate=True), most_depth=2)
    except (binascii.Error, JsonRefused):
        header = None
    if not isinstance(header, dict) or not _KNOWN_HEADER.issuperset(header) or header.get("typ", "JWT") != "JWT":
        message = "the login's header has other fields than alg, kid and typ JWT"
        raise LoginNotAccepted(message)
    if header.get("alg") != algorithm:
        message = f"the login is signed by another algorithm than {algorithm}"
        raise LoginNotAccepted(message)
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        message = "the login names no key (kid)"
        raise LoginNotAccepted(message)
    return kid


def verify_token(token: str, key: PublicKey, expected: Expected, now: float) -> tuple[TokenClaims, Mapping[str, Any]]:
    """Return the claims of a token whose key is known, and all that it claims; `read_key_id` was asked before.

    Raises:
        LoginNotAccepted: signature, issuer, audience, times or the form of a claim are wrong.
    """
    try:
        found = jwt.decode(token, key, algorithms=[expected.algorithm]).claims
        claims = TokenClaims.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        claim = shorten_text(".".join(str(one) for one in first["loc"][:1]))
        message = f"the login's claim {claim} is not as it must be ({first['msg']})"
        raise LoginNotAccepted(message) from None
    except (JoseError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        # A stranger's text can fail in many places inside the library; wherever it does, it is refused.
        message = "the login's signature is wrong, or what is signed is no set of claims"
        raise LoginNotAccepted(message) from None
    _check_claims(claims, expected, now)
    return claims, found


def _check_claims(claims: TokenClaims, expected: Expected, now: float) -> None:
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    # Of several audiences the token says for which one it was made (OpenID Connect Core, 3.1.3.7).
    is_ours = expected.audience in audiences and claims.azp in (None, expected.audience)
    is_ours = is_ours and (len(audiences) == 1 or claims.azp is not None)
    wrong = (
        (claims.iss != expected.issuer, "was issued by another (iss)"),
        (not is_ours, "was made out to another (aud)"),
        (claims.iat > now + LOGIN_SKEW_SECONDS, "was issued in the future (iat); is a clock wrong?"),
        (claims.nbf is not None and claims.nbf > now + LOGIN_SKEW_SECONDS, "is not valid yet (nbf)"),
        (claims.exp <= now - LOGIN_SKEW_SECONDS, "has expired (exp)"),
        (
            not 0 < claims.exp - claims.iat <= expected.longest_life,
            f"lives longer than {expected.longest_life} s (exp)",
        ),
    )
    for is_wrong, what in wrong:
        if is_wrong:
            message = f"the login {what}"
            raise LoginNotAccepted(message)
