"""The claims that hold in every stage of integration, and policies that break them in one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from controller.integration.stage_change import StageSubject, change_stage
from controller.model.city import City
from controller.model.sites.stages import Stage
from controller.plan.proof.proof_cache import ProofCache
from controller.plan.proof.stage_proof import prove_next_stages
from controller.prove.check import Check
from controller.prove.compliance.stages import prove_stage, prove_stages
from controller.prove.identity.seats import SEATS
from controller.prove.lint.check_policy import check_policy
from controller.prove.lint.finding import Severity
from tests.policies import PolicyFolder

RULES = "access/rules.yaml"
SCHOOL = StageSubject("school", "as-e04")


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def judged(city: City, stage: Stage) -> list[Check]:
    changed = change_stage(city, SCHOOL, stage, by="x", since=date(2026, 12, 26))
    return prove_stage(changed, changed.school_by_id["as-e04"])


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_holds_and_names_its_branch(city: City, stage: Stage) -> None:
    no_way, branch = judged(city, stage)
    assert no_way.holds
    assert branch.holds
    told = {one.split(": ")[1]: one for one in branch.evidence if one.startswith(f"{stage}: ")}
    assert ": strong access control: the proxy judges everybody, by staff-cloud (" in told["affairs"]
    reached = {
        Stage.SEPARATED: ("from no segment", "only from staff-legacy by grading ("),
        Stage.COEXIST: ("only from staff by staff-cloud (", "only from staff-legacy by grading ("),
        Stage.INTEGRATED: ("only from staff by staff-cloud (", "three-way separation: from no segment"),
    }[stage]
    assert reached[0] in told["affairs"]
    assert reached[1] in told["grading"]
    assert "rules.yaml:" in told["grading"] or stage is Stage.INTEGRATED


def open_to(policies: PolicyFolder, segment: str, stage: str) -> int:
    return policies.append(
        RULES,
        f"  - id: shortcut\n    effect: permit\n    purpose: x\n    applications: [affairs]\n"
        f"    schools: {{stages: [{stage}]}}\n    network: {{from: [{segment}]}}\n",
    )


@pytest.mark.parametrize(("segment", "stage"), [("pupil", "integrated"), ("learning-legacy", "separated")])
def test_a_way_from_pupils_in_a_stage_to_come_is_found_today(policies: PolicyFolder, segment: str, stage: str) -> None:
    line = open_to(policies, segment, stage)
    city = policies.load()
    (no_way,) = (one for one in prove_stages(city) if one.name.startswith("no way"))
    # Affairs and the file exchange have one address: a switch does not tell them apart.
    assert len(no_way.differences) == 2 * len(city.schools_of_equal_scope)
    said = next(
        one for one in no_way.differences if one.startswith("as-e04: ") or f": {stage}: {segment}, where" in one
    )
    assert f"{stage}: {segment}, where 802.1X admits others than the staff, reaches affairs (class II): tcp" in said
    assert "by shortcut (" in said
    assert f"{RULES}:{line})" in said
    assert not judged(city, Stage(stage))[0].holds
    assert judged(city, Stage.COEXIST)[0].holds


def test_a_necessity_that_opens_affairs_data_is_found(policies: PolicyFolder) -> None:
    policies.append(
        "access/necessities.yaml",
        "  - {id: wide, why: x, family: 4, direction: from, protocol: tcp, ports: [1, 65535], segments: [pupil], "
        "source: [segment], destination: [203.0.113.0/24]}\n",
    )
    no_way, _ = judged(policies.load(), Stage.COEXIST)
    (said, _) = no_way.differences
    assert "pupil, where" in said
    assert "by wide (" in said


def test_neither_branch_fails_in_the_stage_where_it_does(policies: PolicyFolder) -> None:
    """External mail from the affairs network: while it is separated, that is no separation."""
    policies.append(
        RULES,
        "  - id: mail\n    effect: permit\n    purpose: x\n    applications: [workspace]\n"
        "    schools: {stages: [separated]}\n    network: {from: [staff-legacy]}\n",
    )
    city = policies.load()
    failing = {stage: [one for one in judged(city, stage) if one.differences] for stage in Stage}
    assert [stage for stage, found in failing.items() if found] == [Stage.SEPARATED]
    (said,) = failing[Stage.SEPARATED][0].differences
    assert said.startswith("as-e04: separated: ")
    assert "rule 'mail' lets staff-legacy out to workspace, and staff-legacy reaches grading (class I) without" in said


def test_the_checks_of_the_whole_city_hold(city: City) -> None:
    assert [one.holds for one in prove_stages(city)] == [True, True, True]
    seats = prove_stages(city)[2]
    assert (seats.name, seats.examined > 100) == (SEATS, True)


def test_devices_of_the_stages_to_come_are_proved_one_for_each_blueprint_and_lot(city: City) -> None:
    schools = [city.school_by_id[name] for name in ("as-e01", "as-e02", "as-e04")]
    check = prove_next_stages(city, schools, ProofCache(None))
    assert check is not None
    assert check.holds
    assert check.examined > 100
    fits = {city.equipment.find_blueprint(one).id: one.id for one in reversed(schools)}
    told = f"{4 * len(fits)} devices of {', '.join(sorted(fits.values()))}"
    assert check.evidence == (f"separated: {told}", f"integrated: {told}")


def test_a_device_that_cannot_be_in_a_stage_to_come_is_found_today(policies: PolicyFolder) -> None:
    """Ports of pupils on a switch that cannot part them: the first integrated school would be refused."""
    name = "city/blueprints.yaml"
    policies.edit(name, "lot-2: cisco_ios}", "lot-2: allied_telesis_awplus}", after="&floor")
    policies.edit(name, "last: 8, mode: access, segments: [pupil]}", "last: 8, mode: access, segments: [printers]}")
    city = policies.load()
    check = prove_next_stages(city, [city.school_by_id["as-e04"]], ProofCache(None))
    assert check is not None
    assert any(one.startswith("integrated: as-e04-floor") for one in check.differences), check.differences


def test_sockets_of_pupils_that_become_the_staffs_are_found_today(policies: PolicyFolder) -> None:
    """Nobody is integrated so far; the proof and the check say it all the same, with the line."""
    old = "          - {first: 5, last: 8, mode: access, segments: [pupil]}\n"
    edit = policies.edit(
        "city/blueprints.yaml",
        old,
        old.replace("}", ", stages: [separated, coexist]}")
        + "          - {first: 5, last: 8, mode: access, segments: [staff], stages: [integrated]}\n",
    )
    city = policies.load()
    (seats,) = (one for one in prove_stages(city) if one.name == SEATS)
    ports = ", ".join(f"GigabitEthernet1/0/{number}" for number in range(5, 9))
    told = f"floor {ports}: pupil in coexist, and staff in integrated; who sits there stays there"
    assert any(told in one for one in seats.differences), seats.differences
    warned = [one for one in check_policy(city) if told in one.message]
    assert warned
    assert {(one.severity, one.origin.line) for one in warned} == {(Severity.WARNING, edit.line + 1)}


@pytest.mark.parametrize("segment", ["pupil", "learning-legacy"])
def test_affairs_data_is_judged_whoever_it_is_said_to_be_for(policies: PolicyFolder, segment: str) -> None:
    policies.edit("access/applications.yaml", "audience: staff", "audience: pupil", after="id: grading")
    policies.edit(
        "access/applications.yaml", "    taken-over-by: affairs", "    # nobody takes it over", after="id: grading"
    )
    policies.append(
        RULES,
        f"  - id: shortcut\n    effect: permit\n    purpose: x\n    applications: [grading]\n"
        f"    schools: {{stages: [coexist]}}\n    network: {{from: [{segment}]}}\n",
    )
    city = policies.load()
    no_way = judged(city, Stage.COEXIST)[0]
    assert any(f"{segment}, where" in one and "reaches grading (class I)" in one for one in no_way.differences)
    said = "is said to be for pupil: affairs data is for the staff"
    assert any(said in one for one in judged(city, Stage.INTEGRATED)[0].differences)
    (found,) = (one for one in check_policy(city) if one.kind == "audience")
    assert found.severity is Severity.ERROR
    assert "grading (class I) is for pupil" in found.message
