"""Each guardrail with something that breaks it, and something that does not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from controller.inputs.bounded_json import JsonRefused
from stacks.guardrails.checked_stack import find_checked_stack
from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail
from stacks.guardrails.pack import GUARDRAILS
from stacks.guardrails.public_access import PUBLIC
from stacks.settings.regions import find_stack_regions

BY_NAME = {guardrail.name: guardrail for guardrail in GUARDRAILS}
LABELS = {"managed-by": "tsunagu", "city": "x", "environment": "production", "part": "affairs", "importance": "ii"}
BACKEND, RUN = "gcp:compute/backendService:BackendService", "gcp:cloudrunv2/service:Service"
BUCKET, DATABASE = "gcp:storage/bucket:Bucket", "gcp:sql/databaseInstance:DatabaseInstance"
REGISTRY = "gcp:artifactregistry/repository:Repository"
BINDING = "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding"
ADDRESS, KEY = "gcp:compute/address:Address", "gcp:kms/cryptoKey:CryptoKey"
GOOD_RUN = {
    "location": "asia-northeast1",
    "ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    "defaultUriDisabled": True,
    "deletionProtection": False,
    "labels": LABELS,
    "template": {"encryptionKey": "key"},
}
GOOD_BUCKET = {
    "location": "ASIA1",
    "encryption": {"defaultKmsKeyName": "key"},
    "versioning": {"enabled": True},
    "publicAccessPrevention": "enforced",
    "uniformBucketLevelAccess": True,
    "labels": LABELS,
}
GOOD_DATABASE = {
    "region": "asia-northeast1",
    "encryptionKeyName": "key",
    "deletionProtection": True,
    "settings": {
        "deletionProtectionEnabled": True,
        "ipConfiguration": {"ipv4Enabled": False, "sslMode": "ENCRYPTED_ONLY"},
        "backupConfiguration": {
            "enabled": True,
            "pointInTimeRecoveryEnabled": True,
            "location": "asia-northeast2",
        },
        "userLabels": LABELS,
    },
}
GOOD: dict[str, dict[str, Any]] = {
    BACKEND: {"iap": {"enabled": True}, "securityPolicy": "policy"},
    REGISTRY: {"location": "asia-northeast1", "kmsKeyName": "key", "labels": LABELS},
    RUN: GOOD_RUN,
    BUCKET: GOOD_BUCKET,
    DATABASE: GOOD_DATABASE,
    BINDING: {
        "role": "roles/iap.httpsResourceAccessor",
        "members": ["group:a@b.example"],
        "condition": {"expression": '"a" in request.auth.access_levels'},
    },
    KEY: {"labels": LABELS, "rotationPeriod": "7776000s"},
}


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def violations(
    guardrail: Guardrail, kind: str, inputs: dict[str, Any], *, stack: str = "production", protected: bool = True
) -> list[str]:
    return list(guardrail.check(CheckedResource(kind, "it", inputs, stack, protected=protected)))


def changed(inputs: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {**inputs, first: changed(inputs.get(first, {}), rest, value) if rest else value}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("guardrail", GUARDRAILS, ids=lambda one: one.name)
def test_what_is_right_passes(guardrail: Guardrail, kind: str) -> None:
    assert violations(guardrail, kind, GOOD[kind]) == []


@pytest.mark.parametrize(
    ("name", "kind", "path", "value", "message"),
    [
        (
            "stack-regions-only",
            DATABASE,
            "region",
            "us-central1",
            "outside the stack's Tokyo (asia-northeast1) and Osaka (asia-northeast2)",
        ),
        (
            "stack-regions-only",
            DATABASE,
            "settings.backupConfiguration.location",
            "asia",
            "outside the stack's Tokyo (asia-northeast1) and Osaka (asia-northeast2)",
        ),
        (
            "stack-regions-only",
            DATABASE,
            "settings.locationPreference.zone",
            "asia-northeast3-a",
            "outside the stack's Tokyo (asia-northeast1) and Osaka (asia-northeast2)",
        ),
        (
            "stack-regions-only",
            BUCKET,
            "location",
            "ASIA",
            "outside the stack's Tokyo (asia-northeast1) and Osaka (asia-northeast2)",
        ),
        (
            "stack-regions-only",
            BUCKET,
            "customPlacementConfig.dataLocations",
            ["ASIA-EAST1", "ASIA-NORTHEAST1"],
            "EAST1",
        ),
        ("stack-regions-only", DATABASE, "region", None, "names no region"),
        ("proxy-everywhere", BACKEND, "iap.enabled", False, "no identity-aware proxy"),
        ("proxy-everywhere", BACKEND, "iap", None, "no identity-aware proxy"),
        ("web-firewall", BACKEND, "securityPolicy", None, "no web application firewall"),
        ("web-firewall", BACKEND, "securityPolicy", "", "no web application firewall"),
        ("own-keys", REGISTRY, "kmsKeyName", None, "Google's key only"),
        ("labels", REGISTRY, "labels", {}, "lacks the labels"),
        ("stack-regions-only", REGISTRY, "location", "asia", "outside the stack's"),
        ("proxy-everywhere", RUN, "ingress", "INGRESS_TRAFFIC_ALL", "past the load balancer"),
        ("proxy-everywhere", RUN, "defaultUriDisabled", False, "address of its own"),
        ("proxy-everywhere", RUN, "invokerIamDisabled", True, "anybody"),
        ("proxy-everywhere", RUN, "iapEnabled", True, "only one of them"),
        ("named-access", BINDING, "members", ["allUsers"], "allUsers"),
        ("named-access", BINDING, "members", ["group:a@b.example", "allAuthenticatedUsers"], "allAuthenticatedUsers"),
        ("named-access", BINDING, "members", ["user:a@b.example"], "single person"),
        ("named-access", "gcp:projects/iAMMember:IAMMember", "member", "allUsers", "allUsers"),
        ("nothing-public", ADDRESS, "addressType", "EXTERNAL", "public address"),
        ("nothing-public", ADDRESS, "name", "x", "public address"),
        ("nothing-public", "gcp:compute/forwardingRule:ForwardingRule", "target", "x", "public regional"),
        ("nothing-public", "gcp:compute/instance:Instance", "networkInterfaces", [{"accessConfigs": [{}]}], "public"),
        ("nothing-public", DATABASE, "settings.ipConfiguration", {}, "public address"),
        ("nothing-public", BUCKET, "publicAccessPrevention", "inherited", "opened to everybody"),
        ("own-keys", DATABASE, "encryptionKeyName", None, "Google's key only"),
        ("own-keys", BUCKET, "encryption", None, "Google's key only"),
        ("own-keys", RUN, "template", {}, "Google's key only"),
        ("own-keys", "gcp:secretmanager/secret:Secret", "secretId", "x", "Google's key only"),
        ("data-is-kept", DATABASE, "deletionProtection", False, "deletionProtection"),
        ("data-is-kept", DATABASE, "settings.deletionProtectionEnabled", False, "deletionProtectionEnabled"),
        ("data-is-kept", DATABASE, "settings.backupConfiguration.enabled", False, "enabled"),
        ("data-is-kept", DATABASE, "settings.backupConfiguration", None, "pointInTimeRecoveryEnabled"),
        ("data-is-kept", BUCKET, "forceDestroy", True, "forceDestroy"),
        ("data-is-kept", BUCKET, "versioning.enabled", False, "versioning"),
        ("data-is-kept", BUCKET, "versioning", None, "or a retentionPolicy"),
        ("data-is-kept", BUCKET, "retentionPolicy", {"retentionPeriod": "86400"}, "excludes the other"),
        ("labels", BUCKET, "labels", None, "lacks the labels"),
        ("labels", BUCKET, "labels.importance", "v", "one of i, ii, iii, iv"),
        ("labels", DATABASE, "settings.userLabels", {"city": "x"}, "lacks the labels"),
    ],
)
def test_what_is_wrong_is_stopped(name: str, kind: str, path: str, value: object, message: str) -> None:
    found = violations(BY_NAME[name], kind, changed(GOOD.get(kind, {}), path, value))
    assert any(message in one for one in found), found


@pytest.mark.parametrize("kind", [DATABASE, BUCKET, KEY])
def test_data_without_the_engines_protection_is_stopped(kind: str) -> None:
    assert violations(BY_NAME["data-is-kept"], kind, GOOD[kind], protected=False)
    assert not violations(BY_NAME["data-is-kept"], kind, GOOD[kind], stack="lab", protected=False)


def test_a_replica_has_the_backups_of_its_master() -> None:
    replica = changed(
        changed(GOOD_DATABASE, "settings.backupConfiguration", None), "instanceType", "READ_REPLICA_INSTANCE"
    )
    assert not violations(BY_NAME["data-is-kept"], DATABASE, replica)


def test_the_public_application_is_let_through_by_name_only() -> None:
    proxy = BY_NAME["proxy-everywhere"]
    open_backend = {"iap": {"enabled": False}}
    assert not list(
        proxy.check(CheckedResource(BACKEND, "news", open_backend, "production", settings={PUBLIC: ["news"]}))
    )
    assert list(
        proxy.check(CheckedResource(BACKEND, "affairs", open_backend, "production", settings={PUBLIC: ["news"]}))
    )


@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [
        ("stack-regions-only", DATABASE, "region"),
        ("proxy-everywhere", BACKEND, "iap"),
        ("named-access", BINDING, "members"),
        ("own-keys", DATABASE, "encryptionKeyName"),
        ("data-is-kept", DATABASE, "settings"),
        ("labels", BUCKET, "labels"),
    ],
)
def test_what_is_unknown_in_a_preview_is_judged_when_it_is_known(name: str, kind: str, path: str) -> None:
    assert violations(BY_NAME[name], kind, changed(GOOD[kind], path, UNKNOWN)) == []


def test_each_names_its_clause() -> None:
    assert all(guardrail.clause[0].isdigit() for guardrail in GUARDRAILS)
    assert len(BY_NAME) == len(GUARDRAILS) == 12


KOBE = find_stack_regions({"tsunagu:regions": '[{"id": "kobe", "location": "asia-northeast2", "name": "神戸"}]'})


@pytest.mark.parametrize(
    ("kind", "inputs", "said"),
    [
        (BUCKET, {"location": "ASIA-NORTHEAST2"}, "lies in one region, asia-northeast2"),
        (BUCKET, {"location": UNKNOWN}, ""),
        (
            DATABASE,
            {
                "region": "asia-northeast2",
                "settings": {"backupConfiguration": {"location": "asia-northeast2"}},
            },
            "has its backups in its own region, asia-northeast2",
        ),
        (DATABASE, {"region": "asia-northeast2", "instanceType": "READ_REPLICA_INSTANCE"}, ""),
        (RUN, {"location": "asia-northeast2"}, ""),
    ],
)
def test_a_stack_of_one_region_is_told_what_has_no_second_place(kind: str, inputs: dict[str, Any], said: str) -> None:
    guardrail = BY_NAME["second-place"]
    found = list(guardrail.check(CheckedResource(kind, "it", inputs, "production", regions=KOBE)))
    assert not guardrail.stops
    assert (said in found[0]) if said else found == []


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ("logging.googleapis.com/projects/p/locations/asia-northeast1/buckets/logs", ""),
        ("logging.googleapis.com/projects/p/locations/global/buckets/_Default", "outside the stack's"),
        ("logging.googleapis.com/projects/p/locations/us-central1/buckets/logs", "outside the stack's"),
        ("logging.googleapis.com/projects/p", "names no place"),
        ("logging.googleapis.com/folders/1", "names no place"),
        ("bigquery.googleapis.com/projects/p/datasets/d", "names no place"),
        ("pubsub.googleapis.com/projects/p/topics/t", "names no place"),
        ("pubsub.googleapis.com/projects/p/locations/asia-northeast1/topics/t", "names no place"),
        ("", "names no place"),
        (None, "names no place"),
        ("storage.googleapis.com/p-audit", ""),
        ("storage.googleapis.com/elsewhere", "and nothing here says where it lies"),
        ("storage.googleapis.com/p", "and nothing here says where it lies"),
        (UNKNOWN, ""),
    ],
)
def test_a_sink_leads_to_a_place_that_is_told(destination: object, said: str) -> None:
    only, kind = BY_NAME["stack-regions-only"], "gcp:logging/projectSink:ProjectSink"
    sink = {"name": "it", "destination": destination}
    found = list(only.check(CheckedResource(kind, "it", sink, "production", project="p")))
    assert (said in found[0]) if said else found == []


def test_a_sink_to_a_bucket_is_stopped_where_no_project_is_known() -> None:
    sink = {"name": "it", "destination": "storage.googleapis.com/p-audit"}
    found = violations(BY_NAME["stack-regions-only"], "gcp:logging/projectSink:ProjectSink", sink)
    assert "take the stack's" in found[0]


def test_a_log_bucket_is_kept_like_other_data() -> None:
    kind, bucket = "gcp:logging/projectBucketConfig:ProjectBucketConfig", {"location": "global"}
    assert "is not protected in the engine" in violations(BY_NAME["data-is-kept"], kind, bucket, protected=False)[0]
    assert "Google's key only" in violations(BY_NAME["own-keys"], kind, bucket)[0]
    assert "location is 'global'" in violations(BY_NAME["stack-regions-only"], kind, bucket)[0]


def test_the_pack_knows_the_regions_of_its_stack_and_no_other() -> None:
    only = BY_NAME["stack-regions-only"]
    for location, fits in (("asia-northeast2", True), ("asia-northeast1", False), ("asia1", False)):
        found = list(only.check(CheckedResource(BUCKET, "it", {"location": location}, "production", regions=KOBE)))
        assert (found == []) == fits
        assert fits or "outside the stack's 神戸 (asia-northeast2)" in found[0]


@pytest.mark.parametrize("given", ["[]", "{}", '[{"id": "kobe"}]', "[", '"tokyo"'])
def test_regions_that_are_none_stop_the_pack(given: str) -> None:
    with pytest.raises((ValidationError, JsonRefused)):
        find_stack_regions({"tsunagu:regions": given})


@pytest.mark.parametrize(
    ("values", "project"),
    [({}, ""), ({"tsunagu:google": "[]"}, ""), ({"tsunagu:google": '{"project": "school-lab"}'}, "school-lab")],
)
def test_the_pack_knows_the_project_of_its_stack(values: dict[str, str], project: str) -> None:
    assert find_checked_stack(values).project == project
