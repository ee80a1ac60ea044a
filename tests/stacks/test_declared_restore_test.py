"""A restore test: the job that restores a backup into an instance of its own, and what its account may do."""

from __future__ import annotations

import pytest

from controller.model.city import City
from stacks.guardrails.granted_access import COPIES_ROLE, forbid_wide_roles
from stacks.guardrails.guardrail import CheckedResource
from stacks.guardrails.pack import GUARDRAILS
from stacks.settings.read_configuration import ConfigurationRefused
from tests.stacks.declared import REMOVED, changed, configured, declare, list_twice_named
from tests.stacks.test_declared import complaints

IMAGE = configured("production").applications["affairs"].hosting.image  # type: ignore[union-attr]
LOOK = {"image": IMAGE, "timeout-minutes": 30, "retries": 0}
TEST = {"image": IMAGE, "check": "look"}
WITH = {"applications/affairs/jobs": {"look": LOOK}, "applications/affairs/database/restore-test": TEST}


def test_a_restore_test_is_a_job_that_may_touch_nothing_but_its_copies(city: City) -> None:
    recorder, _ = declare(city, changed("production", WITH))
    assert complaints(recorder.declared) == []
    assert list_twice_named(recorder.declared) == []
    (job,) = (one.inputs for one in recorder.of("Job") if one.name == "affairs-restore-test")
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
    for one in recorder.declared:
        if one.type.startswith("gcp:"):
            project = configured("production").google.project
            found = CheckedResource(one.type, one.name, one.inputs, "production", protected=True, project=project)
            stopping = [guardrail for guardrail in GUARDRAILS if guardrail.stops]
            assert [v for guardrail in stopping for v in guardrail.check(found)] == [], one


def test_no_database_has_one_that_does_not_ask_for_it(city: City) -> None:
    recorder, _ = declare(city, configured("production"))
    assert recorder.of("JobIamMember") == []
    assert [one.name for one in recorder.declared if "restore-test" in one.name] == []


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
