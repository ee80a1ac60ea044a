"""A schedule: each school's next changes of stage until all are integrated, or the first one that finds no week.

Schools whose line is below their need come last, whatever their ward. A school that can be finished is finished before
another one is begun, so that few have two networks at a time; where that does not fit, all are begun first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from controller.integration.schedule.planned_faults import (
    PlannedFault,
    find_monday,
    find_planned_faults,
    find_unconfirmed_changes,
    is_overdue,
)
from controller.integration.schedule.vacation_weeks import VacationWeek, find_known_day, list_vacation_weeks
from controller.model.city import City
from controller.model.integration.integrations import Integration
from controller.model.measurement import Assessment
from controller.model.policy_files import INTEGRATION
from controller.model.sites.calendar import CalendarFile
from controller.model.sites.schools import School
from controller.model.sites.stages import STAGES, Stage
from controller.operations.integration_settings import IntegrationSettings

_LAST = {Assessment.MEETS: 0, Assessment.WITHIN_ERROR: 0, Assessment.NOT_MEASURED: 1, Assessment.BELOW: 2}
"""Who comes first, by the assessment of the school's line."""


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """A school, the stage that it goes to, and the day. `planned`: the policy says so already."""

    school: School
    stage: Stage
    day: date
    week: VacationWeek | None
    line: Assessment
    planned: bool = False

    @property
    def assumed(self) -> bool:
        """Whether the calendar does not reach so far."""
        return self.week is not None and self.week.assumed


@dataclass(frozen=True, slots=True)
class Shortage:
    """The first change that finds no week: which schools, to which stage, and why, in a sentence's facts."""

    schools: tuple[School, ...]
    stage: Stage
    needed: int
    places: int
    together: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """The changes in the order of their days, and the first shortage; with one there are no changes.

    `faults`: what the policy plans already, and the settings do not allow. It stays where it is; what is overdue gets a
    new day.
    """

    changes: tuple[ScheduledChange, ...]
    weeks: tuple[VacationWeek, ...]
    shortage: Shortage | None = None
    faults: tuple[PlannedFault, ...] = ()

    @property
    def is_feasible(self) -> bool:
        """Tell if every school finds a week, and the settings allow what the policy plans already."""
        return self.shortage is None and not self.faults


@dataclass(slots=True)
class _Unit:
    """Schools that change together, the stages that they still go to, and the day from which the next may be."""

    schools: tuple[School, ...]
    entry: Integration
    stages: list[Stage]
    rank: int
    ready: date
    done: list[tuple[Stage, date, VacationWeek | None, bool]] = field(default_factory=list)


def build_schedule(
    city: City, lines: Mapping[str, Assessment], settings: IntegrationSettings, today: date, calendar: CalendarFile
) -> Schedule:
    """Build the schedule of all schools in service, from tomorrow on.

    Args:
        city: its policy has `city/integration.yaml`.
        lines: the assessment of each school's line by the school's id; one that is missing was not measured.
        settings: how many schools a week, until when, and how long two networks stay beside each other.
        today: nothing changes on it or before.
        calendar: the city's.
    """
    weeks = list_vacation_weeks(calendar, today + timedelta(days=1), settings.until)
    shortage: Shortage | None = None
    faults: tuple[PlannedFault, ...] = ()
    for finish_first in (True, False):
        units = _list_units(city, lines, settings, today)
        faults = find_unconfirmed_changes(_list_entries(city), today)
        faults += find_planned_faults(((one.schools, one.entry) for one in units), settings, today)
        taken = _take_planned(units, settings, today)
        _fill(units, weeks, taken, settings, calendar, finish_first=finish_first)
        shortage = _find_shortage(units, weeks, settings)
        if shortage is None:
            return Schedule(_list_changes(units, lines), weeks, faults=faults)
    return Schedule((), weeks, shortage, faults)


def _list_entries(city: City) -> Iterator[tuple[School, Integration]]:
    """Yield the schools in service that are in a stage, with the entry that holds for each."""
    for school in city.schools:
        entry = city.integrations.find_entry(school)
        if entry is not None and school.id not in city.cut_offs.closed:
            yield school, entry


def _find_entry_of_today(city: City, school: School) -> Integration | None:
    """Find how a school stands today: a change that is written and waits for its day is one to come."""
    entry = city.integrations.find_entry(school)
    return entry.get_as_of(city.policy_date) if entry else None


