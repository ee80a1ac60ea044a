"""What of a device as it was seen the proof cannot judge: the ways of others that touch what is ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.platforms.base import Observation
from controller.platforms.registry import load_platform
from controller.prove.reachability.unmanaged_paths import UnjudgedPath, find_unjudged_paths


def find_unjudged_on(city: City, device: Device, seen: Observation) -> tuple[UnjudgedPath, ...]:
    """Return the ways of others on a device that touch ours and that the proof does not follow."""
    can = load_platform(device.platform).capabilities
    return find_unjudged_paths(city, device, can, seen.paths, routes=seen.routes)


def count_by_school(found: Iterable[tuple[Device, Sequence[UnjudgedPath]]]) -> dict[str, int]:
    """Return how many such ways there are at each school that has any.

    >>> count_by_school([(core, ())])
    {}
    """
    counts: dict[str, int] = {}
    for device, paths in found:
        if paths:
            counts[device.school.id] = counts.get(device.school.id, 0) + sum(1 + len(one.others) for one in paths)
    return counts
