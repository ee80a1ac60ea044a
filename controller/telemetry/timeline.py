"""The seam: whatever a rollout does is a span in a tree, and listeners hear its start and its end.

Levels are rollout -> school -> device -> step -> command. Listeners run in the thread that does the work, so a
listener is quick; what it raises is logged and forgotten.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Level(StrEnum):
    """How deep a span stands."""

    ROLLOUT = "rollout"
    SCHOOL = "school"
    DEVICE = "device"
    STEP = "step"
    COMMAND = "command"


class Listener(Protocol):
    """Anything that wants to know: a trace exporter, a progress display, a test."""

    def started(self, span: Span) -> None:
        """A span has begun."""

    def ended(self, span: Span) -> None:
        """A span has ended; its outcome, error and end are set."""


@dataclass(eq=False)
class Span:
    """One thing that is done. Times are nanoseconds since 1970, as OpenTelemetry counts them."""

    level: Level
    name: str
    parent: Span | None
    listeners: Sequence[Listener]
    attributes: Mapping[str, str | int]
    start: int = field(default_factory=time.time_ns)
    end: int = 0
    outcome: str = ""
    error: str = ""

    @contextmanager
    def child(self, level: Level, name: str, **attributes: str | int) -> Iterator[Span]:
        """A span below this one; an exception that passes through is noted as its error."""
        with _running(Span(level, name, self, self.listeners, attributes)) as span:
            yield span

    def begin(self, level: Level, name: str, start: int, **attributes: str | int) -> Span:
        """A span below this one for what somebody else timed; `finish` ends it."""
        span = Span(level, name, self, self.listeners, attributes, start)
        for listener in self.listeners:
            _tell(listener.started, span)
        return span

    def finish(self, end: int, outcome: str, error: str = "") -> None:
        """End a span that `begin` began."""
        self.end, self.outcome, self.error = end, outcome, error
        for listener in self.listeners:
            _tell(listener.ended, self)

    @property
    def seconds(self) -> float:
        """How long it took, once it has ended."""
        return (self.end - self.start) / 1e9

    def device(self) -> str:
        """The name of the device that this span is about, or "" above devices."""
        span: Span | None = self
        while span is not None and span.level is not Level.DEVICE:
            span = span.parent
        return span.name if span else ""


@contextmanager
def open_rollout_span(name: str, listeners: Sequence[Listener], **attributes: str | int) -> Iterator[Span]:
    """The root span."""
    with _running(Span(Level.ROLLOUT, name, None, listeners, attributes)) as span:
        yield span


@contextmanager
def _running(span: Span) -> Iterator[Span]:
    for listener in span.listeners:
        _tell(listener.started, span)
    try:
        yield span
    except BaseException as error:
        span.error = f"{type(error).__name__}: {error}"
        raise
    finally:
        span.end = time.time_ns()
        for listener in span.listeners:
            _tell(listener.ended, span)


def _tell(hears: Callable[[Span], None], span: Span) -> None:
    """Tell a listener; one that breaks (a full disk, say) must not break the rollout that it listens to."""
    try:
        hears(span)
    except Exception as error:  # noqa: BLE001 see above
        logging.getLogger("tsunagu").warning("the timeline lost %s %s: %s", span.level, span.name, error)
