"""How far the integration of a city is: the stage of each school, and what stands in the way of the next one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from controller.integration.computers.computer_counts import NO_COUNTS, SchoolCounts
from controller.measure.assessment.assess import SchoolAssessment
from controller.model.city import City
from controller.model.measurement import Assessment
from controller.model.sites.schools import School
from controller.model.sites.stages import STAGES, Stage


class Blocker(StrEnum):
    """What stands in the way of a school's next stage, as far as the policy and the measurements say."""

    ADOPTION = "adoption"
    """Not all of its devices' parts are managed."""
    CUT_OFF = "cut-off"
    """It is in quarantine, or a port of it is."""
    LINE_BELOW = "line-below"
    """Its line carries less than the affairs system in the cloud and the lessons need."""
    LINE_NOT_MEASURED = "line-not-measured"
    """Nobody knows whether its line is enough."""
    OLD_COMPUTERS = "old-computers"
    """Computers are left in the networks that end with this stage, by the inventory or by what switches have seen."""
    OVERDUE = "overdue"
    """The day of its cut-over is past."""
    UNCONFIRMED = "unconfirmed"
    """The day of a written change is past, and nobody has looked whether the devices hold its stage."""


@dataclass(frozen=True, slots=True)
class SchoolStatus:
    """A school in its stage; `following` is the stage that the policy plans, on the day `cutover`.

    `blockers` stand in the way of the stage that comes after this one; an integrated school has none, but
    that the day of its way back is past, or that nobody has confirmed it. `computers` are those left in the old
    networks: by two figures, each of which may not be there.
    """

    school: School
    stage: Stage
    since: date | None
    by: str
    following: Stage | None
    cutover: date | None
    retire_by: date | None
    line: Assessment
    blockers: tuple[Blocker, ...]
    computers: SchoolCounts = NO_COUNTS
    waiting: bool = False
    """The next stage is written already, and its day is still to come."""
    unconfirmed: bool = False
    """The day of `stage` has come, and nobody has confirmed that the devices hold it."""

    @property
    def is_integrated(self) -> bool:
        """Tell if it has reached the last stage, as far as anybody knows: a change that nobody confirmed is none."""
        return self.stage is STAGES[-1] and not self.unconfirmed

    @property
    def is_late(self) -> bool:
        """Tell if a day is past and what was to be done then is not, or nobody knows."""
        return Blocker.OVERDUE in self.blockers or Blocker.UNCONFIRMED in self.blockers


def list_school_statuses(
    city: City,
    lines: Mapping[str, SchoolAssessment],
    today: date,
    counts: Mapping[str, SchoolCounts] = MappingProxyType({}),
) -> tuple[SchoolStatus, ...]:
    """List the schools that are in a stage, in the order of the policy; closed schools are left out.

    `counts` are the last counts of computers in the old networks. Of a school without any figure nothing is judged.
    """
    found = []
    for school in city.estate_schools:
        entry = city.integrations.find_entry(school)
        if entry is None or school.id in city.cut_offs.closed:
            continue
        waiting, unconfirmed, entry = entry.is_waiting(today), entry.is_unconfirmed(today), entry.get_as_of(today)
        assessed = lines.get(school.id)
        line = assessed.assessment if assessed else Assessment.NOT_MEASURED
        following = entry.next
        overdue = following is not None and following.cutover < today
        computers = counts.get(school.id, NO_COUNTS)
        blockers = tuple(_find_blockers(city, school, line)) if entry.stage is not STAGES[-1] else ()
        blockers += (Blocker.OVERDUE,) if overdue else ()
        if entry.stage is Stage.COEXIST and computers.has_computers:
            blockers = (*blockers, Blocker.OLD_COMPUTERS)
        if unconfirmed and entry.since is not None and entry.since < today:
            blockers = (*blockers, Blocker.UNCONFIRMED)
        stage, day = (following.stage, following.cutover) if following else (None, None)
        found.append(
            SchoolStatus(
                school,
                entry.stage,
                entry.since,
                entry.by,
                stage,
                day,
                entry.retire_by,
                line,
                blockers,
                computers,
                waiting,
                unconfirmed,
            )
        )
    return tuple(found)


def _find_blockers(city: City, school: School, line: Assessment) -> Iterator[Blocker]:
    if school.adoption != "all":
        yield Blocker.ADOPTION
    if any(city.cut_offs.touches(device) for device in city.list_devices(school)):
        yield Blocker.CUT_OFF
    if line is Assessment.BELOW:
        yield Blocker.LINE_BELOW
    if line is Assessment.NOT_MEASURED:
        yield Blocker.LINE_NOT_MEASURED
