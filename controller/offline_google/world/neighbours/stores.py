"""What Cloud Storage and Cloud SQL refuse because of what a resource was, or of the instance that it belongs to.

Sources: "Bucket Lock" (a locked retention is never shortened or removed), "Instance settings" (storage is never made
smaller), "IAM authentication" of Cloud SQL (the flag that IAM users need), "Create and manage databases" (names that
every instance has).
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, refuse_value
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]
BUCKET = "gcp:storage/bucket:Bucket"
_FLAG = "cloudsql.iam_authentication"
_SYSTEM_DATABASES = frozenset({"postgres", "template0", "template1", "cloudsqladmin"})


def check_locked_retention(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse to shorten, or to unlock, a retention that is locked.

    Raises:
        GoogleRefusal: it would be.
    """
    before = store.get(BUCKET, identity)
    old = (before.outputs.get("retentionPolicy") if before else None) or {}
    if old.get("isLocked") is not True:
        return
    new = values.get("retentionPolicy") or {}
    if new.get("isLocked") is not True or int(new.get("retentionPeriod") or 0) < int(old.get("retentionPeriod") or 0):
        message = f"the retention of the bucket '{identity}' is locked: it can be made longer, and nothing else"
        raise GoogleRefusal(403, message, "forbidden")


def check_disk_size(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse to make a disk smaller.

    Raises:
        GoogleRefusal: it would be.
    """
    before = store.get(INSTANCE, identity)
    old = ((before.outputs.get("settings") if before else None) or {}).get("diskSize")
    new = (values.get("settings") or {}).get("diskSize")
    if isinstance(old, int) and isinstance(new, int) and new < old:
        refuse_value("settings.dataDiskSizeGb", f"'{new}'. Storage is never made smaller; it has {old} GB")


def check_user_of_iam(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse an IAM user of an instance that does not let IAM users in.

    Raises:
        GoogleRefusal: the flag is off.
    """
    del identity
    if not str(values.get("type") or "").startswith("CLOUD_IAM_"):
        return
    name = values.get("instance")
    found = next((one for one in store.all(INSTANCE) if one.name == name), None)
    flags = ((found.outputs.get("settings") if found else None) or {}).get("databaseFlags") or ()
    if found is not None and not any(flag.get("name") == _FLAG and flag.get("value") == "on" for flag in flags):
        message = f"The instance '{name}' takes no IAM users: its flag {_FLAG} is not on"
        raise GoogleRefusal(400, message, "invalid")


def check_database_name(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a database whose name every instance has already.

    Raises:
        GoogleRefusal: it is one of those.
    """
    del store, identity
    if values.get("name") in _SYSTEM_DATABASES:
        message = f"The database '{values.get('name')}' is the instance's own"
        raise GoogleRefusal(400, message, "invalid")
