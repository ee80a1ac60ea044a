"""A restore test: the job that restores a backup into an instance of its own, and what its account may do."""

from __future__ import annotations

from typing import Any

import pytest

from controller.model.city import City
from stacks.guardrails.granted_access import COPIES_ROLE, forbid_wide_roles
from stacks.guardrails.guardrail import CheckedResource
from stacks.guardrails.pack import GUARDRAILS
from stacks.settings.read_configuration import ConfigurationRefused
from tests.stacks.declared import REMOVED, Recorder, changed, configured, declare, list_twice_named
from tests.stacks.test_declared import complaints

PROJECT = "tsunagu-kawasaki-production"
TOKYO, OSAKA = "asia-northeast1", "asia-northeast2"
IMAGE = configured("production").applications["affairs"].hosting.image  # type: ignore[union-attr]
LOOK = {"image": IMAGE, "timeout-minutes": 30, "retries": 0}
TEST = {"image": IMAGE, "check": "look"}
WITH = {"applications/affairs/jobs": {"look": LOOK}, "applications/affairs/database/restore-test": TEST}


def list_tests(recorder: Recorder, kind: str) -> list[dict[str, Any]]:
    """The inputs of the restore tests of a type."""
    return [dict(one.inputs) for one in recorder.declared if one.type == f"gcp:{kind}" and "restore-test" in one.name]


def find_only(recorder: Recorder, kind: str) -> dict[str, Any]:
    (inputs,) = list_tests(recorder, kind)
    return inputs


def test_a_restore_test_is_a_job_that_may_touch_nothing_but_its_copies(city: City) -> None:
    recorder, _ = declare(city, changed("production", WITH))
    assert complaints(recorder.declared) == []
    assert list_twice_named(recorder.declared) == []
    job = find_only(recorder, "cloudrunv2/job:Job")
    assert (job["name"], job["location"]) == ("affairs-restore-test", "asia-northeast1")
    (container,) = job["template"]["template"]["containers"]
    told = {one["name"]: one["value"] for one in container["envs"]}
    assert job["template"]["template"]["maxRetries"] == 0
    assert (told["COPIES"], told["LOCATION"]) == ("restore-test-affairs-", "asia-northeast1")
    assert (told["EDITION"], told["MOST_HOURS"]) == ("enterprise-plus", "26")
    assert (container["commands"], container["args"][0]) == (["bash"], "-c")
    account = job["template"]["template"]["serviceAccount"]
    grants = [
        (
            one.type.partition(":")[2].partition("/")[0],
            one.inputs["role"],
            (one.inputs.get("condition") or {}).get("expression"),
        )
        for one in recorder.declared
        if one.inputs.get("member") == f"serviceAccount:{account}"
    ]
    only_copies = (
        'resource.type == "sqladmin.googleapis.com/Instance" && '
        'resource.name.startsWith("projects/tsunagu-kawasaki-production/instances/restore-test-affairs-")'
    )
    assert sorted(grants, key=str) == sorted(
        [
            ("projects", "roles/cloudsql.viewer", None),
            ("projects", COPIES_ROLE, only_copies),
            ("cloudrunv2", "roles/run.jobsExecutorWithOverrides", None),
            ("cloudrunv2", "roles/run.viewer", None),
        ],
        key=str,
    )


def test_it_is_started_at_its_times_by_an_account_that_may_do_nothing_else(city: City) -> None:
    recorder, _ = declare(city, changed("production", WITH))
    schedule = find_only(recorder, "cloudscheduler/job:Job")
    call = schedule["httpTarget"]
    assert (schedule["region"], schedule["schedule"], schedule["timeZone"]) == (TOKYO, "0 4 * * SAT", "Asia/Tokyo")
    assert schedule["paused"] is False, "one that somebody has stopped is a difference"
    assert call["uri"] == (
        f"https://run.googleapis.com/v2/projects/{PROJECT}/locations/{TOKYO}/jobs/affairs-restore-test:run"
    )
    account = call["oauthToken"]["serviceAccountEmail"]
    assert account != find_only(recorder, "cloudrunv2/job:Job")["template"]["template"]["serviceAccount"]
    granted = [one.inputs for one in recorder.declared if f"serviceAccount:{account}" in str(one.inputs)]
    assert [(one["name"], one["location"], one["role"]) for one in granted] == [
        ("affairs-restore-test", TOKYO, "roles/run.invoker")
    ]
    assert "services-cloudscheduler" in [one.name for one in recorder.of("Service")]


def test_a_city_chooses_when(city: City) -> None:
    monthly = {**WITH, "applications/affairs/database/restore-test": {**TEST, "schedule": "30 3 1 * *"}}
    recorder, _ = declare(city, changed("production", monthly))
    assert find_only(recorder, "cloudscheduler/job:Job")["schedule"] == "30 3 1 * *"


