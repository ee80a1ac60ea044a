"""What is deployed and goes one way only: a configuration that asks for the other way is refused, with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from stacks.settings.deployed_record import DeployedResource
from stacks.settings.one_way_values import find_ignored_values
from stacks.settings.read_configuration import ConfigurationRefused, refuse_one_way_changes
from tests.stacks.declared import REMOVED, changed, file

BUCKET = "gcp:storage/bucket:Bucket"
PROJECT = "tsunagu-kawasaki-production"
TOKYO, OSAKA = "asia-northeast1", "asia-northeast2"
DIGEST = "0ed98b9c47b89022b8b3922d5977568fa170ab3ec028426dec10b1cdc7293b3b"
Record = Sequence[DeployedResource]


def one(token: str, called: str, /, **outputs: Any) -> DeployedResource:  # noqa: ANN401 JSON
    return DeployedResource(token, called, outputs)


def audit(days: int = 400, *, locked: bool = True) -> DeployedResource:
    policy = {"retentionPeriod": str(days * 86_400), "isLocked": locked}
    return one(BUCKET, f"{PROJECT}-audit", location="ASIA1", retentionPolicy=policy)


PEERING = one(
    "gcp:compute/globalAddress:GlobalAddress",
    "private-services",
    purpose="VPC_PEERING",
    address="10.251.240.0",
    prefixLength=21.0,  # the engine's wire has one kind of number
)
NAME = "production-kawasaki-affairs-tokyo-1"
DATABASE = one(
    "gcp:sql/databaseInstance:DatabaseInstance", "affairs-tokyo", name=NAME, region=TOKYO, settings={"diskSize": 500.0}
)
FILES = one(BUCKET, f"{PROJECT}-affairs-files", location="ASIA1")
SUBNET = one("gcp:compute/subnetwork:Subnetwork", "foundation-tokyo", region=TOKYO, ipCidrRange="10.250.32.0/21")
OTHER_SUBNET = one("gcp:compute/subnetwork:Subnetwork", "foundation-osaka", region=OSAKA, ipCidrRange="10.250.40.0/21")
SERVICE = one("gcp:cloudrunv2/service:Service", "affairs-tokyo", location=TOKYO)
VPC = one("gcp:compute/network:Network", "vpc", project=PROJECT)
DEPLOYED = (audit(), PEERING, DATABASE, FILES, SUBNET, OTHER_SUBNET, SERVICE, VPC)


def refused(changes: Mapping[str, object], deployed: Record = DEPLOYED) -> str:
    """What is said of production so changed; nothing where it may be so."""
    try:
        refuse_one_way_changes(changed("production", changes), deployed, file("production"))
    except ConfigurationRefused as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"audit/retention-days": 200}, "retention-days", "locked at 400 days, and Google only lengthens that"),
        ({"network/services": "10.251.248.0/21"}, "services", "databases have their addresses in 10.251.240.0/21"),
        ({"network/services": "10.251.240.0/20"}, "services", "neither moved nor resized"),
        ({"network/tokyo": "10.250.48.0/21"}, "tokyo", "Cloud Run holds the old one for one to two hours"),
        ({"shared-location": TOKYO}, "shared-location", "buckets lie in asia1 and cannot move"),
        ({"google/project": "another-project"}, "project", "another project is another stack"),
        ({"applications/affairs/database/generation": 2}, "generation", f"is called '{NAME}': another number"),
        ({"applications/affairs/database": REMOVED}, "database", "the database in tokyo is deployed and protected"),
        ({"applications/affairs/files": REMOVED}, "files", "its bucket of files is deployed and protected"),
    ],
)
def test_the_other_way_is_refused_with_file_and_line(changes: dict[str, object], key: str, words: str) -> None:
    if "google/project" in changes:
        for name in ("affairs", "file-exchange", "staff-ai", "learning-dashboard"):
            image = f"{TOKYO}-docker.pkg.dev/another-project/applications/{name}@sha256:{DIGEST}"
            changes[f"applications/{name}/hosting/image"] = image
    said = refused(changes)
    lines = file("production").read_text(encoding="utf-8").splitlines()
    line = next((number for number, text in enumerate(lines, 1) if text.strip().startswith(f"{key}:")), 2)
    assert words in said, said
    assert f"Pulumi.production.yaml:{line}:" in said, said
    assert not refused(changes, ()), "of nothing that is deployed nothing is undone"


def test_an_application_with_data_is_not_left_out() -> None:
    """The policy would have to agree; the data stay, whatever it says."""
    said = refused({"applications/affairs": REMOVED})
    assert "applications.affairs: the database in tokyo is deployed" in said
    rebuilt = one(DATABASE.type, "affairs-tokyo.2", name=f"{NAME[:-1]}2", region=TOKYO)
    assert not refused({}, (rebuilt,))


def test_a_lock_is_not_taken_off() -> None:
    """Production's own file must say `locked` anyway; staging may have been locked once."""
    staging = changed("staging", {})
    with pytest.raises(ConfigurationRefused, match="a lock is never taken off: write `locked: true`"):
        refuse_one_way_changes(staging, (audit(),), file("staging"))
    refuse_one_way_changes(staging, (audit(locked=False, days=800),), file("staging"))


