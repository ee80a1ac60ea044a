"""Values of a family of addresses that the city does not use: written, and without any effect."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import Origin
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.policy_files import ADMISSION, CITY, LINES, find_file_start
from controller.prove.lint.finding import Finding, make_warning


def find_unused_families(city: City) -> Iterator[Finding]:
    """Yield a warning for each thing that has a value of a family that the city does not use.

    >>> list(find_unused_families(city))  # it uses both
    []
    """
    for family in Family:
        if family not in city.families:
            for origin, what in _list_values(city, family):
                message = (
                    f"{what} of IPv{int(family)}, which the city does not use; take it out, or give city.yaml "
                    f"addressing.ipv{int(family)}"
                )
                yield make_warning("unused family", origin, message)


def _list_values(city: City, family: Family) -> Iterator[tuple[Origin, str]]:
    yield from _list_network(city, family)
    yield from _list_schools(city, family)
    yield from _list_named(city, family)


def _list_network(city: City, family: Family) -> Iterator[tuple[Origin, str]]:
    fourth = family is Family.V4
    for segment in city.segments.values():
        if (segment.ipv4 if fourth else segment.ipv6_subnet) is not None:
            yield segment.origin, f"segment {segment.id} has a part"
    transit = city.settings.transit
    if transit is not None and (transit.ipv4_offset if fourth else transit.ipv6_subnet) is not None:
        yield find_file_start(city.directory, CITY), "'transit' has a part"
    for line in city.lines.names:
        if city.lines.get_link(line).find_prefix(family) is not None:
            yield find_file_start(city.directory, LINES), f"links.{line} has a network"


def _list_schools(city: City, family: Family) -> Iterator[tuple[Origin, str]]:
    for school in city.schools:
        if (school.ipv4 if family is Family.V4 else school.ipv6) is not None:
            yield school.origin, f"school {school.id} has a block"
        for segment in school.segments:
            if segment.get_prefix(family) is not None:
                yield segment.origin, f"segment {segment.id} of school {school.id} has a prefix"
        if any(one.version == family for one in school.lines.egress):
            yield school.origin, f"school {school.id} has an egress"


def _list_named(city: City, family: Family) -> Iterator[tuple[Origin, str]]:
    if any(one.version == family for one in city.controllers):
        yield find_file_start(city.directory, CITY), "'controllers' names an address"
    if any(one.version == family for one in city.admission_servers):
        yield find_file_start(city.directory, ADMISSION), "'servers' names an address"
    for app in city.applications.values():
        if any(one.version == family for one in app.addresses):
            yield app.origin, f"application {app.id} has an address"
    for one in city.infrastructure_protocols:
        if one.family == family:
            yield one.origin, f"necessity {one.id} is"
