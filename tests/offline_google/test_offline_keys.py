"""Keys of our own: who encrypts with them must be allowed to, and they lie where what they encrypt lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider.operations import invoke_function
from controller.offline_google.world.cross_resource_rules import SERVICE
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.iam.key_users import find_key_user
from controller.offline_google.world.iam.service_agents import IDENTITY
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.world_store import StoredResource
from tests.offline_google.worlds import (
    BUCKET,
    DATABASE,
    KEY,
    OSAKA,
    PROJECT,
    PROJECT_MEMBER,
    TOKYO,
    a_key,
    database,
)

KEY_MEMBER = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"
KEY_BINDING = "gcp:kms/cryptoKeyIAMBinding:CryptoKeyIAMBinding"
LOG_BUCKET = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
RUN_JOB = "gcp:cloudrunv2/job:Job"
RUN_SERVICE = "gcp:cloudrunv2/service:Service"
SECRET = "gcp:secretmanager/regionalSecret:RegionalSecret"  # noqa: S105 a resource type
USE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
ASKED = {"storage": "storage/getProjectServiceAccount", "logging": "logging/getProjectCmekSettings"}
"""Agents that come by being asked for; the others come with their identity."""
NUMBER = find_project_number(PROJECT)
AGENTS = {
    "storage": f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com",
    "logging": f"cmek-p{NUMBER}@gcp-sa-logging.iam.gserviceaccount.com",
    "sqladmin": f"service-{NUMBER}@gcp-sa-cloud-sql.iam.gserviceaccount.com",
    "run": f"service-{NUMBER}@serverless-robot-prod.iam.gserviceaccount.com",
    "artifactregistry": f"service-{NUMBER}@gcp-sa-artifactregistry.iam.gserviceaccount.com",
    "secretmanager": f"service-{NUMBER}@gcp-sa-secretmanager.iam.gserviceaccount.com",
}
PLACED = {"name": "it", "location": TOKYO}


def name_key(key: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Everything that is encrypted here: its service, its type, its inputs with the key."""
    container = {"containers": [{"image": "asia-northeast1-docker.pkg.dev/p/r/i"}], "encryptionKey": key}
    repository = {"repositoryId": "it", "location": TOKYO, "format": "DOCKER", "kmsKeyName": key}
    secret = {"secretId": "it", "location": TOKYO, "customerManagedEncryption": {"kmsKeyName": key}}
    return {
        "bucket": ("storage", BUCKET, {"name": "files", "location": TOKYO, "encryption": {"defaultKmsKeyName": key}}),
        "log bucket": ("logging", LOG_BUCKET, log_bucket("it", key)),
        "database": ("sqladmin", DATABASE, database(encryptionKeyName=key)),
        "service": ("run", RUN_SERVICE, {**PLACED, "template": container}),
        "job": ("run", RUN_JOB, {**PLACED, "template": {"template": container}}),
        "repository": ("artifactregistry", REPOSITORY, repository),
        "secret": ("secretmanager", SECRET, secret),
    }


def log_bucket(name: str, key: str, location: str = TOKYO) -> dict[str, Any]:
    wanted = {"project": PROJECT, "bucketId": name, "location": location, "retentionDays": 30}
    return {**wanted, "cmekSettings": {"kmsKeyName": key}}


def make_agent(google: OfflineGoogle, service: str) -> str:
    if service in ASKED:
        word = ASKED[service]
        invoke_function(google, provider_pb2.InvokeRequest(tok=f"gcp:{word}:{word.partition('/')[2]}"))
    else:
        google.create(SERVICE, {"service": f"{service}.googleapis.com"})
        google.create(IDENTITY, {"service": f"{service}.googleapis.com", "project": PROJECT})
    return f"serviceAccount:{AGENTS[service]}"


def grant(google: OfflineGoogle, key: str, member: str, role: str = USE) -> StoredResource:
    return google.create(KEY_MEMBER, {"cryptoKeyId": key, "role": role, "member": member})


@pytest.mark.parametrize("what", sorted(name_key("")))
def test_the_agent_that_encrypts_may_use_the_key(google: OfflineGoogle, what: str) -> None:
    key = a_key(google).id
    service, token, inputs = name_key(key)[what]
    member = make_agent(google, service)
    with pytest.raises(GoogleRefusal, match=rf"Error 403: .*useToEncrypt' denied on .*{AGENTS[service]}"):
        google.create(token, inputs)
    grant(google, key, member)
    assert google.create(token, inputs).id


@pytest.mark.parametrize("other", sorted(set(AGENTS) - {"storage"}))
def test_the_grant_of_another_services_agent_is_none(google: OfflineGoogle, other: str) -> None:
    key = a_key(google).id
    grant(google, key, make_agent(google, other))
    _, token, inputs = name_key(key)["bucket"]
    with pytest.raises(GoogleRefusal, match=r"gs-project-accounts"):
        google.create(token, inputs)


