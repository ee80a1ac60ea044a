"""What troubled lines have in common: a ward, the kind of access that a carrier sells, a region that they lead to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from monitoring.city_state.school_facts import LineFacts, SchoolFacts

LEAST_SHARED = 3
"""Fewer lines than this with something in common are no pattern."""
LEAST_SHARE = 0.5
"""At least such a part of all that have it: one dead line of each ward is no dead city."""

PatternKind = Literal["ward", "carrier", "region"]


@dataclass(frozen=True, slots=True)
class SharedPattern:
    """`count` lines of the `total` that have this in common are in trouble."""

    kind: PatternKind
    name: str
    count: int
    total: int


_Shared = tuple[PatternKind, str, str]
"""What a line may have in common with others: of what kind, its name, and of which lines alone that is counted."""


def find_patterns(schools: Sequence[SchoolFacts]) -> dict[tuple[str, str], tuple[SharedPattern, ...]]:
    """The patterns of each line in trouble, by school and line; the largest share first, of equal ones the widest."""
    total: Counter[_Shared] = Counter()
    troubled: Counter[_Shared] = Counter()
    places: dict[tuple[str, str], list[_Shared]] = {}
    for school in schools:
        for line in school.lines:
            if line.state == "unknown":
                continue
            total.update(_list_shared(school, line, line.regions))
            if line.state == "down" or line.impaired:
                places[school.id, line.name] = list(_list_shared(school, line, line.lost_regions))
                troubled.update(places[school.id, line.name])
    found = {
        shared: SharedPattern(shared[0], shared[1], count, total[shared])
        for shared, count in troubled.items()
        if count >= LEAST_SHARED and count >= LEAST_SHARE * total[shared]
    }
    return {
        place: tuple(
            sorted((found[one] for one in shared if one in found), key=lambda one: (-one.count / one.total, -one.total))
        )
        for place, shared in places.items()
    }


def _list_shared(school: SchoolFacts, line: LineFacts, regions: frozenset[str]) -> Iterator[_Shared]:
    yield "ward", school.ward, line.name
    yield "carrier", line.kind, ""
    for region in regions:
        yield "region", region, ""
