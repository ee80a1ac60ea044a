"""The allow-list: every type of resource that a stack may have, with where it lies.

A type that is not here is stopped, so a new service of Google's is thought about before anybody uses it: where it
lies, whether it keeps something, whose key that has. Names of types and inputs are the provider's (pulumi_gcp 10.2.0;
a test holds them against its schema). What a type may not be is for the other guardrails to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

COMPONENTS = "tsunagu:"
"""Our own components: they are nothing themselves, and what they consist of is asked one by one."""
BUILT_IN: Final = frozenset(
    ["pulumi:pulumi:Stack", "pulumi:pulumi:StackReference", "pulumi:providers:pulumi", "pulumi:providers:gcp"]
)
"""The engine's own, its own provider by which the program reads its record, and the provider of all that is here."""


@dataclass(frozen=True)
class KnownType:
    """What is known of a type. It lies at `places`, or `beside` the resource that an input names, or nowhere.

    `also`: places that it may name beside the stack's. `shared`: it may lie at the stack's shared location.
    `labels` and `key` are the inputs with its labels and the key of what it keeps; empty where it has none.
    `refused`: a message that says what to take instead; such a type is never let through.
    """

    places: tuple[str, ...] = ()
    beside: str = ""
    also: tuple[str, ...] = ()
    shared: bool = False
    labels: str = ""
    key: str = ""
    refused: str = ""


def _at(*places: str, labels: str = "", key: str = "", also: tuple[str, ...] = (), shared: bool = False) -> KnownType:
    return KnownType(places, labels=labels, key=key, also=also, shared=shared)


def _beside(name: str) -> KnownType:
    return KnownType(beside=name)


def _refuse(message: str) -> KnownType:
    return KnownType(refused=message)


_NOWHERE = KnownType()
"""Settings of a project or an organisation, and parts of Google's global network: they lie in no place."""
_LABELLED = KnownType(labels="labels")
_REGION = _at("region")
_GLOBAL = ("global",)
_LABELLED_OR_GLOBAL = KnownType(labels="labels", also=_GLOBAL)

