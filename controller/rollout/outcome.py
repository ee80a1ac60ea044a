"""How a device's change ended. Exactly one of five; unknown is never success."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_MOST_NAMED = 5
NOT_ATTEMPTED = "not attempted: "
"""How the reason begins where a device was never begun."""


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

    `unreached`: it did not answer, and nothing was begun. `began`: its change had begun, so something may have stayed.
    """

    device: str
    school: str
    end: End
    reason: str = ""
    seconds: float = 0.0
    unreached: bool = False
    began: bool = False


def describe_failures(bad: Sequence[tuple[str, End | None]], wave: str, limit: int) -> str:
    """Return which devices of a wave ended badly, and how, where those are more than may.

    >>> describe_failures([("kw-e01-core1", End.REVERTED)], "pilot", 0)
    '1 device of the wave pilot ended badly, and at most 0 may: kw-e01-core1 (reverted)'
    """
    names = ", ".join(f"{device} ({end})" for device, end in bad[:_MOST_NAMED])
    more = f" and {len(bad) - _MOST_NAMED} others" if len(bad) > _MOST_NAMED else ""
    devices = "1 device" if len(bad) == 1 else f"{len(bad)} devices"
    return f"{devices} of the wave {wave} ended badly, and at most {limit} may: {names}{more}"
