"""The roles of the account that deploys a stack: those that the types of the stack's resources need, and no others.

Source: the pages "... roles and permissions" (IAM reference) and "Access control with IAM" of each product. A type that
is not here has no role yet: a test names it. Where a role can be given on less than a project, it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

BOOTSTRAP = "bootstrap"
"""The stack that gives the roles."""

ADMIN_CONSOLE = "Groups Editor, an administrator's role of the Admin console"
"""Cloud Identity's groups know no role of IAM ("Setting up the Groups API"): somebody gives it by hand."""
ON_ACCESS_POLICY = ("roles/accesscontextmanager.policyEditor",)
"""Given on the organisation's access policy itself, not on the organisation."""
ON_ORGANISATION = ("roles/orgpolicy.policyAdmin",)
"""Given on the organisation, by somebody of it: on a project Google does not give it ("Organization policy" roles)."""
GRANTS = "roles/resourcemanager.projectIamAdmin"
"""Could give anybody anything, itself too: its condition lets it give `GRANTABLE` only."""
GRANTABLE = (
    "roles/backupdr.cloudSqlOperator",
    "roles/cloudsql.admin",
    "roles/cloudsql.client",
    "roles/cloudsql.instanceUser",
    "roles/cloudsql.viewer",
)
"""Roles on the project that a stack gives to accounts of its own and of its vault: with applications that have a
database, with a backup vault, with a restore test. The deployer has the widest of them itself (`ROLES_BY_TYPE`)."""

_RUN = ("roles/run.admin", "roles/iam.serviceAccountUser")
_BALANCER, _NETWORK = ("roles/compute.loadBalancerAdmin",), ("roles/compute.networkAdmin",)
_FIREWALL = ("roles/compute.securityAdmin",)
_OF_BACKUPS = tuple(f"backupdisasterrecovery.Backup{kind}" for kind in ("Plan", "PlanAssociation", "Vault"))
ROLES_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "accesscontextmanager.AccessLevel": ON_ACCESS_POLICY,
    "artifactregistry.Repository": ("roles/artifactregistry.admin",),
    **dict.fromkeys(_OF_BACKUPS, ("roles/backupdr.admin",)),
    "certificatemanager.Certificate": ("roles/certificatemanager.owner",),
    "certificatemanager.CertificateMap": ("roles/certificatemanager.owner",),
    "certificatemanager.CertificateMapEntry": ("roles/certificatemanager.owner",),
    "certificatemanager.DnsAuthorization": ("roles/certificatemanager.owner",),
    "cloudidentity.Group": (ADMIN_CONSOLE,),
    "cloudrunv2.Job": _RUN,
    "cloudrunv2.JobIamMember": _RUN,
    "cloudrunv2.Service": _RUN,
    "cloudrunv2.ServiceIamMember": _RUN,
    "cloudscheduler.Job": ("roles/cloudscheduler.admin", "roles/iam.serviceAccountUser"),
    "compute.BackendService": _BALANCER,
    "compute.Firewall": _FIREWALL,
    "compute.GlobalAddress": _NETWORK,
    "compute.GlobalForwardingRule": _BALANCER,
    "compute.GlobalNetworkEndpoint": _BALANCER,
    "compute.GlobalNetworkEndpointGroup": _BALANCER,
    "compute.HealthCheck": _BALANCER,
    "compute.Network": _NETWORK,
    "compute.NetworkEndpoint": _BALANCER,
    "compute.NetworkEndpointGroup": _BALANCER,
    "compute.RegionNetworkEndpointGroup": _BALANCER,
    "compute.Route": _NETWORK,
    "compute.Router": _NETWORK,
    "compute.RouterNat": _NETWORK,
    "compute.SSLPolicy": _BALANCER,
    "compute.SecurityPolicy": _FIREWALL,
    "compute.Subnetwork": _NETWORK,
    "compute.TargetHttpsProxy": _BALANCER,
    "compute.URLMap": _BALANCER,
    "dns.ManagedZone": ("roles/dns.admin",),
    "dns.RecordSet": ("roles/dns.admin",),
    "iap.Settings": ("roles/iap.settingsAdmin",),
    "iap.WebBackendServiceIamBinding": ("roles/iap.admin",),
    "kms.CryptoKey": ("roles/cloudkms.admin",),
    "kms.CryptoKeyIAMMember": ("roles/cloudkms.admin",),
    "kms.KeyRing": ("roles/cloudkms.admin",),
    "logging.ProjectBucketConfig": ("roles/logging.configWriter",),
    "logging.ProjectExclusion": ("roles/logging.configWriter",),
    "logging.ProjectSink": ("roles/logging.configWriter",),
    # A policy on logs is a rule of Logging's, too ("Configure log-based alerting policies").
    "monitoring.AlertPolicy": ("roles/monitoring.alertPolicyEditor", "roles/logging.configWriter"),
    "monitoring.Dashboard": ("roles/monitoring.dashboardEditor",),
    "monitoring.NotificationChannel": ("roles/monitoring.notificationChannelEditor",),
    "orgpolicy.Policy": ON_ORGANISATION,
    "projects.IAMAuditConfig": (GRANTS,),
    "projects.IAMMember": (GRANTS,),
    "projects.Service": ("roles/serviceusage.serviceUsageAdmin",),
    "projects.ServiceIdentity": ("roles/serviceusage.serviceUsageAdmin",),
    "serviceaccount.Account": ("roles/iam.serviceAccountAdmin",),
    "servicenetworking.Connection": ("roles/servicenetworking.networksAdmin", *_NETWORK),
    "sql.Database": ("roles/cloudsql.admin",),
    "sql.DatabaseInstance": ("roles/cloudsql.admin",),
    "sql.User": ("roles/cloudsql.admin",),
    "storage.Bucket": ("roles/storage.admin",),
    "storage.BucketIAMMember": ("roles/storage.admin",),
    "storage.TransferJob": ("roles/storagetransfer.admin",),
}
"""What a type of resource needs, by its name in the SDK."""
VIEWER = (
    "roles/artifactregistry.reader",
    "roles/backupdr.viewer",
    "roles/certificatemanager.viewer",
    "roles/cloudkms.viewer",
    "roles/cloudscheduler.viewer",
    "roles/cloudsql.viewer",
    "roles/compute.viewer",
    "roles/dns.reader",
    "roles/iam.securityReviewer",
    "roles/logging.viewer",
    "roles/monitoring.viewer",
    "roles/run.viewer",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.bucketViewer",
    "roles/storagetransfer.viewer",
)
"""Of the account that only previews: it reads what the stack consists of, no data, and counts on the project's quota.
Whether a refresh of every type gets by with them was not tried."""
_ACCOUNTS = re.compile(r"serviceAccount:tsunagu-(deploy|preview)-[a-z]+@[a-z0-9-]+\.iam\.gserviceaccount\.com")


def is_deployers_grant(stack: str, role: str, members: Iterable[str], condition: object) -> bool:
    """Whether the bootstrap gives an account that deploys or previews one of its roles; elsewhere nobody has them."""
    known = role in {*list_deployer_roles(), *VIEWER} and all(map(_ACCOUNTS.fullmatch, members))
    return stack == BOOTSTRAP and known and (role != GRANTS or condition is not None)


def list_deployer_roles() -> tuple[str, ...]:
    """Return the roles on a stack's project, each once, sorted."""
    needed = {role for roles in ROLES_BY_TYPE.values() for role in roles}
    return tuple(sorted(needed - {ADMIN_CONSOLE, *ON_ACCESS_POLICY, *ON_ORGANISATION}))