KNOWN_TYPES: Final[Mapping[str, KnownType]] = {
    "accesscontextmanager.AccessLevel": _NOWHERE,
    "accesscontextmanager.AccessPolicy": _NOWHERE,
    "accesscontextmanager.ServicePerimeter": _NOWHERE,
    "accesscontextmanager.ServicePerimeterResource": _NOWHERE,
    "alloydb.Cluster": _at("location", labels="labels", key="encryptionConfig.kmsKeyName"),
    "alloydb.Instance": _beside("cluster"),
    "artifactregistry.Repository": _at("location", labels="labels", key="kmsKeyName"),
    "backupdisasterrecovery.BackupPlan": _at("location"),
    "backupdisasterrecovery.BackupPlanAssociation": _at("location"),
    "backupdisasterrecovery.BackupVault": _at("location", labels="labels"),
    "backupdisasterrecovery.ServiceConfig": _at("location"),
    "bigquery.Dataset": _at("location", labels="labels", key="defaultEncryptionConfiguration.kmsKeyName"),
    "bigquery.DatasetAccess": _beside("datasetId"),
    "billing.Budget": _NOWHERE,
    "certificatemanager.Certificate": _LABELLED_OR_GLOBAL,
    "certificatemanager.CertificateMap": _LABELLED,
    "certificatemanager.CertificateMapEntry": _LABELLED,
    "certificatemanager.DnsAuthorization": _LABELLED_OR_GLOBAL,
    "certificatemanager.TrustConfig": _at("location", also=_GLOBAL),
    "cloudidentity.Group": _NOWHERE,
    "cloudrun.DomainMapping": _refuse("take-run-v2"),
    "cloudrun.Service": _refuse("take-run-v2"),
    "cloudrunv2.Job": _at("location", labels="labels", key="template.template.encryptionKey"),
    "cloudrunv2.Service": _at("location", labels="labels", key="template.encryptionKey"),
    "cloudscheduler.Job": _at("region"),
    "cloudtasks.Queue": _at("location"),
    "compute.Address": _at("region", labels="labels"),
    "compute.AttachedDisk": _beside("instance"),
    "compute.BackendBucket": _refuse("no-backend-bucket"),
    "compute.BackendService": _NOWHERE,
    "compute.Disk": _at("zone", labels="labels", key="diskEncryptionKey.kmsKeySelfLink"),
    "compute.DiskResourcePolicyAttachment": _beside("disk"),
    "compute.ExternalVpnGateway": _NOWHERE,
    "compute.Firewall": _NOWHERE,
    "compute.FirewallPolicy": _NOWHERE,
    "compute.FirewallPolicyAssociation": _NOWHERE,
    "compute.FirewallPolicyRule": _NOWHERE,
    "compute.ForwardingRule": _at("region"),
    "compute.GlobalAddress": _LABELLED,
    "compute.GlobalForwardingRule": _LABELLED,
    "compute.GlobalNetworkEndpoint": _NOWHERE,
    "compute.GlobalNetworkEndpointGroup": _NOWHERE,
    "compute.HaVpnGateway": _REGION,
    "compute.HealthCheck": _NOWHERE,
    "compute.Instance": _at("zone", labels="labels", key="bootDisk.kmsKeySelfLink"),
    "compute.InterconnectAttachment": _REGION,
    "compute.Network": _NOWHERE,
    "compute.NetworkEndpoint": _at("zone"),
    "compute.NetworkEndpointGroup": _at("zone"),
    "compute.NetworkFirewallPolicy": _NOWHERE,
    "compute.NetworkFirewallPolicyAssociation": _NOWHERE,
    "compute.NetworkFirewallPolicyRule": _NOWHERE,
    "compute.ProjectDefaultNetworkTier": _NOWHERE,
    "compute.RegionBackendService": _REGION,
    "compute.RegionDisk": _at("region", labels="labels", key="diskEncryptionKey.kmsKeyName"),
    "compute.RegionHealthCheck": _REGION,
    "compute.RegionNetworkEndpointGroup": _REGION,
    "compute.RegionNetworkFirewallPolicy": _REGION,
    "compute.RegionNetworkFirewallPolicyAssociation": _REGION,
    "compute.RegionNetworkFirewallPolicyRule": _REGION,
    "compute.RegionSecurityPolicy": _REGION,
    "compute.RegionSecurityPolicyRule": _REGION,
    "compute.RegionSslPolicy": _REGION,
    "compute.RegionTargetHttpProxy": _refuse("only-https"),
    "compute.RegionTargetHttpsProxy": _REGION,
    "compute.RegionUrlMap": _REGION,
    "compute.ResourcePolicy": _REGION,
    "compute.Route": _NOWHERE,
    "compute.Router": _REGION,
    "compute.RouterInterface": _REGION,
    "compute.RouterNat": _REGION,
    "compute.RouterNatAddress": _REGION,
    "compute.RouterPeer": _REGION,
    "compute.SSLCertificate": _refuse("take-managed-certificate"),
    "compute.SSLPolicy": _NOWHERE,
    "compute.SecurityPolicy": _NOWHERE,
    "compute.SecurityPolicyRule": _NOWHERE,
    "compute.Snapshot": _at("storageLocations", labels="labels", key="snapshotEncryptionKey.kmsKeySelfLink"),
    "compute.SnapshotSettings": _at("storageLocation.locations[].location"),
    "compute.Subnetwork": _REGION,
    "compute.TargetHttpProxy": _refuse("only-https"),
    "compute.TargetHttpsProxy": _NOWHERE,
    "compute.TargetSSLProxy": _refuse("only-https"),
    "compute.TargetTCPProxy": _refuse("only-https"),
    "compute.URLMap": _NOWHERE,
    "compute.VPNTunnel": _REGION,
    "dns.ManagedZone": _LABELLED,
    "dns.Policy": _NOWHERE,
    "dns.RecordSet": _NOWHERE,
    "dns.ResponsePolicy": _NOWHERE,
    "dns.ResponsePolicyRule": _NOWHERE,
    "essentialcontacts.Contact": _NOWHERE,
    "eventarc.Trigger": _at("location"),
    "filestore.Backup": _at("location"),
    "filestore.Instance": _at("location", labels="labels", key="kmsKeyName"),
    "firestore.BackupSchedule": _beside("database"),
    "firestore.Database": _at("locationId", key="cmekConfig.kmsKeyName"),
    "folder.IamAuditConfig": _NOWHERE,
    "folder.OrganizationPolicy": _NOWHERE,
    "iam.DenyPolicy": _NOWHERE,
    "iam.WorkforcePool": _at("location", also=_GLOBAL),
    "iam.WorkforcePoolProvider": _at("location", also=_GLOBAL),
    "iam.WorkloadIdentityPool": _NOWHERE,
    "iam.WorkloadIdentityPoolProvider": _NOWHERE,
    "iap.Settings": _NOWHERE,
    "kms.CryptoKey": KnownType(beside="keyRing", labels="labels"),
    "kms.KeyRing": _at("location", shared=True),
    "logging.FolderSettings": _at("storageLocation"),
    "logging.FolderSink": _NOWHERE,
    "logging.LogView": _beside("bucket"),
    "logging.Metric": _NOWHERE,
    "logging.OrganizationSettings": _at("storageLocation"),
    "logging.OrganizationSink": _NOWHERE,
    "logging.ProjectBucketConfig": _at("location", key="cmekSettings.kmsKeyName"),
    "logging.ProjectExclusion": _NOWHERE,
    "logging.ProjectSink": _NOWHERE,
    "monitoring.AlertPolicy": _NOWHERE,
    "monitoring.CustomService": _NOWHERE,
    "monitoring.Dashboard": _NOWHERE,
    "monitoring.GenericService": _NOWHERE,
    "monitoring.Group": _NOWHERE,
    "monitoring.MetricDescriptor": _NOWHERE,
    "monitoring.NotificationChannel": _NOWHERE,
    "monitoring.Slo": _NOWHERE,
    "monitoring.UptimeCheckConfig": _NOWHERE,
    "networkconnectivity.Hub": _NOWHERE,
    "networkconnectivity.ServiceConnectionPolicy": _at("location"),
    "networkconnectivity.Spoke": _at("location", also=_GLOBAL),
    "networkmanagement.ConnectivityTest": _NOWHERE,
    "organizations.Folder": _NOWHERE,
    "organizations.IAMCustomRole": _NOWHERE,
    "organizations.IamAuditConfig": _NOWHERE,
    "organizations.Policy": _NOWHERE,
    "organizations.Project": _LABELLED,
    "orgpolicy.CustomConstraint": _NOWHERE,
    "orgpolicy.Policy": _NOWHERE,
    "projects.ApiKey": _refuse("no-keys"),
    "projects.DefaultServiceAccounts": _NOWHERE,
    "projects.IAMAuditConfig": _NOWHERE,
    "projects.IAMCustomRole": _NOWHERE,
    "projects.OrganizationPolicy": _NOWHERE,
    "projects.Service": _NOWHERE,
    "projects.ServiceIdentity": _NOWHERE,
    "pubsub.Subscription": _beside("topic"),
    "pubsub.Topic": _at("messageStoragePolicy.allowedPersistenceRegions", labels="labels", key="kmsKeyName"),
    "redis.Instance": _at("region", labels="labels", key="customerManagedKey"),
    "resourcemanager.Lien": _NOWHERE,
    "secretmanager.RegionalSecret": _at("location", labels="labels", key="customerManagedEncryption.kmsKeyName"),
    "secretmanager.RegionalSecretVersion": _beside("secret"),
    "secretmanager.Secret": _at(
        "replication.userManaged.replicas[].location",
        labels="labels",
        key="replication.userManaged.replicas[].customerManagedEncryption.kmsKeyName",
    ),
    "secretmanager.SecretVersion": _beside("secret"),
    "serviceaccount.Account": _NOWHERE,
    "serviceaccount.Key": _refuse("no-keys"),
    "servicenetworking.Connection": _NOWHERE,
    "sql.Database": _beside("instance"),
    "sql.DatabaseInstance": _at("region", labels="settings.userLabels", key="encryptionKeyName"),
    "sql.User": _beside("instance"),
    "storage.Bucket": _at("location", labels="labels", key="encryption.defaultKmsKeyName", shared=True),
    "storage.BucketACL": _refuse("no-acls"),
    "storage.BucketAccessControl": _refuse("no-acls"),
    "storage.BucketObject": _beside("bucket"),
    "storage.DefaultObjectACL": _refuse("no-acls"),
    "storage.DefaultObjectAccessControl": _refuse("no-acls"),
    "storage.HmacKey": _refuse("no-keys"),
    "storage.Notification": _beside("bucket"),
    "storage.ObjectACL": _refuse("no-acls"),
    "storage.ObjectAccessControl": _refuse("no-acls"),
    "storage.TransferJob": _NOWHERE,
    "tags.TagBinding": _NOWHERE,
    "tags.TagKey": _NOWHERE,
    "tags.TagValue": _NOWHERE,
    "vpcaccess.Connector": _REGION,
    "workflows.Workflow": _at("region"),
}
_GRANT = re.compile(r"(?P<on>.*?)I[aA][mM](Member|Binding|Policy)")
"""Types of grants are named for the type on which they stand: `storage.BucketIAMMember`."""
_GRANTS_ON: Final = frozenset(
    [
        "folder.",
        "iap.WebBackendService",
        "iap.WebCloudRunService",
        "iap.WebRegionBackendService",
        "organizations.",
        "projects.",
        "serviceaccount.",
    ]
)
"""What else grants may stand on: it has no type of its own, or is one under another name."""
_TOO_WIDE: Final = frozenset(["iap.Web", "iap.WebTypeCompute", "iap.WebTypeAppEnging", "iap.AppEngineService"])
_SAME: Final = {"dns.DnsManagedZone": "dns.ManagedZone", "bigquery.": "bigquery.Dataset"}
"""Grants whose type has another name than what they stand on."""


def find_known_type(kind: str) -> KnownType | None:
    """Return what is known of a type by its kind; None for a type that is not on the list.

    >>> find_known_type("compute.Router").places, find_known_type("storage.BucketIAMMember")
    (('region',), KnownType(places=(), beside='', also=(), shared=False, labels='', key='', refused=''))
    >>> find_known_type("notebooks.Instance") is None
    True
    """
    known = KNOWN_TYPES.get(kind)
    if known is not None:
        return known
    grant = _GRANT.fullmatch(kind)
    if grant is None:
        return None
    on = _SAME.get(grant["on"], grant["on"])
    if on in _TOO_WIDE:
        return _refuse("proxy-too-wide")
    base = KNOWN_TYPES.get(on)
    return _NOWHERE if on in _GRANTS_ON or (base is not None and not base.refused) else None
