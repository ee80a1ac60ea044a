"""Starts a job of Cloud Run at its times: Cloud Scheduler asks Cloud Run, by an account that may do only that.

Sources (Google Cloud documentation, by page name): "Execute jobs on a schedule" of Cloud Run (the method `run` of its
API, an OAuth token, Cloud Run Invoker on the job); "Use authentication with HTTP targets" of Cloud Scheduler (the
account is of the same project; Scheduler's own agent has its role since its API is on, and needs no grant of ours);
the reference of `projects.locations.jobs` (a deadline of 15 seconds to 30 minutes, five retries at most).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.project_services import SCHEDULES, ProjectServices
from stacks.settings.naming import TYPE

ZONE = "Asia/Tokyo"
INVOKER = "roles/run.invoker"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
DEADLINE = "180s"
"""Cloud Run answers when the job is begun, not when it has ended."""
RETRIES, FIRST_WAIT, LONGEST_WAIT = 2, "300s", "900s"


@dataclass(frozen=True)
class ScheduledStartArgs:
    """What is started, and when. `name` is Scheduler's; `options` are those of what stands in the job's region."""

    name: str
    description: str
    schedule: str
    job: gcp.cloudrunv2.Job
    location: str
    project: str
    account: gcp.serviceaccount.Account
    services: ProjectServices


class ScheduledStart(pulumi.ComponentResource):
    """The grant, on this job alone, and the schedule in the job's region. Outputs: `schedule`."""

    def __init__(
        self,
        name: str,
        args: ScheduledStartArgs,
        opts: pulumi.ResourceOptions | None = None,
        own: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(f"{TYPE}ScheduledStart", name, {}, opts)
        invoker = gcp.cloudrunv2.JobIamMember(
            name,
            name=args.job.name,
            location=args.location,
            role=INVOKER,
            member=args.account.email.apply(lambda email: f"serviceAccount:{email}"),
            opts=pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), own),
        )
        job = f"https://run.googleapis.com/v2/projects/{args.project}/locations/{args.location}/jobs/"
        self.schedule = gcp.cloudscheduler.Job(
            name,
            name=args.name,
            region=args.location,
            description=args.description,
            schedule=args.schedule,
            time_zone=ZONE,
            # Said, so that a schedule that somebody has stopped is a difference.
            paused=False,
            attempt_deadline=DEADLINE,
            retry_config={
                "retry_count": RETRIES,
                "min_backoff_duration": FIRST_WAIT,
                "max_backoff_duration": LONGEST_WAIT,
            },
            http_target={
                "http_method": "POST",
                "uri": pulumi.Output.concat(job, args.job.name, ":run"),
                "oauth_token": {"service_account_email": args.account.email, "scope": SCOPE},
            },
            opts=pulumi.ResourceOptions.merge(args.services.build_child_options(self, SCHEDULES, after=[invoker]), own),
        )
        self.register_outputs({"schedule": self.schedule.name})
