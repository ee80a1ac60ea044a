"""What each stack is made of, as text that people can review: types, how many, and the fields that matter.

    python -m tests.stacks.inventory

writes `tests/stacks/golden/*.txt` anew; look at the difference before you commit it. `python -m tests.stacks.picture`
does the same for the README's picture.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from controller.model.city import City
from controller.model.loading.load_city import load_city
from tests.stacks.declared import ROOT, STACKS, Declared, configured, declare

GOLDEN = Path(__file__).parent / "golden"
KEY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "AccessLevel": (),
    "AlertPolicy": ("severity", "combiner"),
    "BackendService": ("iap.enabled", "loadBalancingScheme"),
    "Bucket": (
        "location",
        "encryption.defaultKmsKeyName",
        "retentionPolicy.retentionPeriod",
        "retentionPolicy.isLocked",
        "versioning.enabled",
        "forceDestroy",
    ),
    "CryptoKey": ("keyRing", "rotationPeriod", "versionTemplate.protectionLevel"),
    "DatabaseInstance": (
        "name",
        "region",
        "instanceType",
        "masterInstanceName",
        "encryptionKeyName",
        "deletionProtection",
        "settings.tier",
        "settings.edition",
        "settings.availabilityType",
        "settings.ipConfiguration.ipv4Enabled",
        "settings.backupConfiguration.pointInTimeRecoveryEnabled",
    ),
    "Firewall": (
        "direction",
        "priority",
        "targetTags",
        "allows",
        "denies",
        "sourceRanges",
        "destinationRanges",
    ),
    "GlobalAddress": ("ipVersion", "addressType"),
    "GlobalForwardingRule": ("portRange",),
    "Group": ("groupKey.id",),
    "KeyRing": ("location",),
    "NotificationChannel": ("type", "labels.email_address"),
    "RecordSet": ("name", "type"),
    "Repository": ("location", "repositoryId", "kmsKeyName"),
    "Router": ("region",),
    "RouterNat": ("region",),
    "SSLPolicy": ("minTlsVersion", "profile"),
    "Service": ("location", "ingress", "defaultUriDisabled", "invokerIamDisabled", "template.encryptionKey"),
    "ServiceIamMember": ("member", "role"),
    "Subnetwork": ("region", "ipCidrRange"),
    "URLMap": ("defaultService",),
    "WebBackendServiceIamBinding": ("members", "condition.expression"),
}


def inventory(declared: list[Declared]) -> str:
    """The resources of Google's by type, each with its key fields."""
    by_type: dict[str, list[Declared]] = defaultdict(list)
    for one in declared:
        if one.type.startswith("gcp:"):
            by_type[one.type].append(one)
    lines = [f"{sum(map(len, by_type.values()))} resources"]
    for kind in sorted(by_type):
        lines += ["", f"{kind}: {len(by_type[kind])}"]
        lines += [_line(one) for one in sorted(by_type[kind], key=lambda one: one.name)]
    return "\n".join(lines) + "\n"


def _line(one: Declared) -> str:
    return "  " + "  ".join([one.name, *_fields(one)])


def _fields(one: Declared) -> Iterator[str]:
    for path in KEY_FIELDS.get(one.type.rpartition(":")[2], ()):
        value: Any = one.inputs
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            yield f"{path}={_short(value)}"


def _short(value: object) -> str:
    text = ",".join(map(_item, value)) if isinstance(value, list) else str(value)
    for long in (" in request.auth.access_levels", "accessPolicies/154981567200/accessLevels/"):
        text = text.replace(long, "")
    return text


def _item(value: object) -> str:
    """An item of a list; of an object, its values in the order of its keys."""
    if not isinstance(value, Mapping):
        return str(value)
    return "; ".join(f"{key}: {_short(value[key])}" for key in sorted(value))


def written(city: City, stack: str) -> str:
    """The inventory of a stack as it is now."""
    recorder, _ = declare(city, configured(stack))
    return inventory(recorder.declared)


def main() -> None:
    """Write every inventory."""
    city = load_city(ROOT / "policies")
    GOLDEN.mkdir(exist_ok=True)
    for stack in STACKS:
        (GOLDEN / f"{stack}.txt").write_text(written(city, stack), encoding="utf-8")
        sys.stdout.write(f"tests/stacks/golden/{stack}.txt\n")


if __name__ == "__main__":
    main()
