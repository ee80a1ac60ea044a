"""Plans a day's tests of throughput: pure, from wishes and hours to slots; whatever has no slot has a reason.

Never two tests at once on a line or on a link that their lines share, never more at once than wanted, never more bytes
on a line than its budget. The schools are spread evenly over the day, and each begins at another time the next day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from controller.model.sites.contracted_lines import AccessLineName


class SlotKind(StrEnum):
    """Whether pupils are in lessons at the time of a test."""

    PEAK = "peak"
    OFF_PEAK = "off-peak"


class NoSlot(StrEnum):
    """Why a test has no slot."""

    EXAM_DAY = "exam-day"
    UNKNOWN_DAY = "unknown-day"
    NO_HOURS = "no-hours"
    BUDGET = "budget"
    NO_ROOM = "no-room"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a day."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class LineWish:
    """What is wanted of a line on a day: how many tests of each kind, in which parts of the day.

    `shared` are the names of links that others' lines go through, too. A test carries `megabytes`; `refused` is why the
    line has none at all on this day, and `detail` says more.
    """

    school: str
    line: AccessLineName
    peak: int
    off_peak: int
    peak_spans: tuple[Span, ...]
    off_peak_spans: tuple[Span, ...]
    megabytes: float
    shared: frozenset[str] = frozenset()
    refused: NoSlot | None = None
    detail: str = ""

    @property
    def links(self) -> frozenset[str]:
        """What a test of it fills: the line itself, and what it shares."""
        return self.shared | {f"{self.school} {self.line}"}


@dataclass(frozen=True, slots=True)
class TestSlot:
    """A test of a line at a time; `number` tells the slots of a line apart."""

    __test__ = False

    school: str
    line: AccessLineName
    kind: SlotKind
    begins: datetime
    ends: datetime
    links: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A test that has no slot, and why."""

    school: str
    line: AccessLineName
    kind: SlotKind
    reason: NoSlot
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The slots of a day in order, and the tests that have none."""

    slots: tuple[TestSlot, ...]
    unplaced: tuple[Unplaced, ...]


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What holds for all tests: what one may take, how many run at once, and what a line may carry on a day."""

    slot: timedelta
    at_once: int
    megabytes_a_day: float


@dataclass
class _Table:
    """What is taken already, by the beginnings of slots."""

    at_once: int
    links: dict[datetime, set[str]] = field(default_factory=dict)
    counts: dict[datetime, int] = field(default_factory=dict)

    def is_free(self, begins: datetime, links: frozenset[str]) -> bool:
        return self.counts.get(begins, 0) < self.at_once and not links & self.links.get(begins, set())

    def take(self, begins: datetime, links: frozenset[str]) -> None:
        self.counts[begins] = self.counts.get(begins, 0) + 1
        self.links.setdefault(begins, set()).update(links)


def plan_day(wishes: Sequence[LineWish], limits: PlanLimits, turn: int) -> DayPlan:
    """Return the slots of a day; `turn` is another number every day, so that no school always has the same time."""
    table = _Table(limits.at_once)
    slots: list[TestSlot] = []
    unplaced: list[Unplaced] = []
    ordered = sorted(wishes, key=lambda one: (one.school, one.line))
    for at, wish in enumerate(ordered):
        phase = ((at + turn) % len(ordered)) / len(ordered)
        allowed = int(limits.megabytes_a_day // wish.megabytes) if wish.megabytes > 0 else wish.peak + wish.off_peak
        for kind, number, of in _list_tests(wish):
            reason = wish.refused or (NoSlot.BUDGET if allowed <= 0 else None)
            slot = None if reason else _place(wish, kind, (number + phase) / of, limits.slot, table)
            if slot is not None:
                allowed -= 1
                slots.append(slot)
                continue
            spans = wish.peak_spans if kind is SlotKind.PEAK else wish.off_peak_spans
            reason = reason or (NoSlot.NO_ROOM if _list_beginnings(spans, limits.slot) else NoSlot.NO_HOURS)
            unplaced.append(Unplaced(wish.school, wish.line, kind, reason, wish.detail if wish.refused else ""))
    slots.sort(key=lambda one: (one.begins, one.school, one.line))
    return DayPlan(tuple(slots), tuple(unplaced))


def _list_tests(wish: LineWish) -> Iterator[tuple[SlotKind, int, int]]:
    """The wanted tests: one outside lessons first, for it says what the line carries, then those in lessons."""
    off_peak = [(SlotKind.OFF_PEAK, number, wish.off_peak) for number in range(wish.off_peak)]
    yield from off_peak[:1]
    yield from ((SlotKind.PEAK, number, wish.peak) for number in range(wish.peak))
    yield from off_peak[1:]


def _place(wish: LineWish, kind: SlotKind, part: float, lasts: timedelta, table: _Table) -> TestSlot | None:
    """Take the first free slot from a part of the kind's hours on, round to the hours before it."""
    beginnings = _list_beginnings(wish.peak_spans if kind is SlotKind.PEAK else wish.off_peak_spans, lasts)
    first = int(part * len(beginnings))
    for begins in (*beginnings[first:], *beginnings[:first]):
        if table.is_free(begins, wish.links):
            table.take(begins, wish.links)
            return TestSlot(wish.school, wish.line, kind, begins, begins + lasts, wish.links)
    return None


def _list_beginnings(spans: Sequence[Span], lasts: timedelta) -> list[datetime]:
    """Where slots begin that lie wholly in one of the spans: at whole multiples since midnight, for all alike."""
    found: list[datetime] = []
    for span in spans:
        midnight = span.begins.replace(hour=0, minute=0, second=0, microsecond=0)
        begins = midnight + -(-(span.begins - midnight) // lasts) * lasts
        while begins + lasts <= span.ends:
            found.append(begins)
            begins += lasts
    return found
