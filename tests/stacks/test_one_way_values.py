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
