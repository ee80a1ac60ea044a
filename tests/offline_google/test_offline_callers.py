"""Who calls the offline Google, and on whose quota: what the real provider and Google refuse."""

from __future__ import annotations

import importlib
import inspect
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from controller.offline_google.provider.provider import OfflineProvider
from controller.offline_google.provider.provider_settings import find_setting_faults
from controller.offline_google.schema.facts import list_known_types
from controller.offline_google.schema.pulumi_values import write_properties
from controller.offline_google.world.cross_resource_rules import SERVICE
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.iam.callers import NEED_QUOTA_PROJECT
from controller.offline_google.world.outputs.resource_names import find_project_number
from tests.offline_google.worlds import DISCUSSION, GROUP, LEVEL, NETWORK, PROJECT

ACCOUNT = "gcp:serviceaccount/account:Account"
GRANT = "gcp:serviceaccount/iAMMember:IAMMember"
DEPLOYER = f"deployer@{PROJECT}.iam.gserviceaccount.com"
QUOTA = {"billingProject": PROJECT, "userProjectOverride": "true"}
INPUTS: dict[str, dict[str, Any]] = {
    GROUP: {"parent": "customers/C0kawasaki", "groupKey": {"id": "a@kawasaki-virtual.example"}, "labels": DISCUSSION},
    LEVEL: {
        "parent": "accessPolicies/154981567200",
        "name": "accessPolicies/154981567200/accessLevels/a",
        "title": "a",
        "custom": {"expr": {"expression": 'origin.region_code == "JP"'}},
    },
    NETWORK: {"name": "main"},
}


class Engine:
    """A provider with settings, called as the engine does."""

    def __init__(self, google: OfflineGoogle, **settings: object) -> None:
        self.server = grpc.server(ThreadPoolExecutor(1))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(OfflineProvider(google.store, None), self.server)
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            self.settings = write_properties({"project": PROJECT, **settings})
            self.said = self._call(provider_pb2_grpc.ResourceProviderStub(channel))
        self.server.stop(None).wait()

    def _call(self, stub: provider_pb2_grpc.ResourceProviderStub) -> dict[str, str]:
        """What Google says to each call; empty where it does it."""
        stub.Configure(provider_pb2.ConfigureRequest(args=self.settings))
        found = {}
        for token, inputs in INPUTS.items():
            try:
                stub.Create(provider_pb2.CreateRequest(type=token, name="a", properties=write_properties(inputs)))
                found[token] = ""
            except grpc.RpcError as error:
                found[token] = str(error.details())
        return found


def test_a_person_without_a_quota_project_is_refused_where_a_call_belongs_to_no_project(google: OfflineGoogle) -> None:
    for settings in ({}, {"userProjectOverride": "true"}, {"billingProject": PROJECT}):
        said = Engine(google, **settings).said
        for token in (GROUP, LEVEL):
            assert "Error 403" in said[token], (settings, said)
            assert "requires a quota project" in said[token]
    assert google.store.all(NETWORK), "a network is in a project, and needs none"


def test_with_a_quota_project_it_is_done(google: OfflineGoogle) -> None:
    assert set(Engine(google, **QUOTA).said.values()) == {""}


def test_every_api_that_is_called_is_on_in_the_quota_project(google: OfflineGoogle) -> None:
    said = Engine(google, **{**QUOTA, "billingProject": "school-quota"}).said
    assert "cloudidentity.googleapis.com has not been used in project" in said[GROUP]
    assert "(school-quota)" in said[NETWORK], "the quota project supersedes the resource's own"


def test_an_impersonated_account_exists_and_somebody_may_impersonate_it(google: OfflineGoogle) -> None:
    settings = {"impersonateServiceAccount": DEPLOYER}
    assert all("iam.serviceAccounts.getAccessToken" in one for one in Engine(google, **settings).said.values())
    account = google.create(ACCOUNT, {"accountId": "deployer"})
    assert all("getAccessToken" in one for one in Engine(google, **settings).said.values())
    wanted = {
        "serviceAccountId": account.id,
        "role": "roles/iam.serviceAccountTokenCreator",
        "member": "user:a@b.example",
    }
    google.create(GRANT, wanted)
    assert all("iamcredentials.googleapis.com" in one for one in Engine(google, **settings).said.values())
    google.create(SERVICE, {"service": "iamcredentials.googleapis.com"})
    assert set(Engine(google, **settings).said.values()) == {""}, "a service account has a project of its own"


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({}, []),
        (QUOTA, []),
        ({"userProjectOverride": "yes"}, ["userProjectOverride"]),
        ({"billingProject": PROJECT}, ["billingProject"]),
        ({"billingProject": PROJECT, "userProjectOverride": False}, ["billingProject"]),
        ({**QUOTA, "billingProject": "School Lab"}, ["billingProject"]),
        ({"impersonateServiceAccount": DEPLOYER}, []),
        ({"impersonateServiceAccount": "someone@example.com"}, ["impersonateServiceAccount"]),
        ({"credentials": "x", "accessToken": "y"}, ["accessToken", "credentials"]),
    ],
)
def test_settings_are_looked_at_before_any_call(settings: dict[str, Any], faults: list[str]) -> None:
    assert [name for name, _ in find_setting_faults(settings)] == faults


def test_the_modules_that_need_one_are_those_whose_pages_say_so() -> None:
    warned = set()
    for token in list_known_types():
        _, place, name = token.split(":")
        module = place.partition("/")[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            page = inspect.getsource(getattr(importlib.import_module(f"pulumi_gcp.{module}"), name))
        if "using User ADCs" in page:
            warned.add(module)
    assert warned == NEED_QUOTA_PROJECT


POOL = "gcp:iam/workloadIdentityPool:WorkloadIdentityPool"
PROVIDER = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
OF_GITHUB: dict[str, Any] = {
    "workloadIdentityPoolId": "jobs",
    "workloadIdentityPoolProviderId": "github",
    "attributeMapping": {"google.subject": "assertion.sub"},
    "attributeCondition": "assertion.repository_id == '1'",
    "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
}


def test_a_pool_and_its_provider_are_called_by_the_projects_number(google: OfflineGoogle) -> None:
    pool = google.create(POOL, {"workloadIdentityPoolId": "jobs"})
    assert pool.id == f"projects/{PROJECT}/locations/global/workloadIdentityPools/jobs"
    number = find_project_number(PROJECT)
    assert pool.outputs["name"] == f"projects/{number}/locations/global/workloadIdentityPools/jobs"
    provider = google.create(PROVIDER, OF_GITHUB)
    assert provider.outputs["name"] == f"{pool.outputs['name']}/providers/github"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"workloadIdentityPoolId": "other"}, "does not exist"),
        ({"attributeCondition": None}, "must reference one of the provider's claims"),
        ({"attributeCondition": "true"}, "must reference one of the provider's claims"),
        ({"attributeMapping": {"attribute.repository": "assertion.repository"}}, "google.subject"),
        ({"attributeCondition": "assertion.sub == '" + "a" * 4_096 + "'"}, "too long"),
        ({"attributeMapping": {"google.subject": "assertion.sub" + " " * 2_048}}, "too long"),
        ({"oidc": {"issuerUri": "http://token.example"}}, "https"),
    ],
)
def test_a_provider_that_would_let_strangers_in_is_refused(
    google: OfflineGoogle, changes: dict[str, Any], words: str
) -> None:
    google.create(POOL, {"workloadIdentityPoolId": "jobs"})
    with pytest.raises(GoogleRefusal, match=words):
        google.create(PROVIDER, OF_GITHUB | changes)
