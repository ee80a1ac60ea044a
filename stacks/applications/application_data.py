"""The data that the stack keeps for an application that runs here: a database with its replica, and files."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.applications.application import ContainerEnvironment, DeployedApplication
from stacks.data.database import AFTER_A_SWITCHOVER, Database, DatabaseArgs
from stacks.data.file_copies import FileCopies, FileCopiesArgs
from stacks.settings.configuration import SCHEMA, DatabaseSettings, FilesSettings
from stacks.settings.database_pair import DatabasePair
from stacks.settings.naming import TYPE, make_google_name
from stacks.settings.services.backups import CopiesSettings

SUPERUSER = "cloudsqlsuperuser"
"""Cloud SQL's role of those who may make tables and grant ("About PostgreSQL users and roles"). It is no superuser."""
LONGEST_ACCOUNT = 30
DATA_BEFORE = f"{TYPE}Affairs"
"""The type of this component while a stack had one application with data."""


@dataclass(frozen=True)
class ApplicationDataArgs:
    """What an application's data are made from; `application` says which it has."""

    application: DeployedApplication


class ApplicationData(pulumi.ComponentResource):
    """An application's database and files.

    Outputs: `database`, `files` and `copies` of these (None where the application has none), `environment` (what its
    containers are told).
    """

    def __init__(self, name: str, args: ApplicationDataArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        renamed = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=DATA_BEFORE)])
        super().__init__(f"{TYPE}ApplicationData", name, {}, pulumi.ResourceOptions.merge(opts, renamed))
        self._name, self._application = name, args.application
        self._child = pulumi.ResourceOptions(parent=self)
        settings, pair = args.application.settings, args.application.pair
        self.database = self._add_database(settings.database, pair) if settings.database and pair else None
        self.files = self._add_files(settings.files) if settings.files is not None else None
        self.copies: FileCopies | None = None
        if self.files is not None and settings.files is not None and settings.files.copies is not None:
            self.copies = self._copy_files(self.files, settings.files.copies)
        self.environment: ContainerEnvironment = {
            **({"DATABASE_INSTANCE": self.database.connection_name} if self.database else {}),
            **({"DATABASE_NAME": self.database.database.name} if self.database else {}),
            **({"FILES_BUCKET": self.files.name} if self.files else {}),
        }
        self.register_outputs({})

    def grant_access(self, account: gcp.serviceaccount.Account) -> None:
        """Let the application sign in to its database as itself, without a password, and read and write its files."""
        member = account.email.apply(lambda email: f"serviceAccount:{email}")
        if self.database is not None:
            self._grant_database(self._name, self.database, account)
        if self.files is not None:
            gcp.storage.BucketIAMMember(
                f"{self._name}-files",
                bucket=self.files.name,
                role="roles/storage.objectUser",
                member=member,
                opts=self._child,
            )

    def add_schema_account(self, database: Database) -> gcp.serviceaccount.Account:
        """Declare who makes the database's tables: another user than the application's, for its jobs alone.

        PostgreSQL lets no ordinary user make tables since version 15. This one may, and may do nearly everything in
        its instance; so it grants the application's user what that one needs, table by table, and no more.
        """
        account = gcp.serviceaccount.Account(
            f"{self._name}-{SCHEMA}",
            account_id=make_google_name(f"{self._name}-{SCHEMA}", LONGEST_ACCOUNT),
            display_name=f"{self._application.compiled.name}, tables ({self._application.naming.stack})",
            opts=self._application.foundation.services.build_child_options(self, "iam"),
        )
        self._grant_database(f"{self._name}-{SCHEMA}", database, account, [SUPERUSER])
        return account

    def _grant_database(
        self, name: str, database: Database, account: gcp.serviceaccount.Account, roles: list[str] | None = None
    ) -> None:
        services = self._application.foundation.services
        for role in ("roles/cloudsql.client", "roles/cloudsql.instanceUser"):
            gcp.projects.IAMMember(
                f"{name}-{role.rpartition('.')[2]}",
                project=self._application.project,
                role=role,
                member=account.email.apply(lambda email: f"serviceAccount:{email}"),
                opts=services.build_child_options(self, "cloudresourcemanager"),
            )
        gcp.sql.User(
            name,
            name=account.email.apply(lambda email: email.removesuffix(".gserviceaccount.com")),
            instance=database.instances[database.primary].name,
            type="CLOUD_IAM_SERVICE_ACCOUNT",
            database_roles=roles,
            # PostgreSQL refuses to drop a role that still owns tables.
            deletion_policy="ABANDON",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=AFTER_A_SWITCHOVER),
        )

    def _add_database(self, settings: DatabaseSettings, pair: DatabasePair) -> Database:
        application, foundation = self._application, self._application.foundation
        return Database(
            self._name,
            DatabaseArgs(
                settings=settings,
                pair=pair,
                project=application.project,
                regions=foundation.regions,
                network=foundation.vpc.id,
                keys=foundation.keys,
                naming=application.naming,
                importance=application.compiled.importance,
                protected=application.protected,
                services=foundation.services,
                after=foundation.before_database,
                vault=foundation.vault,
            ),
            opts=self._child,
        )

    def _copy_files(self, files: gcp.storage.Bucket, settings: CopiesSettings) -> FileCopies:
        application, foundation = self._application, self._application.foundation
        return FileCopies(
            self._name,
            FileCopiesArgs(
                settings=settings,
                source=files,
                project=application.project,
                regions=foundation.regions,
                keys=foundation.keys,
                naming=application.naming,
                importance=application.compiled.importance,
                protected=application.protected,
                services=foundation.services,
            ),
            opts=self._child,
        )

    def _add_files(self, settings: FilesSettings) -> gcp.storage.Bucket:
        application, foundation = self._application, self._application.foundation
        keys, regions = foundation.keys, foundation.regions
        return gcp.storage.Bucket(
            f"{application.project}-{self._name}-files",
            location=regions.shared.upper(),
            # Copied to the other region within 15 minutes, and not within hours.
            rpo="ASYNC_TURBO" if regions.is_shared_dual else None,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning={"enabled": True},
            encryption={"default_kms_key_name": keys.storage.id},
            lifecycle_rules=[
                {
                    "action": {"type": "Delete"},
                    "condition": {"days_since_noncurrent_time": settings.old_versions_days},
                }
            ],
            force_destroy=not application.protected,
            labels=application.build_labels(),
            opts=foundation.services.build_child_options(
                self, "storage", protect=application.protected, after=keys.storage_users
            ),
        )
