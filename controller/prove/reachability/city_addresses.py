"""Whose addresses a network holds: those of the city's schools, applications, controllers and admission servers."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.city import City
from controller.model.network.packets import AddressSet, Family, Interval, Prefix, get_bounds
from controller.model.sites.schools import School


def holds_addresses_elsewhere(city: City, school: School, network: Prefix) -> bool:
    """Say if a network holds addresses that are in use in the city, and not at this school.

    >>> holds_addresses_elsewhere(city, school, parse_prefix("192.0.2.9/32"))
    False
    """
    return _overlaps(network, _list_elsewhere(city, school, Family(network.version)))


def holds_city_addresses(city: City, school: School, network: Prefix) -> bool:
    """Say if a network holds addresses that are in use in the city, at this school or elsewhere.

    >>> holds_city_addresses(city, school, city.addresses.school_prefix(school, Family.V4))
    True
    """
    family = Family(network.version)
    own = map(get_bounds, city.addresses.school_prefixes(school, family))
    return _overlaps(network, own) or holds_addresses_elsewhere(city, school, network)


def _overlaps(network: Prefix, held: Iterator[Interval]) -> bool:
    low, high = get_bounds(network)
    return any(first <= high and low <= last for first, last in held)


def _list_elsewhere(city: City, school: School, family: Family) -> Iterator[Interval]:
    yield from city.addresses.other_schools(school, family)
    yield from AddressSet(city.controllers).in_family(family).get_intervals()
    yield from ((int(one), int(one)) for one in city.admission_servers if one.version == family)
    for name, application in city.applications.items():
        if not application.belongs_to and not application.segment:
            yield from city.addresses.destination_addresses_in(name, school, family).get_intervals()
