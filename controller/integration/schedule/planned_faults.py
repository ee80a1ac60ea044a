"""What is wrong with the changes that the policy plans already, by the operators' own settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from controller.model.integration.integrations import Integration
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage
from controller.operations.integration_settings import IntegrationSettings


class PlannedFaultKind(StrEnum):
    """Why a planned change does not fit."""

    OVERDUE = "overdue"
    """Its day is past, and the school is still in the stage before: it needs a new day."""
    UNCONFIRMED = "unconfirmed"
    """Its day is past, and nobody has confirmed that the devices hold the stage: it is not known to be done."""
    TOO_LATE = "too-late"
    """Its day is after the last one of the schedule."""
    TOO_SOON = "too-soon"
    """The old network and the new one would be beside each other for fewer weeks than they must."""
    TOO_MANY = "too-many"
    """More schools change in its week than may."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """Schools whose planned change to `stage` on `day` does not fit.

    Of `too-many` the day is the Monday of the week, and the stage None: schools may go to different ones.
    """

    kind: PlannedFaultKind
    schools: tuple[School, ...]
    stage: Stage | None
    day: date


def is_overdue(entry: Integration, today: date) -> bool:
    """Tell if the day of a planned change is past."""
    return entry.next is not None and entry.next.cutover < today


def find_unconfirmed_changes(entries: Iterable[tuple[School, Integration]], today: date) -> tuple[PlannedFault, ...]:
    """Find the changes that were written for a day that is past, and are not known to be done, by entry."""
    schools: dict[tuple[str, str], list[School]] = {}
    changes: dict[tuple[str, str], tuple[Stage, date]] = {}
    for school, entry in entries:
        if entry.is_unconfirmed(today) and entry.since is not None and entry.since < today:
            schools.setdefault(entry.subject, []).append(school)
            changes[entry.subject] = entry.stage, entry.since
    return tuple(PlannedFault(PlannedFaultKind.UNCONFIRMED, tuple(schools[key]), *changes[key]) for key in changes)


def find_monday(day: date) -> date:
    """Return the Monday of the week that a day is in."""
    return day - timedelta(days=day.weekday())


def find_planned_faults(
    planned: Iterable[tuple[tuple[School, ...], Integration]], settings: IntegrationSettings, today: date
) -> tuple[PlannedFault, ...]:
    """Find what is wrong with the planned changes of schools that change together."""
    return tuple(_list_faults(tuple(planned), settings, today))


def _list_faults(
    planned: tuple[tuple[tuple[School, ...], Integration], ...], settings: IntegrationSettings, today: date
) -> Iterator[PlannedFault]:
    weekly: dict[date, tuple[School, ...]] = {}
    for schools, entry in planned:
        if entry.next is None:
            continue
        stage, day = entry.next.stage, entry.next.cutover
        if is_overdue(entry, today):
            yield PlannedFault(PlannedFaultKind.OVERDUE, schools, stage, day)
            continue
        weekly[find_monday(day)] = (*weekly.get(find_monday(day), ()), *schools)
        if day > settings.until:
            yield PlannedFault(PlannedFaultKind.TOO_LATE, schools, stage, day)
        least = timedelta(weeks=settings.least_weeks_in_coexist)
        if stage is Stage.INTEGRATED and entry.since is not None and day < entry.since + least:
            yield PlannedFault(PlannedFaultKind.TOO_SOON, schools, stage, day)
    for monday, schools in weekly.items():
        if len(schools) > settings.schools_per_week:
            yield PlannedFault(PlannedFaultKind.TOO_MANY, schools, None, monday)
