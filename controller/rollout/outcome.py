"""How a device's change ended. Exactly one of five; unknown is never success."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class End(StrEnum):
    """The five ends.

    - applied: the device is as planned, confirmed, and would boot so;
    - unchanged: it already was, nothing was pushed;
    - reverted: a change began, and the device is back in the state it was found in, read from it;
    - failed: nothing was changed; or the change runs, but could not be saved for the next boot (the reason says);
    - unknown: a change began, and the device's state could not be read or is none of those. In a durable rollout also
      a device that did not answer at all: it is tried again.
    """

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REVERTED = "reverted"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def good(self) -> bool:
        """Whether the device is as the plan wants it."""
        return self in (End.APPLIED, End.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A device's end, why (empty for the good ends), and how long it took in seconds.

    `unreached`: it did not answer, and nothing was begun.
    """

    device: str
    school: str
    end: End
    reason: str = ""
    seconds: float = 0.0
    unreached: bool = False
