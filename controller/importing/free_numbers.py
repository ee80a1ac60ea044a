"""Chooses the numbers of new schools: behind the highest one, where the address plan has room for the block."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from controller.model.address_plan import compute_school_prefix
from controller.model.city import City
from controller.model.network.packets import Family, Interval, Prefix, get_bounds, parse_prefix

MOST_NUMBER = 4_095


class NoNumberLeft(LookupError):
    """The address plan has no block for another school."""


class FreeNumbers:
    """Hands out the numbers that a city has left; a number that was given once is not given again.

    Args:
        city: the city as it is.
        reserved: numbers that the source itself gives to schools.
    """

    def __init__(self, city: City, reserved: set[int]) -> None:
        self._city = city
        self._used = {school.number for school in city.schools} | reserved
        self._taken = {family: list(_list_taken(city, family)) for family in city.families}
        self._highest = max(self._used, default=0)

    def take(self) -> int:
        """Return the next number.

        A number behind the highest one comes first: a gap may be of a school that has closed, whose addresses others
        still know.

        Raises:
            NoNumberLeft: there is none.
        """
        for number in chain(range(self._highest + 1, MOST_NUMBER + 1), range(1, self._highest)):
            if number not in self._used and self._has_room(number):
                self._used.add(number)
                self._highest = max(self._highest, number)
                return number
        raise NoNumberLeft

    def is_free(self, number: int) -> bool:
        """Tell if a number that a source gives belongs to no school."""
        return all(school.number != number for school in self._city.schools)

    def _has_room(self, number: int) -> bool:
        school = self._city.schools[0].model_copy(update={"number": number, "ipv4": None, "ipv6": None})
        for family in self._city.families:
            try:
                low, high = get_bounds(compute_school_prefix(self._city.settings, school, family))
            except ValueError:
                return False
            if any(first <= high and low <= last for first, last in self._taken[family]):
                return False
        return True


def _list_taken(city: City, family: Family) -> Iterator[Interval]:
    """Yield what a new school's block may not overlap: other schools, controllers, servers, links."""
    for prefix in _list_prefixes(city):
        if prefix.version == family:
            yield get_bounds(prefix)
    for school in city.schools:
        yield from map(get_bounds, city.addresses.school_prefixes(school, family))
    for line in city.lines.names:
        yield get_bounds(city.lines.get_link(line).get_prefix(family))


def _list_prefixes(city: City) -> Iterator[Prefix]:
    yield from city.controllers
    yield from (parse_prefix(str(server)) for server in city.admission_servers)
    for system in city.systems.values():
        yield from system.addresses
    for application in city.applications.values():
        if not (application.segment or application.belongs_to):
            yield from city.addresses.destination_addresses(application.id, city.schools[0]).included
