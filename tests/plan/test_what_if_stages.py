"""what-if and integration: schools that change their stage are told first, and answers of stages to come are judged."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from controller.integration.stage_change import StageSubject, change_stage
from controller.model.city import City
from controller.model.sites.stages import Stage
from controller.plan.what_if.changes import Changes, NetworkChange, SeatChange, WaitingStage
from controller.plan.what_if.compare import compare_policies
from controller.plan.what_if.markdown import write_markdown
from tests.policies import PolicyFolder

RULES, INTEGRATION = "access/rules.yaml", "city/integration.yaml"


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def moved(city: City, stage: Stage, noun: str = "ward", name: str = "asao") -> City:
    return change_stage(city, StageSubject(noun, name), stage, by="x", since=date(2026, 12, 26))


def first_table(changes: Changes, language: str = "en") -> str:
    return write_markdown(changes, 176, "ja" if language == "ja" else "en").split("###")[1]


def test_a_step_is_told_first_in_both_languages(city: City) -> None:
    changes = compare_policies(city, moved(city, Stage.INTEGRATED))
    (stage,) = changes.stages
    assert (stage.before, stage.after, len(stage.schools), stage.surprises) == ("coexist", "integrated", 23, ())
    assert not changes.nothing
    assert not changes.later
    assert not changes.unjudged
    assert "Schools that change their stage of integration" in first_table(changes)
    assert "| 23: as-e01, as-e02, " in first_table(changes)
    assert first_table(changes).rstrip().endswith(": coexist -> integrated |")
    assert first_table(changes, "ja").rstrip().endswith("併存 → 統合済み |")
    assert {one.application for one in changes.network if one.segment == "staff-legacy"} == {"grading", "printing"}


def test_a_stage_that_is_skipped_is_the_most_dangerous(city: City) -> None:
    changes = compare_policies(moved(city, Stage.SEPARATED), moved(city, Stage.INTEGRATED))
    (stage,) = changes.stages
    assert stage.surprises == ("skips a stage",)
    said = write_markdown(changes, 176).partition("### Look at these first")[2]
    assert said.split("|---|---|\n")[1].startswith("| skips a stage | 23: as-e01, ")


def test_a_way_that_opens_in_a_stage_to_come_is_told_today(policies: PolicyFolder) -> None:
    before = policies.load()
    policies.append(
        RULES,
        "  - id: shortcut\n    effect: permit\n    purpose: x\n    applications: [affairs]\n"
        "    schools: {stages: [integrated]}\n    network: {from: [pupil]}\n",
    )
    changes = compare_policies(before, policies.load())
    assert {*changes.network, *changes.identity, *changes.equipment, *changes.stages} == set()
    assert not changes.nothing
    opened = [(one.stage, one.change) for one in changes.later if isinstance(one.change, NetworkChange)]
    told = {(stage, one.way, one.segment, one.application) for stage, one in opened}
    assert told == {("integrated", "opens", "pupil", name) for name in ("affairs", "file-exchange")}
    said = write_markdown(changes, len(before.schools))
    assert "| class II+, pupils, guests or guardians | schools that are integrated: **opens** pupil → affairs" in said


def test_what_is_told_of_today_is_not_told_again_of_other_stages(policies: PolicyFolder) -> None:
    before = policies.load()
    policies.edit(RULES, "[staff, pupil, guest]", "[staff, pupil, guest, printers]", after="id: web")
    changes = compare_policies(before, policies.load())
    assert [(one.way, one.segment) for one in changes.network] == [("opens", "printers")]
    assert changes.later == ()


@pytest.mark.parametrize(("segment", "application"), [("pupil", "printing"), ("printers", "grading")])
def test_a_small_opening_of_today_hides_no_larger_one_of_a_stage_to_come(
    policies: PolicyFolder, segment: str, application: str
) -> None:
    before = policies.load()
    for name, scope in (("t1", "ids: [as-e04]"), ("t2", "stages: [integrated]")):
        policies.append(
            RULES,
            f"  - id: {name}\n    effect: permit\n    purpose: x\n    applications: [{application}]\n"
            f"    schools: {{{scope}}}\n    network: {{from: [{segment}]}}\n",
        )
    changes = compare_policies(before, policies.load())
    assert [(one.segment, one.schools) for one in changes.network] == [(segment, ("as-e04",))]
    later = [(one.stage, one.change) for one in changes.later if isinstance(one.change, NetworkChange)]
    told = [(stage, one.way, one.segment, one.application, one.answers) for stage, one in later]
    assert told == [("integrated", "opens", segment, application, len(before.schools) - 1)], "at as-e04 it is so today"


def test_a_port_of_a_stage_to_come_is_told(policies: PolicyFolder) -> None:
    before = policies.load()
    policies.edit("city/blueprints.yaml", "[pupil], stages: [integrated]", "[staff], stages: [integrated]")
    (told,) = compare_policies(before, policies.load()).later
    assert told.stage == "integrated"
    assert isinstance(told.change, SeatChange)
    assert "pupil" in str(told.change.before)
    assert "staff" in str(told.change.after)
    assert told.surprises == ("pupils, guests or guardians",)


def test_what_comes_next_opens_nothing(policies: PolicyFolder) -> None:
    before = policies.load()
    policies.edit(
        INTEGRATION,
        "asao, stage: coexist,",
        "asao, stage: coexist, next: {stage: integrated, cutover: 2027-03-27},",
    )
    changes = compare_policies(before, policies.load())
    assert changes.nothing
    assert not changes.unjudged


def test_the_day_that_a_change_waits_for_is_told(policies: PolicyFolder) -> None:
    """The stage is compiled today, and no rollout carries it out before the day: another day is another change."""
    entry = "asao, stage: coexist, since: DAY, came-from: separated,"
    before = policies.load()
    policies.edit(INTEGRATION, "asao, stage: coexist,", entry.replace("DAY", "2026-12-26"))
    written = policies.load()
    policies.edit(INTEGRATION, "since: 2026-12-26", "since: 2026-12-28")
    moved_on = policies.load()
    (told,) = compare_policies(before, written).stages
    assert (told.before, told.after, told.waited, told.waits) == (
        "coexist",
        "coexist",
        None,
        WaitingStage("separated", "2026-12-26"),
    )
    changes = compare_policies(written, moved_on)
    assert not changes.nothing
    assert not changes.unjudged
    assert (
        first_table(changes)
        .rstrip()
        .endswith(
            ": coexist as before; no rollout carries it out before 2026-12-28 (separated until then); "
            "by the policy before, it was from 2026-12-26 on (separated until then) |"
        )
    )
    assert "2026-12-28 より前には展開されない" in first_table(changes, "ja")


def test_a_day_that_is_past_decides_nothing(policies: PolicyFolder) -> None:
    before = policies.load()
    policies.edit(INTEGRATION, "asao, stage: coexist,", "asao, stage: coexist, since: 2026-08-03,")
    changes = compare_policies(before, policies.load())
    assert changes.nothing
    assert not changes.unjudged
