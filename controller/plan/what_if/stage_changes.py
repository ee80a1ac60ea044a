"""Integration in what-if: schools that change their stage, and answers that change in a stage to come.

The other parts judge each school in the stage that it is in. A rule, port or network of a stage that a school is not in
yet changes no answer of today; it does when the school gets there, so it is judged there, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from controller.model.city import City
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage, are_adjacent
from controller.plan.what_if.changes import (
    SKIPS,
    IdentityChange,
    LaterChange,
    NetworkChange,
    SeatChange,
    StageChange,
    StagedChange,
    WaitingStage,
)
from controller.plan.what_if.equipment_changes import find_seat_changes
from controller.plan.what_if.identity_changes import find_identity_changes
from controller.plan.what_if.network_changes import find_network_changes
from controller.prove.stage_variants import list_stage_variants

_StageAndDay = tuple[Stage | None, WaitingStage | None]
"""The stage of a school, and what it stays in before the day of that."""


def find_stage_changes(before: City, after: City) -> list[StageChange]:
    """Return the schools of both policies that are in another stage, or wait for another day, by how they change."""
    found: dict[tuple[_StageAndDay, _StageAndDay], list[str]] = {}
    for school in after.schools:
        old = before.school_by_id.get(school.id)
        if old is not None and (pair := (_find_stage(before, old), _find_stage(after, school)))[0] != pair[1]:
            found.setdefault(pair, []).append(school.id)
    return [
        StageChange(str(old or ""), str(new or ""), tuple(schools), (SKIPS,) if _skips(old, new) else (), waited, waits)
        for ((old, waited), (new, waits)), schools in found.items()
    ]


def _find_stage(city: City, school: School) -> _StageAndDay:
    entry = city.integrations.find_entry(school)
    waits = entry is not None and entry.is_waiting(city.policy_date)
    return city.find_stage(school), WaitingStage(str(entry.came_from), str(entry.since)) if entry and waits else None


def _skips(old: Stage | None, new: Stage | None) -> bool:
    return old is not None and new is not None and not are_adjacent(old, new)


def find_later_changes(before: City, after: City, of_today: Iterable[object]) -> list[LaterChange]:
    """Return what changes in each stage, with all schools in it, and is not told of today for the same schools."""
    known: dict[object, set[str]] = {}
    for one in of_today:
        if isinstance(one, NetworkChange | IdentityChange | SeatChange):
            known.setdefault(_name(one), set()).update(_list_places(one))
    if not (before.integrations.named and after.integrations.named):
        return []
    found: list[LaterChange] = []
    old, new = list_stage_variants(before), list_stage_variants(after)
    for stage in Stage:
        # The same change at more schools than today is not told by today's: it opens something there, too.
        found += [
            LaterChange(str(stage), one)
            for one in _compare(old[stage], new[stage])
            if (places := known.get(_name(one))) is None or not places.issuperset(_list_places(one))
        ]
    return found


def _compare(before: City, after: City) -> Iterator[StagedChange]:
    yield from find_network_changes(before, after)
    yield from find_identity_changes(before, after)
    yield from find_seat_changes(before, after)


def _name(one: StagedChange) -> object:
    """A change without where it is, and without what shows it."""
    match one:
        case NetworkChange():
            return replace(one, schools=(), packet="", rules=(), surprises=())
        case IdentityChange():
            return replace(one, registered=(), person="", rules=(), surprises=())
        case SeatChange():
            return replace(one, seats=0, schools=(), surprises=())


def _list_places(one: StagedChange) -> tuple[str, ...]:
    """Where a change is: its schools, or where devices are registered."""
    return one.registered if isinstance(one, IdentityChange) else one.schools
