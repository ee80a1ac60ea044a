"""What a rule over one resource is."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from controller.offline_google.schema.pulumi_values import UNKNOWN, Value

Values = Mapping[str, Value]
Complaints = Iterator[tuple[str, str]]
"""A field, and why Google refuses its value."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and the document that it is read from. What is not known yet breaks none."""

    source: str
    check: Callable[[Values], Complaints]


def find_known(values: Value, path: str) -> Value:
    """The value at a path of plain objects; None where nothing is set there, or nothing is known yet.

    >>> find_known({"settings": {"tier": "db-f1-micro"}}, "settings.tier")
    'db-f1-micro'
    """
    for name in path.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    return None if values is UNKNOWN else values


def list_known_blocks(values: Value, path: str) -> list[tuple[str, Values]]:
    """The objects of a list at a path, each with its own path; empty where there is none.

    >>> list_known_blocks({"allows": [{"protocol": "tcp"}]}, "allows")
    [('allows[0]', {'protocol': 'tcp'})]
    """
    found = find_known(values, path)
    blocks = found if isinstance(found, list) else []
    return [(f"{path}[{place}]", one) for place, one in enumerate(blocks) if isinstance(one, Mapping)]


def list_known_texts(values: Value, path: str) -> list[tuple[str, str]]:
    """The texts of a list at a path, each with its own path."""
    found = find_known(values, path)
    texts = found if isinstance(found, list) else []
    return [(f"{path}[{place}]", one) for place, one in enumerate(texts) if isinstance(one, str)]


def find_family(text: str) -> int | None:
    """The IP version of an address or a range; None for what is neither.

    >>> find_family("10.0.0.0/8"), find_family("2001:db8::1"), find_family("ten")
    (4, 6, None)
    """
    try:
        return ipaddress.ip_interface(text).version
    except ValueError:
        return None
