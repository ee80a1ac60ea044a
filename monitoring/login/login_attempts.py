"""How often a provider is asked about codes: whoever began to log in could make one up, again and again.

A login is over once its code failed, and few fail within a minute, whoever began them: anybody may begin one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from monitoring.limits import FAILED_LOGINS_SECONDS, LOGIN_SECONDS, MOST_FAILED_LOGINS
from monitoring.login.https_fetch import FetchFailed
from monitoring.login.login_method import LoginNotAccepted

BEGUN_NONE = "this browser began no such login within the last ten minutes; begin again"


class LoginAttempts:
    """The codes that are being exchanged, and those that failed. Belongs to the event loop's thread.

    Args:
        clock: seconds that run on, whatever is done to the machine's clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun_at: dict[str, float] = {}
        """By the state of the login. What succeeds is taken out again: a code counts once by itself."""

    @contextmanager
    def bound_attempt(self, state: str) -> Iterator[None]:
        """Let one code of a login be exchanged; what fails inside is kept as failed, and raised.

        Raises:
            LoginNotAccepted: this login failed before, or another code of it is just being exchanged.
            FetchFailed: too many logins failed just now.
        """
        now = self._clock()
        self._begun_at = {one: at for one, at in self._begun_at.items() if now - at < LOGIN_SECONDS}
        if state in self._begun_at:
            raise LoginNotAccepted(BEGUN_NONE)
        if sum(now - at < FAILED_LOGINS_SECONDS for at in self._begun_at.values()) >= MOST_FAILED_LOGINS:
            message = f"more than {MOST_FAILED_LOGINS} logins failed within a minute; try again in a minute"
            raise FetchFailed(message)
        self._begun_at[state] = now
        yield
        self._begun_at.pop(state, None)
