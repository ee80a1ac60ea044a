"""A clock that a test turns by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import RLock

START = datetime(2026, 4, 1, tzinfo=UTC)


@dataclass
class ManualClock:
    """A clock that stands still until somebody waits on it; see `controller.platforms.transport.base.Clock`."""

    start: datetime = START
    _seconds: float = 0.0
    _guard: RLock = field(default_factory=RLock, repr=False)

    def now(self) -> datetime:
        """The present moment."""
        return self.start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._seconds

    def sleep(self, seconds: float) -> None:
        """Go on by so many seconds at once."""
        with self._guard:
            self._seconds += seconds
