"""Everything stands in the stack's regions, or is of a type that Google has in no place of its own.

Guideline 9.1 and 9.2; that the regions are in the city's country is for the program to judge, which knows the policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations

SHARED = ("storage.Bucket", "kms.KeyRing")
"""Types that may stand at the stack's shared location, too: buckets, and the rings of the keys that they take there.
Where Google keeps copies of a dual region's keys is an open question (README)."""
ALSO_ALLOWED = {
    "certificatemanager.Certificate": ("global",),
    "certificatemanager.DnsAuthorization": ("global",),
}
IN_NO_PLACE = frozenset(
    [
        "accesscontextmanager.AccessLevel",
        "accesscontextmanager.AccessPolicy",
        "accesscontextmanager.AccessPolicyIamMember",
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
        "iam.WorkloadIdentityPool",
        "iam.WorkloadIdentityPoolProvider",
        "iap.Settings",
        "iap.WebBackendServiceIamBinding",
        "logging.ProjectExclusion",
        "logging.ProjectSink",
        "organizations.Policy",
        "projects.IAMAuditConfig",
        "projects.IAMCustomRole",
        "projects.IAMMember",
        "projects.Service",
        "projects.ServiceIdentity",
        "serviceaccount.Account",
        "serviceaccount.IAMMember",
        "servicenetworking.Connection",
    ]
)
"""Types without a region: settings of the project or the organisation, and the global load balancer's parts."""
INSIDE_ANOTHER = frozenset(
    ["kms.CryptoKey", "kms.CryptoKeyIAMMember", "sql.Database", "sql.User", "storage.BucketIAMMember"]
)
"""Types that stand where the resource that they name stands."""
SINK = "logging.ProjectSink"
_LOG_BUCKET = re.compile(r"logging\.googleapis\.com/projects/[^/]+/locations/([^/]+)/buckets/[^/]+")
_BUCKET = re.compile(r"storage\.googleapis\.com/([^/]+)")
PLACES = ("region", "location", "zone", "secondaryZone", "locations", "dataLocations", "replicaLocations")


def require_stack_regions(resource: CheckedResource) -> Violations:
    """Find places outside the stack's regions, and types that have a place and name none."""
    named = list(_named(resource.inputs, ""))
    regions = resource.regions
    shared = (regions.shared,) if resource.kind in SHARED else ()
    allowed = tuple(dict.fromkeys((*regions.locations, *shared, *ALSO_ALLOWED.get(resource.kind, ()))))
    for path, place in named:
        if place is not UNKNOWN and not _within(str(place), allowed):
            yield f"{path} is {place!r}: outside the stack's {regions.describe()}. Allowed: {', '.join(allowed)}"
    if resource.kind == SINK:
        yield from _check_destination(resource, allowed)
    at_top = any("." not in path for path, _ in named)
    if not at_top and resource.kind not in IN_NO_PLACE | INSIDE_ANOTHER:
        yield f"names no region, and {resource.kind} is not on the list of types that have none"


def _check_destination(resource: CheckedResource, allowed: Sequence[str]) -> Violations:
    """Where a sink leads stands inside a name, or nowhere; a log bucket in `global` lies anywhere.

    The name of a bucket of Cloud Storage says no place, so it must be one that the stack declares, and those are asked
    where they lie: their names begin with the project's.
    """
    destination = resource.get_input("destination")
    if destination is UNKNOWN:
        return
    logs, bucket = (pattern.fullmatch(str(destination or "")) for pattern in (_LOG_BUCKET, _BUCKET))
    if logs and not _within(logs[1], allowed):
        where = resource.regions.describe()
        yield f"destination is in {logs[1]!r}: outside the stack's {where}; take a log bucket there"
    elif bucket and not (resource.project and bucket[1].startswith(f"{resource.project}-")):
        yield f"destination is the bucket {bucket[1]!r}, and nothing here says where it lies: take the stack's"
    elif not logs and not bucket:
        yield f"destination {destination!r} names no place: take a log bucket in {', '.join(allowed)}"


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


def find_single_places(resource: CheckedResource) -> Violations:
    """Find data whose only copies are lost with one region."""
    region, backups = resource.get_input("region"), resource.get_input("settings.backupConfiguration.location")
    if resource.kind == "sql.DatabaseInstance" and isinstance(region, str) and backups == region:
        yield f"has its backups in its own region, {region}: both are lost with it; a second region would keep them"
    if resource.kind == "storage.Bucket":
        location = resource.get_input("location")
        if isinstance(location, str) and location.lower() in resource.regions.locations:
            yield f"lies in one region, {location.lower()}: what it holds is lost with it"


IN_THE_REGIONS = Guardrail(
    "stack-regions-only",
    "9.1, 9.2",
    "Everything stands in the stack's regions, or has no place at all.",
    require_stack_regions,
)
SECOND_PLACE = Guardrail(
    "second-place",
    "6.1(2)",
    "Data have a copy in a second region. A stack of one region is told so, and deployed.",
    find_single_places,
    stops=False,
)
