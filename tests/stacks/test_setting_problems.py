"""Settings that must fit one another: refused when they are read, with the line and what to write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

import pytest

from controller.model.city import City
from stacks.settings.production_problems import is_placeholder_digest
from stacks.settings.read_configuration import ConfigurationRefused
from stacks.settings.setting_problems import count_needed_addresses
from tests.stacks.declared import REMOVED, changed, configured, declare
from tests.stacks.test_configuration import AFFAIRS, DATABASE, JOB, refusal
from tests.stacks.test_read_configuration import line_of

ONE_OVER = f"{AFFAIRS}/hosting/instances"
RANDOM = sha256(b"an image").hexdigest()
PLACEHOLDERS = (
    *("1" * 64, "ab" * 32, "01234567" * 8, "0123456789abcdef" * 4, "fedcba9876543210" * 4, RANDOM[:32] * 2),
    *("0" * 63 + "1", "0" * 12 + RANDOM[12:], RANDOM[:40] + "f" * 24, RANDOM[:20] + "0123456789abcdef" + RANDOM[36:]),
    *("012" * 20 + "3456", sha256(b"").hexdigest()),
)


def replace_digest(image: str, digest: str) -> str:
    return f"{image.partition('@')[0]}@sha256:{digest}"


def test_every_instance_of_two_revisions_finds_its_addresses() -> None:
    """4 applications x 100 instances x 2 addresses x 2 revisions; 4 addresses of a subnet are Google's."""
    assert count_needed_addresses(configured("production").applications.values()) == 1_600
    message = refusal("production", {"network/osaka": "10.250.40.0/24"})
    assert "network.osaka: 10.250.40.0/24 has 252 addresses for instances" in message
    assert "may take 1600 in a region" in message
    assert "take a /21" in message
    assert "network.tokyo" not in message


@pytest.mark.parametrize(
    ("subnet", "most", "jobs", "fits"),
    [
        # The three others of the lab have 2 instances each: 24 addresses.
        ("10.250.10.0/26", 9, 0, True),
        ("10.250.10.0/26", 9, 1, False),
        ("10.250.10.0/25", 9, 1, True),
        ("10.250.10.0/26", 10, 0, False),
        ("10.250.10.0/24", 57, 0, True),
        ("10.250.10.0/24", 58, 0, False),
        ("10.250.10.0/27", 1, 0, False),
        ("10.250.10.0/30", 1, 0, False),
        ("10.250.10.0/32", 1, 0, False),
    ],
)
def test_the_last_address_is_used_and_no_more(subnet: str, most: int, jobs: int, *, fits: bool) -> None:
    changes = {
        "network/tokyo": subnet,
        "network/osaka": "10.250.64.0/20",
        ONE_OVER: [0, most],
        f"{AFFAIRS}/jobs": {f"job-{number}": JOB for number in range(jobs)},
    }
    if fits:
        assert str(changed("lab", changes).network.subnets["tokyo"]) == subnet
        return
    message = refusal("lab", changes)
    asked = int(re.findall(r"network\.tokyo: .* take a /(\d+)", message)[0])
    assert changed("lab", {**changes, "network/tokyo": f"10.250.128.0/{asked}"})
    if asked < 26:
        assert "network.tokyo" in refusal("lab", {**changes, "network/tokyo": f"10.250.128.0/{asked + 1}"})


def test_what_is_not_hosted_here_needs_no_room() -> None:
    saas = {"host": "a", "hosting": {"kind": "saas", "endpoint": "a.vendor.example"}}
    assert changed("lab", {"applications": {"a": saas}, "network/tokyo": "10.250.10.0/29"})


