"""HTTP for pynetbox: GET alone, to one server, in bounded time and size; redirects and other hosts are refused.

pynetbox itself has no time limit, reads answers of any size, and follows the `next` link of a page wherever it leads;
the token would go along.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

import requests

from controller.errors import TsunaguError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import shorten_text, shorten_value

MOST_BYTES = 16 * 1024 * 1024
"""Of one answer."""
MOST_REQUESTS = 500
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
MOST_SECONDS = 60.0
"""Of one answer, from its first byte to its last."""
ATTEMPTS = 3
LONGEST_WAIT = 30
"""Seconds that the server may ask us to wait (Retry-After, RFC 9110)."""
_DEFAULT_WAIT = 5
_BUSY = frozenset({429, 503})
_OK = 200
_CHUNK = 1 << 16
_MOST_DEPTH = 16


class NetBoxRefused(TsunaguError):
    """NetBox cannot be read: it is not reached, refuses us, or answers otherwise than its documents say."""


class NetBoxBusy(NetBoxRefused):
    """NetBox asks us to come back later than a command waits."""

    temporary = True


class Clock(Protocol):
    """What waits and tells how long something took."""

    def monotonic(self) -> float:
        """Seconds since some moment in the past."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class _SentRequest:
    """What was sent; pynetbox keeps it with an error."""

    body: None = None


@dataclass(frozen=True, slots=True)
class BoundedAnswer:
    """An answer that was read whole, with what pynetbox asks of one."""

    status_code: int
    reason: str
    url: str
    content: bytes
    headers: Mapping[str, str]
    request: _SentRequest = _SentRequest()

    @property
    def text(self) -> str:
        """The beginning of the answer; pynetbox keeps it with an error."""
        return self.content[:_CHUNK].decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status_code == _OK

    def json(self) -> Any:  # noqa: ANN401 JSON
        """Return the value of the answer.

        Raises:
            JSONDecodeError: it is no JSON, or none that is read; pynetbox knows this error.
        """
        try:
            return parse_json(self.content, most_bytes=MOST_BYTES, most_depth=_MOST_DEPTH)
        except JsonRefused as refused:
            raise json.JSONDecodeError(refused.why, "", 0) from None


class BoundedSession:
    """Takes the place of the session that pynetbox makes.

    Args:
        url: the server's address; requests go below its `/api/` alone.
        clock: waits where the server asks for it.
        certificates: of the authority that the server's certificate is from; None: those of the system.
    """

    def __init__(self, url: str, clock: Clock, certificates: Path | None = None) -> None:
        self._base = f"{url.rstrip('/')}/api/"
        self._shown = urlsplit(url).netloc
        self._clock = clock
        self._session = requests.Session()
        # Nothing of the environment: no proxy, and no `.netrc` that would put another login in the token's place.
        self._session.trust_env = False
        # What is packed could be small on its way and too large here.
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.verify = True if certificates is None else str(certificates)
        self._requests = 0
        self.api_version = ""
        if certificates is not None and not certificates.is_file():
            message = f"{certificates}: there is no such file; 'netbox.certificates' in the operators' file names it"
            raise NetBoxRefused(message)

    def get(
        self, url: str, headers: Mapping[str, str], params: Mapping[str, Any] | None = None, json: object = None
    ) -> BoundedAnswer:
        """Return the answer to a request; one that is to come later is waited for, a few times.

        Raises:
            NetBoxRefused: there is none, it is too large or too slow, or would lead to another server.
        """
        del json  # a GET has no body
        if not url.startswith(self._base):
            message = (
                f"{self._shown}: its answer leads to {shorten_text(url, 100)}, which is not below {self._base}; "
                "is 'netbox.url' in the operators' file the address that it calls itself by?"
            )
            raise NetBoxRefused(message)
        for attempt in range(1, ATTEMPTS + 1):
            self._requests += 1
            if self._requests > MOST_REQUESTS:
                message = f"{self._shown}: its list does not end after {MOST_REQUESTS} pages"
                raise NetBoxRefused(message)
            answer = self._ask(url, headers, params)
            if answer.status_code not in _BUSY:
                return answer
            wait = _read_wait(answer)
            if attempt == ATTEMPTS or wait > LONGEST_WAIT:
                message = f"{self._shown}: asks to come back later ({answer.status_code}, {wait} s); try again then"
                raise NetBoxBusy(message)
            self._clock.sleep(wait)
        raise AssertionError  # the last attempt has returned or raised

    def _ask(self, url: str, headers: Mapping[str, str], params: Mapping[str, Any] | None) -> BoundedAnswer:
        try:
            with self._session.get(
                url,
                headers=dict(headers),
                params=dict(params or {}),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                stream=True,
                allow_redirects=False,
            ) as response:
                if response.is_redirect:
                    where = shorten_value(response.headers.get("Location", ""))
                    message = f"{self._shown}: sends us on to {where}; write the right 'netbox.url' (https?)"
                    raise NetBoxRefused(message)
                content = self._read(response)
                self.api_version = response.headers.get("API-Version", self.api_version)
                reason = response.reason or ""
                return BoundedAnswer(response.status_code, reason, response.url, content, response.headers)
        except requests.RequestException as error:
            self._refuse(error)

    def _read(self, response: requests.Response) -> bytes:
        began = self._clock.monotonic()
        parts: list[bytes] = []
        size = 0
        for part in response.iter_content(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                message = f"{self._shown}: an answer is larger than {MOST_BYTES >> 20} MB, the most that is read"
                raise NetBoxRefused(message)
            if self._clock.monotonic() - began > MOST_SECONDS:
                message = f"{self._shown}: an answer takes longer than {MOST_SECONDS:.0f} s"
                raise NetBoxRefused(message)
        return b"".join(parts)

    def _refuse(self, error: requests.RequestException) -> NoReturn:
        """Say what went wrong, without the words of the library: they may hold a header."""
        if isinstance(error, requests.exceptions.SSLError):
            why = "its certificate is not trusted; name the file of its authority in 'netbox.certificates'"
        elif isinstance(error, requests.Timeout):
            why = f"no answer within {CONNECT_SECONDS:.0f} s (connection) or {READ_SECONDS:.0f} s (data)"
        elif isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
            why = "the answer broke off in the middle"
        elif isinstance(error, requests.ConnectionError):
            why = "cannot be reached; is 'netbox.url' in the operators' file right, and does it run?"
        else:
            why = f"cannot be asked ({type(error).__name__})"
        message = f"{self._shown}: {why}"
        raise NetBoxRefused(message) from None


def _read_wait(answer: BoundedAnswer) -> int:
    """Return how many seconds the server asks us to wait.

    >>> _read_wait(BoundedAnswer(429, "", "", b"", {"Retry-After": "7"}))
    7
    """
    said = answer.headers.get("Retry-After", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 9 else _DEFAULT_WAIT  # noqa: PLR2004 digits
