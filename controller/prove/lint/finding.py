"""One thing that `tsunagu check` has to say of a policy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controller.errors import Origin

SHOWN = 4
"""So many schools are named; of more, only how many there are."""


class Severity(StrEnum):
    """An error makes `tsunagu check` fail; a warning is for the reviewer."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    severity: Severity
    kind: str
    origin: Origin
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.severity}: {self.kind}: {self.message}"


def make_error(kind: str, origin: Origin, message: str) -> Finding:
    """A finding that makes the check fail."""
    return Finding(Severity.ERROR, kind, origin, message)


def make_warning(kind: str, origin: Origin, message: str) -> Finding:
    """A finding for the reviewer."""
    return Finding(Severity.WARNING, kind, origin, message)


def name_schools(schools: tuple[str, ...]) -> str:
    """Schools in words: a few by name."""
    named = ", ".join(schools[:SHOWN])
    return f"{len(schools)} schools ({named}{', ...' if len(schools) > SHOWN else ''})"