@pytest.mark.parametrize(
    ("operations", "regions"),
    [
        ([], [TOKYO]),
        ([{"designate": "osaka"}, {"switchover": "osaka"}], [OSAKA]),
        # What is in a lost region is declared as it was: left out, it would be deleted there, and nobody answers.
        ([{"failover": "osaka"}], [TOKYO, OSAKA]),
        ([{"failover": "osaka"}, {"rebuild": "tokyo"}], [OSAKA]),
    ],
)
def test_it_is_where_the_database_is_written_to(
    city: City, operations: list[dict[str, str]], regions: list[str]
) -> None:
    operated = {**WITH, "applications/affairs/database/operations": operations}
    recorder, _ = declare(city, changed("production", operated))
    assert sorted(one["location"] for one in list_tests(recorder, "cloudrunv2/job:Job")) == regions
    assert sorted(one["region"] for one in list_tests(recorder, "cloudscheduler/job:Job")) == regions
    grants = [one for one in recorder.of("JobIamMember") if "restore-test" in one.name]
    assert sorted(one.inputs["location"] for one in grants) == [region for region in regions for _ in range(3)]
    assert list_twice_named(recorder.declared) == []


def test_the_guardrails_let_it_pass(city: City) -> None:
    recorder, _ = declare(city, changed("production", WITH))
    for one in recorder.declared:
        if one.type.startswith("gcp:"):
            found = CheckedResource(one.type, one.name, one.inputs, "production", protected=True, project=PROJECT)
            stopping = [guardrail for guardrail in GUARDRAILS if guardrail.stops]
            assert [v for guardrail in stopping for v in guardrail.check(found)] == [], one


def test_no_database_has_one_that_does_not_ask_for_it(city: City) -> None:
    recorder, _ = declare(city, configured("production"))
    assert recorder.of("JobIamMember") == []
    assert [one.name for one in recorder.declared if "restore-test" in one.name or "scheduler" in one.name] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"applications/affairs/database/restore-test": TEST}, "`restore-test.check` is 'look': name a job"),
        ({**WITH, "applications/affairs/database/generation": REMOVED}, "`restore-test` needs `generation`"),
        ({**WITH, "applications/affairs/jobs": {"look": {**LOOK, "runs-as": "schema"}}}, "runs as the application"),
        (
            {
                **WITH,
                "backup-vault": {"region": "osaka"},
                "applications/affairs/database/vault": "attached",
            },
            "`vault: attached` turns them off",
        ),
        ({**WITH, "applications/affairs/database/restore-test": {**TEST, "most-hours": 0}}, "restore-test.most-hours"),
        *(
            ({**WITH, "applications/affairs/database/restore-test": {**TEST, "schedule": schedule}}, words)
            for schedule, words in (
                ("weekly", "write minute, hour, day of the month, month, day of the week, as in '0 4 * * SAT'"),
                ("0 4 * *  SAT", "write minute, hour"),
                ("60 4 * * SAT", "'60' is no minute: write 0 to 59"),
                ("0 24 * * SAT", "'24' is no hour"),
                ("* 4 * * SAT", "it starts once a day at most, so write one minute"),
                ("0 */6 * * *", "'*/6' is no hour"),
                ("0 4 * * sat", "'sat' is no day of the week"),
                ("0 4 ٣ * *", "'٣' is no day of the month"),
                ("0 4 1-5 * *", "'1-5' is no day of the month: write 1 to 31, or some with commas, or *"),
                ("0 4 0 * *", "'0' is no day of the month"),
                ("0 4 31 4,6 *", "never comes"),
                ("0 4 31 4 SAT,", "'SAT,' is no day of the week"),
                ("0" * 101, "at most 100 characters"),
            )
        ),
        (
            {
                **WITH,
                "applications/affairs/database/restore-test": {
                    **TEST,
                    "image": IMAGE.replace("production", "vendor-1"),
                },
            },
            "restore-test.image: the image lies in",
        ),
    ],
)
def test_a_restore_test_that_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        changed("production", changes)
    assert words in "\n".join(map(str, refused.value.problems))


@pytest.mark.parametrize(("given", "passes"), [({}, True), ({"project": "school-lab"}, True), ({}, False)])
def test_the_condition_names_the_project_that_the_role_is_granted_on(given: dict[str, str], *, passes: bool) -> None:
    """A grant that names no project is one on the stack's own."""
    named = "school-lab" if passes else "school-other"
    expression = (
        'resource.type == "sqladmin.googleapis.com/Instance" && '
        f'resource.name.startsWith("projects/{named}/instances/restore-test-affairs-")'
    )
    inputs = {
        "role": COPIES_ROLE,
        "member": "serviceAccount:app@school-lab.example",
        "condition": {"expression": expression},
    }
    grant = CheckedResource(
        "gcp:projects/iAMMember:IAMMember",
        "it",
        {**inputs, **given},
        "production",
        protected=False,
        project="school-lab",
    )
    assert ([*forbid_wide_roles(grant)] == []) is passes
