"""What a path does to packets that come through: it loses them, is slow to carry them, or swallows the large ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from controller.measure.diagnosis import limits
from controller.measure.diagnosis.causes import Cause, Fact, Finding, Proof
from controller.measure.diagnosis.evidence import Answer, LossReading, PathEvidence, SchoolEvidence
from controller.model.sites.contracted_lines import AccessLineName


def find_small_mtu(school: SchoolEvidence, line: AccessLineName) -> Finding | None:
    """A line that carries small packets and swallows large ones without a word."""
    read = [one for one in school.of_line(line) if one.path_mtu is not None and one.path_mtu.value is not None]
    small = [one for one in read if _is_small(school, one)]
    if not small:
        return None
    least = min(one.path_mtu.value or 0.0 for one in small if one.path_mtu is not None)
    numbers = tuple(number for one in small if one.path_mtu is not None for number in one.path_mtu.measurements)
    return Finding((Cause.PATH_MTU,), line, (Proof(Fact.PATH_MTU, {"mtu": f"{least:.0f}"}, numbers),))


def _is_small(school: SchoolEvidence, one: PathEvidence) -> bool:
    mtu = one.path_mtu.value if one.path_mtu is not None else None
    if mtu is None or one.swallowed is None:  # who says what was too large lets TCP take smaller ones
        return False
    if mtu < limits.LEAST_MTU:
        return True
    # Of a line that loses packets a few large ones are missing by chance.
    return not _is_lossy(school.of_line(one.line))


def find_loss(school: SchoolEvidence, line: AccessLineName) -> Finding | None:
    """A line whose packets are lost while it is otherwise idle."""
    lossy = _Comparison(school, line, _is_lossy, _is_clean, (Cause.LINE_LOSS, Cause.ROUTER_LOSS, Cause.UPSTREAM_LOSS))
    mine = [one for one in school.of_line(line) if one.alive]
    if not _is_lossy(mine):
        return None
    causes, about = lossy.tell_apart()
    return Finding(causes, about, tuple(_describe_loss(mine)))


def _describe_loss(mine: Sequence[PathEvidence]) -> Iterator[Proof]:
    tests = _list_held_back(mine)
    echoes = [one.loss for one in mine if one.loss is not None]
    for fact, readings in ((Fact.LOSS, echoes), (Fact.RETRANSMITTED, tests)):
        if readings:
            yield _describe_count(fact, readings)


def _describe_count(fact: Fact, readings: Sequence[LossReading]) -> Proof:
    lost, sent = sum(one.lost for one in readings), sum(one.sent for one in readings)
    low, high = limits.bound_loss(lost, sent)
    figures = {
        "lost": str(lost),
        "sent": str(sent),
        "percent": f"{100 * lost / max(1, sent):.1f}",
        "low": f"{100 * low:.1f}",
        "high": f"{100 * high:.1f}",
    }
    return Proof(fact, figures, tuple(number for one in readings for number in one.measurements))


def find_delay(school: SchoolEvidence, line: AccessLineName) -> Finding | None:
    """A line whose round trips are longer than any line's of this country."""
    read = [one for one in school.of_line(line) if (found := _latency([one])) is not None and found > 0]
    middle = _latency(read)
    if middle is None or middle < limits.DELAY_FROM_MS:
        return None
    compared = _Comparison(school, line, _is_late, _is_prompt, (Cause.LINE_DELAY, None, Cause.UPSTREAM_DELAY))
    causes, about = compared.tell_apart()
    numbers = tuple(number for one in read if one.echo is not None for number in one.echo.measurements)
    return Finding(causes, about, (Proof(Fact.LATENCY, {"line": line, "ms": f"{middle:.0f}"}, numbers),))


@dataclass(frozen=True)
class _Comparison:
    """Which part a fault of a path is in, by the paths that share a part of it and have the fault or do not.

    `causes` are those of the line, the router and the upstream; a part that cannot have such a fault is None.
    """

    school: SchoolEvidence
    line: AccessLineName
    bad: Callable[[Sequence[PathEvidence]], bool]
    good: Callable[[Sequence[PathEvidence]], bool]
    causes: tuple[Cause, Cause | None, Cause]

    def tell_apart(self) -> tuple[tuple[Cause, ...], str]:
        """The causes that are left, and what they are about."""
        of_line, of_router, of_upstream = self.causes
        alive = [one for one in self.school.paths if one.alive]
        mine = [one for one in alive if one.line == self.line]
        others = [one for one in alive if one.line != self.line]
        for region in dict.fromkeys(one.region for one in mine):
            there, elsewhere = _split(mine, region)
            if self.bad(there) and elsewhere and self.good(elsewhere):
                return (of_upstream,), region
        bad_regions = {one.region for one in mine if self.bad(_split(mine, one.region)[0])}
        same_region = [one for one in others if one.region in bad_regions] or others
        if self.good(same_region):
            return (of_line,), self.line
        if self.bad(others):
            return tuple(one for one in (of_router, of_upstream) if one is not None), ""
        return tuple(one for one in self.causes if one is not None), self.line


def _split(paths: Sequence[PathEvidence], region: str) -> tuple[list[PathEvidence], list[PathEvidence]]:
    return [one for one in paths if one.region == region], [one for one in paths if one.region != region]


def _sum_loss(paths: Sequence[PathEvidence]) -> tuple[int, int]:
    read = [one.loss for one in paths if one.loss is not None]
    return sum(one.lost for one in read), sum(one.sent for one in read)


def _is_lossy(paths: Sequence[PathEvidence]) -> bool:
    return limits.is_lossy(*_sum_loss(paths)) or bool(_list_held_back(paths))


def _list_held_back(paths: Sequence[PathEvidence]) -> list[LossReading]:
    """Return TCP's counts that the echoes do not contradict: a slow line's full queue loses what the line does not."""
    _, most = limits.bound_loss(*_sum_loss(paths))
    read = [one.held_back_by_loss for one in paths if one.held_back_by_loss is not None]
    return [one for one in read if one.lost <= most * one.sent]


def _is_clean(paths: Sequence[PathEvidence]) -> bool:
    return limits.is_clean(*_sum_loss(paths)) and not _is_lossy(paths)


def _latency(paths: Sequence[PathEvidence]) -> float | None:
    found = [
        one.echo.value
        for one in paths
        if one.echo is not None and one.echo.answer is Answer.ANSWERED and one.echo.value is not None
    ]
    return median(found) if found else None


def _is_late(paths: Sequence[PathEvidence]) -> bool:
    found = _latency(paths)
    return found is not None and found >= limits.DELAY_FROM_MS


def _is_prompt(paths: Sequence[PathEvidence]) -> bool:
    found = _latency(paths)
    return found is not None and found < limits.DELAY_FROM_MS


def find_path_faults(school: SchoolEvidence) -> Iterator[Finding]:
    """Every fault of every line that packets come through on."""
    for line in school.lines:
        for find in (find_small_mtu, find_loss, find_delay):
            found = find(school, line)
            if found is not None:
                yield found
