"""What is known of a request before it is read: who sent it, when it came, and which names the city has."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from controller.telemetry.registry import Writer
from monitoring.city_state.known_names import KnownNames
from monitoring.limits import AHEAD_SECONDS, CLOCK_SECONDS, LATE_SCHOOL_SECONDS, LATE_SECONDS, LONGEST_TEXT

NOT_NOW = "a time that is not now"
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Control characters, marks that turn a text's direction, and others that nobody sees."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that came at a time (seconds since 1970).

    `school`: the only one that its sender may speak of; empty where it may speak of all. `skew`: by how many seconds
    the sender's clock is ahead of the monitor's, where it said what time it has.
    """

    writer: Writer
    names: KnownNames
    at: float
    school: str = ""
    skew: float | None = None

    def find_foreign(self, school: str) -> str | None:
        """Why a sender may not say this of a school (empty: of none), for a message; None where it may."""
        return None if self.school in ("", school) else "another school than its sender's"

    def measure_skew(self, nanoseconds: int) -> float | None:
        """By how many seconds the clock is ahead that dated something so; None where that says nothing of a clock.

        A sender that does not say what time it has sends within seconds, so what is missing is its clock's fault;
        unless so much is missing that it surely waited.
        """
        if self.skew is not None:
            return self.skew
        ahead = nanoseconds / 1e9 - self.at
        return ahead if ahead >= -LATE_SECONDS else None

    def measure_wait(self, nanoseconds: int) -> float:
        """For how many seconds something that is dated so waited at its sender before it was sent."""
        skew = self.measure_skew(nanoseconds) or 0.0
        waited = self.at + skew - nanoseconds / 1e9
        return waited if waited > CLOCK_SECONDS else 0.0

    def date_event(self, nanoseconds: int) -> tuple[float, bool] | None:
        """When something was, never later than it came; None where that is not now.

        The second value says whether its sender dated it clearly later than it came.
        """
        sent = nanoseconds / 1e9 - (self.skew or 0.0)
        late = LATE_SCHOOL_SECONDS if self.school else LATE_SECONDS
        if not self.at - late <= sent <= self.at + AHEAD_SECONDS:
            return None
        return min(sent, self.at), sent > self.at + CLOCK_SECONDS


def clean_text(text: str, longest: int = LONGEST_TEXT) -> str:
    r"""A text for people: cut, and what nobody can see in it is replaced.

    >>> clean_text("red\x1b[31m"), clean_text("two\nlines")
    ('red\ufffd[31m', 'two lines')
    """
    cut = text[:longest].replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _HIDDEN else one for one in cut)