@pytest.mark.parametrize(
    ("edition", "tier", "fits"),
    [
        ("ENTERPRISE_PLUS", "db-perf-optimized-N-128", True),
        ("ENTERPRISE_PLUS", "db-perf-optimized-N-3", False),
        ("ENTERPRISE_PLUS", "db-custom-2-7680", False),
        ("ENTERPRISE_PLUS", "db-banana", False),
        ("ENTERPRISE", "db-perf-optimized-N-2", False),
        ("ENTERPRISE", "db-f1-micro", True),
        ("ENTERPRISE", "db-custom-1-3840", True),
        ("ENTERPRISE", "db-custom-1-3584", False),
        ("ENTERPRISE", "db-custom-1-6656", True),
        ("ENTERPRISE", "db-custom-1-6912", False),
        ("ENTERPRISE", "db-custom-2-7681", False),
        ("ENTERPRISE", "db-custom-7-15360", False),
        ("ENTERPRISE", "db-custom-96-92160", True),
        ("ENTERPRISE", "db-custom-96-88320", False),
        ("ENTERPRISE", "db-custom-98-368640", False),
        ("ENTERPRISE", "db-banana", False),
    ],
)
def test_a_tier_is_one_of_its_edition(edition: str, tier: str, *, fits: bool) -> None:
    changes = {f"{DATABASE}/edition": edition, f"{DATABASE}/tier": tier}
    if fits:
        assert changed("staging", {**changes, f"{DATABASE}/log-days": 7}).databases["affairs"].tier == tier
    else:
        assert "applications.affairs.database.tier: " in refusal("staging", changes)


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        (
            {ONE_OVER: [5, 2]},
            "instances:",
            r"applications\.affairs\.hosting\.instances: the minimum \(5\) is more than the maximum \(2\)",
        ),
        (
            {"network/services": "10.251.80.0/29"},
            "services:",
            r"network\.services: 10\.251\.80\.0/29 is too small.* \(2\): take a /23",
        ),
        ({"network/services": "10.251.80.0/24"}, "services: 10", r"network\.services: .* too small"),
        ({"network/services": "172.17.0.0/20"}, "services: 10", r"network\.services: .* overlaps 172\.17\.0\.0/16"),
        ({"network/services": "8.8.0.0/20"}, "services: 10", r"network\.services: 8\.8\.0\.0/20 is no private range"),
        ({"network/tokyo": "203.0.113.0/24"}, "tokyo: 10", r"network\.tokyo: 203\.0\.113\.0/24 is no private range"),
    ],
)
def test_a_setting_that_google_refuses_is_refused(changes: dict[str, object], key: str, message: str) -> None:
    said = refusal("lab", changes)
    assert re.search(rf"Pulumi\.lab\.yaml:{line_of('lab', key)}: {message}", said), said


@pytest.mark.parametrize(
    ("subnet", "message"),
    [
        ("172.17.0.0/24", "overlaps 172.17.0.0/16, from where no Cloud SQL database can be reached"),
        ("172.17.255.192/26", "overlaps 172.17.0.0/16"),
        ("172.16.0.0/12", "overlaps 172.17.0.0/16"),
        ("100.64.0.0/24", "is outside RFC 1918"),
        ("100.127.255.0/24", "is outside RFC 1918"),
        ("172.16.255.0/24", ""),
        ("172.18.0.0/24", ""),
    ],
)
def test_a_subnet_reaches_the_stacks_database(subnet: str, message: str) -> None:
    changes: dict[str, object] = {"network/osaka": subnet}
    without = {**changes, f"{AFFAIRS}/database": REMOVED}
    assert str(changed("lab", without).network.subnets["osaka"]) == subnet
    if message:
        said = refusal("lab", changes)
        assert f"Pulumi.lab.yaml:{line_of('lab', 'osaka: 10')}: network.osaka: {subnet} {message}" in said
    else:
        assert changed("lab", changes)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("8.8.8.8", "8.8.8.8 is no private address"),
        ("127.0.0.1", "127.0.0.1 is no private address"),
        ("10.250.11.9", "10.250.11.9 lies in the VPC's own range (osaka, 10.250.11.0/24)"),
        ("10.251.80.1", "10.251.80.1 lies in the VPC's own range (services, 10.251.80.0/21)"),
    ],
)
def test_a_server_of_the_data_centre_is_where_a_link_leads(server: str, message: str) -> None:
    hosting = {"kind": "on-premises", "tokyo": ["10.254.0.10", server], "osaka": ["10.254.1.10"]}
    said = refusal("lab", {AFFAIRS: {"host": "affairs", "hosting": hosting}})
    assert f"applications.affairs.hosting.tokyo.1: {message}" in said


