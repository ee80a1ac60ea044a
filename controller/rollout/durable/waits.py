"""What a rollout and its schools wait for, told as spans of the rollout and in words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Lock

from controller.errors import StoreRefused
from controller.rollout.durable.workflow_engine import WorkflowEngine, WorkflowStatus
from controller.telemetry.timeline import Level, Span

_SHOWN = 3
_MOST_POLL_SECONDS = 1.0
UNKEPT_SECONDS = 90.0
"""After so long a workflow's end that is not kept never will be: databases are waited for a minute at most."""
_SHORTEST_SECONDS = 0.1
_GROWTH = 0.1
"""A pause is this part of what was waited before."""


def find_pause(waited: float, longest: float) -> float:
    """Return how many seconds lie until the next look at something that was waited for so long already.

    >>> [find_pause(waited, 5.0) for waited in (0.0, 4.0, 20.0, 3600.0)]
    [0.1, 0.4, 2.0, 5.0]
    """
    return min(longest, max(_SHORTEST_SECONDS, waited * _GROWTH))


def count_seconds_left(until: datetime, now: datetime, minutes: int) -> float:
    """Return the seconds until a moment, no more than so many minutes: the clock may have been put back meanwhile.

    >>> from datetime import timedelta
    >>> noon = datetime(2026, 11, 29, 12)
    >>> [count_seconds_left(noon, noon - timedelta(minutes=left), 10) for left in (-1, 4, 600)]
    [0.0, 240.0, 600.0]
    """
    return max(0.0, min((until - now).total_seconds(), minutes * 60.0))


@dataclass
class WorkflowWatch:
    """Waits for the ends of workflows. Any thread may use it; whoever sets `stop` ends all waiting."""

    engine: WorkflowEngine
    stop: Event
    _returned: dict[str, float] = field(default_factory=dict)

    def note_returned(self, key: str) -> None:
        """Note that a workflow has ended in this process: the engine has to keep that now."""
        self._returned[key] = time.monotonic()

    def wait_for_workflow(self, key: str, began: float) -> WorkflowStatus | None:
        """Wait until a workflow has ended, or `stop` is set; return how far it is.

        `began` is when the waiting began, of which this workflow may be a part: the pauses grow with it.

        Raises:
            StoreRefused: it has ended in this process, and the engine cannot keep that.
        """
        while (found := self.engine.find_status(key)) is WorkflowStatus.PENDING:
            now = time.monotonic()
            if now - self._returned.get(key, now) > UNKEPT_SECONDS and not self.stop.is_set():
                message = f"the database of rollouts keeps no more: {key} has ended, and that is not in it"
                raise StoreRefused(message)
            if self.stop.wait(find_pause(now - began, _MOST_POLL_SECONDS)):
                break
        return found


@dataclass
class Waits:
    """What is waited for now, by who waits: a school, or the rollout itself. Any thread may use it."""

    span: Span
    _open: dict[str, tuple[str, Span]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin_wait(self, who: str, why: str) -> None:
        """Note that somebody waits, and for what; another reason takes the place of the one before."""
        with self._lock:
            if self._open.get(who, ("",))[0] == why:
                return
            self._close(who)
            self._open[who] = why, self.span.begin(Level.STEP, f"wait: {who}: {why}", time.time_ns())

    def end_wait(self, who: str) -> None:
        """Note that somebody waits no more; where nobody did, nothing is done."""
        with self._lock:
            self._close(who)

    @contextmanager
    def end_after(self, who: str) -> Iterator[None]:
        """Note at the end of a block that somebody waits no more."""
        try:
            yield
        finally:
            self.end_wait(who)

    def describe_waits(self) -> str:
        """Return what is waited for, in words; "" where nothing is."""
        with self._lock:
            said = [f"{who}: {why}" for who, (why, _) in self._open.items()]
        more = f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
        return "; ".join(said[:_SHOWN]) + more

    def _close(self, who: str) -> None:
        if (found := self._open.pop(who, None)) is not None:
            found[1].finish(time.time_ns(), "")
