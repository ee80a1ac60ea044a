"""A login by Google's identity-aware proxy: a header of each request, signed by the proxy, says who sends it.

As Google documents it ("Securing your app with signed headers"): ES256, the proxy's keys, issuer and audience, expiry
and time of issue. The unsigned headers beside it (`X-Goog-Authenticated-User-Email`) are never read.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.routing import BaseRoute

from monitoring.limits import LONGEST_ASSERTION
from monitoring.login.issuer_keys import IssuerKeys
from monitoring.login.login_method import Identity, LoginMissing, LoginNotAccepted
from monitoring.login.signed_token import Expected, read_key_id, verify_token

ASSERTION_HEADER = "x-goog-iap-jwt-assertion"
ISSUER = "https://cloud.google.com/iap"
ALGORITHM = "ES256"


class IapLogin:
    """Believes what the proxy signs for one audience. It tells no groups: roles go by mail addresses.

    Args:
        audience: for whom the proxy signs.
        keys: what it signs with.
        clock: now, in seconds since 1970, for the times that the proxy signs.
        running: seconds that run on, for how long an answer may last.
    """

    begins_at: str | None = None
    ends_at: str | None = None

    def __init__(
        self,
        audience: str,
        keys: IssuerKeys,
        clock: Callable[[], float] = time.time,
        running: Callable[[], float] = time.monotonic,
    ) -> None:
        self._expected = Expected(ALGORITHM, ISSUER, audience, LONGEST_ASSERTION)
        self._keys = keys
        self._clock = clock
        self._running = running

    async def identify_reader(self, headers: Headers) -> Identity:
        """Return whom the proxy let in.

        Raises:
            LoginMissing: the request did not come through the proxy.
            LoginNotAccepted: the header stands twice, or what it holds is not the proxy's word for this monitor.
        """
        shown = headers.getlist(ASSERTION_HEADER)
        if not shown:
            message = "the request did not come through the identity-aware proxy; open the page by its address there"
            raise LoginMissing(message)
        if len(shown) != 1:
            message = "the login's header stands more than once"
            raise LoginNotAccepted(message)
        key = await self._keys.find_key(read_key_id(shown[0], ALGORITHM))
        now = self._clock()
        claims, _ = verify_token(shown[0], key, self._expected, now)
        return Identity(claims.email.lower(), (), self._running() + claims.exp - now)

    def build_routes(self) -> list[BaseRoute]:
        """Return no paths: somebody logs in before a request comes here."""
        return []
