"""The backup vault: where it stands, whose key it has, which instances are in it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from controller.model.city import City
from stacks.guardrails.guardrail import CheckedResource
from stacks.guardrails.pack import GUARDRAILS
from stacks.settings.read_configuration import ConfigurationRefused
from tests.stacks.declared import Recorder, changed, configured, declare
from tests.stacks.test_declared import complaints

VAULT: dict[str, object] = {"backup-vault": {"region": "osaka"}, "applications/affairs/database/vault": "attached"}
FAILED_OVER: dict[str, object] = {"applications/affairs/database/operations": [{"failover": "osaka"}]}


def declared(city: City, changes: dict[str, object]) -> Recorder:
    recorder, _ = declare(city, changed("production", changes))
    assert complaints(recorder.declared) == []
    for one in recorder.declared:
        if one.type.startswith("gcp:"):
            project = configured("production").google.project
            found = CheckedResource(one.type, one.name, one.inputs, "production", protected=True, project=project)
            stopping = [guardrail for guardrail in GUARDRAILS if guardrail.stops]
            assert [v for guardrail in stopping for v in guardrail.check(found)] == []
    return recorder


def associations(recorder: Recorder) -> dict[str, Any]:
    return {one.name: (one.inputs["location"], one.inputs["resource"]) for one in recorder.of("BackupPlanAssociation")}


def test_no_stack_has_a_vault_that_does_not_ask_for_one(city: City) -> None:
    recorder, _ = declare(city, configured("production"))
    assert not [one for one in recorder.declared if one.type.startswith("gcp:backupdisasterrecovery")]
    assert "services-backupdr" not in [one.name for one in recorder.declared]


def test_a_vault_stands_in_its_region_under_a_key_of_its_own(city: City) -> None:
    recorder = declared(city, VAULT)
    (vault,) = [one for one in recorder.of("BackupVault") if one.type.startswith("gcp:")]
    assert vault.inputs["location"] == "asia-northeast2"
    assert vault.inputs["backupMinimumEnforcedRetentionDuration"] == f"{14 * 86400}s"
    assert vault.inputs["encryptionConfig"] == {"kmsKeyName": "CryptoKey/keys-vault"}
    (plan,) = recorder.of("BackupPlan")
    # The plan stands where the instance does; what it makes goes to the other region.
    assert (plan.inputs["location"], plan.inputs["backupVault"]) == ("asia-northeast1", "BackupVault/vault")
    (rule,) = plan.inputs["backupRules"]
    assert rule["backupRetentionDays"] == 35
    assert plan.inputs["logRetentionDays"] == 14
    name = "projects/tsunagu-kawasaki-production/instances/tsunagu-production-affairs-tokyo-1"
    assert associations(recorder) == {"affairs-tokyo": ("asia-northeast1", name)}
    users = {one.name for one in recorder.of("CryptoKeyIAMMember") if "vault" in one.name}
    assert users == {"keys-vault-user", "keys-vault-tokyo-user", "keys-vault-osaka-user"}
    (operator,) = [one for one in recorder.of("IAMMember") if one.name == "vault-operator"]
    assert operator.inputs["role"] == "roles/backupdr.cloudSqlOperator"


def test_after_a_failover_both_instances_are_in_the_vault(city: City) -> None:
    """What stands in the region that was lost stays declared, so that nothing there is called."""
    assert sorted(associations(declared(city, {**VAULT, **FAILED_OVER}))) == ["affairs-osaka", "affairs-tokyo"]


def test_a_database_is_taken_out_for_an_operation(city: City) -> None:
    recorder = declared(city, {**VAULT, "applications/affairs/database/vault": "detached"})
    assert associations(recorder) == {}
    assert len(recorder.of("BackupPlan")) == 1
    assert "gcp:backupdisasterrecovery/backupVault:BackupVault" in [one.type for one in recorder.declared]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"applications/affairs/database/vault": "attached"}, "affairs.database.vault: the stack has no vault"),
        ({**VAULT, "backup-vault": {"region": "tokyo"}}, "affairs.database.vault: the vault stands in 'tokyo' as the"),
        ({**VAULT, "backup-vault": {"region": "nagoya"}}, "backup-vault.region: unknown region 'nagoya'"),
        (
            {**VAULT, "backup-vault": {"region": "osaka", "least-days": 36}},
            "kept-days (35) is less than least-days (36)",
        ),
        ({**VAULT, "backup-vault": {"region": "osaka", "least-days": 0}}, "backup-vault.least-days"),
        ({**VAULT, "applications/affairs/database/vault": "yes"}, "affairs.database.vault"),
    ],
)
def test_a_vault_that_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        changed("production", changes)
    assert words in "\n".join(map(str, refused.value.problems))
