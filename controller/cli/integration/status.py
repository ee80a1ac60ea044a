"""`tsunagu integrate status`: the stage of each school, and what stands in the way of the next one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import typer
from typing_extensions import TypedDict

from controller.cli.estates import choose_state_folder, load_estate_city, load_estate_operations
from controller.cli.integration.computer_figures import (
    ListedDocument,
    SeenDocument,
    describe_listed,
    describe_seen,
    say_figures,
)
from controller.cli.integration.line_assessments import assess_lines
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, Policies, Schools, State, Wards, speak
from controller.cli.output import Exit, get_words, print_message, say_json
from controller.integration.computers.count_store import read_computer_counts
from controller.integration.stage_change import require_stages
from controller.integration.status import Blocker, SchoolStatus, list_school_statuses
from controller.model.city import City
from controller.model.measurement import Assessment
from controller.model.sites.stages import STAGES, Stage
from controller.plan.select import Selection, select_schools_in_service


class SchoolStageDocument(TypedDict):
    """A school in its stage. `following` and `cutover`: what the policy plans; null where it plans nothing.

    `listed_computers` and `seen_computers` are left in the old networks, by the inventory and by the switches; null
    where nobody has counted. Without either nothing is judged of them. `unconfirmed`: the day of `stage` has come, and
    nobody has confirmed that the devices hold it.
    """

    school: str
    name: str
    ward: str
    stage: Stage
    since: str | None
    by: str
    following: Stage | None
    cutover: str | None
    retire_by: str | None
    line: Assessment
    listed_computers: ListedDocument | None
    seen_computers: SeenDocument | None
    unconfirmed: bool
    blockers: list[Blocker]


class StagesDocument(TypedDict):
    """How many schools are in each stage, and every one of them."""

    counts: dict[Stage, int]
    schools: list[SchoolStageDocument]


def show_status(  # noqa: PLR0913 the command's options
    *,
    schools: Schools = None,
    wards: Wards = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Say in which stage each school is, what comes next, and what stands in its way.

    Exit code 2 where the day of a cut-over is past and the school is still in the stage before it, or nobody has
    confirmed that it is in the next one.
    """
    speak(lang)
    city = load_estate_city(policies, lab=lab)
    require_stages(city)
    operations = load_estate_operations(city)
    chosen = {one.id for one in select_schools_in_service(city, Selection(tuple(schools or ()), tuple(wards or ())))}
    lines = assess_lines(city, operations, state)
    folder = choose_state_folder(city.estate, operations, state, Path(city.directory))
    counts = read_computer_counts(folder, city.id)
    found = [one for one in list_school_statuses(city, lines, city.policy_date, counts) if one.school.id in chosen]
    if as_json:
        say_json({**_describe_stages(found)})
    else:
        _print_stages(city, found)
    if any(one.is_late for one in found):
        raise typer.Exit(Exit.DIFFERS)


def _describe_stages(found: Sequence[SchoolStatus]) -> StagesDocument:
    counts = Counter(one.stage for one in found)
    return {"counts": {stage: counts[stage] for stage in STAGES}, "schools": [_describe(one) for one in found]}


def _describe(one: SchoolStatus) -> SchoolStageDocument:
    return {
        "school": one.school.id,
        "name": one.school.name,
        "ward": one.school.ward,
        "stage": one.stage,
        "since": one.since.isoformat() if one.since else None,
        "by": one.by,
        "following": one.following,
        "cutover": one.cutover.isoformat() if one.cutover else None,
        "retire_by": one.retire_by.isoformat() if one.retire_by else None,
        "line": one.line,
        "listed_computers": describe_listed(one.computers.listed),
        "seen_computers": describe_seen(one.computers.seen),
        "unconfirmed": one.unconfirmed,
        "blockers": list(one.blockers),
    }


def _print_stages(city: City, found: Sequence[SchoolStatus]) -> None:
    words = get_words()
    for one in found:
        named = words.say("common.named", name=one.school.id, called=one.school.name)
        parts = [words[f"integration.{one.stage}"]]
        if one.since is not None:
            key = "integration.since-unconfirmed" if one.unconfirmed else "integration.since"
            parts.append(words.say(key, day=one.since))
        if one.following is not None:
            key = "integration.waiting" if one.waiting else "integration.next"
            parts.append(words.say(key, stage=words[f"integration.{one.following}"], day=one.cutover))
        if one.computers.has_figure or one.stage is Stage.COEXIST:
            parts.append(say_figures(city, one.computers))
        blocked = ", ".join(words[f"integration.{blocker}"] for blocker in one.blockers)
        if blocked:
            parts.append(words.say("integration.blocked", reasons=blocked))
        print_message("integration.status-line", "red" if one.is_late else None, school=named, said="; ".join(parts))
    counts = Counter(one.stage for one in found)
    said = ", ".join(f"{words[f'integration.{stage}']} {counts[stage]}" for stage in STAGES)
    print_message("integration.status-total", "bold", schools=len(found), counts=said)
