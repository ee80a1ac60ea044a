"""What segments have of their own at schools: each segment once, known, and no VLAN number twice at a school."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import Origin, Problem
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.loading.references import find_unknown
from controller.model.policy_files import CITY, SCHOOLS, SEGMENTS
from controller.model.sites.schools import School


def find_own_segment_problems(policy: ReadPolicy) -> Iterator[Problem]:
    """Segments that there are not, that are given twice, and two of one VLAN number at one school.

    Which prefixes overlap is judged with all others (`addressing`).
    """
    file, city = policy.find(SEGMENTS), policy.find(CITY)
    known = None if file is None else {one.id: (one.vlan, one.origin) for one in file.segments}
    link = city.transit if city else None
    transit = None if link is None else (link.vlan, policy.find_origin(CITY, "transit.vlan"))
    for school in (one for schools in policy.find_all(SCHOOLS) or () for one in schools.schools):
        first: dict[str, Origin] = {}
        for segment in school.segments:
            yield from find_unknown(segment.origin, "segments.id", "segment", [segment.id], known)
            if segment.id in first:
                message = f"segment {segment.id!r} of school {school.id} is already given at {first[segment.id]}"
                yield Problem(segment.origin, "segments.id", message)
            first.setdefault(segment.id, segment.origin)
        if known is not None and any(one.vlan is not None for one in school.segments):
            yield from _find_shared_numbers(school, known, transit)


def _find_shared_numbers(
    school: School, known: dict[str, tuple[int, Origin]], transit: tuple[int, Origin] | None
) -> Iterator[Problem]:
    """A VLAN number of two segments, or of a segment and the link to the router."""
    own = {one.id: (one.vlan, one.origin) for one in school.segments if one.vlan is not None}
    used = {name: own.get(name, given) for name, given in known.items()}
    taken: dict[int, tuple[str, Origin]] = {}
    if transit is not None:
        taken[transit[0]] = "the link to the router", transit[1]
    # What the school says itself comes last, so that the problem stands at its line.
    for name in sorted(used, key=lambda name: name in own):
        number, origin = used[name]
        if number in taken and name in own:
            what, where = taken[number]
            message = f"VLAN {number} is {what}'s at school {school.id} already ({where}); give {name} another number"
            yield Problem(origin, "segments.vlan", message)
        taken.setdefault(number, (f"segment {name}", origin))
