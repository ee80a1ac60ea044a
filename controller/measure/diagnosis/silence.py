"""Who is not heard at all: a line, a region, one family, or the whole school."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from controller.measure.diagnosis.causes import Cause, Fact, Finding, Proof
from controller.measure.diagnosis.evidence import PathEvidence, SchoolEvidence

Key = TypeVar("Key")


def find_silence(school: SchoolEvidence) -> Iterator[Finding]:
    """The findings of paths over which nobody answers."""
    known = [one for one in school.paths if one.alive is not None]
    silent = [one for one in known if not one.alive]
    if not silent:
        return
    if len(silent) == len(known):
        yield _find_nobody(school, silent)
        return
    dead_lines = _values(known, lambda one: one.line)
    for line in dead_lines:
        yield _find_dead_line(school, known, line)
    rest = [one for one in known if one.line not in dead_lines]
    dead_regions = _values(rest, lambda one: one.region)
    for region in dead_regions:
        yield _find_dead_region(school, rest, region)
    rest = [one for one in rest if one.region not in dead_regions]
    yield from _find_dead_routes(rest)


def _find_nobody(school: SchoolEvidence, silent: Sequence[PathEvidence]) -> Finding:
    causes = [Cause.LINE_DOWN, Cause.ROUTER_FAULT]
    regions = {one.region for one in silent}
    if len(regions) == 1 and not regions & set(school.outside.carried_by_region):
        causes.append(Cause.REGION_DOWN)
    if len({one.line for one in silent}) > 1:
        causes.sort(key=lambda cause: cause is not Cause.ROUTER_FAULT)  # two lines at once: the router first
    lines = sorted({one.line for one in silent})
    return Finding(tuple(causes), lines[0] if len(lines) == 1 else "", (_silent(silent),))


def _find_dead_line(school: SchoolEvidence, known: Sequence[PathEvidence], line: str) -> Finding:
    mine = [one for one in known if one.line == line]
    others = [one for one in known if one.line != line and one.alive]
    heard = {one.region for one in others} | set(school.outside.carried_by_region)
    causes = (Cause.LINE_DOWN,) if {one.region for one in mine} & heard else (Cause.LINE_DOWN, Cause.REGION_DOWN)
    return Finding(causes, line, (_silent(mine), _alive(others)))


def _find_dead_region(school: SchoolEvidence, rest: Sequence[PathEvidence], region: str) -> Finding:
    mine = [one for one in rest if one.region == region]
    others = [one for one in rest if one.region != region and one.alive]
    if region in school.outside.carried_by_region:  # other schools have it
        return Finding((Cause.LINE_ROUTE,), region, (_silent(mine), _alive(others)))
    # Seen over two lines it is the region; over one, the way to it may be broken in the carrier's network.
    told = len({one.line for one in mine}) > 1
    causes = (Cause.REGION_DOWN,) if told else (Cause.REGION_DOWN, Cause.LINE_ROUTE)
    return Finding(causes, region, (_silent(mine), _alive(others)))


def _find_dead_routes(rest: Sequence[PathEvidence]) -> Iterator[Finding]:
    alive = [one for one in rest if one.alive]
    for family in _values(rest, lambda one: one.family):
        mine = [one for one in rest if one.family == family]
        # The router is on every line's way: a family that is dead over all lines may be its fault.
        yield Finding((Cause.LINE_ROUTE, Cause.ROUTER_FAULT), f"IPv{int(family)}", (_silent(mine), _alive(alive)))
        rest = [one for one in rest if one.family != family]
    for line in dict.fromkeys(one.line for one in rest):
        mine = [one for one in rest if one.line == line and not one.alive]
        if mine:
            yield Finding((Cause.LINE_ROUTE,), line, (_silent(mine), _alive(alive)))


def _values(rest: Sequence[PathEvidence], key: Callable[[PathEvidence], Key]) -> list[Key]:
    """The values of a key all of whose paths are silent."""
    alive = {key(one) for one in rest if one.alive}
    return [value for value in dict.fromkeys(map(key, rest)) if value not in alive]


def _silent(paths: Sequence[PathEvidence]) -> Proof:
    return _describe(Fact.SILENT, paths)


def _alive(paths: Sequence[PathEvidence]) -> Proof:
    return _describe(Fact.ALIVE, paths)


def _describe(fact: Fact, paths: Sequence[PathEvidence]) -> Proof:
    said = ", ".join(f"{one.line} {one.region} IPv{int(one.family)}" for one in paths)
    readings = (one.echo for one in paths if one.echo is not None)
    return Proof(fact, {"paths": said}, tuple(number for reading in readings for number in reading.measurements))
