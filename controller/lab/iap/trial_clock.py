"""The test clock: the lab's own runner may say what time a request is judged at, and nobody else may.

A request carries the time in a header under a signature (HMAC-SHA-256) with a key that only root on this machine can
read; it may also say how long ago its person signed in. Without the header the machine's clock counts; with a wrong
signature the request is refused. Only `request.time` of conditions and the age of a session follow it: tokens expire by
the real clock. Google's proxy has nothing like it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

HEADER = "tsunagu-lab-clock"


class ClockRefused(Exception):
    """The header was not written by the lab's runner."""


@dataclass(frozen=True, slots=True)
class TrialMoment:
    """When a request is judged, and how long ago its person signed in; None: as their token says."""

    at: datetime
    session_age: timedelta | None = None


def create_clock_key(path: Path) -> None:
    """Make the key, readable by root alone."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(secrets.token_bytes(32))


def sign_moment(key: bytes, at: datetime, session_age: timedelta | None = None) -> str:
    """The header's value."""
    text = at.isoformat() if session_age is None else f"{at.isoformat()} {session_age.total_seconds()}"
    return f"{text};{_signature(key, text)}"


def read_moment(key: bytes, value: str) -> TrialMoment:
    """The time that a request is judged at; an empty value means now.

    Raises:
        ClockRefused: the signature is not the runner's.
    """
    if not value:
        return TrialMoment(datetime.now(UTC))
    text, _, signature = value.partition(";")
    if not hmac.compare_digest(_signature(key, text).encode(), signature.encode()):
        message = "the test clock is for the lab's own runner only"
        raise ClockRefused(message)
    at, _, seconds = text.partition(" ")
    return TrialMoment(datetime.fromisoformat(at), timedelta(seconds=float(seconds)) if seconds else None)


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