@pytest.mark.parametrize(
    ("changes", "deployed"),
    [
        ({}, DEPLOYED),
        ({"audit/retention-days": 800}, DEPLOYED),
        ({"network/tokyo": "10.250.32.0/20", "network/osaka": "10.250.48.0/21"}, (SUBNET, SERVICE)),
        ({"network/tokyo": "10.250.48.0/21"}, (SUBNET, OTHER_SUBNET)),
        ({"network/services": "10.251.248.0/21"}, (PEERING,)),
    ],
    ids=["as it is", "longer", "the subnet grows", "nothing runs in the subnet", "no database is there"],
)
def test_the_way_that_is_open_is_taken(changes: dict[str, object], deployed: Record) -> None:
    assert not refused(changes, deployed)


def test_a_region_with_protected_keys_is_not_taken_out() -> None:
    abroad = one(
        "gcp:compute/subnetwork:Subnetwork", "foundation-taipei", region="asia-east1", ipCidrRange="10.9.0.0/21"
    )
    assert "the region asia-east1 has protected keys" in refused({}, (abroad,))


def test_a_disk_that_will_not_get_smaller_is_told() -> None:
    smaller = changed("production", {"applications/affairs/database/disk-gigabytes": 100})
    (said,) = find_ignored_values(smaller, DEPLOYED)
    assert "disk-gigabytes: 100 is asked for, and the disk in tokyo has 500" in said
    rebuilt = one(DATABASE.type, "affairs-tokyo.2", settings={"diskSize": 700.0})
    (said,) = find_ignored_values(changed("production", {}), (rebuilt,))
    assert "has 700" in said
    assert not [*find_ignored_values(changed("production", {}), DEPLOYED)]


