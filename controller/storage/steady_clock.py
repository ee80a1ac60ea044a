"""Whether the wall clock can be believed, held against one that nobody sets: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class SteadyClock:
    """Compares the wall clock with a timer since it was last believed.

    A clock that was put ahead is believed when it has stayed so for `believed_after` seconds: people put a wrong one
    right sooner. One that is put back is believed at once.
    """

    believed_after: float = 3_600.0
    _believed: tuple[datetime, float] | None = None
    _ahead_since: float | None = None

    @property
    def is_ahead(self) -> bool:
        """Whether it is known to be ahead, and not yet believed."""
        return self._ahead_since is not None

    def start_from(self, at: datetime, timer: float) -> None:
        """Take a time as believed, where none was yet: the first of all times is believed, whatever it is."""
        if self._believed is None:
            self._believed = (at, timer)

    def is_steady(self, now: datetime, timer: float, most: timedelta) -> bool:
        """Whether the clock went no further than the timer did, by more than `most`, or has stayed ahead long enough.

        >>> clock, noon = SteadyClock(), datetime(2026, 12, 12, 12)
        >>> clock.is_steady(noon, 0.0, timedelta(minutes=1)), clock.is_steady(noon, 600.0, timedelta(minutes=1))
        (True, True)
        >>> ahead = noon + timedelta(days=1)
        >>> [clock.is_steady(ahead, timer, timedelta(minutes=1)) for timer in (601.0, 4200.0, 4201.0)]
        [False, False, True]
        """
        self.start_from(now, timer)
        if self._believed is not None:
            at, then = self._believed
            if now - at - timedelta(seconds=timer - then) > most:
                self._ahead_since = timer if self._ahead_since is None else self._ahead_since
                if timer - self._ahead_since < self.believed_after:
                    return False
        self._believed, self._ahead_since = (now, timer), None
        return True
