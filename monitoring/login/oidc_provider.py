"""A provider of OpenID Connect: where it is asked, the code that is exchanged, and its word on who logged in."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.operations.monitor_settings import OidcLogin
from monitoring.limits import KEYS_AGAIN_SECONDS, KEYS_FRESH_SECONDS, LONGEST_ID_TOKEN, MOST_FETCHED, MOST_LOGIN_GROUPS
from monitoring.login.https_fetch import Fetch, FetchFailed
from monitoring.login.issuer_keys import IssuerKeys, fetch_keys_from
from monitoring.login.login_method import LoginNotAccepted
from monitoring.login.signed_token import Expected, read_key_id, verify_token

_HTTP_OK = 200
_LONGEST_GROUP = 200
_ADDRESS = re.compile(r"[A-Za-z0-9:/?\[\]@!$&'()*+,;=%._~|-]+")
"""What stands in an address without a fragment (RFC 3986): nothing that ends a line of a request or of a header."""
DISCOVERY = "/.well-known/openid-configuration"


def check_endpoint(value: str) -> str:
    """An address that a provider tells: https, and no user and no fragment; it may have a query (RFC 6749, 3.1).

    >>> check_endpoint("https://login.example.jp:443/token?policy=city")
    'https://login.example.jp:443/token?policy=city'
    """
    try:
        parts = urlsplit(value)
        is_right = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or "@" in parts.netloc or not _ADDRESS.fullmatch(value):
        message = "an address of a provider begins with https:// and has no user and no fragment"
        raise ValueError(message)
    return value


_Endpoint = Annotated[str, Field(max_length=1000), AfterValidator(check_endpoint)]


class ProviderPaths(BaseModel):
    """What the provider says of itself (OpenID Connect Discovery), as far as it is used."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: Annotated[str, Field(pattern=r"^[A-Za-z0-9:/._~%-]{1,500}$")]
    authorization_endpoint: _Endpoint
    token_endpoint: _Endpoint
    jwks_uri: _Endpoint


class CodeToRedeem(NamedTuple):
    """What a code is exchanged with: where the browser was sent back to, and what proves who began to log in."""

    code: str
    redirect: str
    verifier: str
    nonce: str


class LoggedIn(NamedTuple):
    """Whom the provider named."""

    email: str
    groups: tuple[str, ...]


class OidcProvider:
    """The provider of a setting. Belongs to the event loop's thread.

    Args:
        settings: who it is, and what is believed of it.
        secret: the client's secret, which leaves this process in a request to the provider alone.
        fetch: asks it.
        clock: now, in seconds since 1970.
        running: seconds that run on.
    """

    def __init__(
        self,
        settings: OidcLogin,
        secret: str,
        fetch: Fetch,
        clock: Callable[[], float] = time.time,
        running: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._fetch = fetch
        self._clock = clock
        self._running = running
        self._paths: ProviderPaths | None = None
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._keys = IssuerKeys(fetch_keys_from(fetch, self._find_keys_url), settings.algorithm, running)

    async def find_paths(self) -> ProviderPaths:
        """Return where the provider is asked, by its own word of the last hour.

        Raises:
            FetchFailed: it does not answer, or describes another provider.
        """
        # Several may begin to log in at once, e.g. all open pages after a restart: one asks, the others wait for it.
        async with self._looking:
            return await self._look_up_paths()

    async def _look_up_paths(self) -> ProviderPaths:
        age = None if self._looked_at is None else self._running() - self._looked_at
        if self._paths is None or age is None or age > KEYS_FRESH_SECONDS:
            if self._paths is None and age is not None and age < KEYS_AGAIN_SECONDS / 10:
                message = f"{self._settings.issuer}: did not answer just now; try again in a moment"
                raise FetchFailed(message)
            self._looked_at = self._running()
            try:
                self._paths = await self._discover()
            except FetchFailed:
                if self._paths is None:
                    raise
        return self._paths

    async def _discover(self) -> ProviderPaths:
        url = self._settings.issuer.removesuffix("/") + DISCOVERY
        answer = await self._fetch(url, {}, None)
        try:
            paths = ProviderPaths.model_validate(_parse_object(answer.body) if answer.status == _HTTP_OK else None)
        except ValidationError:
            message = f"{url}: answers {answer.status}, and not with what a provider says of itself"
            raise FetchFailed(message) from None
        if paths.issuer != self._settings.issuer:
            message = f"{url}: describes another issuer than the operators' file names; write it in the same form"
            raise FetchFailed(message)
        return paths

    async def _find_keys_url(self) -> str:
        return (await self.find_paths()).jwks_uri

    async def redeem_code(self, redeemed: CodeToRedeem) -> LoggedIn:
        """Return whom the provider names for a code.

        Raises:
            FetchFailed: the provider does not answer, or takes the code for none of its own.
            LoginNotAccepted: what it says is not believed.
        """
        settings = self._settings
        paths = await self.find_paths()
        form = {
            "grant_type": "authorization_code",
            "code": redeemed.code,
            "redirect_uri": redeemed.redirect,
            "code_verifier": redeemed.verifier,
        }
        # As RFC 6749 (2.3.1) has it: both are escaped before they are joined.
        pair = f"{quote(settings.client, safe='')}:{quote(self._secret, safe='')}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = await self._fetch(paths.token_endpoint, headers, urlencode(form).encode("ascii"))
        body = _parse_object(answer.body)
        token = body.get("id_token") if body is not None and answer.status == _HTTP_OK else None
        if not isinstance(token, str):
            message = f"{paths.token_endpoint}: answers {answer.status}, and names nobody; log in again"
            raise FetchFailed(message)
        return await self._judge(token, redeemed.nonce)

    async def _judge(self, token: str, nonce: str) -> LoggedIn:
        settings = self._settings
        key = await self._keys.find_key(read_key_id(token, settings.algorithm))
        expected = Expected(settings.algorithm, settings.issuer, settings.client, LONGEST_ID_TOKEN)
        claims, said = verify_token(token, key, expected, self._clock())
        if claims.nonce != nonce:
            message = "the login was made for another request (nonce)"
            raise LoginNotAccepted(message)
        if settings.emails == "verified" and claims.email_verified is not True:
            message = "the provider does not say that it has verified the mail address (email_verified)"
            raise LoginNotAccepted(message)
        return LoggedIn(claims.email.lower(), read_groups(said, settings.groups_claim))


def read_groups(claims: Mapping[str, Any], name: str | None) -> tuple[str, ...]:
    """The groups that a login tells in a claim; none where the claim is not there.

    >>> read_groups({"groups": ["board"]}, "groups"), read_groups({}, "groups"), read_groups({"groups": ["a"]}, None)
    (('board',), (), ())

    Raises:
        LoginNotAccepted: the claim is no list of texts, or a very long one.
    """
    found = claims.get(name, []) if name is not None else []
    if (
        not isinstance(found, list)
        or len(found) > MOST_LOGIN_GROUPS
        or not all(isinstance(one, str) and 0 < len(one) <= _LONGEST_GROUP for one in found)
    ):
        message = f"the login's groups are no list of at most {MOST_LOGIN_GROUPS} names"
        raise LoginNotAccepted(message)
    return tuple(found)


def _parse_object(body: bytes) -> dict[str, Any] | None:
    try:
        found = parse_json(body, most_bytes=MOST_FETCHED, most_depth=8)
    except JsonRefused:
        return None
    return found if isinstance(found, dict) else None
