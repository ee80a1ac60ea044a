"""Names and labels: what every resource of a stack carries."""

from __future__ import annotations

from dataclasses import dataclass

TYPE = "tsunagu:cloud:"
"""Types of our components begin so."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Names for one stack. `city` is the city's id in the policy."""

    stack: str
    city: str

    @property
    def prefix(self) -> str:
        """Keeps names of several stacks in one organisation apart."""
        return f"tsunagu-{self.stack}"

    def labels(self, importance: str, part: str) -> dict[str, str]:
        """Labels of a resource: whose it is, what it is part of, and the guideline's class of what it holds (3.1)."""
        return {
            "managed-by": "tsunagu",
            "city": self.city,
            "environment": self.stack,
            "part": part,
            "importance": importance.lower(),
        }
