"""Who may be in a segment: the staff and nobody else, pupils and the public, or who knows whom.

It follows from whom 802.1X admits there, never from a segment's name, nor from a rule that opens something to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.model.city import City

WRONG_AUDIENCE = "affairs data is for the staff; say 'audience: staff', or a class below II"


def find_staff_segments(cities: Sequence[City]) -> frozenset[str]:
    """Find the segments that 802.1X puts the staff into, and nobody else, in each of these cities.

    >>> sorted(find_staff_segments([city]))
    ['staff', 'staff-legacy']
    """
    admitted: dict[str, set[str]] = {}
    staff = {role.id for city in cities for role in city.people.roles if role.audience == "staff"}
    for one in (one for city in cities for one in city.admissions):
        admitted.setdefault(one.segment, set()).update(one.roles)
    known = frozenset(segment for segment, roles in admitted.items() if roles <= staff)
    return known - {city.default_segment for city in cities}


def find_outsiders(cities: Sequence[City]) -> frozenset[str]:
    """Find the segments into which somebody comes who is not of the staff; that of the devices is none.

    >>> sorted(find_outsiders([city]))
    ['external-legacy', 'guest', 'learning-legacy', 'printers', 'pupil', 'quarantine']
    """
    named = {name for city in cities for name in city.segments}
    return frozenset(named - find_staff_segments(cities) - {city.management_segment for city in cities})


def find_closed_segments(cities: Sequence[City]) -> frozenset[str]:
    """Find the segments of pupils and of the public, from which no rule may lead to affairs data.

    >>> sorted(find_closed_segments([city]))
    ['guest', 'pupil']
    """
    others = {role.id for city in cities for role in city.people.roles if role.audience != "staff"}
    admitted = {one.segment for city in cities for one in city.admissions if others & {*one.roles}}
    isolated = {name for city in cities for name, one in city.segments.items() if one.isolated}
    return frozenset(admitted | isolated) & find_outsiders(cities)
