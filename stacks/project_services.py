"""The project's services, and how a resource waits for the one that answers for it."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from stacks.settings.naming import TYPE, add_old_name

SERVICES = (
    "accesscontextmanager",
    "artifactregistry",
    "certificatemanager",
    "cloudidentity",
    "cloudkms",
    "cloudresourcemanager",
    "compute",
    "dns",
    "iam",
    "iamcredentials",
    "iap",
    "logging",
    "monitoring",
    "orgpolicy",
    "run",
    "servicenetworking",
    "serviceusage",
    "sqladmin",
    "storage",
)


BACKUPS, TRANSFERS, SCHEDULES = "backupdr", "storagetransfer", "cloudscheduler"
"""Only where there is a backup vault, where files are copied, and where a job is started at its times."""


class ProjectServices(pulumi.ComponentResource):
    """Every service that the stack needs, switched on. Outputs: `on` (by the first word of its name)."""

    def __init__(
        self, name: str, opts: pulumi.ResourceOptions | None = None, services: tuple[str, ...] = SERVICES
    ) -> None:
        super().__init__(f"{TYPE}Services", name, {}, opts)
        # Another stack or person may need a service that this one does not any more: it is left on.
        own = pulumi.ResourceOptions(parent=self)
        self.on = {
            word: gcp.projects.Service(
                f"{name}-{word}",
                service=f"{word}.googleapis.com",
                disable_on_destroy=False,
                opts=add_old_name(own, word),
            )
            for word in services
        }
        self.register_outputs({})

    def build_child_options(
        self, parent: pulumi.Resource, *words: str, protect: bool = False, after: list[pulumi.Resource] | None = None
    ) -> pulumi.ResourceOptions:
        """Return the options of a child that waits for these services, and for what stands in `after`."""
        waits = [*(self.on[word] for word in words), *(after or [])]
        # False would take the protection of a parent away; None leaves it.
        return pulumi.ResourceOptions(parent=parent, depends_on=waits, protect=protect or None)
