"""Foundation: project services, the VPC in Tokyo and Osaka, its way out and its firewall, keys, and the audit logs."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from controller.compile.cloud_firewall import FirewallRule
from stacks.data.keys import Keys, KeysArgs
from stacks.network.firewall import Firewall, FirewallArgs
from stacks.network.private_access import PrivateAccess, PrivateAccessArgs
from stacks.services import Services
from stacks.settings.configuration import Audit, Google, Network
from stacks.settings.naming import TYPE, Naming
from stacks.settings.regions import BOTH, REGIONS, Region, RegionId

AUDIT_FILTER = 'log_id("cloudaudit.googleapis.com/activity") OR log_id("cloudaudit.googleapis.com/data_access")'
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class FoundationArgs:
    """What the foundation is made from. `protected`: nothing that holds data can be destroyed.

    `firewall` is every rule of the VPC's firewall.
    """

    google: Google
    network: Network
    audit: Audit
    naming: Naming
    protected: bool
    firewall: tuple[FirewallRule, ...]


class Foundation(pulumi.ComponentResource):
    """Everything that applications stand on.

    Outputs: `vpc`, `subnetworks` (by region), `keys`, `audit_bucket`, `services`.
    `ready` lists what must exist before a private database can.
    """

    def __init__(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Foundation", name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.services = Services("services", opts=self._child)
        self.vpc = gcp.compute.Network(
            "vpc",
            auto_create_subnetworks=False,
            routing_mode="GLOBAL",
            description="Applications and databases of the city's schools",
            opts=self.services.ready(self, "compute"),
        )
        self.subnetworks = {region.id: self._subnetwork(region) for region in REGIONS.values()}
        for region in REGIONS.values():
            self._way_out(region)
        Firewall("firewall", FirewallArgs(args.firewall, self.vpc.self_link), opts=self._child)
        PrivateAccess("private-access", PrivateAccessArgs(self.vpc.id, args.naming, self.services), opts=self._child)
        self.private_services = self._private_services()
        self.keys = Keys(
            "keys",
            KeysArgs(args.google, args.naming, args.protected, self.services),
            opts=self._child,
        )
        self.audit_bucket = self._audit()
        self.ready: list[pulumi.Resource] = [self.private_services]
        self.register_outputs({"network": self.vpc.self_link, "auditBucket": self.audit_bucket.name})

    def _subnetwork(self, region: Region) -> gcp.compute.Subnetwork:
        ranges = {"tokyo": self._args.network.tokyo, "osaka": self._args.network.osaka}
        return gcp.compute.Subnetwork(
            region.id,
            network=self.vpc.self_link,
            region=region.name,
            ip_cidr_range=str(ranges[region.id]),
            private_ip_google_access=True,
            log_config={"aggregation_interval": "INTERVAL_10_MIN", "flow_sampling": 0.5},
            opts=self._child,
        )

    def _way_out(self, region: Region) -> None:
        router = gcp.compute.Router(
            f"{region.id}-router", network=self.vpc.self_link, region=region.name, opts=self._child
        )
        gcp.compute.RouterNat(
            f"{region.id}-nat",
            router=router.name,
            region=region.name,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
            log_config={"enable": True, "filter": "ERRORS_ONLY"},
            opts=self._child,
        )

    def _private_services(self) -> gcp.servicenetworking.Connection:
        services = self._args.network.services
        block = gcp.compute.GlobalAddress(
            "private-services",
            address_type="INTERNAL",
            purpose="VPC_PEERING",
            address=str(services.network_address),
            prefix_length=services.prefixlen,
            network=self.vpc.id,
            labels=self._args.naming.labels("II", "foundation"),
            opts=self._child,
        )
        return gcp.servicenetworking.Connection(
            "private-services",
            network=self.vpc.id,
            service="servicenetworking.googleapis.com",
            reserved_peering_ranges=[block.name],
            opts=self.services.ready(self, "servicenetworking"),
        )

    def _audit(self) -> gcp.storage.Bucket:
        args = self._args
        bucket = gcp.storage.Bucket(
            f"{args.google.project}-audit",
            location=BOTH.upper(),
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning={"enabled": True},
            retention_policy={
                "retention_period": str(args.audit.retention_days * SECONDS_A_DAY),
                "is_locked": args.audit.locked,
            },
            encryption={"default_kms_key_name": self.keys.storage.id},
            force_destroy=not args.protected,
            labels=args.naming.labels("II", "audit"),
            opts=self.services.ready(self, "storage", protect=args.protected, after=self.keys.storage_users),
        )
        sink = gcp.logging.ProjectSink(
            "audit",
            destination=bucket.name.apply(lambda name: f"storage.googleapis.com/{name}"),
            filter=AUDIT_FILTER,
            unique_writer_identity=True,
            opts=self.services.ready(self, "logging"),
        )
        gcp.storage.BucketIAMMember(
            "audit-writer",
            bucket=bucket.name,
            role="roles/storage.objectCreator",
            member=sink.writer_identity,
            opts=self._child,
        )
        gcp.projects.IAMAuditConfig(
            "data-access",
            project=args.google.project,
            service="allServices",
            audit_log_configs=[{"log_type": kind} for kind in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")],
            opts=self.services.ready(self, "cloudresourcemanager"),
        )
        return bucket

    def subnetwork(self, region: RegionId) -> pulumi.Output[str]:
        """Self link of a region's subnetwork."""
        return self.subnetworks[region].self_link