@pytest.mark.parametrize(
    ("grants", "enough"),
    [
        ([(KEY_MEMBER, {"role": USE})], True),
        ([(KEY_BINDING, {"role": USE})], True),
        ([(PROJECT_MEMBER, {"role": USE})], True),
        ([(PROJECT_MEMBER, {"role": "roles/owner"})], True),
        ([(PROJECT_MEMBER, {"role": "roles/editor"})], False),
        ([(KEY_MEMBER, {"role": "roles/cloudkms.admin"})], False),
        ([(KEY_MEMBER, {"role": "roles/cloudkms.cryptoKeyEncrypter"})], False),
        ([(KEY_MEMBER, {"role": "roles/cloudkms.cryptoKeyDecrypter"})], False),
        ([(KEY_MEMBER, {"role": f"roles/cloudkms.cryptoKey{word}"}) for word in ("Encrypter", "Decrypter")], True),
        ([(KEY_MEMBER, {"role": USE, "condition": {"title": "t", "expression": "false"}})], False),
    ],
)
def test_a_grant_that_is_enough(
    google: OfflineGoogle, grants: list[tuple[str, Mapping[str, Any]]], *, enough: bool
) -> None:
    key, member = a_key(google).id, make_agent(google, "storage")
    for token, values in grants:
        who = {"members": [member]} if token == KEY_BINDING else {"member": member}
        on = {"project": PROJECT} if token == PROJECT_MEMBER else {"cryptoKeyId": key}
        google.create(token, {**on, **who, **values})
    _, token, inputs = name_key(key)["bucket"]
    if enough:
        assert google.create(token, inputs).id
        return
    with pytest.raises(GoogleRefusal, match=r"useToEncrypt"):
        google.create(token, inputs)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            {"purpose": "ASYMMETRIC_SIGN", "versionTemplate": {"algorithm": "EC_SIGN_P256_SHA256"}},
            "has the purpose ASYMM",
        ),
        ({"purpose": "MAC", "versionTemplate": {"algorithm": "HMAC_SHA256"}}, "has the purpose MAC; what is stored is"),
        ({"skipInitialVersionCreation": True}, "was made without a version"),
        ({"skipInitialVersionCreation": True, "importOnly": True}, "was made without a version"),
    ],
)
def test_a_key_that_encrypts_nothing_is_none(google: OfflineGoogle, made: dict[str, Any], said: str) -> None:
    ring = a_key(google).id.partition("/cryptoKeys/")[0]
    key = google.create(KEY, {"name": "other", "keyRing": ring, **made}).id
    grant(google, key, make_agent(google, "storage"))
    _, token, inputs = name_key(key)["bucket"]
    with pytest.raises(GoogleRefusal, match=said):
        google.create(token, inputs)


def test_the_grant_of_another_key_is_none(google: OfflineGoogle) -> None:
    key = a_key(google)
    other = google.create(KEY, {"name": "other", "keyRing": key.outputs["keyRing"], "purpose": "ENCRYPT_DECRYPT"})
    grant(google, key.id, make_agent(google, "storage"))
    _, token, inputs = name_key(other.id)["bucket"]
    with pytest.raises(GoogleRefusal, match=r"cryptoKeys/other' for"):
        google.create(token, inputs)


def test_a_key_is_asked_for_when_it_is_named_and_not_again(google: OfflineGoogle) -> None:
    key = a_key(google)
    given = grant(google, key.id, make_agent(google, "storage"))
    _, token, inputs = name_key(key.id)["bucket"]
    made = google.create(token, inputs)
    google.delete(KEY_MEMBER, given.id)
    assert google.update(token, made.id, {**inputs, "labels": {"x": "y"}}).outputs["labels"] == {"x": "y"}
    other = google.create(KEY, {"name": "other", "keyRing": key.outputs["keyRing"], "purpose": "ENCRYPT_DECRYPT"})
    with pytest.raises(GoogleRefusal, match=r"useToEncrypt"):
        google.update(token, made.id, {**inputs, "encryption": {"defaultKmsKeyName": other.id}})


@pytest.mark.parametrize("what", sorted(name_key("")))
@pytest.mark.parametrize("elsewhere", [OSAKA, "global", "asia1"])
def test_a_key_lies_where_what_it_encrypts_lies(google: OfflineGoogle, what: str, elsewhere: str) -> None:
    key = a_key(google, elsewhere).id
    service, token, inputs = name_key(key)[what]
    grant(google, key, make_agent(google, service))
    with pytest.raises(GoogleRefusal, match=rf"It is in {elsewhere}, and must be in {TOKYO}"):
        google.create(token, inputs)


def test_a_global_log_bucket_takes_no_key_of_a_region(google: OfflineGoogle) -> None:
    key = a_key(google, OSAKA).id
    grant(google, key, make_agent(google, "logging"))
    with pytest.raises(GoogleRefusal, match=rf"It is in {OSAKA}, and must be in global"):
        google.create(LOG_BUCKET, log_bucket("it", key, "global"))


def test_who_encrypts_is_known_or_refused() -> None:
    assert find_key_user("sql", PROJECT) == AGENTS["sqladmin"]
    with pytest.raises(GoogleRefusal, match=r"does not know which agent encrypts for compute; it knows: artifact"):
        find_key_user("compute", PROJECT)
