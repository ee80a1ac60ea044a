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

    `school`: the only one that its sender may speak of; empty where it may speak of all.
    """

    writer: Writer
    names: KnownNames
    at: float
    school: str = ""

    def find_foreign(self, school: str) -> str | None:
        """Why a sender may not say this of a school (empty: of none), for a message; None where it may."""
        return None if self.school in ("", school) else "another school than its sender's"

    def date_event(self, nanoseconds: int) -> tuple[float, bool] | None:
        """When something was, never later than it came; None where that is not now.

        The second value says whether its sender dated it clearly later than it came.
        """
        sent = nanoseconds / 1e9
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
