"""Necessities that leave the link: what a network needs to live is no way to an application, and no review shows it.

A rule has an owner, is explained and compared; a necessity is for every school and names no application. So it reaches
its segment, the gateway, the link and the admission servers, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.access.infrastructure_protocols import InfrastructureProtocol
from controller.model.access.rules import Application
from controller.model.city import City
from controller.model.network.packets import Family, Prefix
from controller.prove.lint.finding import Finding, make_error, make_warning

KIND = "necessity beyond the link"
_SHOWN = 3


def find_leaving_protocols(city: City) -> Iterator[Finding]:
    """Yield what leaves the link: an error where it meets addresses of the city or of what the city uses.

    >>> list(find_leaving_protocols(city))
    []
    """
    owners: list[tuple[str, tuple[Prefix, ...]]] | None = None
    for one in city.infrastructure_protocols:
        for place in one.list_places_beyond(city.admission_servers):
            owners = _list_owners(city) if owners is None else owners
            met = [name for name, prefixes in owners if any(_meets(place, prefix) for prefix in prefixes)]
            shown = ", ".join(met[:_SHOWN]) + (f" and {len(met) - _SHOWN} others" if len(met) > _SHOWN else "")
            told = f"{one.id!r} {_describe_way(one, place)}" + (f", and there is {shown}" if met else "")
            message = f"{told}; a necessity stays on the link: write a rule, or name segment, gateway or admission"
            yield (make_error if met else make_warning)(KIND, one.origin, message)


def _describe_way(one: InfrastructureProtocol, place: Prefix) -> str:
    where = ", ".join(one.segments) or "every segment"
    verb = "lets packets to" if place in one.destination else "lets packets from"
    return f"{verb} {place} pass at {where}"


def _list_owners(city: City) -> list[tuple[str, tuple[Prefix, ...]]]:
    found = [(f"application {one.id}", tuple(city.addresses.application_prefixes(one))) for one in _outside(city)]
    found += [(f"system {one.id}", tuple(one.addresses)) for one in city.systems.values()]
    found.append(("the controller", tuple(city.controllers)))
    found += [
        (f"school {school.id}", tuple(p for family in Family for p in city.addresses.school_prefixes(school, family)))
        for school in city.schools
    ]
    return found


def _outside(city: City) -> Iterator[Application]:
    return (one for one in city.applications.values() if not one.segment)


def _meets(one: Prefix, other: Prefix) -> bool:
    return one.version == other.version and one.overlaps(other)
