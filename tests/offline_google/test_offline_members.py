"""Roles, members and access levels: what a binding may name, one test each."""

from __future__ import annotations

import pytest
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider.operations import invoke_function
from controller.offline_google.schema.pulumi_values import read_properties
from controller.offline_google.world.cross_resource_rules import SERVICE
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.iam.service_agents import IDENTITY
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.world_store import StoredResource
from tests.offline_google.worlds import BACKEND, DISCUSSION, GROUP, LEVEL, PROJECT, PROJECT_MEMBER

BINDING = "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding"
CUSTOM = "gcp:projects/iAMCustomRole:IAMCustomRole"
ACCOUNT = "gcp:serviceaccount/account:Account"
POLICY = "gcp:accesscontextmanager/accessPolicy:AccessPolicy"
JAPAN = {"custom": {"expr": {"expression": 'origin.region_code == "JP"'}}}
ACCESSOR = "roles/iap.httpsResourceAccessor"


def test_a_predefined_role_that_does_not_exist(google: OfflineGoogle) -> None:
    with pytest.raises(GoogleRefusal, match=r"Role roles/iap.everything is not supported"):
        google.create(PROJECT_MEMBER, {"project": PROJECT, "role": "roles/iap.everything", "member": "user:a@x"})


def test_a_custom_role_must_exist(google: OfflineGoogle) -> None:
    role = f"projects/{PROJECT}/roles/watcher"
    wanted = {"project": PROJECT, "role": role, "member": "user:a@x"}
    with pytest.raises(GoogleRefusal, match=r"does not exist"):
        google.create(PROJECT_MEMBER, wanted)
    google.create(CUSTOM, {"roleId": "watcher", "title": "t", "permissions": ["compute.networks.get"]})
    assert google.create(PROJECT_MEMBER, wanted).id


def test_a_permission_that_does_not_exist(google: OfflineGoogle) -> None:
    with pytest.raises(GoogleRefusal, match=r"Permission spaceships.engines.start is not valid"):
        google.create(CUSTOM, {"roleId": "watcher", "title": "t", "permissions": ["spaceships.engines.start"]})


@pytest.mark.parametrize(
    "member", ["group:nobody@x", "serviceAccount:nobody@school-lab.iam.gserviceaccount.com", "anna@x"]
)
def test_a_member_that_does_not_exist(google: OfflineGoogle, member: str) -> None:
    with pytest.raises(GoogleRefusal, match=r"does not exist|is no member"):
        google.create(PROJECT_MEMBER, {"project": PROJECT, "role": "roles/viewer", "member": member})


def test_members_that_exist(google: OfflineGoogle) -> None:
    google.create(GROUP, {"groupKey": {"id": "Teachers@x"}, "parent": "customers/C1", "labels": DISCUSSION})
    account = google.create(ACCOUNT, {"accountId": "watcher"})
    agent = google.create(IDENTITY, {"service": "iap.googleapis.com", "project": PROJECT}).outputs["email"]
    for member in ("group:teachers@x", account.outputs["member"], f"serviceAccount:{agent}", "domain:x"):
        assert google.create(PROJECT_MEMBER, {"project": PROJECT, "role": "roles/viewer", "member": member}).id


def grant(google: OfflineGoogle, address: str) -> StoredResource:
    wanted = {"project": PROJECT, "role": "roles/viewer", "member": f"serviceAccount:{address}"}
    return google.create(PROJECT_MEMBER, wanted)


@pytest.mark.parametrize(
    ("service", "domain"), [("run", "serverless-robot-prod"), ("sqladmin", "gcp-sa-cloud-sql"), ("iap", "gcp-sa-iap")]
)
def test_an_agent_exists_once_its_identity_does(google: OfflineGoogle, service: str, domain: str) -> None:
    address = f"service-{find_project_number(PROJECT)}@{domain}.iam.gserviceaccount.com"
    with pytest.raises(GoogleRefusal, match=r"Service account .* does not exist"):
        grant(google, address)
    made = google.create(IDENTITY, {"service": f"{service}.googleapis.com", "project": PROJECT})
    assert made.outputs["email"] == address
    assert grant(google, address).id


