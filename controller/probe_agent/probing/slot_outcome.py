"""What became of a planned test; the metric `tsunagu.probe.slot` has its number."""

from __future__ import annotations

from enum import IntEnum


class SlotOutcome(IntEnum):
    """Whether a planned test has a figure, or why not. Stores hold these numbers: they never change."""

    MADE = 0
    NO_ANSWER = 1
    """The line is down, or nothing answered a test on it."""
    BUSY = 2
    """The server had no room, or another test of this machine was not over."""
    LATE = 3
    """The probe came too late: it was off, or other work took its time."""
    OVER_BUDGET = 4
    UNABLE = 5
    """The probe cannot test at all; its journal says why."""
