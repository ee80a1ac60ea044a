"""Every resource that can says whose it is, and how important what it holds is (guideline 3.1, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations

WANTED = ("managed-by", "city", "environment", "part", "importance")
CLASSES = ("i", "ii", "iii", "iv")
LABELLED = {
    "artifactregistry.Repository": "labels",
    "certificatemanager.Certificate": "labels",
    "certificatemanager.CertificateMap": "labels",
    "certificatemanager.CertificateMapEntry": "labels",
    "certificatemanager.DnsAuthorization": "labels",
    "cloudrunv2.Job": "labels",
    "cloudrunv2.Service": "labels",
    "compute.Address": "labels",
    "compute.Disk": "labels",
    "compute.GlobalAddress": "labels",
    "compute.GlobalForwardingRule": "labels",
    "compute.Instance": "labels",
    "dns.ManagedZone": "labels",
    "kms.CryptoKey": "labels",
    "pubsub.Topic": "labels",
    "secretmanager.RegionalSecret": "labels",
    "sql.DatabaseInstance": "settings.userLabels",
    "storage.Bucket": "labels",
}
"""Types that take labels, and where. A group's labels are Google's own words, and not meant."""


def require_labels(resource: CheckedResource) -> Violations:
    """Find missing labels, and a class that is not one of the guideline's."""
    path = LABELLED.get(resource.kind)
    labels = resource.get_input(path) if path else UNKNOWN
    if labels is UNKNOWN:
        return
    given = labels if isinstance(labels, Mapping) else {}
    missing = [name for name in WANTED if name not in given]
    if missing:
        yield f"lacks the labels {', '.join(missing)} in {path}"
    importance = given.get("importance", CLASSES[0])
    if importance is not UNKNOWN and importance not in CLASSES:
        yield f"the label importance is {importance!r}; it is one of {', '.join(CLASSES)}"


LABELS = Guardrail("labels", "3.1, 4.3", "Whose it is, its part, and the class of what it holds.", require_labels)
