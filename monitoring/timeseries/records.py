"""What the monitor takes in, as plain values.

A value of a metric that is not in the registry, or with other attributes, or of a school that the city does not have,
or from another time, is not taken; the sender is told how many and why, as OTLP's partial success.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from controller.errors import TsunaguError
from controller.telemetry.naming import OVERFLOW
from controller.telemetry.registry import Metric
from controller.telemetry.units import LAST_SECOND

OVERFLOWN: tuple[tuple[str, str], ...] = ((OVERFLOW, "true"),)

SeriesAttributes = tuple[tuple[str, str], ...]
SeriesKey = tuple[Metric, SeriesAttributes]
"""What a series is known by: its metric, and its attributes in the registry's order."""


class MalformedRequest(TsunaguError):
    """A body that is not what its path and its headers say."""


@dataclass(frozen=True, slots=True)
class GaugeValue:
    """A gauge's value at a time (seconds since 1970).

    `early`: its sender dated it later than it arrived, so `at` is its arrival. `waited`: for how many seconds it lay at
    its sender. `heard`: when it arrived, by the
    monitor's clock (0: not known; None: `at`). `since`: from when on the series has told the same state (None: from
    `heard`). `late`: something newer arrived before it, so it is history only.
    """

    key: SeriesKey
    at: float
    value: float
    early: bool = False
    sender: str = ""
    waited: float = 0.0
    heard: float | None = None
    since: float | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class CumulativeTotal:
    """What a counter or a histogram of one process has come to since it began.

    `process` and `began` tell totals of different processes apart, which add up. A counter has no `counts`; a histogram
    has the number of values in each of its buckets, and `value` is their sum.
    """

    key: SeriesKey
    process: str
    began: int
    at: float
    value: float
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesEnd:
    """A series has no value any more from a time on: who sent it says so (OTLP's "no recorded value")."""

    key: SeriesKey
    at: float


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that people want to know of."""

    at: float
    kind: str
    school: str
    line: str
    text: str


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A span of the timeline; `end` is 0 while it runs. Times are seconds since 1970."""

    trace: str
    id: str
    parent: str
    level: str
    name: str
    start: float
    end: float = 0.0
    outcome: str = ""
    error: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LifeSign:
    """Whoever carries out the rollout of a trace is alive; `span` is the rollout's own."""

    trace: str
    span: str


ActionKind = Literal["acknowledge", "note", "maintenance", "end"]


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """What somebody did about a need, or said about it. Kept as it was done; another action ends it.

    `since` is the need's own, so that an acknowledgement holds for this outage and for no later one. `starts` and
    `until` bound an acknowledgement or a window of maintenance. `ends` names the action that this one ends.
    """

    id: str
    at: float
    kind: ActionKind
    by: str
    reason: str
    need: str = ""
    school: str = ""
    line: str = ""
    since: float = 0.0
    starts: float = 0.0
    until: float = 0.0
    ends: str = ""


@dataclass
class TelemetryBatch:
    """All of one request. `refused` counts what was not taken, by why; `foreign` what nobody meant for us.

    `skews`: by how many seconds each sender's clock is ahead of the monitor's, also of one whose values are refused.
    """

    values: list[GaugeValue] = field(default_factory=list)
    ends: list[SeriesEnd] = field(default_factory=list)
    totals: list[CumulativeTotal] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    spans: list[SpanRecord] = field(default_factory=list)
    signs: list[LifeSign] = field(default_factory=list)
    actions: list[OperatorAction] = field(default_factory=list)
    skews: dict[str, float] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        kept = (self.values, self.ends, self.totals, self.events, self.spans, self.signs)
        return sum(len(one) for one in kept) + self.refused.total() + self.foreign.total()


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """What the store took of a batch: its values under the series that it has them in, and its spans as they stand.

    `refused` counts what it did not take, by why.
    """

    values: Sequence[GaugeValue] = ()
    spans: Sequence[SpanRecord] = ()
    refused: Counter[str] = field(default_factory=Counter)


def can_be_time(seconds: float) -> bool:
    """Whether a number is a time since 1970 that can be shown; what is damaged, or nonsense, is none.

    >>> can_be_time(1_800_000_000.5), can_be_time(1e300), can_be_time(-1.0)
    (True, False, False)
    """
    return 0 <= seconds <= LAST_SECOND


def add_up_totals(parts: Iterable[CumulativeTotal]) -> list[CumulativeTotal]:
    """Totals of different processes added up; each is as old as its newest part."""
    found: dict[SeriesKey, CumulativeTotal] = {}
    for part in parts:
        if (before := found.get(part.key)) is None:
            found[part.key] = part
        else:
            counts = tuple(a + b for a, b in zip(before.counts, part.counts, strict=True))
            at = max(before.at, part.at)
            found[part.key] = replace(before, at=at, value=before.value + part.value, counts=counts)
    return list(found.values())
