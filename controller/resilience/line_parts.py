"""Which part of the network a silence belongs to: a line, a region, a family over a line, or one path alone.

Each silence is told once, by the largest part that it explains: over a dead line nothing is said of its families.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from controller.measure.measurement import LinePath
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName

SchoolLine = tuple[str, AccessLineName]
"""A school's id and the name of its line."""
Heard = Mapping[LinePath, float | None]
"""The fastest answer over each path in a round, in milliseconds; None where nothing came."""
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class LinePart:
    """A part of a line: a family to every region, a region in every family, or one region in one family."""

    school: str
    line: AccessLineName
    region: str | None
    family: Family | None

    def __str__(self) -> str:
        ends = [f"IPv{int(self.family)}" if self.family else "", self.region or ""]
        return " to ".join(one for one in ends if one)


def summarize_lines(heard: Heard) -> dict[SchoolLine, float | None]:
    """A line answers if any region does over it, in either family.

    >>> summarize_lines({path("kw-s01"): None, path("kw-s01", region="osaka"): 9.0, path("kw-s01", "backup"): None})
    {('kw-s01', 'primary'): 9.0, ('kw-s01', 'backup'): None}
    """
    return _fastest(((path.school, path.line), took) for path, took in heard.items())


def summarize_regions(heard: Heard) -> dict[str, float | None]:
    """A region answers if any school hears it; of lines over which nobody answers a region is not to blame.

    >>> summarize_regions({path("kw-s01"): None, path("kw-s01", region="osaka"): 9.0, path("as-e04"): None})
    {'tokyo': None, 'osaka': 9.0}
    """
    return _fastest((path.region, took) for path, took in _over_living_lines(heard).items())


def summarize_parts(heard: Heard) -> dict[LinePart, float | None]:
    """Families, regions and single paths of each line that answers, as far as nothing larger explains their silence.

    >>> silent = {path("kw-s01", family=Family.V6): None, path("kw-s01", region="osaka", family=Family.V6): None}
    >>> found = summarize_parts({path("kw-s01"): 5.0, path("kw-s01", region="osaka"): 9.0, **silent})
    >>> [str(part) for part, took in found.items() if took is None]
    ['IPv6']
    """
    silent_regions = {region for region, took in summarize_regions(heard).items() if took is None}
    paths = {path: took for path, took in _over_living_lines(heard).items() if path.region not in silent_regions}
    families = _fastest((LinePart(path.school, path.line, None, path.family), took) for path, took in paths.items())
    regions = _fastest((LinePart(path.school, path.line, path.region, None), took) for path, took in paths.items())
    single = {
        LinePart(path.school, path.line, path.region, path.family): took
        for path, took in paths.items()
        if families[LinePart(path.school, path.line, None, path.family)] is not None
        and regions[LinePart(path.school, path.line, path.region, None)] is not None
    }
    return {**families, **regions, **single}


def find_lone_lines(heard: Iterable[LinePath]) -> set[SchoolLine]:
    """Lines with one path only.

    >>> find_lone_lines([path("kw-s01"), path("kw-s01", region="osaka"), path("kw-s01", "backup")])
    {('kw-s01', 'backup')}
    """
    paths = Counter((path.school, path.line) for path in heard)
    return {line for line, count in paths.items() if count == 1}


def _over_living_lines(heard: Heard) -> dict[LinePath, float | None]:
    living = {line for line, took in summarize_lines(heard).items() if took is not None}
    return {path: took for path, took in heard.items() if (path.school, path.line) in living}


def _fastest(found: Iterable[tuple[Key, float | None]]) -> dict[Key, float | None]:
    fastest: dict[Key, float | None] = {}
    for key, took in found:
        known = fastest.get(key)
        fastest[key] = known if took is None else took if known is None else min(took, known)
    return fastest
