"""What Cloud Storage refuses of a bucket's retention: a lock is for good, and no versions stand beside it.

Sources: "Bucket Lock" (a locked policy is neither removed nor shortened; a locked bucket is not deleted before
everything in it has been kept for its time), the reference of the JSON API (`Buckets`, `retentionPolicy`:
PERMISSION_DENIED). On retention and Object Versioning in one bucket the documents disagree: that each excludes the
other say terraform-example-foundation#898 and google/exposure-notifications-verification-server#877, Google's newer
pages do not. Nobody has tried it, so the two together are refused here.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.schema.plan_rules import find_value
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]
BUCKET = "gcp:storage/bucket:Bucket"
_POLICY, _PERIOD, _LOCKED = "retentionPolicy", "retentionPolicy.retentionPeriod", "retentionPolicy.isLocked"


def check_bucket(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a retention that Google would not take, beside the one that the bucket has.

    Raises:
        GoogleRefusal: it is locked and would be shortened or taken away; or versions are asked for beside it.
    """
    if values.get(_POLICY) and find_value(values, "versioning.enabled") is True:
        message = (
            f"'{identity}' has a retention policy and Object Versioning: documents say that each excludes the other, "
            "and the offline Google does not know better; take one of them"
        )
        raise GoogleRefusal(501, message, "notImplemented")
    found = store.get(BUCKET, identity)
    if found is None or find_value(found.outputs, _LOCKED) is not True:
        return
    before, after = _read_seconds(found.outputs), _read_seconds(values)
    if find_value(values, _LOCKED) is not True or after < before:
        message = (
            f"'{identity}' has a locked retention policy of {before} seconds: it can neither be removed nor unlocked, "
            "and its retention period only increased"
        )
        raise GoogleRefusal(403, message, "forbidden")


def check_bucket_deletion(token: str, values: Values) -> None:
    """Refuse to delete a locked bucket; what it keeps is not known here, so none counts as empty.

    Raises:
        GoogleRefusal: it is locked.
    """
    if token == BUCKET and find_value(values, _LOCKED) is True:
        message = (
            f"the bucket '{values.get('name')}' has a locked retention policy, and cannot be deleted before every "
            "object in it has been kept for its time"
        )
        raise GoogleRefusal(403, message, "forbidden")


def _read_seconds(values: Values) -> int:
    """The period; 0 where there is none."""
    period = find_value(values, _PERIOD)
    return int(float(period)) if isinstance(period, str | int | float) else 0
