"""What Cloud Storage and Cloud KMS refuse of a bucket, a ring or a key by itself.

Sources: "Bucket names", "Bucket locations", "Availability and durability" (turbo replication is of dual regions),
"Bucket Lock" (a retention of at most 3,155,760,000 seconds, 100 years), "Object Lifecycle Management"; "Key purposes
and algorithms", "Key rotation" and the reference of `cryptoKeys` (rotation of a day to 876,000 hours, names).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known, list_known_blocks

BUCKETS = "https://cloud.google.com/storage/docs/buckets"
NAMES = f"{BUCKETS}#naming"
LOCATIONS = "https://cloud.google.com/storage/docs/locations"
TURBO = "https://cloud.google.com/storage/docs/availability-durability#turbo-replication"
LOCK = "https://cloud.google.com/storage/docs/bucket-lock"
LIFECYCLE = "https://cloud.google.com/storage/docs/lifecycle"
KEYS = "https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys"
ALGORITHMS = "https://cloud.google.com/kms/docs/algorithms"
DUAL_REGIONS = frozenset({"ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4"})
_HUNDRED_YEARS = 3_155_760_000
_SOFT = (7 * 86_400, 90 * 86_400)
_PART = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_STORAGE_CLASSES = frozenset({"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"})
_CONDITIONS = frozenset(
    {"age", "createdBefore", "customTimeBefore", "daysSinceCustomTime", "daysSinceNoncurrentTime", "matchesPrefixes",
     "matchesStorageClasses", "matchesSuffixes", "noncurrentTimeBefore", "numNewerVersions", "withState"}
)  # fmt: skip
_LONGEST_ROTATION = 876_000 * 3600
_SYMMETRIC = "ENCRYPT_DECRYPT"
_ALGORITHMS: Mapping[str, str] = {
    _SYMMETRIC: "(GOOGLE|EXTERNAL)_SYMMETRIC_ENCRYPTION",
    "RAW_ENCRYPT_DECRYPT": "AES_(128|256)_(GCM|CBC|CTR)",
    "ASYMMETRIC_DECRYPT": "RSA_DECRYPT_OAEP_((2048|3072|4096)_SHA(1|256)|4096_SHA512)",
    "ASYMMETRIC_SIGN": "(RSA_SIGN|EC_SIGN|PQ_SIGN)_[A-Z0-9_]+",
    "MAC": "HMAC_SHA(1|224|256|384|512)",
}
"""By purpose."""
_LONGEST_NAME, _LONGEST_PART = 222, 63


def explain_bucket_name(name: str) -> str:
    """Return what is wrong with the name of a bucket; empty where nothing is.

    >>> explain_bucket_name("tsunagu-lab-audit")
    ''
    >>> explain_bucket_name("Tsunagu"), explain_bucket_name("192.0.2.1")
    ("'Tsunagu' has other letters than small ones, digits, '-', '_' and '.'", "'192.0.2.1' is an address")
    """
    if not re.fullmatch(r"[a-z0-9._-]*", name):
        return f"{name!r} has other letters than small ones, digits, '-', '_' and '.'"
    parts = name.split(".")
    longest = _LONGEST_PART if len(parts) == 1 else _LONGEST_NAME
    if not 3 <= len(name) <= longest or not all(_PART.fullmatch(part) for part in parts):  # noqa: PLR2004 the document's
        return f"{name!r}: 3 to {longest} letters, each part between letters or digits and of at most {_LONGEST_PART}"
    if name.startswith("goog") or re.search(r"g[o0]{2}g[l1]e", name):
        return f"{name!r} begins with 'goog', or holds 'google' or a look-alike"
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return ""
    return f"{name!r} is an address"


def _check_bucket_name(values: Values) -> Complaints:
    name = find_known(values, "name")
    if isinstance(name, str):
        wrong = explain_bucket_name(name)
        if wrong:
            yield "name", wrong


def _check_turbo(values: Values) -> Complaints:
    place = find_known(values, "location")
    turbo = find_known(values, "rpo") == "ASYNC_TURBO"
    own = find_known(values, "customPlacementConfig.dataLocations")
    if turbo and isinstance(place, str) and place.upper() not in DUAL_REGIONS and not own:
        yield "rpo", f"turbo replication is of dual regions; {place} is none"


def _check_retention(values: Values) -> Complaints:
    text = find_known(values, "retentionPolicy.retentionPeriod")
    if text is not None:
        seconds = int(text) if re.fullmatch(r"\d{1,12}", str(text)) else 0
        if not 0 < seconds < _HUNDRED_YEARS:
            yield "retentionPolicy.retentionPeriod", f"{text!r} is not 1 to {_HUNDRED_YEARS - 1} seconds (100 years)"


def _check_soft_deletion(values: Values) -> Complaints:
    seconds = find_known(values, "softDeletePolicy.retentionDurationSeconds")
    if isinstance(seconds, int) and seconds != 0 and not _SOFT[0] <= seconds <= _SOFT[1]:
        where = "softDeletePolicy.retentionDurationSeconds"
        yield where, f"{seconds} is neither 0 nor {_SOFT[0]} to {_SOFT[1]} seconds (7 to 90 days)"


def _check_lifecycle(values: Values) -> Complaints:
    for field, block in list_known_blocks(values, "lifecycleRules"):
        action, condition = find_known(block, "action"), find_known(block, "condition")
        kind = find_known(action, "type")
        if kind not in {None, "Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"}:
            yield f"{field}.action.type", f"{kind!r} is no action"
        into = find_known(action, "storageClass")
        if (kind == "SetStorageClass") != (into is not None) or (into is not None and into not in _STORAGE_CLASSES):
            yield f"{field}.action.storageClass", f"{into!r} does not fit the action {kind}"
        if isinstance(condition, Mapping) and not _CONDITIONS & condition.keys():
            yield f"{field}.condition", "it has no condition"
        for name in ("age", "daysSinceNoncurrentTime", "daysSinceCustomTime", "numNewerVersions"):
            number = find_known(condition, name)
            if isinstance(number, int) and number < 0:
                yield f"{field}.condition.{name}", f"{number} is less than 0"


def _check_rotation(values: Values) -> Complaints:
    text, purpose = find_known(values, "rotationPeriod"), find_known(values, "purpose") or _SYMMETRIC
    if text is None:
        return
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)s", str(text))
    if found is not None and float(found[1]) > _LONGEST_ROTATION:
        yield "rotationPeriod", f"{text!r} is more than {_LONGEST_ROTATION}s"
    if purpose != _SYMMETRIC:
        yield "rotationPeriod", f"a key of the purpose {purpose} is not turned over by itself"


def _check_algorithm(values: Values) -> Complaints:
    algorithm, purpose = find_known(values, "versionTemplate.algorithm"), find_known(values, "purpose") or _SYMMETRIC
    if isinstance(algorithm, str) and not re.fullmatch(_ALGORITHMS.get(str(purpose), ""), algorithm):
        yield "versionTemplate.algorithm", f"{algorithm!r} is no algorithm of the purpose {purpose}"


BUCKET_NAME = Rule(NAMES, _check_bucket_name)
TURBO_REPLICATION = Rule(TURBO, _check_turbo)
RETENTION = Rule(LOCK, _check_retention)
SOFT_DELETION = Rule("https://cloud.google.com/storage/docs/soft-delete", _check_soft_deletion)
LIFECYCLE_RULES = Rule(LIFECYCLE, _check_lifecycle)
ROTATION = Rule(KEYS, _check_rotation)
ALGORITHM = Rule(ALGORITHMS, _check_algorithm)
