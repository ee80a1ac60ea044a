"""Everything stands in Japan, or is of a type that Google has in no place of its own (guideline 9.1, 9.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations

REGIONS = ("asia-northeast1", "asia-northeast2")
"""Tokyo and Osaka."""
ALSO_ALLOWED = {
    # Cloud Storage's dual region of Tokyo and Osaka.
    "storage.Bucket": ("asia1",),
    # The only location whose keys that dual region takes; where Google keeps their copies is an open question (README).
    "kms.KeyRing": ("asia1",),
    "certificatemanager.Certificate": ("global",),
    "certificatemanager.DnsAuthorization": ("global",),
}
IN_NO_PLACE = frozenset(
    [
        "accesscontextmanager.AccessLevel",
        "accesscontextmanager.AccessPolicy",
        "certificatemanager.Certificate",
        "certificatemanager.CertificateMap",
        "certificatemanager.CertificateMapEntry",
        "certificatemanager.DnsAuthorization",
        "cloudidentity.Group",
        "compute.BackendService",
        "compute.Firewall",
        "compute.GlobalAddress",
        "compute.GlobalForwardingRule",
        "compute.GlobalNetworkEndpoint",
        "compute.GlobalNetworkEndpointGroup",
        "compute.HealthCheck",
        "compute.Network",
        "compute.Route",
        "compute.SSLPolicy",
        "compute.SecurityPolicy",
        "compute.TargetHttpsProxy",
        "compute.URLMap",
        "dns.ManagedZone",
        "dns.RecordSet",
        "iap.Settings",
        "iap.WebBackendServiceIamBinding",
        "logging.ProjectSink",
        "organizations.Policy",
        "projects.IAMAuditConfig",
        "projects.IAMCustomRole",
        "projects.IAMMember",
        "projects.Service",
        "projects.ServiceIdentity",
        "serviceaccount.Account",
        "servicenetworking.Connection",
    ]
)
"""Types without a region: settings of the project or the organisation, and the global load balancer's parts."""
INSIDE_ANOTHER = frozenset(
    ["kms.CryptoKey", "kms.CryptoKeyIAMMember", "sql.Database", "sql.User", "storage.BucketIAMMember"]
)
"""Types that stand where the resource that they name stands."""
PLACES = ("region", "location", "zone", "secondaryZone", "locations", "dataLocations", "replicaLocations")


def require_japan(resource: CheckedResource) -> Violations:
    """Find places outside Japan, and types that have a place and name none."""
    named = list(_named(resource.inputs, ""))
    allowed = (*REGIONS, *ALSO_ALLOWED.get(resource.kind, ()))
    for path, place in named:
        if place is not UNKNOWN and not _within(str(place), allowed):
            yield f"{path} is {place!r}: outside Japan. Allowed: {', '.join(allowed)}"
    at_top = any("." not in path for path, _ in named)
    if not at_top and resource.kind not in IN_NO_PLACE | INSIDE_ANOTHER:
        yield f"names no region, and {resource.kind} is not on the list of types that have none"


def _within(place: str, allowed: Sequence[str]) -> bool:
    last = place.rpartition("/")[2].lower()
    return any(last == one or (last.startswith(f"{one}-") and len(last) == len(one) + 2) for one in allowed)


def _named(value: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 any JSON
    if isinstance(value, Mapping):
        for key, item in value.items():
            here = f"{path}.{key}" if path else key
            places = item if isinstance(item, list) else [item]
            for one in places if key in PLACES else ():
                if one is UNKNOWN or (isinstance(one, str) and one):
                    yield here, one
            yield from _named(item, here)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, path)


JAPAN = Guardrail(
    "japan-only", "9.1, 9.2", "Everything stands in Tokyo or Osaka, or has no place at all.", require_japan
)
