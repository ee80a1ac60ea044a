"""The backup vault (Backup and DR): backups of databases that nobody can delete before their time.

It stands in one region, with a key of its own. A database's plan stands where its instance does. Sources: the
provider's documents of `google_backup_dr_backup_vault`, `_backup_plan` (resource type `sqladmin.googleapis.com/
Instance`, daily rules, days of logs) and `_backup_plan_association`; Google's "Back up Cloud SQL instances to a backup
vault" and "IAM roles" (the vault's own account needs `roles/backupdr.cloudSqlOperator`), "Manage backup plans" (a
window of six hours or more; kept as long as the vault enforces, or longer).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.data.keys import EncryptionKeys
from stacks.project_services import BACKUPS, ProjectServices
from stacks.settings.naming import TYPE, Naming
from stacks.settings.regions import StackRegions
from stacks.settings.services.backups import VaultSettings

SECONDS_A_DAY = 86_400
INSTANCE_TYPE = "sqladmin.googleapis.com/Instance"
OPERATOR = "roles/backupdr.cloudSqlOperator"
FIRST_HOUR, LAST_HOUR = 16, 22
"""UTC: from one o'clock to seven in the morning in Japan."""


@dataclass(frozen=True)
class BackupVaultArgs:
    """What the vault is made from."""

    settings: VaultSettings
    project: str
    regions: StackRegions
    keys: EncryptionKeys
    naming: Naming
    protected: bool
    services: ProjectServices


class BackupVault(pulumi.ComponentResource):
    """Outputs: `vault`, and `operator`, the grant by which its account makes backups."""

    def __init__(self, name: str, args: BackupVaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}BackupVault", name, {}, opts)
        self._args = args
        key = args.keys.vault
        self.vault = gcp.backupdisasterrecovery.BackupVault(
            name,
            location=args.regions.get_location(args.settings.region),
            backup_vault_id=f"{args.naming.prefix}-{name}",
            description="Databases of the applications",
            backup_minimum_enforced_retention_duration=f"{args.settings.least_days * SECONDS_A_DAY}s",
            encryption_config=None if key is None else {"kms_key_name": key.id},
            labels=args.naming.build_labels("II", name),
            opts=args.services.build_child_options(self, BACKUPS, protect=args.protected, after=args.keys.vault_users),
        )
        self.operator = gcp.projects.IAMMember(
            f"{name}-operator",
            project=args.project,
            role=OPERATOR,
            member=self.vault.service_account.apply(lambda email: f"serviceAccount:{email}"),
            opts=args.services.build_child_options(self, "cloudresourcemanager"),
        )
        self.register_outputs({"vault": self.vault.id})

    def add_plan(
        self, name: str, location: str, log_days: int, opts: pulumi.ResourceOptions
    ) -> gcp.backupdisasterrecovery.BackupPlan:
        """Declare the plan of an instance: a backup each night, and logs for recovery in between."""
        return gcp.backupdisasterrecovery.BackupPlan(
            name,
            location=location,
            backup_plan_id=f"{self._args.naming.prefix}-{name}",
            description="Each night",
            resource_type=INSTANCE_TYPE,
            backup_vault=self.vault.id,
            backup_rules=[
                {
                    "rule_id": "daily",
                    "backup_retention_days": self._args.settings.kept_days,
                    "standard_schedule": {
                        "recurrence_type": "DAILY",
                        "time_zone": "UTC",
                        "backup_window": {"start_hour_of_day": FIRST_HOUR, "end_hour_of_day": LAST_HOUR},
                    },
                }
            ],
            log_retention_days=log_days,
            opts=opts,
        )

    def attach(
        self,
        name: str,
        plan: gcp.backupdisasterrecovery.BackupPlan,
        instance: gcp.sql.DatabaseInstance,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Have an instance backed up by its plan, from now on in place of Cloud SQL's own backups."""
        gcp.backupdisasterrecovery.BackupPlanAssociation(
            name,
            location=plan.location,
            backup_plan_association_id=f"{self._args.naming.prefix}-{name}",
            resource=instance.name.apply(lambda found: f"projects/{self._args.project}/instances/{found}"),
            resource_type=INSTANCE_TYPE,
            backup_plan=plan.id,
            opts=opts,
        )
