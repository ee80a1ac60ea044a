"""Which field of which type names another resource, and what that means for the other's deletion.

A table: service and type (`*` for any), the field's last name, what it may name, and how:
`holds` (the other cannot be deleted), `belongs` (it goes with the other), `knows` (the other may go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from controller.offline_google.schema.pulumi_values import Value


class ReferenceRule(NamedTuple):
    """A row of the table. `elsewhere`: the two need not be in the same place."""

    source: str
    field: str
    targets: tuple[str, ...]
    kind: str = "holds"
    elsewhere: bool = False


class NamedResource(NamedTuple):
    """A field of a resource that names another."""

    path: str
    value: str
    holder: Mapping[str, Value]
    reference: ReferenceRule


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
_JOB = ("gcp:cloudrunv2/job:Job",)
_DATABASE = ("gcp:sql/databaseInstance:DatabaseInstance",)
_VAULT = ("gcp:backupdisasterrecovery/backupVault:BackupVault",)
_PLAN = ("gcp:backupdisasterrecovery/backupPlan:BackupPlan",)
_BUCKET = ("gcp:storage/bucket:Bucket",)
_ACCOUNT = ("gcp:serviceaccount/account:Account",)
_GROUP = ("gcp:cloudidentity/group:Group",)
_SECRETS = ("gcp:secretmanager/secret:Secret", "gcp:secretmanager/regionalSecret:RegionalSecret")
_ZONE = ("gcp:dns/managedZone:ManagedZone",)

TABLE: tuple[ReferenceRule, ...] = (
    ReferenceRule("compute.ServiceAttachment", "targetService", _compute("ForwardingRule")),
    ReferenceRule("compute.RegionNetworkEndpointGroup", "service", _RUN, "knows"),
    ReferenceRule("compute.*", "network", _NETWORK),
    ReferenceRule("compute.*", "subnetwork", _SUBNETWORK),
    ReferenceRule("compute.*", "subnetworks", _SUBNETWORK),
    ReferenceRule("compute.*", "natSubnets", _SUBNETWORK),
    ReferenceRule("compute.*", "router", _compute("Router")),
    ReferenceRule("compute.RouterNat", "natIps", _compute("Address")),
    ReferenceRule("compute.RouterNat", "drainNatIps", _compute("Address")),
    ReferenceRule("compute.GlobalForwardingRule", "ipAddress", _compute("GlobalAddress")),
    ReferenceRule("compute.ForwardingRule", "ipAddress", _compute("Address")),
    ReferenceRule("compute.*", "healthChecks", _CHECKS),
    ReferenceRule("compute.*", "group", _GROUPS, elsewhere=True),
    ReferenceRule("compute.*", "networkEndpointGroup", _compute("NetworkEndpointGroup")),
    ReferenceRule("compute.*", "regionNetworkEndpointGroup", _compute("RegionNetworkEndpointGroup"), "belongs"),
    ReferenceRule("compute.*", "globalNetworkEndpointGroup", _compute("GlobalNetworkEndpointGroup"), "belongs"),
    ReferenceRule("compute.*", "securityPolicy", _POLICIES),
    ReferenceRule("compute.*", "edgeSecurityPolicy", _POLICIES),
    ReferenceRule("compute.*", "urlMap", _compute("URLMap", "RegionUrlMap")),
    ReferenceRule("compute.*", "defaultService", _BACKENDS),
    ReferenceRule("compute.*", "service", _BACKENDS),
    ReferenceRule("compute.*", "backendService", _BACKENDS),
    ReferenceRule("compute.*", "target", _PROXIES),
    ReferenceRule("compute.*", "sslCertificates", _CERTIFICATES),
    ReferenceRule("compute.*", "certificateManagerCertificates", _CERTIFICATES),
    ReferenceRule("compute.*", "certificateMap", _MAP),
    ReferenceRule("compute.*", "sslPolicy", _compute("SSLPolicy", "RegionSslPolicy")),
    ReferenceRule("compute.NetworkFirewallPolicy*", "firewallPolicy", _compute("NetworkFirewallPolicy")),
    ReferenceRule("compute.NetworkFirewallPolicyAssociation", "attachmentTarget", _NETWORK),
    ReferenceRule("compute.BackendBucket", "bucketName", _BUCKET),
    ReferenceRule("servicenetworking.Connection", "network", _NETWORK),
    ReferenceRule("servicenetworking.Connection", "reservedPeeringRanges", _compute("GlobalAddress")),
    ReferenceRule("certificatemanager.*", "map", _MAP, "belongs"),
    ReferenceRule("certificatemanager.*", "certificates", _CERTIFICATES),
    ReferenceRule(
        "certificatemanager.*", "dnsAuthorizations", ("gcp:certificatemanager/dnsAuthorization:DnsAuthorization",)
    ),
    ReferenceRule("kms.*", "keyRing", ("gcp:kms/keyRing:KeyRing",), "knows"),
    ReferenceRule("kms.*", "cryptoKeyId", _KEY, "belongs"),
    ReferenceRule("*", "kmsKeyName", _KEY, "knows"),
    ReferenceRule("*", "defaultKmsKeyName", _KEY, "knows"),
    ReferenceRule("*", "encryptionKeyName", _KEY, "knows"),
    ReferenceRule("cloudrunv2.*", "encryptionKey", _KEY, "knows"),
    ReferenceRule("cloudrunv2.*", "serviceAccount", _ACCOUNT, "knows"),
    ReferenceRule("cloudrunv2.*", "secret", _SECRETS, "knows", elsewhere=True),
    ReferenceRule("cloudrunv2.*", "network", _NETWORK),
    ReferenceRule("cloudrunv2.*", "subnetwork", _SUBNETWORK),
    ReferenceRule("cloudscheduler.Job", "serviceAccountEmail", _ACCOUNT, "knows"),
    ReferenceRule("cloudrunv2.ServiceIam*", "name", _RUN, "belongs"),
    ReferenceRule("cloudrunv2.JobIam*", "name", _JOB, "belongs"),
    ReferenceRule("iap.WebCloudRunServiceIam*", "cloudRunServiceName", _RUN, "belongs"),
    ReferenceRule("iap.WebBackendServiceIam*", "webBackendService", _compute("BackendService"), "belongs"),
    ReferenceRule(
        "iap.WebRegionBackendServiceIam*", "webRegionBackendService", _compute("RegionBackendService"), "belongs"
    ),
    ReferenceRule("backupdisasterrecovery.BackupPlan", "backupVault", _VAULT, elsewhere=True),
    ReferenceRule("backupdisasterrecovery.BackupPlanAssociation", "backupPlan", _PLAN),
    ReferenceRule("backupdisasterrecovery.BackupPlanAssociation", "resource", _DATABASE),
    ReferenceRule("sql.*", "instance", _DATABASE, "belongs"),
    ReferenceRule("sql.*", "masterInstanceName", _DATABASE, elsewhere=True),
    ReferenceRule("sql.*", "privateNetwork", _NETWORK, "knows"),
    ReferenceRule("sql.*", "allocatedIpRange", _compute("GlobalAddress"), "knows"),
    ReferenceRule("storage.TransferJob", "bucketName", _BUCKET, "knows", elsewhere=True),
    ReferenceRule("storage.BucketIAM*", "bucket", _BUCKET, "belongs"),
    ReferenceRule("storage.Bucket", "logBucket", _BUCKET, "knows", elsewhere=True),
    ReferenceRule("secretmanager.*", "secret", _SECRETS, "belongs"),
    ReferenceRule("secretmanager.*Iam*", "secretId", _SECRETS, "belongs"),
    ReferenceRule("serviceaccount.IAM*", "serviceAccountId", _ACCOUNT, "belongs"),
    ReferenceRule(
        "artifactregistry.RepositoryIam*", "repository", ("gcp:artifactregistry/repository:Repository",), "belongs"
    ),
    ReferenceRule(
        "accesscontextmanager.AccessLevel", "parent", ("gcp:accesscontextmanager/accessPolicy:AccessPolicy",)
    ),
    ReferenceRule("accesscontextmanager.*", "accessLevels", ("gcp:accesscontextmanager/accessLevel:AccessLevel",)),
    ReferenceRule(
        "accesscontextmanager.*", "requiredAccessLevels", ("gcp:accesscontextmanager/accessLevel:AccessLevel",)
    ),
    ReferenceRule("cloudidentity.GroupMembership", "group", _GROUP, "belongs"),
    ReferenceRule("dns.RecordSet", "managedZone", _ZONE),
    ReferenceRule("dns.ManagedZone", "networkUrl", _NETWORK, "knows"),
    ReferenceRule(
        "monitoring.AlertPolicy", "notificationChannels", ("gcp:monitoring/notificationChannel:NotificationChannel",)
    ),
    ReferenceRule("monitoring.Slo", "service", ("gcp:monitoring/customService:CustomService",)),
)


def list_named_resources(short: str, values: Mapping[str, Value]) -> Iterator[NamedResource]:
    """Every field of a resource of this type (`compute.Router`) that names another, with the object it stands in."""
    rows = _rows(short)
    yield from _walk(rows, values, values, "")


@cache
def _rows(short: str) -> Mapping[str, ReferenceRule]:
    found: dict[str, ReferenceRule] = {}
    for row in TABLE:
        if fnmatchcase(short, row.source):
            found.setdefault(row.field, row)
    return found


def _walk(
    rows: Mapping[str, ReferenceRule], values: Value, holder: Mapping[str, Value], path: str
) -> Iterator[NamedResource]:
    for name, value in values.items():
        here = f"{path}{name}"
        row = rows.get(name)
        if isinstance(value, str) and value and row is not None:
            yield NamedResource(here, value, holder if holder is not values else values, row)
        elif isinstance(value, Mapping):
            yield from _walk(rows, value, value, f"{here}.")
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, str) and item and row is not None:
                    yield NamedResource(f"{here}[{place}]", item, values, row)
                elif isinstance(item, Mapping):
                    yield from _walk(rows, item, item, f"{here}[{place}].")
