"""One gateway a segment: two core switches that route would both have its addresses, each for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from controller.errors import BeyondCapability, Origin, Problem
from controller.model.city import City
from controller.model.sites.devices import Device

CHOICES = (
    "if they are one stack, write `stack: true`; if not, give the school a blueprint with one core. A gateway that two "
    "switches share (HSRP, VRRP) is not rendered"
)


def refuse_second_gateway(city: City, device: Device) -> None:
    """Refuse a core that routes where its school has another core.

    >>> refuse_second_gateway(city, core)  # its school has one core

    Raises:
        BeyondCapability: both would have the gateways' addresses and the core's end of the link to the router.
    """
    others = [one.id for one in city.list_devices(device.school) if one.role == "core" and one.id != device.id]
    if others and any(one.id == device.id for one in city.list_devices(device.school)):
        message = (
            f"{device.id} routes between segments, and {device.school.id} has another core ({', '.join(others)}): both "
            f"would have the same gateway addresses ({device.origin}); {CHOICES}"
        )
        raise BeyondCapability(message)


def find_second_gateways(city: City, routes: Callable[[Device], bool]) -> Iterator[Problem]:
    """Yield where schools have several cores of which one routes, once for each place that says so.

    >>> list(find_second_gateways(city, lambda device: True))
    []
    """
    found: dict[Origin, list[str]] = {}
    for school in city.schools:
        cores = [one for one in city.list_devices(school) if one.role == "core"]
        if len(cores) > 1 and any(map(routes, cores)):
            found.setdefault(cores[-1].origin or school.origin, []).append(school.id)
    for origin, schools in found.items():
        message = (
            f"{len(schools)} schools (first {schools[0]}) have several core switches with the same gateway addresses"
        )
        yield Problem(origin, "count", f"{message}: {CHOICES}")
