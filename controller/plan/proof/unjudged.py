"""What of a device as it was seen the proof cannot judge: the ways of others that touch what is ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from controller.compile.network.interfaces import find_transit
from controller.errors import StaleDevice
from controller.inputs.shown_text import escape_lines
from controller.model.city import City
from controller.model.network.router_link import TransitLink
from controller.model.network.unmanaged_paths import PathKind
from controller.model.sites.devices import Device
from controller.platforms.base import Observation
from controller.platforms.registry import load_platform_of
from controller.prove.reachability.unmanaged_paths import (
    ROUTER_ROLE,
    UnjudgedPath,
    find_unjudged_on_router,
    find_unjudged_paths,
)

_SHOWN = 5
_TAKEN_KINDS = frozenset((PathKind.ACCESS_PORT, PathKind.TRUNK, PathKind.UNDECIDED_PORT, PathKind.VLAN_INTERFACE))
"""What a port or an interface is by the lines that a plan sets when it takes it; any other line on it stays."""


def find_unjudged_on(
    city: City, device: Device, seen: Observation, taken: Collection[str] = ()
) -> tuple[UnjudgedPath, ...]:
    """Return the ways of others on a device that touch ours and that the proof does not follow.

    `taken` are ports and interfaces (`interface Vlan10`) that a plan makes ours: it sets all of what such a one carries
    and its addresses, so that none is a way of others. Their names count without capitals, as ways have them.
    """
    can = load_platform_of(device).capabilities
    names = {name.casefold() for name in taken}
    paths = tuple(one for one in seen.paths if one.kind not in _TAKEN_KINDS or one.holder.casefold() not in names)
    if device.role == ROUTER_ROLE:
        return find_unjudged_on_router(city, device, _find_link(city, device) if paths else None, paths)
    return find_unjudged_paths(city, device, can, paths, routes=seen.routes)


def _find_link(city: City, device: Device) -> TransitLink | None:
    """Return the link between a school's router and its core; None where the core only switches."""
    found = (find_transit(city, one, load_platform_of(one).capabilities) for one in city.list_devices(device.school))
    return next((one for one in found if one is not None), None)


def refuse_new_ways(
    city: City, device: Device, seen: Observation, planned: Collection[str], taken: Collection[str] = ()
) -> None:
    """Refuse a device with ways of others that the plan does not name: nobody who approved it has seen them.

    `planned` are those that it names, as `UnjudgedPath.name_way` writes them. `taken` are the ports of the plan's own
    states: before it, and where a change broke off, nothing may say yet whose they are; they are no new ways.

    Raises:
        StaleDevice: names every way that appeared since the plan was made.
    """
    if not seen.paths:
        return
    found = [one for one in find_unjudged_on(city, device, seen, taken) if escape_lines(one.name_way()) not in planned]
    if found:
        ways = "; ".join(f"line {one.path.line}: {one.name_way()}" for one in found[:_SHOWN])
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        message = f"not judged: ways of others appeared since the plan was made: {ways}{more}. Nothing was changed. "
        raise StaleDevice(device.id, message + "Look at it with: tsunagu drift; then make a new plan")


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
