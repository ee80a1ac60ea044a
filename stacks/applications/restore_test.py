"""A job that restores a database's newest backup, has the application look at it, and deletes it again.

A backup that was never restored is none. The job is a Cloud Run job with Google's command-line tool; what it does is in
`restore_test.sh` beside this file, with its sources. Cloud Scheduler starts it (`scheduled_start`); a person may, too
(`gcloud run jobs execute`).

Its account may read which backups there are, make and delete instances whose names begin as those of the copies do
(IAM Conditions on `resource.name`, "Attribute reference for IAM Conditions"), and start the job that looks. Another
account starts the test, and may do nothing else.

The test runs where the database is written to. What a failover has left behind in a lost region stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_gcp as gcp

from stacks.applications.application import DeployedApplication
from stacks.applications.scheduled_start import ScheduledStart, ScheduledStartArgs
from stacks.data.database import VERSION, Database
from stacks.settings.naming import TYPE, add_old_name, make_google_name
from stacks.settings.regions import RegionId
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
    """The job, what starts it, their accounts, and what these may do. Outputs: `job`, `schedule`."""

    def __init__(self, name: str, args: RestoreTestArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}RestoreTest", name, {}, opts)
        self._name, self._args = name, args
        self._copies = f"restore-test-{make_google_name(name, MOST_OF_A_NAME)}-"
        account = self._add_account("restore-test", "restore test")
        starter = self._add_account("restore-test-start", "start of the restore test")
        member = account.email.apply(lambda email: f"serviceAccount:{email}")
        on_project = self._grant_on_project(member)
        for region in self._list_regions():
            needed = [*on_project, *self._grant_on_check(region, member)]
            self.job = self._add_job(region, account, needed)
            self.schedule = self._add_start(region, self.job, starter).schedule
        self.register_outputs({"job": self.job.name, "schedule": self.schedule.name})

    def _list_regions(self) -> list[RegionId]:
        """Where a test is declared: the region that it runs in last, before it one that a failover has left."""
        primary, checks = self._args.database.primary, self._args.checks
        pair = self._args.application.pair
        left = [pair.lost.region] if pair is not None and pair.lost is not None and pair.lost.region in checks else []
        others = [region for region in checks if region not in left]
        return [*dict.fromkeys([*left, primary if primary in checks else (others or left)[0]])]

    def _build_options(self, region: RegionId, own: pulumi.ResourceOptions, old_name: str) -> pulumi.ResourceOptions:
        """The options of what stands in a region. Earlier programs had one test, under a name without its region."""
        if region == self._list_regions()[0]:
            own = add_old_name(own, f"{self._name}-{old_name}")
        return self._args.application.keep_if_lost(region, own)

    def _add_account(self, suffix: str, what: str) -> gcp.serviceaccount.Account:
        application = self._args.application
        return gcp.serviceaccount.Account(
            f"{self._name}-{suffix}",
            account_id=make_google_name(f"{self._name}-{suffix}", LONGEST_ACCOUNT),
            display_name=f"{application.compiled.name}, {what} ({application.naming.stack})",
            opts=application.foundation.services.build_child_options(self, "iam"),
        )

    def _grant_on_project(self, member: pulumi.Output[str]) -> list[pulumi.Resource]:
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
        return [reads, copies]

    def _grant_on_check(self, region: RegionId, member: pulumi.Output[str]) -> list[pulumi.Resource]:
        check, found = self._args.checks[region], []
        for role in ON_THE_CHECK:
            name = f"restore-test-{role.rpartition('.')[2]}"
            found.append(
                gcp.cloudrunv2.JobIamMember(
                    f"{self._name}-{name}-{region}",
                    name=check.name,
                    location=check.location,
                    role=role,
                    member=member,
                    opts=self._build_options(region, pulumi.ResourceOptions(parent=self), name),
                )
            )
        return [*found]

    def _add_job(
        self, region: RegionId, account: gcp.serviceaccount.Account, granted: list[pulumi.Resource]
    ) -> gcp.cloudrunv2.Job:
        application = self._args.application
        foundation, labels = application.foundation, application.build_labels()
        needs = [*application.list_needs_of_a_container(region), *granted]
        container = application.build_container(
            region, self._args.settings.image, Resources(), self._list_variables(region)
        )
        container["commands"], container["args"] = ["bash"], ["-c", SCRIPT.read_text(encoding="utf-8")]
        own = foundation.services.build_child_options(self, "run", after=needs)
        return gcp.cloudrunv2.Job(
            f"{self._name}-restore-test-{region}",
            # People and the schedule start it by its name.
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
            opts=self._build_options(region, own, "restore-test"),
        )

    def _add_start(
        self, region: RegionId, job: gcp.cloudrunv2.Job, account: gcp.serviceaccount.Account
    ) -> ScheduledStart:
        application = self._args.application
        return ScheduledStart(
            f"{self._name}-restore-test-{region}",
            ScheduledStartArgs(
                name=make_google_name(f"{self._name}-restore-test", LONGEST_JOB),
                description=f"Restore test of {self._name}",
                schedule=self._args.settings.schedule,
                job=job,
                location=application.foundation.regions.get_location(region),
                project=application.project,
                account=account,
                services=application.foundation.services,
            ),
            opts=pulumi.ResourceOptions(parent=self),
            own=application.keep_if_lost(region, pulumi.ResourceOptions()),
        )

    def _list_variables(self, region: RegionId) -> dict[str, pulumi.Input[str]]:
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
            "CHECK": args.checks[region].name,
            "CHECK_LOCATION": foundation.regions.get_location(region),
            "VERSION": VERSION,
            "EDITION": database.edition.lower().replace("_", "-"),
            "TIER": database.tier,
            "DISK_GIGABYTES": str(database.disk_gigabytes),
            "MOST_HOURS": str(args.settings.most_hours),
        }
