"""How far a school has been taken over: the ladder from reading its devices to managing all of them.

A running network is adopted in steps, school by school. Each level names what of a device is managed; what it leaves
out is read, and never changed nor judged.
"""

from __future__ import annotations

from typing import Literal

AdoptionLevel = Literal["observe", "filters", "ports", "all"]
"""What is managed: nothing; filters and where they are bound; VLANs and ports too; everything."""

ManagedPart = Literal["filters", "VLANs", "ports", "interfaces", "routes", "wireless networks"]

_ALL: tuple[ManagedPart, ...] = ("filters", "VLANs", "ports", "interfaces", "routes", "wireless networks")
_MANAGED: dict[AdoptionLevel, int] = {"observe": 0, "filters": 1, "ports": 3, "all": len(_ALL)}


def list_managed_parts(level: AdoptionLevel) -> tuple[ManagedPart, ...]:
    """Return what of a device is managed at a level.

    >>> list_managed_parts("ports")
    ('filters', 'VLANs', 'ports')
    """
    return _ALL[: _MANAGED[level]]


def list_unmanaged_parts(level: AdoptionLevel) -> tuple[ManagedPart, ...]:
    """Return what of a device a level leaves alone and unjudged.

    >>> list_unmanaged_parts("filters")
    ('VLANs', 'ports', 'interfaces', 'routes', 'wireless networks')
    """
    return _ALL[_MANAGED[level] :]
