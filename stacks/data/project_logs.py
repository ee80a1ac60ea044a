"""The project's own logs (who opened what, what a service wrote): in a log bucket of ours, in the first region.

Google puts them into `_Default`, a bucket that lies in `global` and takes no key of ours where an organisation has not
settled otherwise beforehand. So a sink of ours takes them, and then `_Default` is told to take nothing. Audit logs go
to the audit bucket (`stacks.foundation`) and are not kept a second time. `_Required`, where Google keeps
administrators' activity for 400 days, cannot be moved by a project.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.data.keys import EncryptionKeys
from stacks.project_services import ProjectServices
from stacks.settings.configuration import AuditSettings, GoogleSettings
from stacks.settings.naming import TYPE, Naming
from stacks.settings.regions import StackRegions

NO_AUDIT_LOG = 'NOT logName:"cloudaudit.googleapis.com"'
EVERYTHING = "severity>=DEFAULT"


@dataclass(frozen=True)
class ProjectLogsArgs:
    """What the logs' bucket is made from. They are kept as long as the audit logs."""

    google: GoogleSettings
    regions: StackRegions
    keys: EncryptionKeys
    audit: AuditSettings
    naming: Naming
    protected: bool
    services: ProjectServices


class ProjectLogs(pulumi.ComponentResource):
    """A log bucket under our own key, the sink that fills it, and nothing any more for `_Default`.

    Outputs: `bucket`, `sink`.
    """

    def __init__(self, name: str, args: ProjectLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}ProjectLogs", name, {}, opts)
        self.bucket = gcp.logging.ProjectBucketConfig(
            name,
            project=args.google.project,
            location=args.regions.locations[0],
            bucket_id=f"{args.naming.prefix}-{name}",
            description="Logs of the project, without audit logs",
            retention_days=args.audit.retention_days,
            cmek_settings={"kms_key_name": args.keys.logs.id},
            opts=args.services.build_child_options(self, "logging", protect=args.protected, after=args.keys.logs_users),
        )
        self.sink = gcp.logging.ProjectSink(
            name,
            destination=self.bucket.id.apply(lambda bucket: f"logging.googleapis.com/{bucket}"),
            filter=NO_AUDIT_LOG,
            unique_writer_identity=True,
            opts=args.services.build_child_options(self, "logging"),
        )
        # Made before broken: what goes nowhere else any more has its own way first.
        gcp.logging.ProjectExclusion(
            f"{name}-default",
            description="The logs lie in a bucket of our own; see its sink",
            filter=EVERYTHING,
            opts=args.services.build_child_options(self, "logging", after=[self.sink]),
        )
        self.register_outputs({"bucket": self.bucket.id})
