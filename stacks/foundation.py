"""Foundation: project services, the VPC in every region, its way out and its firewall, keys, and the audit logs."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from controller.compile.cloud_firewall import FirewallRule
from stacks.data.backup_vault import BackupVault, BackupVaultArgs
from stacks.data.image_registries import ImageRegistries, ImageRegistriesArgs
from stacks.data.keys import EncryptionKeys, EncryptionKeysArgs
from stacks.data.project_logs import ProjectLogs, ProjectLogsArgs
from stacks.network.firewall import Firewall, FirewallArgs, leads_to_the_internet
from stacks.network.private_access import PrivateAccess, PrivateAccessArgs
from stacks.project_services import BACKUPS, SCHEDULES, SERVICES, TRANSFERS, ProjectServices
from stacks.settings.configuration import AuditSettings, GoogleSettings, NetworkSettings
from stacks.settings.naming import TYPE, Naming, add_old_name
from stacks.settings.regions import Region, RegionId, StackRegions
from stacks.settings.services.backups import VaultSettings

AUDIT_LOGS = ("activity", "data_access", "policy", "system_event")
AUDIT_FILTER = " OR ".join(f'log_id("cloudaudit.googleapis.com/{kind}")' for kind in AUDIT_LOGS)
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class FoundationArgs:
    """What the foundation is made from. `protected`: nothing that holds data can be destroyed.

    `firewall` is every rule of the VPC's firewall. `serving` are the regions in which something runs. `scheduled`:
    a job is started at its times.
    """

    google: GoogleSettings
    regions: StackRegions
    network: NetworkSettings
    audit: AuditSettings
    naming: Naming
    protected: bool
    firewall: tuple[FirewallRule, ...]
    serving: tuple[RegionId, ...]
    vault: VaultSettings | None = None
    copies: frozenset[RegionId] = frozenset()
    scheduled: bool = False


class Foundation(pulumi.ComponentResource):
    """Everything that applications stand on.

    Outputs: `regions`, `vpc`, `subnetworks` (by region), `gateways` (to the internet), `keys`, `audit_bucket`, `sinks`,
    `logs`, `images`, `services`, `vault` (None where there is none).
    `before_database` lists what must exist before a private database can.
    """

    def __init__(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Foundation", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.regions = args.regions
        asked = ((BACKUPS, args.vault), (TRANSFERS, args.copies), (SCHEDULES, args.scheduled))
        words = (*SERVICES, *(word for word, wanted in asked if wanted))
        self.services = ProjectServices("services", opts=self._child, services=words)
        self.vpc = gcp.compute.Network(
            "vpc",
            auto_create_subnetworks=False,
            routing_mode="GLOBAL",
            description="Applications and databases of the city's schools",
            opts=self.services.build_child_options(self, "compute"),
        )
        self.subnetworks = {region.id: self._add_subnetwork(region) for region in self.regions.regions}
        # A gateway costs money also where nothing goes out; private addresses need none.
        outwards = leads_to_the_internet(args.firewall)
        self.gateways = [
            self._add_nat(region) for region in self.regions.regions if outwards and region.id in args.serving
        ]
        Firewall("firewall", FirewallArgs(args.firewall, self.vpc.self_link), opts=self._child)
        PrivateAccess("private-access", PrivateAccessArgs(self.vpc.id, args.naming, self.services), opts=self._child)
        self.private_services = self._connect_private_services()
        self.keys = EncryptionKeys(
            "keys",
            EncryptionKeysArgs(
                args.google,
                self.regions,
                args.naming,
                args.protected,
                self.services,
                None if args.vault is None else args.vault.region,
                args.copies,
            ),
            opts=self._child,
        )
        self.sinks: list[gcp.logging.ProjectSink] = []
        self.audit_bucket = self._add_audit_bucket()
        self.logs = ProjectLogs(
            "logs",
            ProjectLogsArgs(
                args.google, self.regions, self.keys, args.audit, args.naming, args.protected, self.services
            ),
            opts=self._child,
        )
        self.sinks.append(self.logs.sink)
        self.images = ImageRegistries(
            "images",
            ImageRegistriesArgs(self.regions, self.keys, args.naming, args.protected, self.services),
            opts=self._child,
        )
        self.vault = None if args.vault is None else self._add_vault(args.vault)
        self.before_database: list[pulumi.Resource] = [self.private_services]
        self.register_outputs({"network": self.vpc.self_link, "auditBucket": self.audit_bucket.name})

    def _add_subnetwork(self, region: Region) -> gcp.compute.Subnetwork:
        return gcp.compute.Subnetwork(
            f"{self._name}-{region.id}",
            network=self.vpc.self_link,
            region=region.location,
            ip_cidr_range=str(self._args.network.subnets[region.id]),
            private_ip_google_access=True,
            log_config={"aggregation_interval": "INTERVAL_10_MIN", "flow_sampling": 0.5},
            opts=add_old_name(self._child, region.id),
        )

    def _add_nat(self, region: Region) -> gcp.compute.RouterNat:
        router = gcp.compute.Router(
            f"{self._name}-{region.id}-router",
            network=self.vpc.self_link,
            region=region.location,
            opts=add_old_name(self._child, f"{region.id}-router"),
        )
        return gcp.compute.RouterNat(
            f"{self._name}-{region.id}-nat",
            router=router.name,
            region=region.location,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
            log_config={"enable": True, "filter": "ERRORS_ONLY"},
            opts=add_old_name(self._child, f"{region.id}-nat"),
        )

    def _connect_private_services(self) -> gcp.servicenetworking.Connection:
        services = self._args.network.services
        block = gcp.compute.GlobalAddress(
            "private-services",
            address_type="INTERNAL",
            purpose="VPC_PEERING",
            address=str(services.network_address),
            prefix_length=services.prefixlen,
            network=self.vpc.id,
            labels=self._args.naming.build_labels("II", "foundation"),
            opts=self._child,
        )
        return gcp.servicenetworking.Connection(
            "private-services",
            network=self.vpc.id,
            service="servicenetworking.googleapis.com",
            reserved_peering_ranges=[block.name],
            opts=self.services.build_child_options(self, "servicenetworking"),
        )

    def _add_vault(self, settings: VaultSettings) -> BackupVault:
        args = self._args
        return BackupVault(
            "vault",
            BackupVaultArgs(
                settings, args.google.project, self.regions, self.keys, args.naming, args.protected, self.services
            ),
            opts=self._child,
        )

    def _add_audit_bucket(self) -> gcp.storage.Bucket:
        args = self._args
        bucket = gcp.storage.Bucket(
            f"{args.google.project}-audit",
            location=self.regions.shared.upper(),
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            # What is kept for a time can be neither overwritten nor deleted meanwhile: versions would add nothing, and
            # documents disagree whether Google takes both in one bucket (`offline_google/world/bucket_rules.py`).
            versioning={"enabled": False},
            retention_policy={
                "retention_period": str(args.audit.retention_days * SECONDS_A_DAY),
                "is_locked": args.audit.locked,
            },
            encryption={"default_kms_key_name": self.keys.storage.id},
            force_destroy=not args.protected,
            labels=args.naming.build_labels("II", "audit"),
            opts=self.services.build_child_options(
                self, "storage", protect=args.protected, after=self.keys.storage_users
            ),
        )
        sink = gcp.logging.ProjectSink(
            "audit",
            destination=bucket.name.apply(lambda name: f"storage.googleapis.com/{name}"),
            filter=AUDIT_FILTER,
            unique_writer_identity=True,
            opts=self.services.build_child_options(self, "logging"),
        )
        self.sinks.append(sink)
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
            opts=self.services.build_child_options(self, "cloudresourcemanager"),
        )
        return bucket
