"""`tsunagu integrate schedule`: which school changes its stage when, in vacations only."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.estates import load_estate_city, load_estate_operations
from controller.cli.integration.line_assessments import assess_lines
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, Policies, State, speak
from controller.cli.output import Exit, get_words, print_message, say_json, write_output
from controller.integration.schedule.build_schedule import Schedule, ScheduledChange, Shortage, build_schedule
from controller.integration.schedule.planned_faults import PlannedFault, PlannedFaultKind
from controller.integration.schedule.write_table import write_schedule_table
from controller.integration.stage_change import require_stages
from controller.model.city import City
from controller.model.measurement import Assessment
from controller.model.policy_files import CALENDAR, require_file
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage
from controller.operations.integration_settings import IntegrationSettings

_MOST_NAMED = 8
TableFile = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the changes as CSV, too.")]


class ChangeDocument(TypedDict):
    """A school's change of stage. `assumed`: the calendar does not reach so far; `planned`: the policy says so."""

    school: str
    name: str
    ward: str
    stage: Stage
    day: str
    line: Assessment
    assumed: bool
    planned: bool


class ShortageDocument(TypedDict):
    """The first schools that find no week. `together`: they share a segment and are more than a week takes."""

    schools: list[str]
    stage: Stage
    needed: int
    places: int
    together: bool


class PlannedFaultDocument(TypedDict):
    """A change that the policy plans, and the settings do not allow. `day`: of `too-many` the Monday of the week."""

    kind: PlannedFaultKind
    schools: list[str]
    stage: Stage | None
    day: str


class ScheduleDocument(TypedDict):
    """Every change in the order of its day; none with a shortage."""

    until: str
    schools_per_week: int
    changes: list[ChangeDocument]
    line_below: list[str]
    not_measured: list[str]
    shortage: ShortageDocument | None
    faults: list[PlannedFaultDocument]


def show_schedule(  # noqa: PLR0913 the command's options
    *,
    csv: TableFile = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Say which school changes its stage when, until all are integrated: in vacations only, and so many a week.

    How many a week, until when, and how long two networks stay is in the operators' file (integration). Schools whose
    line is below their need come last, and are named. Nothing is written but the CSV that was asked for.

    Exit code 2 where no schedule fits: the first school that finds no week is named. And where the policy plans a
    change already that the settings do not allow, or whose day is past.
    """
    speak(lang)
    city = load_estate_city(policies, lab=lab)
    operations = load_estate_operations(city)
    settings = operations.integration
    require_stages(city)
    advice = "write the terms there (docs/policy.md): without them nobody knows the vacations"
    calendar = require_file(city.files, city.directory, CALENDAR, advice)
    lines = {name: one.assessment for name, one in assess_lines(city, operations, state).items()}
    found = build_schedule(city, lines, settings, city.policy_date, calendar)
    if csv is not None and found.shortage is None:
        write_output(write_schedule_table(city, found.changes, get_words()), csv)
    if as_json:
        say_json({**_describe_schedule(found, settings)})
    else:
        _print_schedule(city, found, settings)
    if not found.is_feasible:
        raise typer.Exit(Exit.DIFFERS)


def _describe_schedule(found: Schedule, settings: IntegrationSettings) -> ScheduleDocument:
    shortage = found.shortage
    return {
        "until": settings.until.isoformat(),
        "schools_per_week": settings.schools_per_week,
        "changes": [_describe_change(one) for one in found.changes],
        "line_below": _list_schools(found, Assessment.BELOW),
        "not_measured": _list_schools(found, Assessment.NOT_MEASURED),
        "shortage": None
        if shortage is None
        else {
            "schools": [one.id for one in shortage.schools],
            "stage": shortage.stage,
            "needed": shortage.needed,
            "places": shortage.places,
            "together": shortage.together,
        },
        "faults": [
            {
                "kind": one.kind,
                "schools": [own.id for own in one.schools],
                "stage": one.stage,
                "day": one.day.isoformat(),
            }
            for one in found.faults
        ],
    }


def _describe_change(one: ScheduledChange) -> ChangeDocument:
    return {
        "school": one.school.id,
        "name": one.school.name,
        "ward": one.school.ward,
        "stage": one.stage,
        "day": one.day.isoformat(),
        "line": one.line,
        "assumed": one.assumed,
        "planned": one.planned,
    }


def _list_schools(found: Schedule, line: Assessment) -> list[str]:
    return list(dict.fromkeys(one.school.id for one in found.changes if one.line is line))


def _print_schedule(city: City, found: Schedule, settings: IntegrationSettings) -> None:
    words = get_words()
    print_message("integration.schedule-title", "bold", until=settings.until, count=settings.schools_per_week)
    for fault in found.faults:
        _print_fault(fault, settings)
    if found.shortage is not None:
        _print_shortage(found.shortage, settings)
        return
    if not found.changes:
        print_message("integration.schedule-nothing")
        return
    counted = Counter((_name_vacation(one), one.stage) for one in found.changes)
    for (vacation, stage), count in counted.items():
        print_message(
            "integration.schedule-vacation", vacation=vacation, stage=words[f"integration.{stage}"], count=count
        )
    for one in found.changes:
        marks = [words[f"integration.{mark}"] for mark in ("planned", "assumed") if getattr(one, mark)]
        marks += [words[f"assessments.{one.line}"]] if one.line is Assessment.BELOW else []
        print_message(
            "integration.schedule-line",
            day=one.day,
            school=_name_school(one.school),
            stage=words[f"integration.{one.stage}"],
            marks=f" [{', '.join(marks)}]" if marks else "",
        )
    for key, line in (("below", Assessment.BELOW), ("unmeasured", Assessment.NOT_MEASURED)):
        schools = _list_schools(found, line)
        if schools:
            # Those that come last are all named; where nobody has measured yet, that is every school.
            shown = schools if line is Assessment.BELOW else schools[:_MOST_NAMED]
            named = ", ".join(_name_school(city.school_by_id[name]) for name in shown)
            named += " …" if len(shown) < len(schools) else ""
            print_message(f"integration.schedule-{key}", "yellow", count=len(schools), schools=named)


def _name_vacation(one: ScheduledChange) -> str:
    words = get_words()
    if one.week is None:
        return words["integration.planned"]
    return words.say("integration.vacation", year=one.week.fiscal_year, term=one.week.after)


def _name_school(school: School) -> str:
    return get_words().say("common.named", name=school.id, called=school.name)


def _print_shortage(shortage: Shortage, settings: IntegrationSettings) -> None:
    named = ", ".join(_name_school(one) for one in shortage.schools)
    stage = get_words()[f"integration.{shortage.stage}"]
    if shortage.together:
        print_message(
            "integration.shortage-together",
            "red",
            schools=named,
            count=len(shortage.schools),
            most=settings.schools_per_week,
        )
    else:
        print_message("integration.shortage", "red", schools=named, stage=stage, until=settings.until)
    print_message("integration.shortage-places", needed=shortage.needed, places=shortage.places)


def _print_fault(fault: PlannedFault, settings: IntegrationSettings) -> None:
    words = get_words()
    stage = words[f"integration.{fault.stage}"] if fault.stage else ""
    marks = {
        "schools": ", ".join(_name_school(one) for one in fault.schools),
        "count": len(fault.schools),
        "stage": stage,
        "day": fault.day,
        "until": settings.until,
        "weeks": settings.least_weeks_in_coexist,
        "most": settings.schools_per_week,
    }
    print_message(f"integration.planned-{fault.kind}", "red", **marks)
