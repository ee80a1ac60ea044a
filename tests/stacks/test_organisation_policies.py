"""The organisation policies that a stack declares: where they stand, and that they fit the stack itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from controller.model.city import City
from controller.offline_google.world.services.organisation_policies import BOOLEAN_CONSTRAINTS, LIST_CONSTRAINTS
from stacks.organisation_policies import DENIED, ENFORCED
from stacks.settings.read_configuration import ConfigurationRefused, parse_stack_configuration
from tests.stacks.declared import Declared, changed, changed_values, declare, file

PROJECT = "projects/tsunagu-kawasaki-production"
PLACE = "organisation-policies"


def list_policies(city: City, **changes: object) -> list[Declared]:
    return declare(city, changed("production", changes))[0].of("Policy")


def find_rule(policies: list[Declared], constraint: str) -> Any:  # noqa: ANN401 JSON
    (policy,) = (one for one in policies if one.name == constraint)
    (rule,) = policy.inputs["spec"]["rules"]
    return rule


def test_a_policy_stands_on_the_project_for_each_constraint_that_is_known(city: City) -> None:
    policies = list_policies(city)
    assert {one.name for one in policies} == BOOLEAN_CONSTRAINTS | LIST_CONSTRAINTS.keys()
    assert {*ENFORCED} == BOOLEAN_CONSTRAINTS
    assert {*DENIED} <= LIST_CONSTRAINTS.keys()
    for one in policies:
        assert one.inputs["parent"] == PROJECT
        assert one.inputs["name"] == f"{PROJECT}/policies/{one.name}"
        assert one.inputs["spec"]["inheritFromParent"] is False
    assert all(find_rule(policies, one) == {"enforce": "TRUE"} for one in ENFORCED)


def test_what_may_be_is_what_the_stack_has(city: City) -> None:
    policies = list_policies(city)
    allowed = {one: find_rule(policies, one).get("values", {}).get("allowedValues") for one in LIST_CONSTRAINTS}
    assert allowed == {
        "compute.vmExternalIpAccess": None,
        "gcp.resourceLocations": ["in:asia-northeast1-locations", "in:asia-northeast2-locations", "asia1"],
        "gcp.restrictCmekCryptoKeyProjects": ["under:projects/tsunagu-kawasaki-production"],
        "gcp.restrictNonCmekServices": None,
        "iam.allowedPolicyMemberDomains": ["C0kawasaki"],
        "run.allowedIngress": ["is:internal-and-cloud-load-balancing"],
    }
    assert find_rule(policies, "compute.vmExternalIpAccess") == {"denyAll": "TRUE"}


@pytest.mark.parametrize("parent", ["folders/123456789012", "organizations/1"])
def test_they_stand_where_the_file_says(city: City, parent: str) -> None:
    policies = list_policies(city, **{PLACE: parent})
    assert policies
    assert {one.inputs["parent"] for one in policies} == {parent}
    assert all(one.inputs["name"].startswith(f"{parent}/policies/") for one in policies)


def test_a_stack_whose_policies_somebody_else_keeps_declares_none(city: City) -> None:
    assert list_policies(city, **{PLACE: "elsewhere"}) == []


@pytest.mark.parametrize("place", ["folder/1", "folders/0", "folders/", "organizations/kawasaki", "here", ""])
def test_a_place_that_is_none_is_refused_with_its_line(place: str, tmp_path: Path) -> None:
    values = changed_values("production", {PLACE: place})
    with pytest.raises(ConfigurationRefused) as refused:
        parse_stack_configuration("production", values, file("production"))
    assert re.search(r"organisation-policies: .*(folders|organizations|elsewhere)", str(refused.value)), tmp_path
