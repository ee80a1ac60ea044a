from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from controller.integration.schedule.build_schedule import build_schedule
from controller.integration.schedule.planned_faults import PlannedFaultKind
from controller.integration.schedule.vacation_weeks import find_known_day, list_vacation_weeks
from controller.integration.stage_change import StageSubject, change_stage
from controller.integration.status import list_school_statuses
from controller.model.city import City
from controller.model.integration.integrations import IntegrationFile, NextStage, SharedSegment
from controller.model.measurement import Assessment
from controller.model.policy_files import INTEGRATION
from controller.model.sites.calendar import CalendarFile, DayKind
from controller.model.sites.stages import Stage
from controller.operations.integration_settings import IntegrationSettings
from tests.policies import TODAY

BY = "教育DX推進課"


def bound(**settings: object) -> IntegrationSettings:
    return IntegrationSettings().model_copy(update=settings)


def separate(city: City, stage: Stage = Stage.SEPARATED) -> City:
    for ward in city.wards:
        city = change_stage(city, StageSubject("ward", ward.id), stage, by=BY, since=None)
    return city


@pytest.fixture
def calendar(city: City) -> CalendarFile:
    assert city.calendar is not None
    return city.calendar


def test_weeks_are_those_of_vacations_only(calendar: CalendarFile) -> None:
    weeks = list_vacation_weeks(calendar, date(2026, 4, 1), date(2027, 3, 31))
    days = [day for week in weeks for day in week.days]
    assert len(days) == len(set(days)) >= 40
    for day in days:
        assert calendar.find_day_kind(day) is DayKind.FREE
        assert day.weekday() < 5
        assert not any(day in one for one in calendar.terms)
    assert date(2026, 12, 28) in days
    assert not {date(2026, 12, 29), date(2027, 1, 1), date(2027, 1, 3)} & set(days)
    assert not any(week.assumed for week in weeks)


def test_beyond_the_calendar_its_last_year_comes_again_and_says_so(calendar: CalendarFile) -> None:
    weeks = list_vacation_weeks(calendar, date(2028, 4, 1), date(2029, 3, 31))
    assert {(week.fiscal_year, week.after) for week in weeks} == {
        (2027, "3学期"),
        *((2028, f"{term}学期") for term in (1, 2, 3)),
    }
    assert all(week.assumed for week in weeks)
    assert find_known_day(calendar, date(2028, 2, 29)) == date(2027, 2, 28)


def test_every_school_is_integrated_within_the_bounds(city: City, calendar: CalendarFile) -> None:
    settings = IntegrationSettings()
    found = build_schedule(separate(city), {}, settings, TODAY, calendar)
    assert found.shortage is None
    stages: dict[str, list[tuple[date, Stage]]] = {}
    for one in found.changes:
        stages.setdefault(one.school.id, []).append((one.day, one.stage))
    assert set(stages) == set(city.school_by_id)
    for changes in stages.values():
        (first, begun), (second, done) = changes
        assert (begun, done) == (Stage.COEXIST, Stage.INTEGRATED)
        assert second - first >= timedelta(weeks=settings.least_weeks_in_coexist)
    weekly = Counter(one.day - timedelta(days=one.day.weekday()) for one in found.changes)
    assert max(weekly.values()) <= settings.schools_per_week
    assert max(one.day for one in found.changes) <= settings.until
    assert min(one.day for one in found.changes) > TODAY


def test_schools_with_a_poor_line_come_last(city: City, calendar: CalendarFile) -> None:
    poor = {"kw-e01", "as-e04"}
    lines = {one.id: Assessment.BELOW if one.id in poor else Assessment.MEETS for one in city.schools}
    found = build_schedule(separate(city, Stage.COEXIST), lines, IntegrationSettings(), TODAY, calendar)
    assert found.shortage is None
    first = min(one.day for one in found.changes if one.school.id in poor)
    last = max(one.day for one in found.changes if one.school.id not in poor)
    assert last - timedelta(days=last.weekday()) <= first
    assert {one.school.id for one in found.changes if one.line is Assessment.BELOW} == poor


def test_what_is_planned_stays_and_takes_its_place(city: City, calendar: CalendarFile) -> None:
    changed = separate(city, Stage.COEXIST)
    file = changed.files.get(INTEGRATION)
    day = date(2026, 12, 28)
    planned = file.integrations[0].model_copy(update={"next": NextStage(stage=Stage.INTEGRATED, cutover=day)})
    changed = changed.replace_file(INTEGRATION, IntegrationFile(integrations=(planned, *file.integrations[1:])))
    settings = bound(schools_per_week=40)
    found = build_schedule(changed, {}, settings, TODAY, calendar)
    own = [one for one in found.changes if one.planned]
    assert {one.school.ward for one in own} == {planned.ward}
    assert {one.day for one in own} == {day}
    that_week = [one for one in found.changes if timedelta() <= one.day - day < timedelta(days=7)]
    assert len(that_week) <= settings.schools_per_week


def test_the_first_shortage_is_told(city: City, calendar: CalendarFile) -> None:
    settings = bound(schools_per_week=1, until=date(2027, 3, 31))
    found = build_schedule(separate(city), {}, settings, TODAY, calendar)
    assert found.changes == ()
    assert found.shortage is not None
    assert not found.shortage.together
    assert found.shortage.needed == 2 * len(city.schools) > found.shortage.places


