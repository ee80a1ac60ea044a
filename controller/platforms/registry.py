"""The platforms that are installed, by the name that policies use.

A platform is a class that takes no arguments and is named by an entry point of the group `tsunagu.platforms`;
a city that needs another network operating system installs a package with such an entry point.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from controller.platforms.base import Platform

GROUP = "tsunagu.platforms"


def list_platforms() -> tuple[str, ...]:
    """Return the names of all installed platforms, in order."""
    return tuple(sorted(_installed()))


def is_supported(name: str) -> bool:
    """Say if a platform of this name is installed."""
    return name in _installed()


@cache
def load_platform(name: str) -> Platform:
    """Return the platform of this name; always the same object.

    Raises:
        LookupError: it is not installed; the message lists those that are.
    """
    if not is_supported(name):
        message = f"no platform {name!r}; installed: {', '.join(list_platforms())}"
        raise LookupError(message)
    return cast("Platform", _installed()[name].load()())


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
