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
    """A finding that makes the check fail.

    >>> print(make_error("contradiction", Origin("rules.yaml", 8), "a forbid wins"))
    rules.yaml:8: error: contradiction: a forbid wins
    """
    return Finding(Severity.ERROR, kind, origin, message)


def make_warning(kind: str, origin: Origin, message: str) -> Finding:
    """A finding for the reviewer.

    >>> print(make_warning("unused", Origin("groups.yaml", 3), "no rule names it"))
    groups.yaml:3: warning: unused: no rule names it
    """
    return Finding(Severity.WARNING, kind, origin, message)


def name_schools(schools: tuple[str, ...]) -> str:
    """Schools in words: a few by name.

    >>> name_schools(("as-e01", "as-e02", "as-e03", "as-e04", "as-e05"))
    '5 schools (as-e01, as-e02, as-e03, as-e04, ...)'
    """
    named = ", ".join(schools[:SHOWN])
    return f"{len(schools)} schools ({named}{', ...' if len(schools) > SHOWN else ''})"
