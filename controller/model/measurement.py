"""`policies/measurement.yaml`: the recommended bandwidth, how lines are measured, and how far a figure may be wrong.

Sources of the figures stand in the file, beside each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from controller.inputs.character_classes import AnsweredFor, HostName, UrlPath
from controller.model.access.rules import Hours
from controller.model.sites.calendar import ClockField
from controller.model.sites.contracted_lines import AccessLineName
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import LocatedItem, StrictModel

Basis = Literal["anchor", "estimated"]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
MOST_MBPS = 1_000_000


class Assessment(StrEnum):
    """How a school's measured bandwidth compares with the recommendation."""

    MEETS = "meets"
    BELOW = "below"
    WITHIN_ERROR = "within-error"
    NOT_MEASURED = "not-measured"

    @property
    def number(self) -> int:
        """The number that stands for it in the metric `tsunagu.school.assessment`, and so in every store of its past.

        >>> Assessment.MEETS.number
        3
        """
        return ASSESSMENT_NUMBERS[self]

    @classmethod
    def from_number(cls, number: float) -> Assessment | None:
        """The assessment that a number stands for; None where it stands for none.

        >>> Assessment.from_number(1)
        <Assessment.BELOW: 'below'>
        >>> Assessment.from_number(1.5) is None
        True
        """
        return next((one for one, known in ASSESSMENT_NUMBERS.items() if known == number), None)


ASSESSMENT_NUMBERS: Mapping[Assessment, int] = MappingProxyType(
    {Assessment.NOT_MEASURED: 0, Assessment.BELOW: 1, Assessment.WITHIN_ERROR: 2, Assessment.MEETS: 3}
)
"""Written out, never derived from an order: stores hold these numbers, and another number would rewrite their past."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The recommended bandwidth of a school in Mbit/s, and whether it is a row of the table or was estimated."""

    mbps: float
    basis: Basis


class RecommendationRow(LocatedItem):
    """The recommendation for a school of exactly so many pupils."""

    pupils: int = Field(ge=1, le=100_000)
    mbps: float = Field(gt=0, le=MOST_MBPS)


class RecommendationTable(StrictModel):
    """The published rows and where they were published."""

    source: AnsweredFor
    table: tuple[RecommendationRow, ...] = Field(min_length=2)

    @field_validator("table")
    @classmethod
    def _rises(cls, rows: tuple[RecommendationRow, ...]) -> tuple[RecommendationRow, ...]:
        for before, after in pairwise(rows):
            if after.pupils <= before.pupils or after.mbps < before.mbps:
                message = (
                    f"the row at {after.origin} must have more pupils than the one before it ({before.pupils}), "
                    f"and not less Mbit/s ({before.mbps:g})"
                )
                raise ValueError(message)
        return rows

    def recommend_bandwidth(self, pupils: int) -> Recommendation:
        """What is recommended for a school of so many pupils: a published row, or a value between two of them.

        >>> rows = [{"pupils": p, "mbps": m, "origin": Origin("m.yaml", 1)} for p, m in ((100, 200), (200, 300))]
        >>> table = RecommendationTable.model_validate({"source": "published", "table": rows})
        >>> table.recommend_bandwidth(200)
        Recommendation(mbps=300.0, basis='anchor')
        >>> table.recommend_bandwidth(150)
        Recommendation(mbps=250.0, basis='estimated')
        >>> table.recommend_bandwidth(300).mbps  # beyond the last row: on through the last two
        400.0
        >>> table.recommend_bandwidth(50).mbps  # below the first row: from nothing
        100.0
        """
        for row in self.table:
            if row.pupils == pupils:
                return Recommendation(row.mbps, "anchor")
        points = [(0.0, 0.0), *((float(row.pupils), row.mbps) for row in self.table)]
        return Recommendation(_interpolated(points, float(pupils)), "estimated")


class ErrorRow(LocatedItem):
    """How many percent a figure of so many Mbit/s may miss the truth by."""

    mbps: float = Field(gt=0, le=MOST_MBPS)
    percent: float = Field(ge=0, lt=50)


class Method(StrictModel):
    """How throughput, latency, jitter and loss are measured. Times are in seconds."""

    program: Literal["iperf3"]
    streams: int = Field(ge=1, le=64)
    seconds: int = Field(ge=1, le=60)
    connect_within: Seconds
    error: tuple[ErrorRow, ...] = Field(min_length=1)
    echoes: int = Field(ge=2, le=100)
    echo_every: float = Field(ge=0.01, le=10)
    answer_within: float = Field(gt=0, le=10)

    @field_validator("error")
    @classmethod
    def _in_order(cls, rows: tuple[ErrorRow, ...]) -> tuple[ErrorRow, ...]:
        for before, after in pairwise(rows):
            if after.mbps <= before.mbps:
                message = f"the row at {after.origin} must be for more Mbit/s than the one before it ({before.mbps:g})"
                raise ValueError(message)
        return rows

    def relative_error(self, mbps: float) -> float:
        """How much of a figure may be wrong: 0.05 is 5%.

        >>> rows = [{"mbps": m, "percent": p, "origin": Origin("m.yaml", 1)} for m, p in ((100, 5), (300, 10))]
        >>> method = Method.model_construct(error=tuple(ErrorRow.model_validate(row) for row in rows))
        >>> method.relative_error(50), method.relative_error(200), method.relative_error(900)
        (0.05, 0.075, 0.1)
        """
        points = [(row.mbps, row.percent) for row in self.error]
        within = min(max(mbps, points[0][0]), points[-1][0])
        return (points[0][1] if len(points) == 1 else _interpolated(points, within)) / 100


