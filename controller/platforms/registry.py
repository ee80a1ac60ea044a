"""The platforms that are installed, by the name that policies use.

A platform is a class that takes no arguments and is named by an entry point of the group `tsunagu.platforms`;
a city that needs another network operating system installs a package with such an entry point.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast, runtime_checkable

from controller.model.sites.devices import Device, NumberRanges
from controller.platforms.base import Platform

GROUP = "tsunagu.platforms"


@runtime_checkable
class Numbered(Protocol):
    """A platform whose objects have numbers and no names: those of ours stand in ranges that are reserved."""

    def reserve_numbers(self, numbers: Mapping[str, int]) -> Platform:
        """Return this platform for devices on which these are the first numbers of the ranges that are ours."""


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


def load_platform_of(device: Device) -> Platform:
    """Return the platform of a device, with the numbers that are ours on it; the same object for the same numbers.

    Raises:
        LookupError: it is not installed; the message lists those that are.
    """
    return _load_with_numbers(device.platform, device.numbers) if device.numbers else load_platform(device.platform)


@cache
def _load_with_numbers(name: str, numbers: NumberRanges) -> Platform:
    platform = load_platform(name)
    return platform.reserve_numbers(dict(numbers)) if isinstance(platform, Numbered) else platform


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
