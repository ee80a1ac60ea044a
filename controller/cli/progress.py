"""A line for each device as it ends."""

from __future__ import annotations

from threading import Lock

from controller.cli.output import errors
from controller.telemetry.timeline import Level, Span


class Progress:
    """Listens to a timeline and counts the devices that have ended, or whose step of a name has."""

    def __init__(self, devices: int, step: str = "") -> None:
        self._devices = devices
        self._ends = (Level.STEP, step) if step else None
        self._ended = 0
        self._lock = Lock()

    def started(self, span: Span) -> None:
        """Progress shows ends only."""

    def ended(self, span: Span) -> None:
        """A device has ended."""
        if (span.level, span.name) == self._ends or (self._ends is None and span.level is Level.DEVICE):
            with self._lock:
                self._ended += 1
                count = f"[{self._ended}/{self._devices}]"
                said = f"{count} {span.device()} {span.outcome} ({span.seconds:.1f} s)"
                errors.print(said, style="dim", markup=False)
