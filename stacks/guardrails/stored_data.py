"""Stored data: encrypted with our own keys (guideline 3.2(7)), and not deleted by accident (6.1(2))."""

from __future__ import annotations

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations

KEY_OF = {
    "alloydb.Cluster": "encryptionConfig.kmsKeyName",
    "artifactregistry.Repository": "kmsKeyName",
    "bigquery.Dataset": "defaultEncryptionConfiguration.kmsKeyName",
    "cloudrunv2.Job": "template.template.encryptionKey",
    "cloudrunv2.Service": "template.encryptionKey",
    "compute.Disk": "diskEncryptionKey.kmsKeySelfLink",
    "compute.RegionDisk": "diskEncryptionKey.kmsKeyName",
    "filestore.Instance": "kmsKeyName",
    "firestore.Database": "cmekConfig.kmsKeyName",
    "logging.ProjectBucketConfig": "cmekSettings.kmsKeyName",
    "pubsub.Topic": "kmsKeyName",
    "redis.Instance": "customerManagedKey",
    "secretmanager.RegionalSecret": "customerManagedEncryption.kmsKeyName",
    "spanner.Database": "encryptionConfig.kmsKeyName",
    "sql.DatabaseInstance": "encryptionKeyName",
    "storage.Bucket": "encryption.defaultKmsKeyName",
}
"""Types that store something, and where the key is named."""
NO_KEY_POSSIBLE = ("secretmanager.Secret",)
"""Types that store something and spread it over the world; there is a regional one to take instead."""
PROTECTED = (
    "artifactregistry.Repository",
    "kms.CryptoKey",
    "logging.ProjectBucketConfig",
    "sql.DatabaseInstance",
    "storage.Bucket",
)
"""Types that are lost with what they hold."""
LAB = "lab"


def require_own_keys(resource: CheckedResource) -> Violations:
    """Find stores that name no key of ours."""
    if resource.kind in NO_KEY_POSSIBLE:
        yield f"{resource.kind} is kept all over the world; take the regional type"
    path = KEY_OF.get(resource.kind)
    if path and not resource.get_input(path):
        yield f"is encrypted with Google's key only: name one of ours in {path}"


def require_protection(resource: CheckedResource) -> Violations:
    """Find data that a mistaken command could delete. The lab holds none, and is destroyed every time."""
    if resource.stack == LAB:
        return
    if resource.kind == "storage.Bucket":
        yield from _require_old_contents(resource)
    for path, wanted in MUST_BE.get(resource.kind, {}).items():
        is_backup = path.startswith("settings.backupConfiguration")
        if is_backup and resource.get_input("instanceType") == "READ_REPLICA_INSTANCE":
            continue
        if resource.differs(path, wanted) and not (resource.get_input(path) is None and wanted is False):
            yield f"could be lost: set {path} to {str(wanted).lower()}"
    if resource.kind in PROTECTED and not resource.protected:
        yield "is not protected in the engine: declare it with protect=True"


def _require_old_contents(bucket: CheckedResource) -> Violations:
    """What was overwritten or deleted is still there: as an old version, or because a retention forbids both.

    Which of the two a bucket has; whether Google takes them together, documents disagree.
    """
    versions, policy = bucket.get_input("versioning.enabled"), bucket.get_input("retentionPolicy")
    if UNKNOWN in (versions, policy):
        return
    if versions is not True and not policy:
        yield "could be lost: set versioning.enabled to true, or a retentionPolicy"
    elif versions is True and policy:
        yield "has versions and a retentionPolicy: documents say that each excludes the other; take one of them"


MUST_BE: dict[str, dict[str, bool]] = {
    "sql.DatabaseInstance": {
        "deletionProtection": True,
        "settings.deletionProtectionEnabled": True,
        "settings.backupConfiguration.enabled": True,
        "settings.backupConfiguration.pointInTimeRecoveryEnabled": True,
    },
    "storage.Bucket": {"forceDestroy": False},
}
"""What keeps data; a replica's backups are its master's. A service of Cloud Run keeps none, and may go."""
KEYS = Guardrail("own-keys", "3.2(7), 要素技術", "Everything stored is encrypted with a key of ours.", require_own_keys)
KEPT = Guardrail("data-is-kept", "6.1(2)", "What holds data cannot be deleted by one command.", require_protection)
