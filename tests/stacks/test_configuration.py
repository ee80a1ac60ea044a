"""Every setting of a stack with its first and last value that is taken, and the ones beside them that are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
import yaml

from stacks.settings.configuration import StackConfiguration
from stacks.settings.database_pair import PairInstance
from stacks.settings.read_configuration import ConfigurationRefused, parse_stack_configuration
from tests.stacks.declared import REMOVED, ROOT, STACKS, changed, changed_values, configured, file

DATABASE = "applications/affairs/database"
AFFAIRS = "applications/affairs"
SEVEN_DAYS = 7 * 24 * 60
DIGEST = f"sha256:{sha256(b'job').hexdigest()}"
JOB: Mapping[str, object] = {
    "image": f"asia-northeast2-docker.pkg.dev/tsunagu-kawasaki-production/applications/job@{DIGEST}",
    "timeout-minutes": 60,
    "retries": 1,
}


def refusal(stack: str, changes: Mapping[str, object]) -> str:
    with pytest.raises(ConfigurationRefused) as refused:
        parse_stack_configuration(stack, changed_values(stack, changes), file(stack))
    return str(refused.value)


def cloud_run(image: str, instances: object) -> dict[str, object]:
    return {"kind": "cloud-run", "image": image, "instances": instances}


def look_up(settings: Any, path: str) -> Any:  # noqa: ANN401 any model
    for part in path.split("/"):
        settings = settings[part] if isinstance(settings, Mapping) else getattr(settings, part.replace("-", "_"))
    return settings


@pytest.mark.parametrize("stack", STACKS)
def test_the_committed_configurations_are_taken(stack: str) -> None:
    assert configured(stack).environment == stack
    assert configured(stack).format == 2
    assert list(configured(stack).databases) == ["affairs"]
    assert configured(stack).public is None


@pytest.mark.parametrize("key", sorted(StackConfiguration.model_json_schema(by_alias=True)["required"]))
def test_a_missing_key_is_refused_with_the_file(key: str) -> None:
    assert re.search(rf"Pulumi\.lab\.yaml:\d+: {key}: required key is missing", refusal("lab", {key: REMOVED}))


@pytest.mark.parametrize(
    "path",
    [
        *(f"{DATABASE}/{key}" for key in ("edition", "tier", "availability", "disk-gigabytes", "backups", "log-days")),
        f"{DATABASE}/primary",
        f"{AFFAIRS}/files/old-versions-days",
        f"{AFFAIRS}/host",
        f"{AFFAIRS}/hosting",
        "audit/locked",
        "audit/retention-days",
        *(f"network/{key}" for key in ("tokyo", "osaka", "services")),
        *(f"google/{key}" for key in ("project", "project-number", "customer", "directory", "access-policy")),
        "google/device-authority",
        "google/device-vendor",
    ],
)
def test_every_key_inside_is_needed(path: str) -> None:
    assert f"{path.replace('/', '.')}: required key is missing" in refusal("lab", {path: REMOVED})


@pytest.mark.parametrize("key", ["image", "timeout-minutes", "retries"])
def test_a_job_says_all_of_it(key: str) -> None:
    job = {name: value for name, value in JOB.items() if name != key}
    message = refusal("lab", {f"{AFFAIRS}/jobs": {"year-end": job}})
    assert f"jobs.year-end.{key}: required key is missing" in message


@pytest.mark.parametrize(
    ("path", "taken", "refused"),
    [
        (f"{DATABASE}/disk-gigabytes", (10, 65_536), (9, 65_537)),
        # Not fewer than there are days of logs: 14 in production.
        (f"{DATABASE}/backups", (14, 365), (6, 366)),
        (f"{DATABASE}/log-days", (1, 35), (0, -1)),
        (f"{DATABASE}/generation", (1, 2), (0, -1)),
        (f"{DATABASE}/edition", ("ENTERPRISE_PLUS",), ("enterprise", "PLUS", "ENTERPRISE")),
        (f"{DATABASE}/availability", ("REGIONAL",), ("ZONAL", "zonal", "GLOBAL")),
        (
            f"{DATABASE}/tier",
            ("db-perf-optimized-N-2", "db-perf-optimized-N-128"),
            ("db-c4a-highmem-72", "db-x", "x-db-1", "xdb-1", ""),
        ),
        (f"{DATABASE}/primary", ("tokyo", "osaka"), ("seoul", "")),
        (f"{AFFAIRS}/files/old-versions-days", (7, 3650), (6, 3651)),
        (f"{AFFAIRS}/host", ("a", "a-b", "1"), ("-a", "a-", "A", "a.b", "")),
        ("audit/retention-days", (184, 3650), (183, 3651)),
        ("audit/locked", (True,), (False, "perhaps")),
        ("google/project-number", ("1",), ("", "a", "1a")),
        ("google/customer", ("C0a",), ("C", "c0", "0C", "C0A")),
        ("google/access-policy", ("1",), ("", "x1")),
        ("google/device-authority", ("x" * 40,), ("x" * 39,)),
        ("google/directory", ("a.example", "a-b.c"), ("a", "a_b.example", ".example", "a-.example", "A.example")),
        ("domain", ("a.example",), ("example", "a..example")),
        ("serving", (["tokyo"], ["osaka"], ["osaka", "tokyo"]), ([], ["seoul"], ["tokyo", "tokyo"])),
        ("environment", ("production",), ("prod", "")),
    ],
)
def test_the_first_and_last_value_is_taken_and_the_next_is_not(
    path: str, taken: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    for value in taken:
        found = look_up(changed("production", {path: value}), path)
        assert (list(found) if isinstance(value, list) else found) == value
    for value in refused:
        assert path.replace("/", ".").split(".")[-1] in refusal("production", {path: value}), value


def test_a_project_is_called_as_google_calls_one() -> None:
    for project in ("a-1234", "a" * 30):
        assert changed("staging", {"google/project": project}).google.project == project
    for project in ("a-123", "a" * 31, "1-abcde", "abcde-", "Abcdef"):
        assert "google.project: " in refusal("staging", {"google/project": project})


@pytest.mark.parametrize(
    ("key", "taken", "refused"),
    [
        ("timeout-minutes", (1, SEVEN_DAYS), (0, SEVEN_DAYS + 1)),
        ("retries", (0, 10), (-1, 11)),
        ("arguments", ([], ["--year", "2027"]), ("--year", [1])),
    ],
)
def test_a_job_is_bounded(key: str, taken: tuple[object, ...], refused: tuple[object, ...]) -> None:
    for value in taken:
        job = changed("lab", {f"{AFFAIRS}/jobs": {"year-end": {**JOB, key: value}}}).applications["affairs"].jobs
        found = look_up(job["year-end"], key)
        assert (list(found) if isinstance(value, list) else found) == value
    for value in refused:
        assert f"year-end.{key}" in refusal("lab", {f"{AFFAIRS}/jobs": {"year-end": {**JOB, key: value}}})


@pytest.mark.parametrize(
    ("edition", "days", "message"),
    [
        ("ENTERPRISE", 7, ""),
        ("ENTERPRISE", 8, "edition ENTERPRISE keeps transaction logs for at most 7 days"),
        ("ENTERPRISE_PLUS", 35, ""),
        ("ENTERPRISE_PLUS", 36, "edition ENTERPRISE_PLUS keeps transaction logs for at most 35 days"),
    ],
)
def test_logs_are_kept_as_long_as_the_edition_keeps_them(edition: str, days: int, message: str) -> None:
    tiers = {"ENTERPRISE": "db-custom-2-7680", "ENTERPRISE_PLUS": "db-perf-optimized-N-2"}
    changes = {f"{DATABASE}/edition": edition, f"{DATABASE}/tier": tiers[edition], f"{DATABASE}/log-days": days}
    if message:
        assert message in refusal("production", changes)
    else:
        assert changed("production", changes).databases["affairs"].log_days == days


@pytest.mark.parametrize(
    ("instances", "fits"),
    [
        ([0, 1], True),
        ([1, 1], True),
        ([1, 50], True),
        ([2, 1], False),
        ([0, 1000], False),
        ([-1, 1], False),
        ([0, 0], False),
        ([0, 1001], False),
        ([0], False),
    ],
)
def test_instances_are_bounded(instances: list[int], *, fits: bool) -> None:
    path = f"{AFFAIRS}/hosting"
    hosting = cloud_run(f"asia-northeast1-docker.pkg.dev/p/a/affairs@{DIGEST}", instances)
    if fits:
        found = changed("lab", {path: hosting}).applications["affairs"].hosting
        assert found.kind == "cloud-run"
        assert list(found.instances) == instances
    else:
        assert "instances" in refusal("lab", {path: hosting})


@pytest.mark.parametrize(
    "image",
    [
        "asia-northeast1-docker.pkg.dev/p/a/affairs:latest",
        f"us-central1-docker.pkg.dev/p/a/affairs@{DIGEST}",
        f"asia-northeast3-docker.pkg.dev/p/a/affairs@{DIGEST}",
        f"asia-northeast1-docker.pkg.dev/@{DIGEST}",
        f"asia-northeast1-docker.pkg.dev/p/a/affairs@{DIGEST}0",
        f"x-asia-northeast1-docker.pkg.dev/p/a/affairs@{DIGEST}",
    ],
)
def test_an_image_is_one_of_the_regions_by_its_digest(image: str) -> None:
    assert re.search(
        r"affairs\.hosting\.(cloud-run\.)?image", refusal("lab", {f"{AFFAIRS}/hosting": cloud_run(image, [0, 1])})
    )
    assert "jobs.year-end.image" in refusal("lab", {f"{AFFAIRS}/jobs": {"year-end": {**JOB, "image": image}}})


@pytest.mark.parametrize("region", ["tokyo", "osaka"])
def test_a_data_centre_has_servers_behind_both_regions(region: str) -> None:
    hosting = {"kind": "on-premises", "tokyo": ["10.254.0.10"], "osaka": ["10.254.1.10"], region: []}
    message = refusal("lab", {AFFAIRS: {"host": "affairs", "hosting": hosting}})
    assert f"affairs.hosting.on-premises.{region}" in message


@pytest.mark.parametrize("data", ["database", "files", "jobs"])
@pytest.mark.parametrize(
    "hosting",
    [
        {"kind": "saas", "endpoint": "affairs.vendor.example"},
        {"kind": "on-premises", "tokyo": ["10.254.0.10"], "osaka": ["10.254.1.10"]},
    ],
    ids=["saas", "on-premises"],
)
def test_data_of_an_application_that_is_elsewhere_are_refused(hosting: dict[str, object], data: str) -> None:
    """Nothing would read them; an operator would believe in a database that is not there."""
    database = changed_values("lab", {})["tsunagu:applications"]
    assert '"database"' in database
    given: dict[str, object] = {
        "database": {
            "edition": "ENTERPRISE",
            "tier": "db-custom-2-7680",
            "availability": "ZONAL",
            "disk-gigabytes": 10,
            "backups": 7,
            "log-days": 7,
            "primary": "tokyo",
        },
        "files": {"old-versions-days": 90},
        "jobs": {"year-end": JOB},
    }
    message = refusal("lab", {AFFAIRS: {"host": "affairs", "hosting": hosting, data: given[data]}})
    assert f"applications.affairs: nothing reads '{data}' where the hosting is '{hosting['kind']}'" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment": "staging"}, "this is the configuration of 'staging'; the stack is 'production'"),
        ({"network/tokyo": "10.251.240.0/24"}, "tokyo (10.251.240.0/24) and services (10.251.240.0/21) overlap"),
        ({"network/osaka": "10.250.33.0/24"}, "tokyo (10.250.32.0/21) and osaka (10.250.33.0/24) overlap"),
        ({"network/services": "10.250.40.0/21"}, "osaka (10.250.40.0/21) and services (10.250.40.0/21) overlap"),
        ({f"{AFFAIRS}/hosting": {"kind": "barn"}}, "hosting"),
        ({f"{DATABASE}/tear": "db-f1-micro"}, "applications.affairs.database.tear: unknown key"),
        ({f"{AFFAIRS}/databse": {}}, "applications.affairs.databse: unknown key"),
        ({f"{AFFAIRS}/files/versions": 1}, "applications.affairs.files.versions: unknown key"),
        ({"applications/Affairs": {}}, "applications.Affairs"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object], message: str) -> None:
    assert message in refusal("production", changes)


def test_the_example_of_the_readme_is_taken() -> None:
    """Given for every stack, also production; an image is written in where the example says IMAGE."""
    text = (ROOT / "stacks" / "README.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0].replace("IMAGE", str(JOB["image"]))
    given = {key.removeprefix("tsunagu:"): value for key, value in yaml.safe_load(example).items()}
    for stack in STACKS:
        read = changed(stack, given)
        assert list(read.databases) == ["affairs"]
        assert read.applications["affairs"].files is not None
        assert list(read.applications["affairs"].jobs) == ["year-end"]


def test_the_operations_of_the_readme_are_in_order() -> None:
    text = (ROOT / "stacks" / "README.md").read_text(encoding="utf-8")
    example = text.partition("## Operations on a database")[2].partition("```yaml\n")[2].partition("```")[0]
    given = yaml.safe_load(example)["database"]
    read = changed("production", {f"{DATABASE}/{key}": value for key, value in given.items()})
    assert len(read.databases["affairs"].operations) == 5
    assert read.find_pair(read.databases["affairs"]).primary.region == "tokyo"


def test_the_regions_of_the_readme_are_taken() -> None:
    text = (ROOT / "stacks" / "README.md").read_text(encoding="utf-8")
    example = text.partition("## Regions")[2].partition("```yaml\n")[2].partition("```")[0]
    given = {key.removeprefix("tsunagu:"): value for key, value in yaml.safe_load(example).items()}
    read = changed("production", {**given, f"{DATABASE}/primary": "west"})
    assert read.places.shared == "asia1"
    assert read.begin_pair(read.databases["affairs"]).replica == PairInstance("east", 1)


def test_the_lab_may_do_without_protection_and_generation() -> None:
    lab = configured("lab")
    assert not lab.protected
    assert lab.databases["affairs"].generation is None


def test_subnets_and_servers_are_those_of_the_regions() -> None:
    network = configured("production").network
    assert {region: str(subnet) for region, subnet in network.subnets.items()} == {
        "tokyo": "10.250.32.0/21",
        "osaka": "10.250.40.0/21",
    }
    hosting = {"kind": "on-premises", "tokyo": ["10.254.0.10"], "osaka": ["10.254.1.10"]}
    found = changed("lab", {AFFAIRS: {"host": "affairs", "hosting": hosting}}).applications["affairs"].hosting
    assert found.kind == "on-premises"
    assert {region: str(one) for region, (one,) in found.servers.items()} == {
        "tokyo": "10.254.0.10",
        "osaka": "10.254.1.10",
    }
