"""Copies of an application's files in a bucket in which nothing can be deleted before its time.

Storage Transfer Service copies each night what is new or has changed. A copy cannot be replaced while it is retained,
so what changed is copied when that time is over; the source keeps its old versions meanwhile. Sources (Google Cloud
documentation, by page name): "Access to Cloud Storage" for sources and sinks (the service's own account is made when
it is asked for, and the roles that it needs), the reference of `transferJobs` (a start in the past means the next day;
every 24 hours), "Bucket Lock".
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.data.keys import EncryptionKeys
from stacks.project_services import TRANSFERS, ProjectServices
from stacks.settings.naming import TYPE, Naming
from stacks.settings.regions import StackRegions
from stacks.settings.services.backups import CopiesSettings

SECONDS_A_DAY = 86_400
HOUR = 17
"""UTC: two o'clock in the morning in Japan."""
OF_THE_SOURCE = ("roles/storage.objectViewer", "roles/storage.bucketViewer")
OF_THE_SINK = ("roles/storage.objectUser", "roles/storage.bucketViewer")
"""For the permissions that the page asks for; the `legacy` roles that it names the guardrails let nobody have."""


@dataclass(frozen=True)
class FileCopiesArgs:
    """What the copies are made from. `source` is the bucket that is copied."""

    settings: CopiesSettings
    source: gcp.storage.Bucket
    project: str
    regions: StackRegions
    keys: EncryptionKeys
    naming: Naming
    importance: str
    protected: bool
    services: ProjectServices


class FileCopies(pulumi.ComponentResource):
    """A locked bucket, who may write into it, and the job that does. Outputs: `bucket`, `job`."""

    def __init__(self, name: str, args: FileCopiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}FileCopies", name, {}, opts)
        self._name, self._args = name, args
        self.bucket = self._add_bucket()
        agent = gcp.storage.get_transfer_project_service_account_output(
            project=args.project,
            opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[args.services.on[TRANSFERS]]),
        )
        member = agent.apply(lambda found: f"serviceAccount:{found.email}")
        grants: list[pulumi.Resource] = [
            gcp.storage.BucketIAMMember(
                f"{name}-{side}-{role.rpartition('.')[2]}",
                bucket=bucket.name,
                role=role,
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for side, bucket, roles in (("source", args.source, OF_THE_SOURCE), ("copies", self.bucket, OF_THE_SINK))
            for role in roles
        ]
        self.job = gcp.storage.TransferJob(
            f"{name}-copies",
            # Google takes no other names; the engine's own would have no such beginning.
            name=f"transferJobs/{args.naming.prefix}-{name}-copies",
            description=f"Files of {name}, each night",
            project=args.project,
            transfer_spec={
                "gcs_data_source": {"bucket_name": args.source.name},
                "gcs_data_sink": {"bucket_name": self.bucket.name},
                "transfer_options": {"overwrite_when": "DIFFERENT"},
            },
            schedule={
                "schedule_start_date": {"year": 2026, "month": 1, "day": 1},
                "start_time_of_day": {"hours": HOUR, "minutes": 0, "seconds": 0, "nanos": 0},
                "repeat_interval": f"{SECONDS_A_DAY}s",
            },
            opts=args.services.build_child_options(self, TRANSFERS, after=grants),
        )
        self.register_outputs({})

    def _add_bucket(self) -> gcp.storage.Bucket:
        args = self._args
        return gcp.storage.Bucket(
            f"{args.project}-{self._name}-copies",
            location=args.regions.get_location(args.settings.region).upper(),
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            retention_policy={
                "retention_period": str(args.settings.retention_days * SECONDS_A_DAY),
                "is_locked": args.settings.locked,
            },
            encryption={"default_kms_key_name": args.keys.copies[args.settings.region].id},
            force_destroy=not args.protected,
            labels=args.naming.build_labels(args.importance, self._name),
            opts=args.services.build_child_options(
                self, "storage", protect=args.protected, after=args.keys.copies_users
            ),
        )
