"""Names and labels: what every resource of a stack carries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

import pulumi

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

    def build_labels(self, importance: str, part: str) -> dict[str, str]:
        """Return labels: whose it is, what it is part of, and the guideline's class of what it holds (3.1)."""
        return {
            "managed-by": "tsunagu",
            "city": self.city,
            "environment": self.stack,
            "part": part,
            "importance": importance.lower(),
        }


def make_google_name(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a valid name for Compute Engine: the text, or what fits of it with a digest of the whole.

    The digest keeps it apart from others. The text is of lower-case letters, digits and hyphens, and begins with
    a letter.
    """
    if len(text) <= longest and re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", text):
        return text
    return f"{text[: longest - _DIGEST - 1]}-{sha256(text.encode()).hexdigest()[:_DIGEST]}"


def make_network_tag(application: str) -> str:
    """Return the tag of an application's workloads in the VPC; rules of the firewall name it as their target."""
    return make_google_name(f"app-{application}")


def build_urn(type_: str, name: str) -> str:
    """Return the engine's full name of a component that stands at the top of the running stack."""
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{type_}::{name}"


def add_old_name(options: pulumi.ResourceOptions, old_name: str) -> pulumi.ResourceOptions:
    """Return options by which the engine knows a resource again that earlier programs gave another name."""
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(aliases=[pulumi.Alias(name=old_name)]))
