"""PostgreSQL in one region with a replica in another, and the operations that turn the two round.

An instance takes the role of its declaration when it is made. Afterwards the role is changed by the newest operation
of the stack's file alone (`database_pair`): in every other declaration it is ignored, so that neither a changed
`primary` nor a line taken back promotes or replaces an instance. What a switchover does to the old primary Google does
by itself; the engine learns of it by `pulumi refresh`. The steps are those of the provider's guide "Performing a SQL
Instance Switchover", part PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from stacks.data.backup_vault import BackupVault
from stacks.data.keys import EncryptionKeys
from stacks.project_services import BACKUPS, ProjectServices
from stacks.settings.configuration import DatabaseSettings
from stacks.settings.database_pair import SWITCHOVER, DatabasePair, PairInstance
from stacks.settings.naming import TYPE, Naming, add_old_name
from stacks.settings.regions import RegionId, StackRegions
from stacks.settings.services.backups import ATTACHED

_FinalBackup = gcp.sql.DatabaseInstanceSettingsFinalBackupConfigArgs
_Insights = gcp.sql.DatabaseInstanceSettingsInsightsConfigArgs
_Kept = gcp.sql.DatabaseInstanceSettingsBackupConfigurationBackupRetentionSettingsArgs
VERSION = "POSTGRES_17"
FLAGS = ("cloudsql.iam_authentication", "log_connections", "log_disconnections")
"""Switched on: applications sign in as themselves, without a password, and who came and went is logged."""

_SUNDAY_NIGHT = gcp.sql.DatabaseInstanceSettingsMaintenanceWindowArgs(day=6, hour=18, update_track="stable")
"""Sunday, 3 o'clock in the morning in Japan, is Saturday 18 o'clock UTC; days count from Monday = 1."""
AFTER_A_SWITCHOVER = ["instance"]
"""A database and its users came to the other instance with the data; they are not made there a second time."""
PRIMARY, REPLICA = "CLOUD_SQL_INSTANCE", "READ_REPLICA_INSTANCE"
"""Google's words for an instance that is written to, and for one that follows."""
KEEP = ["*"]
"""Of an instance that is lost or set aside nothing is changed, whatever the program declares."""
_KIND = ["instanceType", "masterInstanceName"]
_FOLLOWERS = ["replicaNames", "replicationCluster"]
OPERATIONS = "operations"
"""A label of the primary's: how many operations the pair has had. It makes each one a call to Google, which refuses it
where the engine's state is older than the last turn; without a call the applications would be sent to a replica."""
BACKED_UP = "backups"
"""A label of the primary's that tells the guardrails that its backups are not Cloud SQL's own."""
IN_THE_VAULT = ["settings.backupConfiguration"]
_OF_A_PRIMARY = [
    *(f"settings.{name}" for name in ("backupConfiguration", "finalBackupConfig", "maintenanceWindow")),
    f"settings.userLabels.{OPERATIONS}",
    f"settings.userLabels.{BACKED_UP}",
]
"""What Google takes from an instance when it becomes a replica, and what only a primary declares."""


def refuse_other_roles(name: str, expected: Mapping[RegionId, str], found: Mapping[RegionId, str]) -> None:
    """Refuse a database whose instances have other roles than the stack's file says.

    Raises:
        RunError: they have; an operation was left out or taken back, or the engine's state is old.
    """
    for region, role in expected.items():
        if found[region] != role:
            message = (
                f"applications.{name}.database: the stack's file has the instance in {region} as {role}, and to the "
                f"engine it is a {found[region]}. Nothing is sent there. Run `pulumi refresh`; if it stays so, an "
                "operation was left out, taken back or not deployed: see 'Operations on a database' in stacks/README.md"
            )
            raise pulumi.RunError(message)


@dataclass(frozen=True)
class DatabaseArgs:
    """What the database is made from. `network` is the VPC's id; `after` must exist before a private address can.

    `pair` says which instances there are, and which one is written to. `vault` is the stack's, if there is one.
    """

    settings: DatabaseSettings
    pair: DatabasePair
    project: str
    regions: StackRegions
    network: pulumi.Output[str]
    keys: EncryptionKeys
    naming: Naming
    importance: str
    protected: bool
    services: ProjectServices
    after: list[pulumi.Resource]
    vault: BackupVault | None = None