def test_a_server_stands_once_in_a_regions_list() -> None:
    """Behind both regions' links it may stand: one data centre, two ways to it."""
    once: dict[str, object] = {"kind": "on-premises", "tokyo": ["10.254.0.10", "10.254.0.11"], "osaka": ["10.254.0.10"]}
    assert changed("lab", {AFFAIRS: {"host": "affairs", "hosting": once}})
    twice = {**once, "tokyo": ["10.254.0.10", "10.254.0.11", "10.254.0.10"]}
    said = refusal("lab", {AFFAIRS: {"host": "affairs", "hosting": twice}})
    assert "applications.affairs.hosting.tokyo.2: 10.254.0.10 stands here twice" in said
    assert said.count("twice") == 1


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("affairs.vendor.example", ""),
        ("internal.vendor.example", ""),
        ("10.254.0.10", "'10.254.0.10' is an address: write the name"),
        ("203.0.113.7", "'203.0.113.7' is an address: write the name"),
        ("affairs.internal", "is a name that the public DNS never has ('.internal')"),
        ("db.c.project.internal", "('.internal')"),
        ("server.local", "('.local')"),
        ("affairs.localhost", "('.localhost')"),
        ("affairs.home.arpa", "('.arpa')"),
        ("affairs.corp", "('.corp')"),
        ("affairs.OWN", "lies in this stack's own domain"),
        ("OWN", "lies in this stack's own domain"),
    ],
)
def test_a_vendors_name_is_one_that_everybody_finds(endpoint: str, message: str) -> None:
    endpoint = endpoint.replace("OWN", configured("lab").domain)
    hosting = {"kind": "saas", "endpoint": endpoint}
    changes: dict[str, object] = {AFFAIRS: {"host": "affairs", "hosting": hosting}}
    if not message:
        assert changed("lab", changes)
        return
    said = refusal("lab", changes)
    assert re.search(r"Pulumi\.lab\.yaml:(?![12]:)\d+: applications\.affairs\.hosting\.endpoint: ", said), said
    assert message in said


@pytest.mark.parametrize(
    ("stack", "changes", "line", "message"),
    [
        (
            "production",
            {"protected": "false", "audit/locked": False},
            "protected:",
            "protected: 'protected' may be false",
        ),
        ("lab", {"audit/locked": True}, "locked:", "audit.locked: a locked audit bucket can never be destroyed"),
        ("lab", {"serving": ["tokyo", "tokyo"]}, "serving:", "serving.1: 'serving' names the region 'tokyo' twice"),
        (
            "production",
            {"applications/staff-ai/host": "affairs"},
            "host: ai",
            "applications.staff-ai.host: 'affairs' and 'staff-ai' have the same 'host', 'affairs'",
        ),
        (
            "production",
            {f"{DATABASE}/generation": REMOVED},
            "generation:",
            "applications.affairs.database.generation: may be left out only in the lab",
        ),
    ],
)
def test_what_contradicts_is_refused_at_its_line(
    stack: str, changes: dict[str, object], line: str, message: str
) -> None:
    assert f"Pulumi.{stack}.yaml:{line_of(stack, line)}: {message}" in refusal(stack, changes)


def test_a_locked_bucket_of_a_protected_stack_is_taken() -> None:
    assert changed("lab", {"audit/locked": True, "protected": "true"}).audit.locked


def test_contradictions_are_told_together() -> None:
    """Each of them hid the next one while the model told the first that it met."""
    said = refusal(
        "production", {"protected": "false", "serving": ["osaka", "osaka"], f"{DATABASE}/generation": REMOVED}
    )
    for key in ("protected: ", "audit.locked: ", "serving.1: ", "applications.affairs.database.generation: "):
        assert key in said


@pytest.mark.parametrize("digest", PLACEHOLDERS)
def test_a_placeholder_of_an_image_is_for_the_rehearsals(digest: str) -> None:
    hosting = configured("production").applications["affairs"].hosting
    assert hosting.kind == "cloud-run"
    changes = {
        f"{AFFAIRS}/hosting/image": replace_digest(hosting.image, digest),
        f"{AFFAIRS}/jobs": {"year-end": {**JOB, "image": replace_digest(str(JOB["image"]), digest)}},
    }
    message = refusal("production", changes)
    assert "applications.affairs.hosting.image: the digest is a placeholder" in message
    assert "applications.affairs.jobs.year-end.image: the digest is a placeholder" in message
    assert changed("staging", changes)