def _list_units(city: City, lines: Mapping[str, Assessment], settings: IntegrationSettings, today: date) -> list[_Unit]:
    file = city.files.find(INTEGRATION)
    shared = {one.ward for one in file.shared} if file else set()
    grouped: dict[tuple[str, str], list[School]] = {}
    for school in city.schools:
        entry = _find_entry_of_today(city, school)
        # Who is integrated has nothing to come, unless the policy plans the way back.
        has_more = entry is not None and (entry.stage is not Stage.INTEGRATED or entry.next is not None)
        if has_more and school.id not in city.cut_offs.closed:
            key = ("ward", school.ward) if school.ward in shared else ("school", school.id)
            grouped.setdefault(key, []).append(school)
    units = []
    for schools in grouped.values():
        entry = _find_entry_of_today(city, schools[0])
        assert entry is not None  # noqa: S101 a school in a stage has an entry
        rank = max(_LAST[lines.get(one.id, Assessment.NOT_MEASURED)] for one in schools)
        ready = today
        if entry.since is not None and entry.stage is Stage.COEXIST:
            ready = entry.since + timedelta(weeks=settings.least_weeks_in_coexist)
        units.append(_Unit(tuple(schools), entry, [*STAGES[STAGES.index(entry.stage) + 1 :]], rank, ready))
    return units


def _take_planned(units: Iterable[_Unit], settings: IntegrationSettings, today: date) -> dict[date, int]:
    """Put what the policy plans already to its day; return how many schools that takes of each week.

    What is overdue is no change to come: it gets a day like what nobody has planned.
    """
    taken: dict[date, int] = {}
    for unit in units:
        following = unit.entry.next
        if following is None or is_overdue(unit.entry, today):
            continue
        monday = find_monday(following.cutover)
        taken[monday] = taken.get(monday, 0) + len(unit.schools)
        unit.done.append((following.stage, following.cutover, None, True))
        unit.stages = [*STAGES[STAGES.index(following.stage) + 1 :]]
        unit.ready = following.cutover + timedelta(weeks=settings.least_weeks_in_coexist)
    return taken


def _fill(  # noqa: PLR0913 what a schedule is made of
    units: Sequence[_Unit],
    weeks: Sequence[VacationWeek],
    taken: dict[date, int],
    settings: IntegrationSettings,
    calendar: CalendarFile,
    *,
    finish_first: bool,
) -> None:
    def order(unit: _Unit) -> tuple[int, int]:
        left = len(unit.stages)
        return unit.rank, left if finish_first else -left

    for week in weeks:
        for unit in sorted((one for one in units if one.stages), key=order):
            number = taken.get(week.monday, 0)
            free = [day for day in week.days if day >= unit.ready and _is_free(calendar, unit, day)]
            if not free or number + len(unit.schools) > settings.schools_per_week or not _is_due(unit, units):
                continue
            taken[week.monday] = number + len(unit.schools)
            day = free[number % len(free)]
            unit.done.append((unit.stages.pop(0), day, week, False))
            unit.ready = day + timedelta(weeks=settings.least_weeks_in_coexist)


def _is_free(calendar: CalendarFile, unit: _Unit, day: date) -> bool:
    known = find_known_day(calendar, day)
    return not any(calendar.is_exam_day(known, one.kind, one.id) for one in unit.schools)


def _is_due(unit: _Unit, units: Sequence[_Unit]) -> bool:
    """Tell if nobody with a better line still waits for the stage that schools with a poor one would go to."""
    if unit.rank < _LAST[Assessment.BELOW]:
        return True
    return not any(unit.stages[0] in one.stages for one in units if one.rank < unit.rank)


def _find_shortage(
    units: Sequence[_Unit], weeks: Sequence[VacationWeek], settings: IntegrationSettings
) -> Shortage | None:
    places = len({week.monday for week in weeks}) * settings.schools_per_week
    needed = sum(len(unit.schools) * (len(unit.stages) + sum(not one[3] for one in unit.done)) for unit in units)
    short = sorted((one for one in units if one.stages), key=lambda one: (one.rank, -len(one.schools)))
    for unit in short:
        together = len(unit.schools) > settings.schools_per_week
        return Shortage(unit.schools, unit.stages[0], needed, places, together)
    return None


def _list_changes(units: Iterable[_Unit], lines: Mapping[str, Assessment]) -> tuple[ScheduledChange, ...]:
    found = [
        ScheduledChange(school, stage, day, week, lines.get(school.id, Assessment.NOT_MEASURED), planned)
        for unit in units
        for stage, day, week, planned in unit.done
        for school in unit.schools
    ]
    return tuple(sorted(found, key=lambda one: (one.day, one.school.id)))
