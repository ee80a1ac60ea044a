"""The platforms that are installed, by the name that policies use.

A platform is a class that takes no arguments and is named by an entry point of the group `tsunagu.platforms`;
a city that needs another network operating system installs a package with such an entry point.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast, runtime_checkable

from controller.operations.reserved_numbers import ReservedNumbers
from controller.platforms.base import Platform

GROUP = "tsunagu.platforms"


@runtime_checkable
class Numbered(Protocol):
    """A platform whose objects have numbers and no names: those of ours stand in ranges that are reserved."""

    def reserve_numbers(self, numbers: Mapping[str, int]) -> None:
        """Take these as the first numbers of the ranges that are ours."""


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


def reserve_numbers(reserved: ReservedNumbers) -> None:
    """Let the installed platforms take the ranges that the operators reserve, by the platform's name."""
    for name, numbers in reserved.model_dump().items():
        platform = load_platform(name) if is_supported(name) else None
        if isinstance(platform, Numbered):
            platform.reserve_numbers(numbers)


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
