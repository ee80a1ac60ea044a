"""Who is logged in by which browser: a session each, by a random id of which the hash alone is kept.

Sessions live in memory. Whoever logs out is out at once, and a monitor that starts anew asks everybody to log in again.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence

from monitoring.limits import MOST_SESSIONS, MOST_SESSIONS_EACH
from monitoring.login.login_method import Identity

SESSION_COOKIE = "__Host-tsunagu-session"
COOKIE_FLAGS = "Path=/; Secure; HttpOnly; SameSite=Lax"
_ID_BYTES = 32
_LONGEST_COOKIES = 16 * 1024


class Sessions:
    """The sessions. Belongs to the event loop's thread.

    Args:
        clock: seconds that run on, whatever is done to the machine's clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_hash: dict[bytes, Identity] = {}

    def begin_session(self, identity: Identity) -> str:
        """Take somebody who has logged in; return the id that the browser shows from now on."""
        now = self._clock()
        self._forget([key for key, one in self._by_hash.items() if one.until <= now])
        # First the oldest of the same person: nobody ends the others' sessions by logging in again and again.
        own = [key for key, one in self._by_hash.items() if one.email == identity.email]
        self._forget(own[: max(0, len(own) - MOST_SESSIONS_EACH + 1)])
        self._forget(list(self._by_hash)[: max(0, len(self._by_hash) - MOST_SESSIONS + 1)])
        shown = secrets.token_urlsafe(_ID_BYTES)
        self._by_hash[_hash(shown)] = identity
        return shown

    def find_session(self, shown: str) -> Identity | None:
        """Who logged in by this id; None where nobody did, or the session is over."""
        # Found by its hash: how long that takes says nothing of the id.
        found = self._by_hash.get(_hash(shown))
        return found if found is not None and self._clock() < found.until else None

    def end_session(self, shown: str) -> None:
        """Log a browser out; its open streams end as well."""
        self._forget([_hash(shown)])

    def _forget(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            gone = self._by_hash.pop(key, None)
            if gone is not None:
                gone.end_answers()


def _hash(shown: str) -> bytes:
    return hashlib.sha256(shown.encode("utf-8", "replace")).digest()


def list_cookies(headers: Sequence[str], prefix: str) -> list[str]:
    """The names of the cookies that begin so, the oldest first, as browsers send them.

    >>> list_cookies(["a-1=x; b=y", "a-2=z"], "a-")
    ['a-1', 'a-2']
    """
    names = (one.partition("=")[0].strip() for header in headers for one in header.split(";"))
    return list(dict.fromkeys(name for name in names if name.startswith(prefix)))


def read_cookie(headers: Sequence[str], name: str) -> str | None:
    """The value of a cookie; None where it is not there, or stands twice: then nobody knows which one is meant.

    >>> read_cookie(["a=1; __Host-b=2"], "__Host-b"), read_cookie(["a=1; a=2"], "a")
    ('2', None)
    """
    found = [
        value.strip()
        for header in headers
        if len(header) <= _LONGEST_COOKIES
        for known, _, value in (one.partition("=") for one in header.split(";"))
        if known.strip() == name
    ]
    return found[0] if len(found) == 1 else None


def write_cookie(name: str, value: str, seconds: int) -> str:
    """A cookie that no page's script, no plain HTTP and no other name's server can read or set.

    >>> write_cookie("__Host-x", "y", 600)
    '__Host-x=y; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600'
    """
    return f"{name}={value}; {COOKIE_FLAGS}; Max-Age={seconds}"