VAULT = one("gcp:backupdisasterrecovery/backupVault:BackupVault", "vault", location=OSAKA)
VAULT = one(VAULT.type, VAULT.name, **VAULT.outputs, backupMinimumEnforcedRetentionDuration=f"{20 * 86_400}s")
PLAN = one(
    "gcp:backupdisasterrecovery/backupPlan:BackupPlan", "affairs-tokyo", backupRules=[{"backupRetentionDays": 35.0}]
)
ASSOCIATION = one(
    "gcp:backupdisasterrecovery/backupPlanAssociation:BackupPlanAssociation",
    "affairs-tokyo",
    resource=f"projects/{PROJECT}/instances/{NAME}",
)
SETTINGS = {"diskSize": 500.0, "tier": "db-perf-optimized-N-2", "userLabels": {"operations": "1"}}
IN_THE_VAULT = one(DATABASE.type, DATABASE.name, **{**DATABASE.outputs, "settings": SETTINGS})
COPIES = one(
    BUCKET,
    f"{PROJECT}-affairs-copies",
    location=OSAKA.upper(),
    retentionPolicy={"retentionPeriod": str(60 * 86_400), "isLocked": True},
)
BACKED_UP = (VAULT, PLAN, ASSOCIATION, IN_THE_VAULT, COPIES)
KEPT: dict[str, object] = {
    "backup-vault": {"region": "osaka", "least-days": 20, "kept-days": 35},
    "applications/affairs/database/vault": "attached",
    "applications/affairs/database/operations": [{"designate": "osaka"}],
    "applications/affairs/database/tier": "db-perf-optimized-N-2",
    "applications/affairs/database/disk-gigabytes": 500,
    "applications/affairs/files/copies": {"region": "osaka", "retention-days": 60, "locked": True},
}
DATABASE_OF = "applications/affairs/database"
COPIES_OF = "applications/affairs/files/copies"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"backup-vault": {"region": "osaka", "least-days": 19}},
            "backup-vault.least-days: the vault enforces 20 days, and the stack only lengthens that: write 20 or more",
        ),
        (
            {"backup-vault": {"region": "osaka", "least-days": 36, "kept-days": 40}},
            "backup-vault.least-days: a plan keeps backups for 35 days, and Google lets no vault enforce more",
        ),
        (
            {"backup-vault": REMOVED, f"{DATABASE_OF}/vault": REMOVED},
            "backup-vault: the vault is deployed and protected, with the backups in it",
        ),
        (
            {"backup-vault": {"region": "tokyo", "least-days": 20}, f"{DATABASE_OF}/vault": "detached"},
            f"backup-vault.region: the vault stands in {OSAKA}, with the backups in it, and cannot move",
        ),
        ({f"{DATABASE_OF}/vault": REMOVED}, f"database: '{NAME}' is in the vault, and Google takes no change of it"),
        (
            {f"{DATABASE_OF}/operations": [{"designate": "osaka"}, {"switchover": "osaka"}]},
            f"database.operations.1: '{NAME}' is in the vault, and Google takes no operation on it there. Leave",
        ),
        (
            {
                f"{DATABASE_OF}/operations": [{"designate": "osaka"}, {"switchover": "osaka"}],
                f"{DATABASE_OF}/vault": "detached",
            },
            "database.operations.1: ",
        ),
        ({f"{DATABASE_OF}/tier": "db-perf-optimized-N-4"}, "database.tier: "),
        ({f"{DATABASE_OF}/disk-gigabytes": 501}, "database.disk-gigabytes: "),
        (
            {COPIES_OF: {"region": "osaka", "retention-days": 59}},
            "affairs.files.copies.retention-days: the bucket of copies is locked at 60 days, and Google only lengthens",
        ),
        ({COPIES_OF: {"region": "osaka", "retention-days": 60, "locked": False}}, "a lock is never taken off"),
        (
            {COPIES_OF: {"region": "tokyo", "retention-days": 60}},
            f"copies.region: the bucket of copies lies in {OSAKA}",
        ),
        ({COPIES_OF: REMOVED}, "affairs.files.copies: the bucket of copies is deployed and protected"),
    ],
)
def test_backups_are_not_made_to_keep_less(changes: dict[str, object], words: str) -> None:
    wanted = {key: value for key, value in {**KEPT, **changes}.items() if value is not REMOVED}
    said = refused(wanted, BACKED_UP)
    assert words in said, said
    assert "Pulumi.production.yaml:" in said
    assert not refused(wanted, ()), "of nothing that is deployed nothing is undone"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"backup-vault": {"region": "osaka", "least-days": 35, "kept-days": 40}},
        {COPIES_OF: {"region": "osaka", "retention-days": 61}},
        {f"{DATABASE_OF}/vault": "detached"},
        {f"{DATABASE_OF}/operations": [{"designate": "osaka"}, {"failover": "osaka"}]},
        {f"{DATABASE_OF}/operations": [{"failover": "osaka"}], f"{DATABASE_OF}/tier": "db-perf-optimized-N-4"},
    ],
    ids=[
        "as it is",
        "as long as the plan",
        "longer",
        "out of the vault",
        "failover",
        "nothing of the lost one changes",
    ],
)
def test_backups_may_be_kept_longer_and_a_region_may_be_lost(changes: dict[str, object]) -> None:
    assert not refused({**KEPT, **changes}, BACKED_UP)


def test_a_label_that_somebody_changed_counts_for_nothing() -> None:
    """The operations are then taken for new ones: refused, and no traceback."""
    settings = {**SETTINGS, "userLabels": {"operations": "two"}}
    instance = one(DATABASE.type, DATABASE.name, **{**DATABASE.outputs, "settings": settings})
    assert "database.operations.0: " in refused(KEPT, (VAULT, PLAN, ASSOCIATION, instance))
