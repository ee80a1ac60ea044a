"""The blocks of addresses that follow from the city's plan: of a school, and of a segment at it."""

from __future__ import annotations

from controller.model.access.rules import Segment
from controller.model.network.packets import Family, Prefix, build_prefix, get_bounds
from controller.model.sites.schools import CityFile, School


def compute_school_prefix(file: CityFile, school: School, family: Family) -> Prefix:
    """The block of a school.

    Raises:
        ValueError: the formula leads outside the city's prefix, or the city does not use the family.
    """
    city, length = file.addressing.get_block(family)
    own = school.ipv4 if family is Family.V4 else school.ipv6
    return own if own is not None else _nth(city, length, school.number)


def compute_segment_prefix(own: Prefix, segment: Segment) -> Prefix:
    """The subnet of a segment inside a school's own block.

    Raises:
        ValueError: the segment has no part of this family, or its offset does not fit its length.
    """
    first = get_bounds(own)[0]
    if Family(own.version) is Family.V4 and segment.ipv4 is not None:
        return build_prefix(Family.V4, first + int(segment.ipv4.offset), segment.ipv4.length)
    if Family(own.version) is Family.V6 and segment.ipv6_subnet is not None:
        return build_prefix(Family.V6, first + (segment.ipv6_subnet << 64), 64)
    message = f"segment {segment.id} has no part of IPv{own.version}"
    raise ValueError(message)


def _nth(city: Prefix, length: int, number: int) -> Prefix:
    low, high = get_bounds(city)
    first = low + (number << (city.max_prefixlen - length))
    if first > high:
        message = f"school number {number} leads outside the city's {city}"
        raise ValueError(message)
    return build_prefix(Family(city.version), first, length)
