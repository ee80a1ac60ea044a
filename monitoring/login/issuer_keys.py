"""The keys that an issuer signs with: fetched or read, kept for a while, and asked for anew when they change.

An issuer changes its keys when it likes to. A token that names a key which is not known makes this ask once, and never
more often than once a minute: nobody can make it ask by inventing names.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from controller.errors import TsunaguError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.operations.trusted_files import read_trusted_file
from monitoring.limits import KEYS_AGAIN_SECONDS, KEYS_FRESH_SECONDS, KEYS_OLD_SECONDS, MOST_FETCHED, MOST_KEYS
from monitoring.login.https_fetch import Fetch, FetchFailed
from monitoring.login.login_method import LoginNotAccepted
from monitoring.login.signed_token import PublicKey

_HTTP_OK = 200
_KINDS: Mapping[str, tuple[type[ECKey | RSAKey], str, str]] = {
    "ES256": (ECKey, "kty", "EC"),
    "RS256": (RSAKey, "kty", "RSA"),
    "PS256": (RSAKey, "kty", "RSA"),
}
_SHORTEST_RSA = 2048
_BITS_A_LETTER = 6
"""Of a number in base64."""
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

ReadKeys = Callable[[], Awaitable[bytes]]
"""Brings the issuer's keys as it shows them: a JSON Web Key Set."""


def fetch_keys_from(fetch: Fetch, find_url: Callable[[], Awaitable[str]]) -> ReadKeys:
    """Keys at an address, which may have to be found first."""

    async def fetch_key_set() -> bytes:
        url = await find_url()
        answer = await fetch(url, {}, None)
        if answer.status != _HTTP_OK:
            message = f"{url}: answers {answer.status}, and not with keys"
            raise FetchFailed(message)
        return answer.body

    return fetch_key_set


def take_keys_from(path: Path) -> ReadKeys:
    """Keys in a file of this user or root, which somebody else renews."""

    async def take_key_set() -> bytes:
        try:
            return read_trusted_file(path, "The keys of a login cannot be used:", most_bytes=MOST_FETCHED)
        except FileNotFoundError:
            message = f"{path}: the keys of the login are missing; put the issuer's JSON Web Key Set there"
            raise FetchFailed(message) from None

    return take_key_set


def parse_key_set(content: bytes, algorithm: str) -> dict[str, PublicKey]:
    """The public keys of a JSON Web Key Set that sign by an algorithm, by their ids; others are passed over.

    Raises:
        FetchFailed: it is no key set, or has none that can be used.
    """
    try:
        document = parse_json(content, most_bytes=MOST_FETCHED, most_depth=8)
    except JsonRefused as error:
        message = f"the issuer's keys are no JSON: {error.why}"
        raise FetchFailed(message) from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        message = f"the issuer's keys are no JSON Web Key Set of at most {MOST_KEYS} keys"
        raise FetchFailed(message)
    found: dict[str, PublicKey] = {}
    for entry in entries:
        key = _import_key(entry, algorithm)
        if key is not None:
            # Two keys of one id: which one is meant is not said, so neither is believed.
            found[entry["kid"]] = key
    ids = [entry.get("kid") for entry in entries if isinstance(entry, dict)]
    found = {kid: key for kid, key in found.items() if ids.count(kid) == 1}
    if not found:
        message = f"the issuer shows no key of its own id that signs by {algorithm}"
        raise FetchFailed(message)
    return found


def _import_key(entry: object, algorithm: str) -> PublicKey | None:
    kind, name, value = _KINDS[algorithm]
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or entry.get(name) != value:
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm or _PRIVATE & entry.keys():
        return None
    modulus = entry.get("n")
    if value == "RSA" and (not isinstance(modulus, str) or len(modulus) * _BITS_A_LETTER < _SHORTEST_RSA):
        return None
    try:
        key = kind.import_key(entry)
        public = key.public_key
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        return None
    if isinstance(key, ECKey):
        return key if key.curve_name == "P-256" else None
    return key if getattr(public, "key_size", 0) >= _SHORTEST_RSA else None


class IssuerKeys:
    """An issuer's keys by their ids. Belongs to the event loop's thread.

    Args:
        read: brings them.
        algorithm: what they sign by.
        clock: seconds that run on, whatever is done to the machine's clock.
    """

    def __init__(self, read: ReadKeys, algorithm: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._algorithm = algorithm
        self._clock = clock
        self._keys: Mapping[str, PublicKey] = {}
        self._read_at: float | None = None
        self._asked_at: float | None = None
        self._asking = asyncio.Lock()

    async def find_key(self, kid: str) -> PublicKey:
        """Return the key of an id, asking the issuer anew where it is not known or the keys are old.

        Raises:
            LoginNotAccepted: the issuer has no such key, or its keys cannot be had.
        """
        if kid not in self._keys or self._is_older_than(KEYS_FRESH_SECONDS):
            async with self._asking:
                # Whoever waited may find that it was asked meanwhile.
                if (kid not in self._keys or self._is_older_than(KEYS_FRESH_SECONDS)) and self._may_ask():
                    await self._ask()
        if self._read_at is None or self._is_older_than(KEYS_OLD_SECONDS):
            message = "the issuer's keys cannot be had, so no login can be judged; try again in a minute"
            raise LoginNotAccepted(message)
        key = self._keys.get(kid)
        if key is None:
            message = "the login names a key that its issuer does not show (kid)"
            raise LoginNotAccepted(message)
        return key

    async def _ask(self) -> None:
        self._asked_at = self._clock()
        try:
            self._keys = parse_key_set(await self._read(), self._algorithm)
            self._read_at = self._clock()
        except TsunaguError as error:
            # The keys that are known stand for a day; then nobody is believed any more.
            logging.getLogger("tsunagu").error("the keys of the login: %s", error)  # noqa: TRY400

    def _may_ask(self) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at >= KEYS_AGAIN_SECONDS

    def _is_older_than(self, seconds: float) -> bool:
        return self._read_at is None or self._clock() - self._read_at > seconds
