"""Findings in every stage: what is wrong in a stage that no school is in yet is told today."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.prove.lint.check_policy import check_policy
from tests.policies import PolicyFolder

RULES, APPLICATIONS = "access/rules.yaml", "access/applications.yaml"


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def told(policies: PolicyFolder) -> list[str]:
    return [str(one).replace(f"{policies.path}/", "") for one in check_policy(policies.load())]


def test_a_contradiction_in_a_stage_that_no_school_is_in_is_an_error(policies: PolicyFolder) -> None:
    line = policies.append(
        RULES,
        "  - id: no-printing\n    effect: forbid\n    purpose: x\n    applications: [printing]\n"
        "    schools: {stages: [integrated]}\n    network: {from: [staff]}\n",
    )
    lost, found = told(policies)
    assert "last way: printing (class IV) loses its last network way of the staff" in lost
    assert "error: contradiction: rule 'printing' permits staff -> printing, but 'no-printing' (" in found
    assert f":{line})" in found
    assert found.endswith(", and a forbid wins (stage: integrated)")


def test_a_rule_of_a_stage_to_come_is_not_idle_and_one_that_says_nothing_is(policies: PolicyFolder) -> None:
    rule = (
        "  - id: {0}\n    effect: permit\n    purpose: x\n    applications: [{1}]\n"
        "    schools: {{stages: [integrated]}}\n    network: {{from: [staff]}}\n"
    )
    policies.append(RULES, rule.format("cbt-staff", "cbt"))
    assert told(policies) == []
    line = policies.append(RULES, rule.format("printing-again", "printing"))
    dead = (
        f"{RULES}:{line}: warning: dead rule: rule 'printing-again' permits nothing that others do not; taking it out"
    )
    assert told(policies) == [f"{dead} changes no answer"]


def test_people_let_in_without_a_second_factor_in_a_stage_to_come(policies: PolicyFolder) -> None:
    policies.append(
        RULES,
        "  - id: weak\n    effect: permit\n    purpose: x\n    applications: [affairs]\n"
        "    schools: {stages: [integrated]}\n    identity: {enforced-by: [proxy], roles: [teacher], "
        "postures: [managed], places: [own-school]}\n",
    )
    assert any("error: guideline: rule 'weak' lets people reach affairs without MFA" in one for one in told(policies))


@pytest.mark.parametrize("successor", ["", "    taken-over-by: staff-ai\n"])
def test_an_application_that_the_staff_loses_is_told(policies: PolicyFolder, successor: str) -> None:
    """The one that is named instead has to be reached in the stage."""
    policies.edit(APPLICATIONS, "    taken-over-by: affairs\n", successor)
    if successor:
        policies.edit(RULES, "    network: {from: [staff]}\n", "", after="id: staff-ai")
    (found,) = told(policies)
    assert found.startswith(
        f"{APPLICATIONS}:57: warning: last way: grading (class I) loses its last network way of the "
    )
    assert "when they go on to integrated" in found


def test_an_application_that_a_forbid_closes_in_the_next_stage_is_told(policies: PolicyFolder) -> None:
    """The rules that permit it are there as before."""
    policies.append(
        RULES,
        "  - id: shut\n    effect: forbid\n    purpose: x\n    applications: [affairs, file-exchange]\n"
        "    schools: {stages: [integrated]}\n    network: {from: [staff]}\n",
    )
    found = [one for one in told(policies) if "last way" in one]
    assert any("last way: affairs (class II) loses its last network way of the staff" in one for one in found), found
    assert all("when they go on to integrated" in one for one in found)


def test_a_rule_of_the_stage_keeps_the_way(policies: PolicyFolder) -> None:
    policies.edit(APPLICATIONS, "    taken-over-by: affairs\n", "")
    policies.append(
        RULES,
        "  - id: grading-of-staff\n    effect: permit\n    purpose: x\n    applications: [grading]\n"
        "    schools: {stages: [integrated]}\n    network: {from: [staff]}\n",
    )
    assert not [one for one in told(policies) if "last way" in one]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("affair", "taken-over-by: unknown application 'affair'"),
        ("grading", "taken-over-by: unknown application 'grading'"),
        ("drills", "taken-over-by: drills is for pupil, and grading for staff; name"),
    ],
)
def test_what_takes_an_application_over_is_another_for_the_same_people(
    policies: PolicyFolder, name: str, said: str
) -> None:
    policies.edit(APPLICATIONS, "taken-over-by: affairs", f"taken-over-by: {name}")
    (problem,) = policies.problems()
    assert said in problem
