"""Backups that go one way only: what keeps data is not made to keep it for less long, elsewhere, or not at all.

Sources: the provider's document of `google_backup_dr_backup_vault` (`force_update`: its retention is extended, but
not over plans that keep backups for less long), "Bucket Lock" of Cloud Storage (a locked policy is neither removed nor
shortened), terraform-provider-google#24932, open (while a plan is attached, every change of the instance by the
provider ends in 400). Whether Google would shorten the retention of a vault that has no lock is in no document that we
found: the stack never asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.settings.configuration import StackConfiguration
from stacks.settings.deployed_record import DeployedResource, find_deployed
from stacks.settings.region_problems import RegionProblem

Record = Sequence[DeployedResource]
COPIES = "-copies"
"""How the name of a bucket for copies of files ends."""
_SECONDS_A_DAY = 86_400
_SECONDS = re.compile(r"([0-9]{1,12})s")
_COUNT = re.compile(r"[0-9]{1,9}")
_FAILOVER = "failover"
_LEAVE = (
    "Leave the vault first: `vault: detached`, deploy, `pulumi refresh`, remove the key, deploy (stacks/SERVICES.md)"
)


def find_backup_problems(configured: StackConfiguration, deployed: Record) -> Iterator[RegionProblem]:
    """Yield what cannot be had any more, as the file says it, of backups and copies that are deployed."""
    yield from _find_vault_problems(configured, deployed)
    yield from _find_copies_problems(configured, deployed)
    for name, instance in _find_vaulted(configured, deployed):
        yield from _find_vaulted_changes(configured, name, instance, deployed)


def find_lock_problems(
    bucket: DeployedResource, place: tuple[str, ...], what: str, *, days: int, locked: bool
) -> Iterator[RegionProblem]:
    """Yield where a bucket that is locked would be unlocked, or keep what is in it for less long."""
    policy = bucket.outputs.get("retentionPolicy") or {}
    if not policy.get("isLocked"):
        return
    kept = int(float(policy["retentionPeriod"])) // _SECONDS_A_DAY
    if not locked:
        yield (*place, "locked"), f"{what} is locked, and a lock is never taken off: write `locked: true`"
    if days < kept:
        message = f"{what} is locked at {kept} days, and Google only lengthens that: write {kept} or more"
        yield (*place, "retention-days"), message


def _find_vault_problems(configured: StackConfiguration, deployed: Record) -> Iterator[RegionProblem]:
    wanted, place = configured.backup_vault, "backup-vault"
    for vault in find_deployed(deployed, "BackupVault"):
        if wanted is None:
            if configured.protected:
                yield (place,), "the vault is deployed and protected, with the backups in it: write it as it was"
            continue
        location = vault.outputs.get("location")
        if configured.protected and location and location != configured.places.get_location(wanted.region):
            yield (place, "region"), f"the vault stands in {location}, with the backups in it, and cannot move"
        least = _count_days(vault.outputs)
        if wanted.least_days < least:
            message = f"the vault enforces {least} days, and the stack only lengthens that: write {least} or more"
            yield (place, "least-days"), message
        kept = [days for plan in find_deployed(deployed, "BackupPlan") for days in _list_kept_days(plan)]
        if kept and wanted.least_days > max(least, min(kept)):
            message = (
                f"a plan keeps backups for {min(kept)} days, and Google lets no vault enforce more than its plans "
                f"keep: write `kept-days: {wanted.least_days}` or more first, deploy, and lengthen this then"
            )
            yield (place, "least-days"), message


def _find_copies_problems(configured: StackConfiguration, deployed: Record) -> Iterator[RegionProblem]:
    for bucket in find_deployed(deployed, "Bucket"):
        name = bucket.name.removeprefix(f"{configured.google.project}-").removesuffix(COPIES)
        if bucket.name != f"{configured.google.project}-{name}{COPIES}":
            continue
        place, what = ("applications", name, "files", "copies"), "the bucket of copies"
        application = configured.applications.get(name)
        copies = application.files.copies if application is not None and application.files is not None else None
        if copies is None:
            if configured.protected:
                message = f"{what} is deployed and protected, and no missing line lets go of data: write it as it was"
                yield place, message
            continue
        location = str(bucket.outputs.get("location", "")).lower()
        if configured.protected and location and location != configured.places.get_location(copies.region):
            yield (*place, "region"), f"{what} lies in {location} and cannot move"
        yield from find_lock_problems(bucket, place, what, days=copies.retention_days, locked=copies.locked)


def _find_vaulted(configured: StackConfiguration, deployed: Record) -> Iterator[tuple[str, DeployedResource]]:
    """Yield the databases with an instance that a plan is attached to, and that instance."""
    attached = {
        str(one.outputs.get("resource")).rpartition("/")[2] for one in find_deployed(deployed, "BackupPlanAssociation")
    }
    ids = {region.location: region.id for region in configured.places.regions}
    for instance in find_deployed(deployed, "DatabaseInstance"):
        base, region = instance.name.partition(".")[0], ids.get(str(instance.outputs.get("region")))
        name = base.removesuffix(f"-{region}")
        if instance.outputs.get("name") in attached and name in configured.databases:
            yield name, instance


def _find_vaulted_changes(
    configured: StackConfiguration, name: str, instance: DeployedResource, deployed: Record
) -> Iterator[RegionProblem]:
    """What Google would refuse in the middle of the deployment, because a plan is attached to the instance."""
    database, place = configured.databases[name], ("applications", name, "database")
    called = instance.outputs.get("name")
    if database.vault is None:
        message = f"{called!r} is in the vault, and Google takes no change of it there: write `vault: detached` first"
        yield place, message
    done = _count_operations(configured, name, deployed)
    for number, operation in enumerate(database.operations):
        if number >= done and _FAILOVER not in operation:
            message = f"{called!r} is in the vault, and Google takes no operation on it there. {_LEAVE}"
            yield (*place, "operations", number), message
    pair = configured.find_pair(database)
    rebuilt = f".{pair.primary.generation}" if pair.primary.rebuilt else ""
    if instance.name != f"{name}-{pair.primary.region}{rebuilt}":
        return  # nothing of it is changed: it is lost, or set aside
    settings: Mapping[str, Any] = instance.outputs.get("settings") or {}
    compared = {
        "tier": (settings.get("tier"), database.tier),
        "edition": (settings.get("edition"), database.edition),
        "availability": (settings.get("availabilityType"), database.availability),
    }
    for key, (before, wanted) in compared.items():
        if before is not None and before != wanted:
            yield (*place, key), f"{called!r} is in the vault with {before!r}, and Google does not change it. {_LEAVE}"
    size = int(settings.get("diskSize") or 0)
    if size and database.disk_gigabytes > size:
        yield (
            (*place, "disk-gigabytes"),
            f"{called!r} is in the vault with {size}, and Google changes nothing. {_LEAVE}",
        )


def _count_operations(configured: StackConfiguration, name: str, deployed: Record) -> int:
    """The operations that are deployed: the primary of the time carries their number."""
    instances = {f"{name}-{region}" for region in configured.places.by_id}
    labels = [
        (one.outputs.get("settings") or {}).get("userLabels") or {}
        for one in find_deployed(deployed, "DatabaseInstance")
        if one.name.partition(".")[0] in instances
    ]
    counted = [str(one.get("operations")) for one in labels]
    return max((int(one) for one in counted if _COUNT.fullmatch(one)), default=0)


def _count_days(vault: Mapping[str, Any]) -> int:
    found = _SECONDS.fullmatch(str(vault.get("backupMinimumEnforcedRetentionDuration")))
    return 0 if found is None else int(found[1]) // _SECONDS_A_DAY


def _list_kept_days(plan: DeployedResource) -> list[int]:
    return [int(rule.get("backupRetentionDays") or 0) for rule in plan.outputs.get("backupRules") or ()]