def test_the_agent_of_storage_exists_once_it_is_asked_for(google: OfflineGoogle) -> None:
    address = f"service-{find_project_number(PROJECT)}@gs-project-accounts.iam.gserviceaccount.com"
    with pytest.raises(GoogleRefusal, match=r"does not exist"):
        grant(google, address)
    request = provider_pb2.InvokeRequest(tok="gcp:storage/getProjectServiceAccount:getProjectServiceAccount")
    found = read_properties(getattr(invoke_function(google, request), "return"))
    assert found["emailAddress"] == address
    assert grant(google, address).id


def test_an_identity_needs_the_service_that_it_is_the_agent_of(google: OfflineGoogle) -> None:
    with pytest.raises(GoogleRefusal, match=r"artifactregistry.googleapis.com has not been used"):
        google.create(IDENTITY, {"service": "artifactregistry.googleapis.com", "project": PROJECT})


def test_an_agent_that_is_not_known_is_refused(google: OfflineGoogle) -> None:
    google.create(SERVICE, {"service": "workflows.googleapis.com"})
    with pytest.raises(GoogleRefusal, match=r"does not know the service agent of workflows.googleapis.com"):
        google.create(IDENTITY, {"service": "workflows.googleapis.com", "project": PROJECT})
    with pytest.raises(GoogleRefusal, match=r"does not exist"):
        grant(google, f"service-{find_project_number(PROJECT)}@gcp-sa-banana.iam.gserviceaccount.com")


def test_another_projects_service_agent_is_nobody(google: OfflineGoogle) -> None:
    member = "serviceAccount:service-123@gcp-sa-iap.iam.gserviceaccount.com"
    with pytest.raises(GoogleRefusal, match=r"does not exist"):
        google.create(PROJECT_MEMBER, {"project": PROJECT, "role": "roles/viewer", "member": member})


def _binding(google: OfflineGoogle, level: str) -> StoredResource:
    google.create(BACKEND, {"name": "affairs"})
    condition = {"title": "t", "expression": f"'{level}' in request.auth.access_levels"}
    wanted = {"webBackendService": "affairs", "role": ACCESSOR, "members": ["user:a@x"], "condition": condition}
    return google.create(BINDING, wanted)


def test_a_condition_that_names_no_access_level(google: OfflineGoogle) -> None:
    with pytest.raises(
        GoogleRefusal, match=r"the access level accessPolicies/1/accessLevels/managed, which does not exist"
    ):
        _binding(google, "accessPolicies/1/accessLevels/managed")


def test_a_condition_that_names_one(google: OfflineGoogle) -> None:
    parent = f"accessPolicies/{google.create(POLICY, {'parent': 'organizations/1', 'title': 't'}).id}"
    google.create(LEVEL, {"parent": parent, "name": f"{parent}/accessLevels/managed", "title": "t", **JAPAN})
    assert _binding(google, f"{parent}/accessLevels/managed").id


def test_an_access_level_of_a_policy_that_does_not_exist(google: OfflineGoogle) -> None:
    parent = "accessPolicies/1"
    with pytest.raises(GoogleRefusal, match=r"AccessLevel field 'parent'"):
        google.create(LEVEL, {"parent": parent, "name": f"{parent}/accessLevels/managed", "title": "t", **JAPAN})


def test_a_binding_goes_with_what_it_is_on(google: OfflineGoogle) -> None:
    google.create(BACKEND, {"name": "affairs"})
    made = google.create(BINDING, {"webBackendService": "affairs", "role": ACCESSOR, "members": ["user:a@x"]})
    google.delete(BACKEND, f"projects/{PROJECT}/global/backendServices/affairs")
    assert google.read(BINDING, made.id) is None


def test_a_binding_whose_condition_was_replaced_outlives_the_old_one(google: OfflineGoogle) -> None:
    """The engine makes the new before it deletes the old; IAM tells them apart by every word of the condition."""
    google.create(BACKEND, {"name": "affairs"})

    def binding(expression: str) -> StoredResource:
        condition = {"title": "affairs teacher 1", "expression": expression}
        inputs = {"webBackendService": "affairs", "role": ACCESSOR, "members": ["user:a@x"], "condition": condition}
        return google.create(BINDING, inputs)

    old = binding('request.time.getHours("Asia/Tokyo") >= 5')
    new = binding('request.time.getHours("Asia/Tokyo") >= 6')
    google.delete(BINDING, old.id)
    assert google.read(BINDING, new.id) is not None
