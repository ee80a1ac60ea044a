"""Backup and DR of the offline Google: what it refuses, and what an association does to an instance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.iam.service_agents import note_agent
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.services.backup_vaults import ASSOCIATION, PLAN, VAULT
from controller.offline_google.world.services.file_transfers import make_transfer_account
from tests.offline_google.worlds import BUCKET, DATABASE, OSAKA, PROJECT, PROJECT_MEMBER, TOKYO, a_google, database

TRANSFER = "gcp:storage/transferJob:TransferJob"
SQL = "sqladmin.googleapis.com/Instance"
NIGHT = {"recurrenceType": "DAILY", "timeZone": "UTC", "backupWindow": {"startHourOfDay": 16, "endHourOfDay": 22}}
RULE = {"ruleId": "daily", "backupRetentionDays": 35, "standardSchedule": NIGHT}
A_FORTNIGHT = f"{14 * 86400}s"


class Backups:
    """A vault in Osaka, a plan in Tokyo, an instance there."""

    def __init__(self, google: OfflineGoogle) -> None:
        self.google = google
        google.create("gcp:projects/service:Service", {"service": "backupdr.googleapis.com"})
        self.vault = google.create(VAULT, vault())
        self.plan = google.create(PLAN, self.wanted_plan())
        backups = {"enabled": True, "pointInTimeRecoveryEnabled": True}
        self.inputs = database(settings={"tier": "db-custom-2-7680", "backupConfiguration": backups})
        self.instance = google.create(DATABASE, self.inputs)

    def wanted_plan(self, **more: object) -> dict[str, Any]:
        wanted = {"location": TOKYO, "backupPlanId": "affairs", "resourceType": SQL, "backupVault": self.vault.id}
        return {**wanted, "backupRules": [RULE], "logRetentionDays": 14, **more}

    def allow(self) -> None:
        member = f"serviceAccount:{self.vault.outputs['serviceAccount']}"
        grant = {"project": PROJECT, "role": "roles/backupdr.cloudSqlOperator", "member": member}
        self.google.create(PROJECT_MEMBER, grant)

    def attach(self, **more: object) -> Any:  # noqa: ANN401 a stored resource
        wanted = {"location": TOKYO, "backupPlanAssociationId": "affairs", "resource": self.instance.id}
        return self.google.create(ASSOCIATION, {**wanted, "resourceType": SQL, "backupPlan": self.plan.id, **more})


def vault(**more: object) -> dict[str, Any]:
    wanted = {"location": OSAKA, "backupVaultId": "vault", "backupMinimumEnforcedRetentionDuration": A_FORTNIGHT}
    return {**wanted, **more}


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    return Backups(a_google(tmp_path / "world.db"))


def test_an_association_takes_the_place_of_the_instances_own_backups(backups: Backups) -> None:
    backups.allow()
    made = backups.attach()
    now = backups.google.read(DATABASE, backups.instance.id)
    assert now is not None
    assert now.outputs["settings"]["backupConfiguration"]["enabled"] is False
    # Whatever of it is changed: terraform-provider-google#24932.
    with pytest.raises(GoogleRefusal, match="cannot be changed for instances with a BackupDR backup plan attached"):
        backups.google.update(
            DATABASE, backups.instance.id, {**backups.inputs, "settings": {"tier": "db-custom-4-15360"}}
        )
    for token, one in ((PLAN, backups.plan), (VAULT, backups.vault), (DATABASE, backups.instance)):
        with pytest.raises(GoogleRefusal, match="already being used by"):
            backups.google.delete(token, one.id)
    backups.google.delete(ASSOCIATION, made.id)
    backups.google.update(DATABASE, backups.instance.id, backups.inputs)


def test_the_vaults_account_is_allowed_to_make_backups_first(backups: Backups) -> None:
    with pytest.raises(GoogleRefusal, match=r"grant it roles/backupdr\.cloudSqlOperator"):
        backups.attach()
    backups.allow()
    backups.attach()
    with pytest.raises(GoogleRefusal, match="is protected by"):
        backups.attach(backupPlanAssociationId="again")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"location": OSAKA}, "must be in"),
        ({"resourceType": "compute.googleapis.com/Disk"}, "is not that of the plan"),
        ({"resource": f"projects/{PROJECT}/instances/nothing"}, "was not found"),
    ],
)
def test_an_association_that_google_refuses(backups: Backups, more: dict[str, object], words: str) -> None:
    backups.allow()
    with pytest.raises(GoogleRefusal, match=words):
        backups.attach(**more)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"resourceType": "storage.googleapis.com/Bucket"}, "does not model plans for storage"),
        ({"backupRules": []}, "one or more"),
        ({"backupRules": [{**RULE, "backupRetentionDays": 13}]}, "less than the 14 that the vault enforces"),
        ({"backupRules": [{**RULE, "standardSchedule": {**NIGHT, "recurrenceType": "HOURLY"}}]}, "does not model"),
        (
            {
                "backupRules": [
                    {**RULE, "standardSchedule": {**NIGHT, "backupWindow": {"startHourOfDay": 1, "endHourOfDay": 6}}}
                ]
            },
            "less than 6 hours",
        ),
        ({"logRetentionDays": 36}, "does not model logs"),
    ],
)
def test_a_plan_that_google_refuses(backups: Backups, more: dict[str, object], words: str) -> None:
    with pytest.raises(GoogleRefusal, match=words):
        backups.google.create(PLAN, backups.wanted_plan(backupPlanId="other", **more))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"backupMinimumEnforcedRetentionDuration": "86399s"}, "1 day"),
        ({"backupMinimumEnforcedRetentionDuration": "14 days"}, "1 day"),
        ({"effectiveTime": "2027-01-01T00:00:00Z"}, "does not model effectiveTime"),
        ({"location": "asia1"}, "no such location"),
    ],
)
def test_a_vault_that_google_refuses(backups: Backups, more: dict[str, object], words: str) -> None:
    with pytest.raises(GoogleRefusal, match=words):
        backups.google.create(VAULT, vault(backupVaultId="other", **more))


def test_nobody_shortens_what_a_vault_enforces(backups: Backups) -> None:
    backups.google.update(VAULT, backups.vault.id, vault(backupMinimumEnforcedRetentionDuration=f"{15 * 86400}s"))
    with pytest.raises(GoogleRefusal, match="does not model a shorter retention"):
        backups.google.update(VAULT, backups.vault.id, vault())


def test_a_vault_enforces_no_more_than_its_plans_keep(backups: Backups) -> None:
    longer = vault(backupMinimumEnforcedRetentionDuration=f"{36 * 86400}s")
    with pytest.raises(GoogleRefusal, match=r"36 days are more than the 35 for which .*affairs.* keeps backups"):
        backups.google.update(VAULT, backups.vault.id, longer)
    kept = backups.wanted_plan(backupRules=[{**RULE, "backupRetentionDays": 36}])
    backups.google.update(PLAN, backups.plan.id, kept)
    backups.google.update(VAULT, backups.vault.id, longer)


def test_a_nightly_copy_needs_its_service_and_grants_on_both_buckets(tmp_path: Path) -> None:
    google = a_google(tmp_path / "world.db")
    for name, place in (("files", "ASIA1"), ("copies", OSAKA)):
        google.create(BUCKET, {"name": name, "location": place})
    specification = {"gcsDataSource": {"bucketName": "files"}, "gcsDataSink": {"bucketName": "copies"}}
    job = {"name": "transferJobs/nightly", "project": PROJECT, "description": "copy", "transferSpec": specification}
    with pytest.raises(GoogleRefusal, match=r"storagetransfer\.googleapis\.com has not been used"):
        google.create(TRANSFER, job)
    google.create("gcp:projects/service:Service", {"service": "storagetransfer.googleapis.com"})
    account = make_transfer_account(find_project_number(PROJECT))
    note_agent(google.store, account)
    wanted = [
        ("files", "objectViewer"),
        ("files", "bucketViewer"),
        ("copies", "objectUser"),
        ("copies", "bucketViewer"),
    ]
    for bucket, role in wanted:
        with pytest.raises(GoogleRefusal, match=r"grant it first"):
            google.create(TRANSFER, job)
        grant = {"bucket": bucket, "role": f"roles/storage.{role}", "member": f"serviceAccount:{account}"}
        google.create("gcp:storage/bucketIAMMember:BucketIAMMember", grant)
    google.create(TRANSFER, job)
    other = {**specification, "gcsDataSink": {"bucketName": "nothing"}}
    with pytest.raises(GoogleRefusal, match="grant it first"):
        google.create(TRANSFER, {**job, "name": "transferJobs/other", "transferSpec": other})
