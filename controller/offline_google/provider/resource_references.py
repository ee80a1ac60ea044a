"""Which field of which type names another resource, and what that means for the other's deletion.

A table: service and type (`*` for any), the field's last name, what it may name, and how:
`holds` (the other cannot be deleted), `belongs` (it goes with the other), `knows` (the other may go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from controller.offline_google.provider.pulumi_values import Value


class Reference(NamedTuple):
    """A row of the table. `elsewhere`: the two need not be in the same place."""

    source: str
    field: str
    targets: tuple[str, ...]
    kind: str = "holds"
    elsewhere: bool = False


class Named(NamedTuple):
    """A field of a resource that names another."""

    path: str
    value: str
    holder: Mapping[str, Value]
    reference: Reference


def _compute(*names: str) -> tuple[str, ...]:
    return tuple(f"gcp:compute/{name[0].lower()}{name[1:]}:{name}" for name in names)


_NETWORK = _compute("Network")
_SUBNETWORK = _compute("Subnetwork")
_BACKENDS = _compute("BackendService", "RegionBackendService", "BackendBucket")
_GROUPS = _compute("NetworkEndpointGroup", "RegionNetworkEndpointGroup", "GlobalNetworkEndpointGroup")
_CHECKS = _compute("HealthCheck", "RegionHealthCheck")
_PROXIES = _compute("TargetHttpsProxy", "TargetHttpProxy", "RegionTargetHttpsProxy", "RegionTargetHttpProxy")
_CERTIFICATES = (
    *_compute("ManagedSslCertificate", "SSLCertificate", "RegionSslCertificate"),
    "gcp:certificatemanager/certificate:Certificate",
)
_POLICIES = _compute("SecurityPolicy", "RegionSecurityPolicy")
_MAP = ("gcp:certificatemanager/certificateMap:CertificateMap",)
_KEY = ("gcp:kms/cryptoKey:CryptoKey",)
_RUN = ("gcp:cloudrunv2/service:Service",)
_DATABASE = ("gcp:sql/databaseInstance:DatabaseInstance",)
_BUCKET = ("gcp:storage/bucket:Bucket",)
_ACCOUNT = ("gcp:serviceaccount/account:Account",)
_GROUP = ("gcp:cloudidentity/group:Group",)
_SECRETS = ("gcp:secretmanager/secret:Secret", "gcp:secretmanager/regionalSecret:RegionalSecret")
_ZONE = ("gcp:dns/managedZone:ManagedZone",)

TABLE: tuple[Reference, ...] = (
    Reference("compute.ServiceAttachment", "targetService", _compute("ForwardingRule")),
    Reference("compute.RegionNetworkEndpointGroup", "service", _RUN, "knows"),
    Reference("compute.*", "network", _NETWORK),
    Reference("compute.*", "subnetwork", _SUBNETWORK),
    Reference("compute.*", "subnetworks", _SUBNETWORK),
    Reference("compute.*", "natSubnets", _SUBNETWORK),
    Reference("compute.*", "router", _compute("Router")),
    Reference("compute.RouterNat", "natIps", _compute("Address")),
    Reference("compute.RouterNat", "drainNatIps", _compute("Address")),
    Reference("compute.GlobalForwardingRule", "ipAddress", _compute("GlobalAddress")),
    Reference("compute.ForwardingRule", "ipAddress", _compute("Address")),
    Reference("compute.*", "healthChecks", _CHECKS),
    Reference("compute.*", "group", _GROUPS, elsewhere=True),
    Reference("compute.*", "networkEndpointGroup", _compute("NetworkEndpointGroup")),
    Reference("compute.*", "regionNetworkEndpointGroup", _compute("RegionNetworkEndpointGroup"), "belongs"),
    Reference("compute.*", "globalNetworkEndpointGroup", _compute("GlobalNetworkEndpointGroup"), "belongs"),
    Reference("compute.*", "securityPolicy", _POLICIES),
    Reference("compute.*", "edgeSecurityPolicy", _POLICIES),
    Reference("compute.*", "urlMap", _compute("URLMap", "RegionUrlMap")),
    Reference("compute.*", "defaultService", _BACKENDS),
    Reference("compute.*", "service", _BACKENDS),
    Reference("compute.*", "backendService", _BACKENDS),
    Reference("compute.*", "target", _PROXIES),
    Reference("compute.*", "sslCertificates", _CERTIFICATES),
    Reference("compute.*", "certificateManagerCertificates", _CERTIFICATES),
    Reference("compute.*", "certificateMap", _MAP),
    Reference("compute.*", "sslPolicy", _compute("SSLPolicy", "RegionSslPolicy")),
    Reference("compute.NetworkFirewallPolicy*", "firewallPolicy", _compute("NetworkFirewallPolicy")),
    Reference("compute.NetworkFirewallPolicyAssociation", "attachmentTarget", _NETWORK),
    Reference("compute.BackendBucket", "bucketName", _BUCKET),
    Reference("servicenetworking.Connection", "network", _NETWORK),
    Reference("servicenetworking.Connection", "reservedPeeringRanges", _compute("GlobalAddress")),
    Reference("certificatemanager.*", "map", _MAP, "belongs"),
    Reference("certificatemanager.*", "certificates", _CERTIFICATES),
    Reference(
        "certificatemanager.*", "dnsAuthorizations", ("gcp:certificatemanager/dnsAuthorization:DnsAuthorization",)
    ),
    Reference("kms.*", "keyRing", ("gcp:kms/keyRing:KeyRing",), "knows"),
    Reference("kms.*", "cryptoKeyId", _KEY, "belongs"),
    Reference("*", "kmsKeyName", _KEY, "knows"),
    Reference("*", "defaultKmsKeyName", _KEY, "knows"),
    Reference("*", "encryptionKeyName", _KEY, "knows"),
    Reference("cloudrunv2.*", "encryptionKey", _KEY, "knows"),
    Reference("cloudrunv2.*", "serviceAccount", _ACCOUNT, "knows"),
    Reference("cloudrunv2.*", "secret", _SECRETS, "knows", elsewhere=True),
    Reference("cloudrunv2.*", "network", _NETWORK),
    Reference("cloudrunv2.*", "subnetwork", _SUBNETWORK),
    Reference("cloudrunv2.ServiceIam*", "name", _RUN, "belongs"),
    Reference("iap.WebCloudRunServiceIam*", "cloudRunServiceName", _RUN, "belongs"),
    Reference("iap.WebBackendServiceIam*", "webBackendService", _compute("BackendService"), "belongs"),
    Reference(
        "iap.WebRegionBackendServiceIam*", "webRegionBackendService", _compute("RegionBackendService"), "belongs"
    ),
    Reference("sql.*", "instance", _DATABASE, "belongs"),
    Reference("sql.*", "masterInstanceName", _DATABASE, elsewhere=True),
    Reference("sql.*", "privateNetwork", _NETWORK, "knows"),
    Reference("sql.*", "allocatedIpRange", _compute("GlobalAddress"), "knows"),
    Reference("storage.BucketIAM*", "bucket", _BUCKET, "belongs"),
    Reference("storage.Bucket", "logBucket", _BUCKET, "knows", elsewhere=True),
    Reference("secretmanager.*", "secret", _SECRETS, "belongs"),
    Reference("secretmanager.*Iam*", "secretId", _SECRETS, "belongs"),
    Reference("serviceaccount.IAM*", "serviceAccountId", _ACCOUNT, "belongs"),
    Reference(
        "artifactregistry.RepositoryIam*", "repository", ("gcp:artifactregistry/repository:Repository",), "belongs"
    ),
    Reference("accesscontextmanager.AccessLevel", "parent", ("gcp:accesscontextmanager/accessPolicy:AccessPolicy",)),
    Reference("accesscontextmanager.*", "accessLevels", ("gcp:accesscontextmanager/accessLevel:AccessLevel",)),
    Reference("accesscontextmanager.*", "requiredAccessLevels", ("gcp:accesscontextmanager/accessLevel:AccessLevel",)),
    Reference("cloudidentity.GroupMembership", "group", _GROUP, "belongs"),
    Reference("dns.RecordSet", "managedZone", _ZONE),
    Reference("dns.ManagedZone", "networkUrl", _NETWORK, "knows"),
    Reference(
        "monitoring.AlertPolicy", "notificationChannels", ("gcp:monitoring/notificationChannel:NotificationChannel",)
    ),
    Reference("monitoring.Slo", "service", ("gcp:monitoring/customService:CustomService",)),
)


def named(short: str, values: Mapping[str, Value]) -> Iterator[Named]:
    """Every field of a resource of this type (`compute.Router`) that names another, with the object it stands in."""
    rows = _rows(short)
    yield from _walk(rows, values, values, "")


@cache
def _rows(short: str) -> Mapping[str, Reference]:
    found: dict[str, Reference] = {}
    for row in TABLE:
        if fnmatchcase(short, row.source):
            found.setdefault(row.field, row)
    return found


def _walk(rows: Mapping[str, Reference], values: Value, holder: Mapping[str, Value], path: str) -> Iterator[Named]:
    for name, value in values.items():
        here = f"{path}{name}"
        row = rows.get(name)
        if isinstance(value, str) and value and row is not None:
            yield Named(here, value, holder if holder is not values else values, row)
        elif isinstance(value, Mapping):
            yield from _walk(rows, value, value, f"{here}.")
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, str) and item and row is not None:
                    yield Named(f"{here}[{place}]", item, values, row)
                elif isinstance(item, Mapping):
                    yield from _walk(rows, item, item, f"{here}[{place}].")