def test_no_digest_of_an_image_is_taken_for_a_placeholder() -> None:
    assert not [number for number in range(20_000) if is_placeholder_digest(sha256(b"%d" % number).hexdigest())]


def test_an_image_of_another_project_is_for_the_rehearsals() -> None:
    hosting = configured("production").applications["affairs"].hosting
    assert hosting.kind == "cloud-run"
    elsewhere = hosting.image.replace("-production/", "-staging/")
    job = {**JOB, "image": str(JOB["image"]).replace("-production/", "-staging/")}
    changes = {f"{AFFAIRS}/hosting/image": elsewhere, f"{AFFAIRS}/jobs": {"year-end": job}}
    message = refusal("production", changes)
    for key in ("hosting.image", "jobs.year-end.image"):
        assert f"applications.affairs.{key}: the image lies in 'tsunagu-kawasaki-staging/applications'" in message
    assert f":{line_of('production', 'applications/affairs@sha')}: applications.affairs.hosting.image" in message
    assert changed("staging", changes)
    other = {f"{AFFAIRS}/hosting/image": hosting.image.replace("/applications/", "/vendor/")}
    assert "copy it to asia-northeast1-docker.pkg.dev/tsunagu-kawasaki-production/applications/" in refusal(
        "production", other
    )


@pytest.mark.parametrize("tier", ["db-f1-micro", "db-g1-small"])
def test_production_shares_no_processor(tier: str) -> None:
    changes: dict[str, object] = {f"{DATABASE}/edition": "ENTERPRISE", f"{DATABASE}/log-days": 7}
    message = refusal("production", {**changes, f"{DATABASE}/tier": tier})
    where = f"Pulumi.production.yaml:{line_of('production', 'tier:')}: applications.affairs.database.tier"
    assert f"{where}: {tier} shares its processor and has no service level" in message
    assert changed("staging", {**changes, f"{DATABASE}/tier": tier})
    assert changed("production", {**changes, f"{DATABASE}/tier": "db-custom-1-3840"})


@pytest.mark.parametrize(("instances", "fits"), [([0, 1], False), ([1, 1], False), ([0, 2], False), ([1, 2], True)])
def test_production_always_runs_and_never_alone(instances: list[int], *, fits: bool) -> None:
    changes: dict[str, object] = {ONE_OVER: instances}
    assert changed("staging", changes)
    if fits:
        assert changed("production", changes)
        return
    line = line_of("production", "instances:")
    said = f"Pulumi.production.yaml:{line}: applications.affairs.hosting.instances: [{instances[0]}, {instances[1]}] "
    assert f"{said}leaves production with no instance" in refusal("production", changes)


def test_production_keeps_its_data_where_a_rehearsal_need_not() -> None:
    weak: Mapping[str, object] = {"audit/locked": False, f"{DATABASE}/availability": "ZONAL"}
    message = refusal("production", weak)
    assert "audit.locked: production keeps its audit logs locked" in message
    assert "affairs.database.availability: production's database outlives the loss of a zone" in message
    assert changed("staging", weak)


def test_a_range_that_the_city_uses_is_refused(city: City) -> None:
    """A school's block, a server of the data centre, the controllers: what the VPC must reach it cannot have."""
    school = city.schools[0]
    used = f"10.{school.number}.0.0/24"
    for block, whose in (
        (used, f"school {school.id}"),
        ("10.254.0.0/24", "application"),
        ("10.255.0.0/24", "the contr"),
    ):
        with pytest.raises(ConfigurationRefused, match=rf"network\.tokyo: {re.escape(block)} overlaps .* of {whose}"):
            declare(city, changed("lab", {"network/tokyo": block}))


def test_logs_of_more_days_than_there_are_backups_are_refused() -> None:
    """The generated configurations of the soak found it: Google refuses it in the middle of a deployment."""
    assert changed("production", {f"{DATABASE}/backups": 13, f"{DATABASE}/log-days": 13})
    message = refusal("production", {f"{DATABASE}/backups": 12, f"{DATABASE}/log-days": 13})
    assert "logs of 13 days need as many backups, and `backups` is 12" in message


def test_a_machine_that_takes_other_disks_is_refused() -> None:
    message = refusal("production", {f"{DATABASE}/tier": "db-c4a-highmem-4"})
    assert "'db-c4a-highmem-4' takes no disk of the kind PD_SSD" in message