class AssessedDownload(StrictModel):
    """Whose download decides: on this line, from the first of these regions that answers."""

    line: AccessLineName
    regions: tuple[Identifier, ...] = Field(min_length=1)


class ThroughputTarget(StrictModel):
    """A server of the method's program."""

    port: Port


class EndpointTarget(StrictModel):
    """A measuring endpoint over HTTPS; `host` is the name in its certificate; left out, it is the target's address."""

    port: Port = 443
    host: HostName | None = None


class NameTarget(StrictModel):
    """A name server, and the name that it is asked for."""

    port: Port
    name: HostName


class PageTarget(StrictModel):
    """A page; `host` is the name in the request, and in the certificate; left out, it is the target's address."""

    port: Port
    scheme: Literal["http", "https"]
    path: UrlPath
    host: HostName | None = None


class Targets(StrictModel):
    """What answers at each region's own address on a line."""

    throughput: ThroughputTarget
    https: EndpointTarget = EndpointTarget()
    dns: NameTarget
    proxy: PageTarget


class Intervals(StrictModel):
    """Seconds between two measurements of a kind."""

    light: float = Field(ge=0.2, le=3600)
    answers: float = Field(ge=1, le=3600)
    throughput: float = Field(ge=10, le=86400)


class HttpsChoice(StrictModel):
    """Where probes test throughput over HTTPS, because iperf3 does not get through: at schools, and to regions."""

    schools: tuple[Identifier, ...] = ()
    regions: tuple[Identifier, ...] = ()

    def covers(self, school: str, region: str) -> bool:
        """Tell if the way from a school to a region is tested over HTTPS.

        >>> HttpsChoice(schools=("as-e04",)).covers("as-e04", "tokyo")
        True
        """
        return school in self.schools or region in self.regions


class Flapping(StrictModel):
    """How many changes of a line within how many seconds make it a flapping one."""

    changes: int = Field(ge=3, le=100)
    within: float = Field(ge=5, le=3600)


class SharedLink(LocatedItem):
    """A part of the network that several schools' lines go through, so that two tests at once would measure each other.

    `schools` and `wards` say whose `line` goes through it.
    """

    name: Identifier
    line: AccessLineName = "primary"
    schools: tuple[Identifier, ...] = ()
    wards: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.schools or self.wards):
            message = "name the schools or the wards whose lines go through it"
            raise ValueError(message)
        return self

    def carries(self, school: str, ward: str, line: AccessLineName) -> bool:
        """Tell if a school's line goes through it."""
        return line == self.line and (school in self.schools or ward in self.wards)


class VirtualRhythm(StrEnum):
    """What decides in the virtual city when throughput is tested."""

    INTERVAL = "interval"
    """A school whose figure is older than `intervals.throughput`: no pupil needs those lines."""
    SLOTS = "slots"
    """The slots, as at real schools."""


class TestSchedule(StrictModel):
    """When throughput is tested: how often a day in lesson hours (`peak`) and outside them, and within what bounds.

    `from` and `until` are the hours of the day for tests. `slot_seconds` is what a test may take, `at_once` how many
    may run side by side, `megabytes_a_day` what all tests of a line may carry on a day. `virtual_city` says whether
    the virtual city keeps to it.
    """

    __test__ = False

    from_: ClockField = Field(default=time(7), alias="from")
    until: ClockField = time(22)
    peak: int = Field(default=0, ge=0, le=24)
    off_peak: int = Field(default=3, ge=0, le=48)
    slot_seconds: int = Field(default=60, ge=10, le=3600)
    at_once: int = Field(default=4, ge=1, le=100)
    megabytes_a_day: int = Field(default=10_000, ge=1, le=10_000_000)
    shared: tuple[SharedLink, ...] = Field(default=(), max_length=500)
    virtual_city: VirtualRhythm = VirtualRhythm.INTERVAL

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ >= self.until:
            message = "'from' must stand before 'until'"
            raise ValueError(message)
        return self


class MeasurementFile(StrictModel):
    """`policies/measurement.yaml`. A file of before there were slow and flapping lines has the values written here."""

    recommended: RecommendationTable
    method: Method
    judged: AssessedDownload
    targets: Targets
    https_throughput: HttpsChoice = HttpsChoice()
    intervals: Intervals
    down_after: int = Field(ge=1, le=20)
    slow_from: float = Field(default=500.0, gt=0, le=10_000)
    flapping: Flapping = Flapping(changes=6, within=60)
    lessons: Hours
    schedule: TestSchedule = TestSchedule()
    loss_is_a_cause_from: float = Field(gt=0, le=100)
    loss_needs: int = Field(default=500, ge=1, le=100_000)
    upload_percent: float = Field(default=20.0, gt=0, le=100)

    @field_validator("lessons")
    @classmethod
    def _are_on_school_days(cls, lessons: Hours) -> Hours:
        if lessons.days in ("exam-days", "free-days"):
            message = f"there are no lessons on {lessons.days}; write days of the week, or school-days"
            raise ValueError(message)
        return lessons

    @model_validator(mode="after")
    def _rounds_fit(self) -> Self:
        if self.intervals.throughput < self.intervals.light:
            message = "intervals.throughput must not be shorter than intervals.light"
            raise ValueError(message)
        return self


def _interpolated(points: Sequence[tuple[float, float]], at: float) -> float:
    """On the line through the two points around `at`; beyond the last point, through the last two."""
    (x0, y0), (x1, y1) = next(((a, b) for a, b in pairwise(points) if at <= b[0]), (points[-2], points[-1]))
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)
