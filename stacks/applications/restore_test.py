"""A job that restores a database's newest backup, has the application look at it, and deletes it again.

A backup that was never restored is none. The job is a Cloud Run job with Google's command-line tool; what it does is in
`restore_test.sh` beside this file, with its sources. Nothing here starts it: a person or a scheduler of the city's does
(`gcloud run jobs execute`), as with the application's own jobs.

Its account may read which backups there are, make and delete instances whose names begin as those of the copies do
(IAM Conditions on `resource.name`, "Attribute reference for IAM Conditions"), and start the job that looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_gcp as gcp

from stacks.applications.application import DeployedApplication
from stacks.data.database import VERSION, Database
from stacks.settings.naming import TYPE, make_google_name
from stacks.settings.services.backups import RestoreTestSettings
from stacks.settings.services.containers import Resources

SCRIPT = Path(__file__).with_name("restore_test.sh")
LONGEST_ACCOUNT = 30
LONGEST_JOB = 49
MOST_OF_A_NAME = 40
"""Of an application's id in the names of copies: with the project's, Google takes 98 characters."""
ON_THE_CHECK = ("roles/run.jobsExecutorWithOverrides", "roles/run.viewer")
"""To start the job that looks, with the copy's name, and to see how it ended."""


@dataclass(frozen=True)
class RestoreTestArgs:
    """What the test is made from. `checks` are the job that looks, by region."""

    settings: RestoreTestSettings
    application: DeployedApplication
    database: Database
    checks: dict[str, gcp.cloudrunv2.Job]


class RestoreTest(pulumi.ComponentResource):
    """The job, its account, and what that one may do. Outputs: `job`."""

    def __init__(self, name: str, args: RestoreTestArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}RestoreTest", name, {}, opts)
        self._name, self._args = name, args
        primary = args.database.primary
        self._region = primary if primary in args.checks else next(iter(args.checks))
        self._copies = f"restore-test-{make_google_name(name, MOST_OF_A_NAME)}-"
        services = args.application.foundation.services
        account = gcp.serviceaccount.Account(
            f"{name}-restore-test",
            account_id=make_google_name(f"{name}-restore-test", LONGEST_ACCOUNT),
            display_name=f"{args.application.compiled.name}, restore test ({args.application.naming.stack})",
            opts=services.build_child_options(self, "iam"),
        )
        granted = self._grant(account.email.apply(lambda email: f"serviceAccount:{email}"))
        self.job = self._add_job(account, granted)
        self.register_outputs({"job": self.job.name})

    def _grant(self, member: pulumi.Output[str]) -> list[pulumi.Resource]:
        project, services = self._args.application.project, self._args.application.foundation.services
        on_project = services.build_child_options(self, "cloudresourcemanager")
        reads = gcp.projects.IAMMember(
            f"{self._name}-restore-test-viewer",
            project=project,
            role="roles/cloudsql.viewer",
            member=member,
            opts=on_project,
        )
        copies = gcp.projects.IAMMember(
            f"{self._name}-restore-test-copies",
            project=project,
            role="roles/cloudsql.admin",
            member=member,
            condition={
                "title": "copies of restore tests",
                "expression": 'resource.type == "sqladmin.googleapis.com/Instance" && '
                f'resource.name.startsWith("projects/{project}/instances/{self._copies}")',
            },
            opts=on_project,
        )
        check = self._args.checks[self._region]
        starts = [
            gcp.cloudrunv2.JobIamMember(
                f"{self._name}-restore-test-{role.rpartition('.')[2]}",
                name=check.name,
                location=check.location,
                role=role,
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for role in ON_THE_CHECK
        ]
        return [reads, copies, *starts]

    def _add_job(self, account: gcp.serviceaccount.Account, granted: list[pulumi.Resource]) -> gcp.cloudrunv2.Job:
        application, region = self._args.application, self._region
        foundation, labels = application.foundation, application.build_labels()
        needs = [*application.list_needs_of_a_container(region), *granted]
        container = application.build_container(region, self._args.settings.image, Resources(), self._list_variables())
        container["commands"], container["args"] = ["bash"], ["-c", SCRIPT.read_text(encoding="utf-8")]
        return gcp.cloudrunv2.Job(
            f"{self._name}-restore-test",
            # People and schedulers start it by its name.
            name=make_google_name(f"{self._name}-restore-test", LONGEST_JOB),
            location=foundation.regions.get_location(region),
            # It keeps nothing: what it found is in its log.
            deletion_protection=False,
            labels=labels,
            template={
                "labels": labels,
                "template": {
                    "service_account": account.email,
                    "encryption_key": foundation.keys.run[region].id,
                    "timeout": f"{self._args.settings.timeout_minutes * 60}s",
                    # A second try would hide that the first one failed.
                    "max_retries": 0,
                    "containers": [container],
                    "vpc_access": application.build_vpc_access(region),
                },
            },
            opts=application.keep_if_lost(region, foundation.services.build_child_options(self, "run", after=needs)),
        )

    def _list_variables(self) -> dict[str, pulumi.Input[str]]:
        args, foundation = self._args, self._args.application.foundation
        database = args.application.settings.database
        assert database is not None  # noqa: S101 the settings of a restore test are a database's
        primary = args.database.primary
        return {
            "PROJECT": args.application.project,
            "LOCATION": foundation.regions.get_location(primary),
            "SOURCE": args.database.instances[primary].name,
            "COPIES": self._copies,
            "NETWORK": foundation.vpc.id,
            "KEY": foundation.keys.database[primary].id,
            "CHECK": args.checks[self._region].name,
            "CHECK_LOCATION": foundation.regions.get_location(self._region),
            "VERSION": VERSION,
            "EDITION": database.edition.lower().replace("_", "-"),
            "TIER": database.tier,
            "DISK_GIGABYTES": str(database.disk_gigabytes),
            "MOST_HOURS": str(args.settings.most_hours),
        }
