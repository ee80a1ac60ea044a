"""A line that carries less than it should: in which direction, and in which part of the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controller.measure.diagnosis import limits
from controller.measure.diagnosis.causes import Cause, Fact, Finding, Proof
from controller.measure.diagnosis.evidence import Answer, PathEvidence, Reading, SchoolEvidence
from controller.measure.measurement import MeasurementId, MeasurementKind

_EXPLAINS = {
    frozenset({MeasurementKind.DOWNLOAD}): Cause.DOWNLOAD_SLOW,
    frozenset({MeasurementKind.UPLOAD}): Cause.UPLOAD_SLOW,
    frozenset({MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD}): Cause.LINE_SLOW,
}


@dataclass(frozen=True, slots=True)
class _Throughput:
    """One measured throughput."""

    path: PathEvidence
    kind: MeasurementKind
    mbps: float
    numbers: tuple[MeasurementId, ...]


def find_slowness(school: SchoolEvidence, *, hidden_by: Finding | None) -> Iterator[Finding]:
    """What the assessed line carries too little of.

    `hidden_by` is a fault of the line for which TCP cannot fill it (loss, delay, swallowed packets): what the line
    could carry is then not known, and nothing is said of it but that.
    """
    line = school.assessed_line
    expected = school.expected_mbps.get(line, 0.0)
    mine = [one for one in _list_throughputs(school.paths) if one.path.line == line]
    slow = [one for one in mine if _is_slow(school, one)]
    if not slow or hidden_by is not None:
        return
    region = _find_slow_region(mine, slow)
    if region is not None:
        there = [one for one in slow if one.path.region == region]
        yield Finding((Cause.UPSTREAM_SLOW,), region, tuple(_describe(there, mine, expected)))
        return
    yield Finding(tuple(_tell_apart(school, mine, slow, expected)), line, tuple(_describe(slow, mine, expected)))


def is_throughput_hidden(school: SchoolEvidence) -> bool:
    """Whether a test of the assessed line showed less than expected, or came to no end."""
    mine = [one for one in _list_throughputs(school.paths) if one.path.line == school.assessed_line]
    tests = [test for one in school.of_line(school.assessed_line) for test in (one.download, one.upload)]
    stuck = any(test is not None and test.answer is Answer.SILENT for test in tests)
    return stuck or any(_is_slow(school, one) for one in mine)


def _is_slow(school: SchoolEvidence, one: _Throughput) -> bool:
    download = one.kind is MeasurementKind.DOWNLOAD
    expected = school.expected_mbps if download else school.expected_upload_mbps
    return one.mbps < expected.get(one.path.line, 0.0)


def _list_throughputs(paths: Sequence[PathEvidence]) -> list[_Throughput]:
    found = []
    for path in paths:
        readings: tuple[tuple[MeasurementKind, Reading | None], ...] = (
            (MeasurementKind.DOWNLOAD, path.download),
            (MeasurementKind.UPLOAD, path.upload),
        )
        for kind, reading in readings:
            if reading is not None and reading.value is not None:
                found.append(_Throughput(path, kind, reading.value, reading.measurements))
    return found


def _find_slow_region(mine: Sequence[_Throughput], slow: Sequence[_Throughput]) -> str | None:
    """The one region towards which the line is slow in a direction and family in which it is well towards another."""
    well = {(one.kind, one.path.family, one.path.region) for one in mine if one not in slow}
    for one in slow:
        here = (one.kind, one.path.family)
        if any((kind, family) == here and region != one.path.region for kind, family, region in well):
            return one.path.region
    return None


def _tell_apart(
    school: SchoolEvidence, mine: Sequence[_Throughput], slow: Sequence[_Throughput], expected: float
) -> Iterator[Cause]:
    """Return the causes that are left: of the line, and of parts that nothing else is seen to go through faster."""
    worst = min(one.mbps for one in slow)
    region_seen, families = {one.path.region for one in slow}, {one.path.family for one in slow}
    mtu_known = any(one.path.path_mtu is not None for one in slow)
    if worst < limits.NOTHING * expected and not mtu_known:
        yield Cause.PATH_MTU
    directions = frozenset(one.kind for one in mine if one.mbps < limits.CLEARED_BY * worst or one in slow)
    yield _EXPLAINS[directions]
    if len({one.kind for one in mine}) == 1:
        yield Cause.LINE_SLOW  # nobody looked at the other direction
    needed = limits.CLEARED_BY * worst
    faster = [one for one in _list_throughputs(school.paths) if one.mbps >= needed and one.path.family in families]
    # What came through the same router faster clears the router; what came from the same region faster, the region. Of
    # a family that is slow alone only that family does; of which one others had their figure nobody knows.
    if not faster:
        yield Cause.ROUTER_SLOW
    from_region = any(one.path.region in region_seen for one in faster)
    alone = families < {one.path.family for one in mine}
    by_others = not alone and any(school.outside.carried_by_region.get(region, 0.0) >= needed for region in region_seen)
    if not from_region and not by_others:
        yield Cause.UPSTREAM_SLOW


def _describe(slow: Sequence[_Throughput], mine: Sequence[_Throughput], expected: float) -> Iterator[Proof]:
    for kind, fact in ((MeasurementKind.DOWNLOAD, Fact.DOWNLOAD), (MeasurementKind.UPLOAD, Fact.UPLOAD)):
        shown = [one for one in slow if one.kind is kind] or [one for one in mine if one.kind is kind]
        if shown:
            worst = min(shown, key=lambda one: one.mbps)
            numbers = tuple(number for one in shown for number in one.numbers)
            yield Proof(fact, {"mbps": f"{worst.mbps:.1f}", "region": worst.path.region}, numbers)
    yield Proof(Fact.EXPECTED, {"mbps": f"{expected:.0f}"})
