"""Stored data: encrypted with our own keys (guideline 3.2(7)), and not deleted by accident (6.1(2))."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations, get_value, list_leaves, say
from stacks.guardrails.resource_types import find_known_type

PROTECTED = (
    "artifactregistry.Repository",
    "backupdisasterrecovery.BackupVault",
    "bigquery.Dataset",
    "firestore.Database",
    "kms.CryptoKey",
    "logging.ProjectBucketConfig",
    "sql.DatabaseInstance",
    "storage.Bucket",
)
"""Types that are lost with what they hold."""
LAB = "lab"
LONGEST_ROTATION = 31_536_000
"""Seconds: a year. Ours are turned over every 90 days."""
FEWEST_BACKUPS = 7
"""Backups of a database that are kept, and days that a vault keeps one: a week, so that a weekend goes unnoticed."""
SECONDS_A_DAY = 86_400
_KEY_PLACE = re.compile(r"(?:^|/)locations/([^/]+)/keyRings/")
_SEALED = ("ENCRYPT_DECRYPT", None)


def require_own_keys(resource: CheckedResource) -> Violations:
    """Find stores that name no key of ours, and keys that lie elsewhere or are never turned over."""
    known = find_known_type(resource.kind)
    if known is not None and known.key:
        given = resource.list_inputs(known.key)
        if not given or any(not key for key in given):
            yield say("no-key", path=known.key)
    yield from _find_keys_elsewhere(resource)
    if resource.kind == "kms.CryptoKey" and resource.get_input("purpose") in _SEALED:
        rotation = resource.get_input("rotationPeriod")
        if rotation is not UNKNOWN and not 0 < _read_seconds(rotation) <= LONGEST_ROTATION:
            yield say("key-unturned")


def _find_keys_elsewhere(resource: CheckedResource) -> Violations:
    """A key lies where its store lies. Where a store has several places, its key lies in one of the stack's."""
    known = find_known_type(resource.kind)
    places = resource.list_inputs(known.places[0]) if known is not None and len(known.places) == 1 else []
    place = places[0] if len(places) == 1 and isinstance(places[0], str) else ""
    may = [*resource.regions.locations, resource.regions.shared]
    for path, value in list_leaves(resource.inputs):
        found = _KEY_PLACE.search(value) if isinstance(value, str) else None
        if found is None or path == "keyRing":
            continue
        key = found[1].lower()
        here = place.rpartition("/")[2].lower()
        if here and key != here and not re.fullmatch(rf"{re.escape(key)}-[a-z]", here):
            yield say("key-elsewhere", path=path, lies=key, place=here)
        elif key not in may:
            yield say("key-elsewhere", path=path, lies=key, place=", ".join(may))


def _read_seconds(text: object) -> float:
    """Seconds of a duration as Google writes it, such as `7776000s`; nothing, where it is none."""
    found = re.fullmatch(r"([0-9]{1,12})(?:\.[0-9]{1,9})?s", str(text))
    return float(found[1]) if found else 0.0


def require_protection(resource: CheckedResource) -> Violations:
    """Find data that a mistaken command could delete. The lab holds none, and is destroyed every time."""
    yield from _check_backups(resource)
    if resource.stack == LAB:
        return
    for path, wanted in MUST_BE.get(resource.kind, {}).items():
        is_backup = path.startswith("settings.backupConfiguration")
        if is_backup and resource.get_input("settings.userLabels.backups") == "vault":
            continue  # Google turns an instance's own backups off while it is backed up into a vault
        if is_backup and resource.get_input("instanceType") in ("READ_REPLICA_INSTANCE", UNKNOWN):
            continue
        if resource.differs(path, wanted) and not (resource.get_input(path) is None and wanted is False):
            yield say("could-be-lost", path=path, wanted=str(wanted).lower() if isinstance(wanted, bool) else wanted)
    if resource.kind == "storage.Bucket":
        yield from _check_bucket(resource)
    if resource.kind in PROTECTED and not resource.protected:
        yield say("unprotected")


def _check_bucket(resource: CheckedResource) -> Violations:
    """Old versions are kept, or nothing may be deleted before its time; and no rule deletes what is still used.

    Which of the two a bucket has; whether Google takes them together, documents disagree.
    """
    versions, retention = resource.get_input("versioning.enabled"), resource.get_input("retentionPolicy")
    if UNKNOWN not in (versions, retention):
        if versions is not True and not retention:
            yield say("unversioned")
        elif versions is True and retention:
            yield say("versions-and-retention")
    rules = resource.get_input("lifecycleRules")
    for rule in rules if isinstance(rules, list) else ():
        condition = get_value(rule, "condition")
        if get_value(rule, "action.type") == "Delete" and isinstance(condition, Mapping):
            age = condition.get("age")
            old = {name for name in _OF_OLD_VERSIONS if condition.get(name)} or condition.get("withState") == "ARCHIVED"
            if not old and (age is None or (isinstance(age, int | float) and age < FEWEST_BACKUPS)):
                yield say("deleted-while-used")


_OF_OLD_VERSIONS = ("daysSinceNoncurrentTime", "numNewerVersions", "noncurrentTimeBefore")


def _check_backups(resource: CheckedResource) -> Violations:
    """Find backups that are kept for too short a time to be of use, or that anybody's project may read."""
    if resource.kind == "sql.DatabaseInstance":
        kept = resource.get_input("settings.backupConfiguration.backupRetentionSettings.retainedBackups")
        if isinstance(kept, int | float) and kept < FEWEST_BACKUPS:
            yield say("backups-few", kept=int(kept), fewest=FEWEST_BACKUPS)
    if resource.kind == "backupdisasterrecovery.BackupVault":
        enforced = resource.get_input("backupMinimumEnforcedRetentionDuration")
        if enforced is not UNKNOWN and _read_seconds(enforced) < FEWEST_BACKUPS * SECONDS_A_DAY:
            yield say("backups-few", kept=int(_read_seconds(enforced) // SECONDS_A_DAY), fewest=FEWEST_BACKUPS)
        if resource.get_input("accessRestriction") == "UNRESTRICTED":
            yield say("vault-open")
    if resource.kind == "backupdisasterrecovery.BackupPlan":
        for days in resource.list_inputs("backupRules[].backupRetentionDays"):
            if isinstance(days, int | float) and days < FEWEST_BACKUPS:
                yield say("backups-few", kept=int(days), fewest=FEWEST_BACKUPS)


MUST_BE: dict[str, dict[str, bool | str]] = {
    "sql.DatabaseInstance": {
        "deletionProtection": True,
        "settings.deletionProtectionEnabled": True,
        "settings.backupConfiguration.enabled": True,
        "settings.backupConfiguration.pointInTimeRecoveryEnabled": True,
    },
    "storage.Bucket": {"forceDestroy": False, "uniformBucketLevelAccess": True},
    "backupdisasterrecovery.BackupVault": {
        "forceDelete": False,
        "ignoreBackupPlanReferences": False,
        "ignoreInactiveDatasources": False,
    },
    "bigquery.Dataset": {"deleteContentsOnDestroy": False},
    "dns.ManagedZone": {"forceDestroy": False},
    "filestore.Instance": {"deletionProtectionEnabled": True},
    "firestore.Database": {
        "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
        "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
    },
}
"""What keeps data; a replica's backups are its master's. A service of Cloud Run keeps none, and may go."""
KEYS = Guardrail("own-keys", "3.2(7), 要素技術", require_own_keys)
KEPT = Guardrail("data-is-kept", "6.1(2)", require_protection)
