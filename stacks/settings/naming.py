"""Names and labels: what every resource of a stack carries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

TYPE = "tsunagu:cloud:"
"""Types of our components begin so."""
LONGEST_NAME = 63
"""Of a name or network tag of Compute Engine (RFC 1035)."""
_DIGEST = 8


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


def google_name(text: str, longest: int = LONGEST_NAME) -> str:
    """A valid name for Compute Engine: the text, or what fits of it with a digest that keeps it apart from others.

    The text is of lower-case letters, digits and hyphens, and begins with a letter.
    """
    if len(text) <= longest and re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", text):
        return text
    return f"{text[: longest - _DIGEST - 1]}-{sha256(text.encode()).hexdigest()[:_DIGEST]}"


def network_tag(application: str) -> str:
    """The tag of an application's workloads in the VPC; rules of the firewall name it as their target."""
    return google_name(f"app-{application}")