class Database(pulumi.ComponentResource):
    """A private, encrypted PostgreSQL with point-in-time recovery.

    Outputs: `instances` (of the pair, by region), `primary` (the region that is written to), `connection_name` of the
    primary.
    """

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Database", name, {}, opts)
        self._name, self._args, self._pair = name, args, args.pair
        self.primary: RegionId = args.pair.primary.region
        first = self._add_primary(args.pair.primary, self._list_ignored_of_primary())
        self.instances = {self.primary: first}
        if args.pair.replica is not None:
            self.instances[args.pair.replica.region] = self._add_replica(args.pair.replica, first)
        self._vault_instance(args.pair.primary, first, [])
        for kept in (*args.pair.set_aside, *([args.pair.lost] if args.pair.lost else [])):
            self._vault_instance(kept, self._add_primary(kept, KEEP), KEEP)
        confirmed = pulumi.Output.all(first.connection_name, self._confirm_roles())
        self.connection_name = confirmed.apply(lambda values: str(values[0]))
        self.database = gcp.sql.Database(
            name,
            name=name,
            instance=first.name,
            charset="UTF8",
            # Data is not dropped with the resource: an instance's own protection and backups decide.
            deletion_policy="ABANDON",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=AFTER_A_SWITCHOVER),
        )
        self.register_outputs({"primary": self.primary, "connectionName": self.connection_name})

    def make_instance_name(self, instance: PairInstance) -> str | None:
        """Return the name of an instance; it says nothing of who is written to, because that changes.

        None without a generation: the engine then gives a name that was never used.
        """
        if instance.generation is None:
            return None
        return f"{self._args.naming.prefix}-{self._name}-{instance.region}-{instance.generation}"

    def _confirm_roles(self) -> pulumi.Output[None]:
        """Refuse to send anybody to an instance whose role at Google is not the one of the stack's file.

        The engine knows the roles in a preview already. The replica of a switchover is left out: until the next refresh
        the engine takes it for what it was.
        """
        expected: dict[RegionId, str] = {self.primary: PRIMARY}
        if self._pair.replica is not None and self._pair.last != SWITCHOVER:
            expected[self._pair.replica.region] = REPLICA
        known = pulumi.Output.all(**{region: self.instances[region].instance_type for region in expected})
        return known.apply(lambda found: refuse_other_roles(self._name, expected, found))

    def _vault_instance(self, instance: PairInstance, made: gcp.sql.DatabaseInstance, ignored: list[str]) -> None:
        """Back an instance up into the vault. What stands beside one that is lost is left as it was, too."""
        args = self._args
        if args.vault is None or args.settings.vault is None:
            return
        after: list[pulumi.Resource] = [made, args.vault.operator, *args.keys.vault_users]
        options = args.services.build_child_options(self, BACKUPS, after=after)
        options = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(ignore_changes=ignored))
        name, location = self._make_resource_name(instance), args.regions.get_location(instance.region)
        plan = args.vault.add_plan(name.replace(".", "-"), location, args.settings.log_days, options)
        if args.settings.vault == ATTACHED:
            args.vault.attach(name.replace(".", "-"), plan, made, options)

    def _list_ignored_of_primary(self) -> list[str]:
        """What the primary's declaration leaves as it is: its role, except for what the newest operation asks."""
        match self._pair.last:
            case "switchover" | "failover":
                return []
            case "designate":
                return [*_KIND]
            case _:
                return [*_KIND, *_FOLLOWERS]

    def _add_primary(self, instance: PairInstance, ignored: list[str]) -> gcp.sql.DatabaseInstance:
        """An instance that is written to, or was until it was lost.

        It names its replica where that one is designated: Google refuses it before the replica is there, so it is an
        operation of its own.
        """
        args, pair = self._args, self._pair
        follower = pair.replica if pair.designated and instance == pair.primary else None
        replica = None if follower is None else self.make_instance_name(follower)
        return gcp.sql.DatabaseInstance(
            self._make_resource_name(instance),
            **self._build_common(instance),
            settings=self._build_settings(is_primary=True),
            instance_type=PRIMARY,
            replica_names=[replica] if replica else None,
            replication_cluster={"failover_dr_replica_name": f"{args.project}:{replica}"} if replica else None,
            opts=self._build_options(instance, args.after, ignored),
        )

    def _add_replica(self, instance: PairInstance, master: gcp.sql.DatabaseInstance) -> gcp.sql.DatabaseInstance:
        ignored = [*_KIND, *_FOLLOWERS, *(_OF_A_PRIMARY if instance in self._pair.demoted else [])]
        return gcp.sql.DatabaseInstance(
            self._make_resource_name(instance),
            **self._build_common(instance),
            settings=self._build_settings(is_primary=False),
            instance_type=REPLICA,
            master_instance_name=self.make_instance_name(self._pair.primary) or master.name,
            opts=self._build_options(instance, [master], ignored),
        )

    def _make_resource_name(self, instance: PairInstance) -> str:
        """The engine's name of an instance; one that was rebuilt has a dot, which is in no region's id."""
        name = f"{self._name}-{instance.region}"
        return f"{name}.{instance.generation}" if instance.rebuilt else name

    def _build_options(
        self, instance: PairInstance, after: list[pulumi.Resource], ignored: list[str]
    ) -> pulumi.ResourceOptions:
        args = self._args
        waits = [*args.keys.database_users, *after]
        if args.settings.vault is not None:
            # While an instance is in the vault, Google turns its own backups off, and takes no other word for it.
            ignored = [*ignored, *(name for name in IN_THE_VAULT if name not in ignored)]
        options = args.services.build_child_options(self, "sqladmin", protect=args.protected, after=waits)
        options = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(ignore_changes=ignored))
        return options if instance.rebuilt else add_old_name(options, instance.region)

    def _build_common(self, instance: PairInstance) -> dict[str, Any]:
        """What an instance is in any role."""
        args = self._args
        return {
            "name": self.make_instance_name(instance),
            "region": args.regions.get_location(instance.region),
            "database_version": VERSION,
            "encryption_key_name": args.keys.database[instance.region].id,
            "deletion_protection": args.protected,
        }

    def _build_settings(self, *, is_primary: bool) -> gcp.sql.DatabaseInstanceSettingsArgs:
        args, settings = self._args, self._args.settings
        labels = args.naming.build_labels(args.importance, self._name)
        if is_primary and settings.vault is not None:
            labels[BACKED_UP] = "vault"
        if is_primary and settings.operations:
            labels[OPERATIONS] = str(len(settings.operations))
        return gcp.sql.DatabaseInstanceSettingsArgs(
            tier=settings.tier,
            edition=settings.edition,
            availability_type=settings.availability,
            disk_type="PD_SSD",
            disk_size=settings.disk_gigabytes,
            disk_autoresize=True,
            deletion_protection_enabled=args.protected,
            database_flags=[gcp.sql.DatabaseInstanceSettingsDatabaseFlagArgs(name=name, value="on") for name in FLAGS],
            ip_configuration=gcp.sql.DatabaseInstanceSettingsIpConfigurationArgs(
                ipv4_enabled=False, private_network=args.network, ssl_mode="ENCRYPTED_ONLY"
            ),
            # Google refuses a window of a replica's own: it is maintained before its primary.
            maintenance_window=_SUNDAY_NIGHT if is_primary else None,
            # Google refuses backups of a replica: they are the primary's, kept in the other region if one is left.
            backup_configuration=self._build_backups() if is_primary else None,
            final_backup_config=_FinalBackup(enabled=True, retention_days=settings.final_backup_days)
            if is_primary
            else None,
            # Otherwise whoever reaches the address may try a password; the applications have none.
            connector_enforcement="REQUIRED" if settings.connectors_only else "NOT_REQUIRED",
            # Which application asked, and not from which address: behind the service those mean nothing.
            insights_config=_Insights(
                query_insights_enabled=settings.query_insights,
                record_application_tags=settings.query_insights,
                record_client_address=False,
            ),
            user_labels=labels,
        )

    def _build_backups(self) -> gcp.sql.DatabaseInstanceSettingsBackupConfigurationArgs:
        args, settings, pair = self._args, self._args.settings, self._pair
        return gcp.sql.DatabaseInstanceSettingsBackupConfigurationArgs(
            enabled=True,
            start_time="17:00",
            location=args.regions.get_location((pair.replica or pair.primary).region),
            point_in_time_recovery_enabled=True,
            transaction_log_retention_days=settings.log_days,
            backup_retention_settings=_Kept(retained_backups=settings.backups, retention_unit="COUNT"),
        )
