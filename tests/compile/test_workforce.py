"""Staff of a workforce identity pool: compiled into the members of bindings, and proved to be those of their role."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from controller.compile.identity.iap_bindings import CloudIntent, compile_cloud_intent
from controller.errors import PolicyError
from controller.model.access.people import PeopleFile
from controller.model.access.workforce import WORKFORCE, read_principal
from controller.model.city import City
from controller.model.policy_files import PEOPLE
from controller.plan.what_if.compare import compare_policies
from controller.prove.identity.iap_bindings import prove_iap_bindings
from controller.prove.identity.synthetic_principals import FACTS
from controller.prove.lint.check_policy import check_policy
from tests.policies import TODAY, PolicyFolder

POOL = f"principalSet://{WORKFORCE}/minato-staff/group"
TEACHERS = (f"{POOL}/5e1c0a52-9f", f"{POOL}/part-time")
CLERK = f"principal://{WORKFORCE}/minato-staff/subject/sato%40minato.example"
PARTS = 60
"""The proof asks one person in so many: with every role, at every time."""


def give_principals(city: City, **principals: tuple[str, ...]) -> City:
    roles = tuple(
        role.model_copy(update={"principals": principals.get(role.id.replace("-", "_"), ())})
        for role in city.people.roles
    )
    changed = city.people.model_copy(update={"roles": roles})
    return city.replace_file(PEOPLE, PeopleFile.model_validate(changed))


@pytest.fixture(scope="module")
def staffed(city: City) -> City:
    return give_principals(city, teacher=TEACHERS, clerk=(CLERK,))


@pytest.fixture(scope="module")
def intent(staffed: City) -> CloudIntent:
    return compile_cloud_intent(staffed, FACTS)


def change_members(intent: CloudIntent, role: str, *members: str) -> CloudIntent:
    bindings = tuple(replace(one, members=members) if one.role == role else one for one in intent.bindings)
    assert bindings != intent.bindings
    return replace(intent, bindings=bindings)


def test_a_role_of_a_pool_is_bound_by_its_principals_and_has_no_group(intent: CloudIntent, city: City) -> None:
    members = {one.role: one.members for one in intent.bindings}
    assert members["teacher"] == TEACHERS
    assert members["clerk"] == (CLERK,)
    assert members["pupil"] == ()
    assert set(intent.roles) == {role.id for role in city.people.roles} - {"teacher", "clerk"}
    without = compile_cloud_intent(city, FACTS)
    assert [replace(one, members=()) for one in intent.bindings] == list(without.bindings)


def test_the_bindings_of_a_pool_let_in_exactly_whom_the_policy_lets_in(staffed: City, intent: CloudIntent) -> None:
    check = prove_iap_bindings(staffed, intent, parts=PARTS)
    assert check.holds, check.differences
    assert check.examined > 1_000


def test_a_principal_that_is_left_out_is_found(staffed: City, intent: CloudIntent) -> None:
    check = prove_iap_bindings(staffed, change_members(intent, "teacher", TEACHERS[0]), parts=PARTS)
    assert any(
        re.search(r"a teacher at .* is refused at .* but the policy: permit by", one) for one in check.differences
    )


def test_a_principal_of_another_role_is_found(staffed: City, intent: CloudIntent) -> None:
    check = prove_iap_bindings(staffed, change_members(intent, "teacher", *TEACHERS, CLERK), parts=PARTS)
    assert any(re.search(r"a clerk at .* is let in at .* but the policy: deny", one) for one in check.differences)


def test_a_principal_that_no_role_names_is_found(staffed: City, intent: CloudIntent) -> None:
    stranger = f"{POOL}/strangers"
    check = prove_iap_bindings(staffed, change_members(intent, "teacher", *TEACHERS, stranger), parts=PARTS)
    assert any(stranger in one and "no role of the policy names it" in one for one in check.differences)


def test_the_group_of_a_role_that_has_principals_is_nobody(staffed: City, intent: CloudIntent) -> None:
    check = prove_iap_bindings(staffed, change_members(intent, "teacher"), parts=PARTS)
    assert any("the group of teacher is let in" in one for one in check.differences)


@pytest.mark.parametrize(
    "text",
    [
        f"principalSet://{WORKFORCE}/minato-staff/*",
        f"principalSet://{WORKFORCE}/minato-staff/subject/sato",
        f"principal://{WORKFORCE}/minato-staff/group/teachers",
        f"principalSet://{WORKFORCE}/gcp-staff/group/teachers",
        f"principalSet://{WORKFORCE}/ab/group/teachers",
        f"principalSet://{WORKFORCE}/minato-staff/group/",
        f"principalSet://{WORKFORCE}/minato-staff/group/a b",
        f"principalSet://{WORKFORCE}/minato-staff/group/a\n",
        f"principalSet://{WORKFORCE}/minato-staff/group/{{{{x}}}}",
        f"principalSet://{WORKFORCE}/minato-staff/attribute.x/y",
        "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/group/g",
        "group:teachers@minato.example",
        "user:sato@minato.example",
        "allUsers",
        7,
        None,
    ],
)
def test_what_is_no_group_or_person_of_a_pool_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no group or person of a workforce identity pool; write principalSet://"):
        read_principal(text)


def test_a_principal_of_two_roles_is_refused_with_both_places(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    for role in ("teacher", "clerk"):
        policies.edit("access/people.yaml", f"{{id: {role}, ", f'{{id: {role}, principals: ["{TEACHERS[0]}"], ')
    with pytest.raises(PolicyError) as refused:
        policies.load(TODAY)
    (problem,) = refused.value.problems
    assert re.search(
        r"people\.yaml:\d+: principals: .* has the role 'teacher' already \(.*people\.yaml:\d+\)", str(problem)
    )


def test_a_principal_of_another_form_is_refused_with_its_place(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    edit = policies.edit("access/people.yaml", "{id: clerk, ", "{id: clerk, principals: [user:a@example.jp], ")
    with pytest.raises(PolicyError) as refused:
        policies.load(TODAY)
    assert f"people.yaml:{edit.line}: " in str(refused.value)
    assert "is no group or person of a workforce identity pool" in str(refused.value)


def test_a_single_person_is_a_finding(staffed: City, city: City) -> None:
    (finding,) = (one for one in check_policy(staffed) if one not in check_policy(city))
    assert (finding.kind, finding.origin.file.rpartition("/")[2]) == ("single person", "people.yaml")
    assert "role 'clerk' names the single person 'sato%40minato.example'" in finding.message


def test_other_principals_are_named_as_what_is_not_judged(staffed: City, city: City) -> None:
    unjudged = compare_policies(city, staffed, ("before", "after")).unjudged
    assert [" roles.principals: - → principal" in one for one in unjudged] == [True] * len(unjudged) != []
