"""PostgreSQL in one region with a replica in another; `database.primary` and `standby` say which is which.

Where a switchover must be possible, both instances carry explicit names (`database.generation`), and each declares its
`instance_type`, the primary its `replica_names`, the replica its `replica_configuration`: with those in place a changed
`primary` is a switchover that keeps both instances. Without them, the changed master
would replace the replica, and the data with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.data.keys import EncryptionKeys
from stacks.project_services import ProjectServices
from stacks.settings.configuration import DatabaseSettings
from stacks.settings.naming import TYPE, Naming, add_old_name
from stacks.settings.regions import RegionId, StackRegions

_Kept = gcp.sql.DatabaseInstanceSettingsBackupConfigurationBackupRetentionSettingsArgs
VERSION = "POSTGRES_17"
FLAGS = ("cloudsql.iam_authentication", "log_connections", "log_disconnections")
"""Switched on: applications sign in as themselves, without a password, and who came and went is logged."""

_SUNDAY_NIGHT = gcp.sql.DatabaseInstanceSettingsMaintenanceWindowArgs(day=6, hour=18, update_track="stable")
"""Sunday, 3 o'clock in the morning in Japan, is Saturday 18 o'clock UTC; days count from Monday = 1."""
AFTER_A_SWITCHOVER = ["instance"]
"""A database and its users came to the other instance with the data; they are not made there a second time."""


@dataclass(frozen=True)
class DatabaseArgs:
    """What the database is made from. `network` is the VPC's id; `after` must exist before a private address can.

    `standby` is the region of the replica and of the backups; None in a stack of one region, which has no replica.
    """

    settings: DatabaseSettings
    regions: StackRegions
    standby: RegionId | None
    network: pulumi.Output[str]
    keys: EncryptionKeys
    naming: Naming
    importance: str
    protected: bool
    services: ProjectServices
    after: list[pulumi.Resource]


class Database(pulumi.ComponentResource):
    """A private, encrypted PostgreSQL with point-in-time recovery.

    Outputs: `instances` (by region), `primary` (the region that is written to), `connection_name` of the primary.
    """

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Database", name, {}, opts)
        self._name, self._args = name, args
        self.primary: RegionId = args.settings.primary
        self._standby = args.standby
        first = self._add_instance(self.primary, None, self._standby)
        self.instances = {self.primary: first}
        if self._standby is not None:
            self.instances[self._standby] = self._add_instance(self._standby, first, self.primary)
        self.connection_name = first.connection_name
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

    def make_instance_name(self, region: RegionId) -> str | None:
        """Return the name of a region's instance; it says nothing of who is written to, because that changes.

        None without a generation: the engine then gives a name that was never used.
        """
        generation = self._args.settings.generation
        return None if generation is None else f"{self._args.naming.prefix}-{self._name}-{region}-{generation}"

    def _add_instance(
        self, region: RegionId, master: gcp.sql.DatabaseInstance | None, other: RegionId | None
    ) -> gcp.sql.DatabaseInstance:
        """An instance; a replica if there is a master. The primary names its replica where names are given.

        `other` is the region of the other one of the two.
        """
        args = self._args
        partner = None if other is None else self.make_instance_name(other)
        after: list[pulumi.Resource] = [*args.keys.database_users, *([master] if master else args.after)]
        options = args.services.build_child_options(self, "sqladmin", protect=args.protected, after=after)
        return gcp.sql.DatabaseInstance(
            f"{self._name}-{region}",
            name=self.make_instance_name(region),
            region=args.regions.get_location(region),
            database_version=VERSION,
            encryption_key_name=args.keys.database[region].id,
            deletion_protection=args.protected,
            settings=self._build_settings(is_primary=master is None),
            instance_type="READ_REPLICA_INSTANCE" if master else "CLOUD_SQL_INSTANCE",
            replica_names=[partner] if partner and not master else [],
            master_instance_name=(partner or master.name) if master else None,
            replica_configuration={"cascadable_replica": True} if master else None,
            opts=add_old_name(options, region),
        )

    def _build_settings(self, *, is_primary: bool) -> gcp.sql.DatabaseInstanceSettingsArgs:
        args, settings = self._args, self._args.settings
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
            # Google refuses backups of a replica: they are the primary's, kept in the other region if there is one.
            backup_configuration=self._build_backups() if is_primary else None,
            user_labels=args.naming.build_labels(args.importance, self._name),
        )

    def _build_backups(self) -> gcp.sql.DatabaseInstanceSettingsBackupConfigurationArgs:
        args, settings = self._args, self._args.settings
        return gcp.sql.DatabaseInstanceSettingsBackupConfigurationArgs(
            enabled=True,
            start_time="17:00",
            location=args.regions.get_location(self._standby or self.primary),
            point_in_time_recovery_enabled=True,
            transaction_log_retention_days=settings.log_days,
            backup_retention_settings=_Kept(retained_backups=settings.backups, retention_unit="COUNT"),
        )
