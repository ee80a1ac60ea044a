"""The blocks of addresses that follow from the city's plan: of a school, and of a segment at it."""

from __future__ import annotations

from controller.model.access.rules import Segment
from controller.model.network.packets import Family, Prefix, build_prefix, get_bounds
from controller.model.sites.schools import CityFile, School


def compute_school_prefix(file: CityFile, school: School, family: Family) -> Prefix:
    """The block of a school.

    Raises:
        ValueError: the formula leads outside the city's prefix.
    """
    addressing = file.addressing
    own = school.ipv4 if family is Family.V4 else school.ipv6
    if own is not None:
        return own
    if family is Family.V4:
        return _nth(addressing.ipv4, addressing.school_ipv4_length, school.number)
    return _nth(addressing.ipv6, addressing.school_ipv6_length, school.number)


def compute_segment_prefix(own: Prefix, segment: Segment) -> Prefix:
    """The subnet of a segment inside a school's own block."""
    if Family(own.version) is Family.V4:
        return build_prefix(Family.V4, get_bounds(own)[0] + int(segment.ipv4.offset), segment.ipv4.length)
    return build_prefix(Family.V6, get_bounds(own)[0] + (segment.ipv6_subnet << 64), 64)


def _nth(city: Prefix, length: int, number: int) -> Prefix:
    low, high = get_bounds(city)
    first = low + (number << (city.max_prefixlen - length))
    if first > high:
        message = f"school number {number} leads outside the city's {city}"
        raise ValueError(message)
    return build_prefix(Family(city.version), first, length)
