"""The school-affairs system: its application, its database in two regions, and its files in both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pulumi
import pulumi_gcp as gcp

from stacks.applications.application import Application, ApplicationArgs
from stacks.data.database import AFTER_A_SWITCHOVER, Database, DatabaseArgs
from stacks.settings.configuration import CloudRun, DatabaseSize
from stacks.settings.naming import TYPE
from stacks.settings.regions import BOTH

AFFAIRS = "affairs"
"""The application of the policy that this module is for."""
OLD_VERSIONS_DAYS = 90


@dataclass(frozen=True)
class AffairsArgs:
    """What the affairs system is made from: the application as any other, and the size of its database."""

    application: ApplicationArgs
    database: DatabaseSize


class Affairs(pulumi.ComponentResource):
    """The affairs system.

    A database and a bucket exist only where the application runs here (`cloud-run`); a vendor's SaaS and the data
    centre keep their own. Outputs: `application` (with its backend), `database` and `files` (None without).
    """

    def __init__(self, name: str, args: AffairsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Affairs", name, {}, opts)
        self._args = args
        self.database: Database | None = None
        self.files: gcp.storage.Bucket | None = None
        own, application = pulumi.ResourceOptions(parent=self), args.application
        if isinstance(application.hosted.hosting, CloudRun):
            self.database = self._database(name)
            self.files = self._files(name)
            stores: dict[str, pulumi.Input[str]] = {
                "DATABASE_INSTANCE": self.database.connection_name,
                "DATABASE_NAME": self.database.database.name,
                "FILES_BUCKET": self.files.name,
            }
            application = replace(application, environment={**application.environment, **stores})
        self.application = Application(name, application, opts=own)
        self._grants(name)
        self.register_outputs({"backend": self.application.backend.name})

    def _database(self, name: str) -> Database:
        application = self._args.application
        return Database(
            name,
            DatabaseArgs(
                size=self._args.database,
                network=application.foundation.vpc.id,
                keys=application.foundation.keys,
                naming=application.naming,
                importance=application.application.importance,
                protected=application.protected,
                services=application.foundation.services,
                ready=application.foundation.ready,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _files(self, name: str) -> gcp.storage.Bucket:
        application = self._args.application
        keys = application.foundation.keys
        return gcp.storage.Bucket(
            f"{application.project}-{name}-files",
            location=BOTH.upper(),
            # Copied to the other region within 15 minutes, and not within hours.
            rpo="ASYNC_TURBO",
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning={"enabled": True},
            encryption={"default_kms_key_name": keys.storage.id},
            lifecycle_rules=[
                {"action": {"type": "Delete"}, "condition": {"days_since_noncurrent_time": OLD_VERSIONS_DAYS}}
            ],
            force_destroy=not application.protected,
            labels=application.naming.labels(application.application.importance, name),
            opts=application.foundation.services.ready(
                self, "storage", protect=application.protected, after=keys.storage_users
            ),
        )

    def _grants(self, name: str) -> None:
        """The application signs in to its database as itself, without a password, and reads and writes its files."""
        account, own = self.application.account, pulumi.ResourceOptions(parent=self)
        if account is None or self.database is None or self.files is None:
            return
        member = account.email.apply(lambda email: f"serviceAccount:{email}")
        for role in ("roles/cloudsql.client", "roles/cloudsql.instanceUser"):
            gcp.projects.IAMMember(
                f"{name}-{role.rpartition('.')[2]}",
                project=self._args.application.project,
                role=role,
                member=member,
                opts=self._args.application.foundation.services.ready(self, "cloudresourcemanager"),
            )
        gcp.sql.User(
            name,
            name=account.email.apply(lambda email: email.removesuffix(".gserviceaccount.com")),
            instance=self.database.instances[self.database.primary].name,
            type="CLOUD_IAM_SERVICE_ACCOUNT",
            # PostgreSQL refuses to drop a role that still owns tables.
            deletion_policy="ABANDON",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=AFTER_A_SWITCHOVER),
        )
        gcp.storage.BucketIAMMember(
            f"{name}-files", bucket=self.files.name, role="roles/storage.objectUser", member=member, opts=own
        )
