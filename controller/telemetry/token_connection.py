"""The token is put on a connection whose other end was looked up, at each request: a listening port says too little.

Whoever listened before the monitor came back may still hold a connection; what is asked is who holds this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from controller.telemetry.writer_tokens import LOOPBACK, may_show_token


def open_token_session(token: str | None) -> requests.Session:
    """A session that reads nothing of the environment, and shows a token to programs of this user or root only."""
    session = requests.Session()
    session.trust_env = False
    if token is not None:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _TokenAdapter(token))
    return session


class _TokenAdapter(HTTPAdapter):
    """Sends through connections that look at their other end before each request."""

    def __init__(self, token: str) -> None:
        self._token = token
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 the library's
        """Make the pools, with connections of ours."""
        super().init_poolmanager(*args, **kwargs)
        token = self._token

        class Plain(_ShowsToken, HTTPConnection):
            shown = token

        class Encrypted(_ShowsToken, HTTPSConnection):
            shown = token

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class EncryptedPool(HTTPSConnectionPool):
            ConnectionCls = Encrypted

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}


class _ShowsToken(HTTPConnection):
    """A connection that adds the token to a request once it knows who has its other end."""

    shown = ""

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,  # noqa: ANN401 the library's
        headers: Mapping[str, Any] | None = None,
        **options: Any,  # noqa: ANN401 the library's
    ) -> None:
        """Send a request."""
        if self.sock is None:
            self.connect()
        found = {name: value for name, value in (headers or {}).items() if name.lower() != "authorization"}
        if self.host.strip("[]") in LOOPBACK and self.sock is not None:
            own, peer = self.sock.getsockname()[:2], self.sock.getpeername()[:2]
            if may_show_token(own, peer):
                found["Authorization"] = f"Bearer {self.shown}"
        super().request(method, url, body, found, **options)