def test_schools_that_share_a_segment_change_in_one_week(city: City, calendar: CalendarFile) -> None:
    changed = separate(city, Stage.COEXIST)
    shared = SharedSegment(
        segment="staff-legacy", ward="asao", reason="one VLAN over all schools", origin=city.wards[0].origin
    )
    file = changed.files.get(INTEGRATION).model_copy(update={"shared": (shared,)})
    changed = changed.replace_file(INTEGRATION, file)
    size = sum(school.ward == "asao" for school in city.schools)
    few = build_schedule(changed, {}, bound(schools_per_week=size - 1), TODAY, calendar)
    assert few.shortage is not None
    assert few.shortage.together
    assert {one.ward for one in few.shortage.schools} == {"asao"}
    enough = build_schedule(changed, {}, bound(schools_per_week=size), TODAY, calendar)
    assert enough.shortage is None
    weeks = {one.week.monday for one in enough.changes if one.school.ward == "asao" and one.week}
    assert len(weeks) == 1


def plan_ward(city: City, ward: str, **entry: object) -> City:
    file = city.files.get(INTEGRATION)
    listed = [one.model_copy(update=entry) if one.ward == ward else one for one in file.integrations]
    return city.replace_file(INTEGRATION, IntegrationFile(integrations=tuple(listed)))


@pytest.mark.parametrize(
    ("days", "settings", "kind"),
    [
        ((date(2026, 12, 28), None), {}, PlannedFaultKind.TOO_MANY),
        ((date(2029, 8, 1), None), {"until": date(2029, 3, 31), "schools_per_week": 40}, PlannedFaultKind.TOO_LATE),
        ((date(2026, 12, 28), date(2026, 11, 20)), {"schools_per_week": 40}, PlannedFaultKind.TOO_SOON),
        ((date(2026, 8, 3), None), {"schools_per_week": 40}, PlannedFaultKind.OVERDUE),
    ],
)
def test_what_is_planned_against_the_settings_is_told_by_name(
    city: City,
    calendar: CalendarFile,
    days: tuple[date, date | None],
    settings: dict[str, object],
    kind: PlannedFaultKind,
) -> None:
    following = NextStage(stage=Stage.INTEGRATED, cutover=days[0])
    planned = plan_ward(separate(city, Stage.COEXIST), "asao", next=following, since=days[1])
    found = build_schedule(planned, {}, bound(**settings), TODAY, calendar)
    told = [(fault.kind, one) for fault in found.faults for one in fault.schools]
    assert {which for which, _ in told} == {kind}
    assert sorted(one.id for _, one in told) == sorted(one.id for one in city.schools if one.ward == "asao")
    assert found.shortage is None
    own = [one for one in found.changes if one.school.ward == "asao"]
    assert own
    assert min(one.day for one in own) >= TODAY
    assert all(one.planned is (kind is not PlannedFaultKind.OVERDUE) for one in own)


@pytest.mark.parametrize("words", ["next", "written"])
def test_a_planned_way_back_takes_its_place(city: City, calendar: CalendarFile, words: str) -> None:
    """It needs people as any change does, and the school has the way to the last stage before it again."""
    day = date(2026, 12, 28)
    changed = separate(city, Stage.INTEGRATED)
    file = changed.files.get(INTEGRATION)
    assert file is not None
    back: dict[str, object] = {"next": NextStage(stage=Stage.COEXIST, cutover=day)}
    if words == "written":
        back = {"stage": Stage.COEXIST, "since": day, "came_from": Stage.INTEGRATED}
    listed = tuple(one.model_copy(update=back) if one.ward == "asao" else one for one in file.integrations)
    changed = changed.replace_file(INTEGRATION, IntegrationFile(integrations=listed))
    ours = {one.id for one in changed.schools if one.ward == "asao"}
    found = build_schedule(changed, {}, bound(schools_per_week=len(ours)), TODAY, calendar)
    planned = {one.school.id for one in found.changes if one.planned and (one.stage, one.day) == (Stage.COEXIST, day)}
    assert planned == ours
    assert {one.school.id for one in found.changes if one.stage is Stage.INTEGRATED} == ours
    assert found.is_feasible
    narrow = build_schedule(changed, {}, bound(schools_per_week=len(ours) - 1), TODAY, calendar)
    assert PlannedFaultKind.TOO_MANY in {one.kind for one in narrow.faults}


def test_a_way_back_whose_day_is_past_is_told(city: City, calendar: CalendarFile) -> None:
    changed = separate(city, Stage.INTEGRATED)
    file = changed.files.get(INTEGRATION)
    assert file is not None
    late = {"next": NextStage(stage=Stage.COEXIST, cutover=date(2026, 8, 3))}
    listed = tuple(one.model_copy(update=late) if one.ward == "asao" else one for one in file.integrations)
    changed = changed.replace_file(INTEGRATION, IntegrationFile(integrations=listed))
    found = build_schedule(changed, {}, IntegrationSettings(), TODAY, calendar)
    assert {one.kind for one in found.faults} == {PlannedFaultKind.OVERDUE}
    late_schools = {one.school.ward for one in list_school_statuses(changed, {}, TODAY) if one.is_late}
    assert late_schools == {"asao"}
