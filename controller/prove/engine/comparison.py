"""The comparison of two ordered filters (do they permit the same points?), only where they differ as lists.

The same entries in the same order mean the same. So look at what one list has and the other has not: outside the hull
of those entries nothing can differ. Inside the hull most other entries vanish, or cover all of it and hide what stands
below them; both lists shrink. Where the hull does not shrink any more it is cut in two, and each half is asked again.
In the end the lists are the same, or a region is left that one list permits and the other does not.

What the lists share is never taken apart: two long filters that were written differently here and there cost little
more than reading them. Filters that are alike in meaning and nowhere in form cost as many regions as they have
crossings; `compare_filters` gives up then, and the diagrams of `controller.prove.engine.diagram` decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from controller.model.network.packets import merge_intervals
from controller.prove.engine.diagram import Field, Interval

IntervalCube = tuple[Interval, ...]
"""A product of intervals, one for each field."""
CubeEntry = tuple[IntervalCube, bool]
"""Points, and whether they are permitted."""

_Side = tuple[Interval | None, ...]
_Region = tuple[Interval, ...]


class Comparison(Enum):
    """The result of comparing two filters."""

    SAME = "same"
    DIFFERENT = "different"
    GIVEN_UP = "given up"


def compare_filters(
    fields: Sequence[Field], first: Iterable[CubeEntry], second: Iterable[CubeEntry], most_regions: int
) -> Comparison:
    """Compare two filters: the first entry that holds a point decides, and no entry denies.

    `most_regions` bounds the work: about as many regions are looked at before it is given up.

    >>> ports = [Field("port", 65535)]
    >>> web = [(((80, 80),), True), (((443, 443),), True)]
    >>> compare_filters(ports, web, reversed(web), most_regions=10)
    <Comparison.SAME: 'same'>
    >>> compare_filters(ports, web, web[:1], most_regions=10)
    <Comparison.DIFFERENT: 'different'>

    Raises:
        ValueError: a cube has another number of fields, or no interval in a field's range.
    """
    entries = _Entries(fields)
    pending = [entries.question(first, second)]
    for _ in range(most_regions):
        if not pending:
            return Comparison.SAME
        smaller = entries.smaller(pending.pop())
        if smaller is None:
            return Comparison.DIFFERENT
        pending += smaller
    return Comparison.GIVEN_UP if pending else Comparison.SAME


def compare_renumbered(
    fields: Sequence[Field], first: Sequence[CubeEntry], second: Sequence[CubeEntry], most_regions: int
) -> Comparison:
    """Compare as `compare_filters` does, and remember the answer for all filters that differ in numbers only.

    The schools of a city are such filters: they differ in their addresses.

    No entry tells values apart between which no entry begins or ends. So each value is replaced by the number of ends
    below it: the order of all values stays, and with it the answer. Filters that come out the same are compared once.

    >>> ports = [Field("port", 65535)]
    >>> halves = [(((0, 1023),), True), (((1024, 65535),), True)]
    >>> compare_renumbered(ports, halves, [(((0, 65535),), True)], most_regions=10)
    <Comparison.SAME: 'same'>
    """
    if len(first) + len(second) > _MOST_REMEMBERED:
        return compare_filters(fields, first, second, most_regions)
    sides = tuple(zip(*(cube for cube, _ in (*first, *second)), strict=True))
    numbers: list[dict[int, int]] = []
    for field, spans in zip(fields, sides or ((),) * len(fields), strict=True):
        starts = {0, field.maximum + 1, *(low for low, _ in spans), *(high + 1 for _, high in spans)}
        numbers.append({start: number for number, start in enumerate(sorted(starts))})
    maxima = tuple(len(one) - 2 for one in numbers)
    return _compare_numbered(maxima, _numbered(numbers, first), _numbered(numbers, second), most_regions)


_MOST_REMEMBERED = 500
"""Entries of both filters together: larger ones hardly ever come twice."""


def _numbered(numbers: Sequence[dict[int, int]], entries: Iterable[CubeEntry]) -> tuple[CubeEntry, ...]:
    return tuple(
        (
            tuple([(known[low], known[high + 1] - 1) for known, (low, high) in zip(numbers, cube, strict=True)]),
            permits,
        )
        for cube, permits in entries
    )


@lru_cache(maxsize=2048)
def _compare_numbered(
    maxima: tuple[int, ...], first: tuple[CubeEntry, ...], second: tuple[CubeEntry, ...], most_regions: int
) -> Comparison:
    return compare_filters([Field(str(at), most) for at, most in enumerate(maxima)], first, second, most_regions)


@dataclass(frozen=True, slots=True)
class _Question:
    """Tell whether two lists of entries mean the same in a region."""

    region: _Region
    first: list[int]
    second: list[int]


class _Entries:
    """Entries by number: twice the number of the cube, one more when it permits. Cube 0 covers its whole region.

    A side of a cube that reaches over the whole region is None, so that what is the same there has the same number.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._whole = tuple((0, field.maximum) for field in fields)
        everywhere: _Side = (None,) * len(fields)
        self._cubes = [everywhere]
        self._numbers = {everywhere: 0}
        # Per field the side of every entry: looked up far more often than anything else.
        self._sides: list[list[Interval | None]] = [[None, None] for _ in fields]
        self._spread: list[dict[int, int]] = [{} for _ in fields]
        # Fields with many values tell entries apart best.
        self._order = sorted(range(len(fields)), key=lambda at: -fields[at].maximum)

    def question(self, first: Iterable[CubeEntry], second: Iterable[CubeEntry]) -> _Question:
        """Tell whether two filters mean the same anywhere, with what one has in pieces put together."""
        one, other = self._known(first), self._known(second)
        pieces = {entry for run in one for entry in run} ^ {entry for run in other for entry in run}
        return _Question(self._whole, self._joined(one, pieces), self._joined(other, pieces))

    def _known(self, entries: Iterable[CubeEntry]) -> list[set[int]]:
        """The numbers of entries, in runs of one effect."""
        numbers = []
        for cube, permits in entries:
            if len(cube) != len(self._whole):
                message = f"a cube over {len(self._whole)} fields needs as many intervals, not {len(cube)}"
                raise ValueError(message)
            numbers.append(self._number(tuple(map(_side, cube, self._whole))) | permits)
        return _runs(_first_of_each_cube(numbers))

    def _joined(self, runs: list[set[int]], pieces: set[int]) -> list[int]:
        """The entries of runs, each run in ascending order; its pieces that differ in one field and touch are one."""
        entries: list[int] = []
        for run in runs:
            loose, firm = run & pieces, run - pieces
            if len(loose) > 1:
                effect = next(iter(loose)) & 1
                cubes = {self._cubes[entry >> 1] for entry in loose}
                for field in range(len(self._whole)):
                    cubes = self._joined_along(field, cubes)
                loose = {self._number(cube) | effect for cube in cubes}
            entries += sorted(firm | loose)
        return entries

    def _joined_along(self, field: int, cubes: set[_Side]) -> set[_Side]:
        whole = self._whole[field]
        rows: dict[_Side, list[Interval]] = {}
        for cube in cubes:
            rows.setdefault((*cube[:field], *cube[field + 1 :]), []).append(cube[field] or whole)
        return {
            (*row[:field], None if span == whole else span, *row[field:])
            for row, spans in rows.items()
            for span in merge_intervals(spans)
        }

    def _number(self, cube: _Side) -> int:
        number = self._numbers.get(cube)
        if number is None:
            number = self._numbers[cube] = 2 * len(self._cubes)
            self._cubes.append(cube)
            for sides, side in zip(self._sides, cube, strict=True):
                sides.extend((side, side))
        return number

    def smaller(self, asked: _Question) -> list[_Question] | None:
        """Smaller questions that together are the same one; none when the answer is yes, None when it is no."""
        first, second = _reduced(asked.first), _reduced(asked.second)
        suspects = _suspects(first, second)
        if not suspects:
            return []
        region = list(asked.region)
        shrunk = False
        for field in self._order:
            sides = self._sides[field]
            spans = [span for entry in suspects if (span := sides[entry]) is not None]
            if len(spans) < len(suspects):
                continue
            low, high = min(spans)[0], max([span[1] for span in spans])
            if (low, high) != region[field]:
                region[field] = low, high
                first, second = self._within(first, field, low, high), self._within(second, field, low, high)
                shrunk = True
        if shrunk:
            return [_Question(tuple(region), first, second)]
        cut = self._cut(asked.region, suspects) or self._cut(asked.region, {*first, *second})
        if cut is None:
            return None
        field, at = cut
        low, high = region[field]
        halves = []
        for span in ((low, at - 1), (at, high)):
            region[field] = span
            half = _Question(tuple(region), self._within(first, field, *span), self._within(second, field, *span))
            if half.first != half.second:
                halves.append(half)
        return halves

    def _cut(self, region: _Region, entries: Iterable[int]) -> tuple[int, int] | None:
        """The field in which most entries end somewhere in the region, and the middle one of these ends."""
        best: list[int] = []
        field = 0
        for at, sides in enumerate(self._sides):
            low, high = region[at]
            spans = [span for entry in entries if (span := sides[entry]) is not None]
            ends = [a for a, _ in spans if a > low] + [b + 1 for _, b in spans if b < high]
            if len(ends) > len(best):
                best, field = ends, at
        if not best:
            return None
        best.sort()
        return field, best[len(best) // 2]

    def _within(self, entries: list[int], field: int, low: int, high: int) -> list[int]:
        """The entries that meet a span of a field, cut to it."""
        sides, clipped = self._sides[field], self._clipped
        return [
            entry if side is None or (low < side[0] and side[1] < high) else clipped(entry, field, side, low, high)
            for entry in entries
            if (side := sides[entry]) is None or (side[0] <= high and low <= side[1])
        ]

    def _clipped(self, entry: int, field: int, side: Interval, low: int, high: int) -> int:
        if low < side[0] or side[1] < high:
            cube = self._cubes[entry >> 1]
            span = max(side[0], low), min(side[1], high)
            return self._number((*cube[:field], span, *cube[field + 1 :])) | (entry & 1)
        spread = self._spread[field].get(entry)
        if spread is None:
            cube = self._cubes[entry >> 1]
            spread = self._spread[field][entry] = self._number((*cube[:field], None, *cube[field + 1 :])) | (entry & 1)
        return spread


def _side(span: Interval, whole: Interval) -> Interval | None:
    if span == whole:
        return None
    if not 0 <= span[0] <= span[1] <= whole[1]:
        message = f"{span} is no interval in 0..{whole[1]}"
        raise ValueError(message)
    return span


def _reduced(entries: list[int]) -> list[int]:
    """Always an end that covers the whole region: nothing stands below it, and nothing just above it does the same."""
    ends = [entries.index(end) for end in (0, 1) if end in entries]
    at = min(ends, default=len(entries))
    end = entries[at] if ends else 0
    while at and entries[at - 1] & 1 == end:
        at -= 1
    return [*entries[:at], end]


def _first_of_each_cube(entries: list[int]) -> list[int]:
    """Without the entries whose cube an entry above them has, too."""
    seen: dict[int, int] = {}
    for entry in entries:
        seen.setdefault(entry >> 1, entry)
    return list(seen.values())


def _suspects(first: list[int], second: list[int]) -> set[int]:
    """Entries outside of which both lists mean the same: those of one list only, and those in another order."""
    if first == second:
        return set()
    one, other = set(first), set(second)
    suspects = one ^ other
    if any(entry ^ 1 in (one if entry in one else other) for entry in suspects):
        first, second = _first_of_each_cube(first), _first_of_each_cube(second)
        one, other = set(first), set(second)
        suspects = one ^ other
    if suspects:
        first, second = [entry for entry in first if entry in other], [entry for entry in second if entry in one]
    if first != second:
        first, second = _between(first, second)
        if _runs(first) != _runs(second):
            suspects |= {*first, *second}
    return suspects


def _runs(entries: list[int]) -> list[set[int]]:
    """Neighbours of one effect: their order among themselves means nothing."""
    runs: list[set[int]] = []
    effect = -1
    for entry in entries:
        if entry & 1 != effect:
            effect = entry & 1
            runs.append(set())
        runs[-1].add(entry)
    return runs


def _between(first: list[int], second: list[int]) -> tuple[list[int], list[int]]:
    """Return both lists without the beginning and the end that they share."""
    start = next((at for at, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), 0)
    first, second = first[start:], second[start:]
    back = zip(reversed(first), reversed(second), strict=False)
    end = next((at for at, pair in enumerate(back) if pair[0] != pair[1]), 0)
    return first[: len(first) - end], second[: len(second) - end]
