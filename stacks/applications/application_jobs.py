"""The jobs of an application: containers that are run to their end, in the application's name.

A job is declared in every serving region, so that it can be started in the one that is left. Nothing here starts it:
a person or a scheduler of the city does (`gcloud run jobs execute`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.applications.application import ContainerEnvironment, DeployedApplication
from stacks.settings.configuration import JobSettings
from stacks.settings.naming import TYPE
from stacks.settings.regions import RegionId

SECONDS_A_MINUTE = 60


@dataclass(frozen=True)
class ApplicationJobsArgs:
    """What the jobs are made from: whom each runs as, and what all are told, which is what its services are told."""

    application: DeployedApplication
    accounts: Mapping[str, gcp.serviceaccount.Account]
    environment: ContainerEnvironment


class ApplicationJobs(pulumi.ComponentResource):
    """Every job of an application. Outputs: `jobs` (by job and region)."""

    def __init__(self, name: str, args: ApplicationJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}ApplicationJobs", name, {}, opts)
        self._name, self._args = name, args
        self.jobs = {
            (job, region): self._add_job(job, settings, region)
            for job, settings in args.application.settings.jobs.items()
            for region in args.application.serving
        }
        self.register_outputs({})

    def _add_job(self, job: str, settings: JobSettings, region: RegionId) -> gcp.cloudrunv2.Job:
        application, foundation = self._args.application, self._args.application.foundation
        labels = application.build_labels()
        own = foundation.services.build_child_options(self, "run", after=application.list_needs_of_a_container(region))
        container = application.build_container(region, settings.image, settings.resources, self._args.environment)
        if settings.arguments:
            container["args"] = [*settings.arguments]
        return gcp.cloudrunv2.Job(
            f"{self._name}-{job}-{region}",
            location=foundation.regions.get_location(region),
            # A job keeps nothing; its results lie in the database and the bucket, which are protected.
            deletion_protection=False,
            labels=labels,
            template={
                "labels": labels,
                "template": {
                    "service_account": self._args.accounts[settings.runs_as].email,
                    "encryption_key": foundation.keys.run[region].id,
                    "timeout": f"{settings.timeout_minutes * SECONDS_A_MINUTE}s",
                    "max_retries": settings.retries,
                    "containers": [container],
                    "vpc_access": application.build_vpc_access(region),
                },
            },
            opts=application.keep_if_lost(region, own),
        )
