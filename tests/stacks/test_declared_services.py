"""Images, containers' limits, the web application firewall and the way out, as the stacks declare them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.model.city import City
from stacks.settings.read_configuration import ConfigurationRefused
from tests.stacks.declared import Declared, Recorder, changed, configured, declare
from tests.stacks.test_declared import complaints, open_to_the_internet

AFFAIRS = "applications/affairs"
RUN = "gcp:cloudrunv2/service:Service"


@pytest.fixture(scope="module")
def production(city: City) -> Recorder:
    return declare(city, configured("production"))[0]


def services(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """The templates of Cloud Run's services, by name."""
    return {one.name: dict(one.inputs["template"]) for one in recorder.declared if one.type == RUN}


def container(recorder: Recorder, name: str) -> dict[str, Any]:
    (found,) = services(recorder)[name]["containers"]
    return dict(found)


def policies_by_backend(recorder: Recorder) -> dict[str, Declared]:
    by_link = {f"https://google/{one.name}": one for one in recorder.of("SecurityPolicy")}
    return {one.name: by_link[one.inputs["securityPolicy"]] for one in recorder.of("BackendService")}


def test_each_region_pulls_its_images_from_its_own_registry_under_our_key(production: Recorder) -> None:
    """A failover makes new revisions: they must not ask the region that was lost for their image."""
    repositories = {one.inputs["location"]: one.inputs for one in production.of("Repository")}
    assert sorted(repositories) == ["asia-northeast1", "asia-northeast2"]
    for region, place in (("tokyo", "asia-northeast1"), ("osaka", "asia-northeast2")):
        assert repositories[place]["kmsKeyName"] == f"CryptoKey/keys-images-{region}"
        assert repositories[place]["dockerConfig"] == {"immutableTags": True}
        image = container(production, f"affairs-{region}")["image"]
        own = f"{place}-docker.pkg.dev/tsunagu-kawasaki-production/{repositories[place]['repositoryId']}/"
        assert image.startswith(f"{own}affairs@sha256:")
    digests = {container(production, f"affairs-{one}")["image"].partition("@")[2] for one in ("tokyo", "osaka")}
    assert len(digests) == 1


def test_an_image_of_somebody_else_is_taken_as_it_is_written(city: City) -> None:
    image = "asia-northeast1-docker.pkg.dev/a-vendor-of-ours1/public/affairs@sha256:" + "1" * 64
    recorder, _ = declare(city, changed("staging", {f"{AFFAIRS}/hosting/image": image}))
    assert {container(recorder, f"affairs-{one}")["image"] for one in ("tokyo", "osaka")} == {image}


def test_containers_have_limits_and_times_without_being_told(production: Recorder) -> None:
    template = services(production)["staff-ai-tokyo"]
    assert (template["timeout"], template["maxInstanceRequestConcurrency"]) == ("300s", 80)
    found = container(production, "staff-ai-tokyo")
    assert found["resources"] == {"limits": {"cpu": "1", "memory": "1024Mi"}}
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 240, "timeoutSeconds": 240, "failureThreshold": 1}
    assert found["startupProbe"] == probe
    assert "livenessProbe" not in found


def test_containers_have_the_limits_and_times_that_they_are_told(city: City) -> None:
    told = {"health-path": "/healthz", "start-seconds": 120, "timeout-seconds": 3600, "requests-at-once": 10}
    changes = {
        f"{AFFAIRS}/hosting/resources": {"cpu": 4, "memory-mebibytes": 16384},
        f"{AFFAIRS}/hosting/service": told,
    }
    recorder, _ = declare(city, changed("production", changes))
    assert complaints(recorder.declared) == []
    template, found = services(recorder)["affairs-osaka"], container(recorder, "affairs-osaka")
    assert (template["timeout"], template["maxInstanceRequestConcurrency"]) == ("3600s", 10)
    assert found["resources"] == {"limits": {"cpu": "4", "memory": "16384Mi"}}
    assert found["startupProbe"]["periodSeconds"] * found["startupProbe"]["failureThreshold"] == 120
    assert found["startupProbe"]["httpGet"] == found["livenessProbe"]["httpGet"] == {"path": "/healthz"}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("resources", {"cpu": True}, "resources.cpu: write a whole number"),
        ("resources", {"cpu": 1.0}, "resources.cpu: write a whole number"),
        ("resources", {"cpu": 1, "memory-mebibytes": 4097}, "memory-mebibytes of 512 to 4096, or a cpu of 2 or 4 or 6"),
        ("resources", {"cpu": 2, "memory-mebibytes": 8193}, "memory-mebibytes of 512 to 8192"),
        ("resources", {"cpu": 4, "memory-mebibytes": 2047}, "memory-mebibytes of 2048 to 16384, or a cpu of 1 or 2"),
        ("resources", {"cpu": 6, "memory-mebibytes": 4095}, "memory-mebibytes of 4096 to 24576"),
        ("resources", {"cpu": 8, "memory-mebibytes": 32769}, "memory-mebibytes of 4096 to 32768"),
        ("resources", {"cpu": 1, "memory-mebibytes": 511}, "memory-mebibytes of 512 to 4096"),
        ("resources/cpu", 3, "resources.cpu"),
        ("resources/cpu", 7, "resources.cpu"),
        ("service/timeout-seconds", 3601, "service.timeout-seconds"),
        ("service/requests-at-once", 1001, "service.requests-at-once"),
        ("service/start-seconds", 241, "service.start-seconds"),
        ("service/health-path", "healthz", "service.health-path"),
    ],
)
def test_limits_that_cloud_run_does_not_have_are_refused(key: str, value: object, words: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        changed("staging", {f"{AFFAIRS}/hosting/{key}": value})
    (said,) = [str(one) for one in refused.value.problems]
    assert words in said
    assert "Pulumi.staging.yaml:" in said


def test_a_job_has_limits_too(city: City) -> None:
    image = configured("production").applications["affairs"].hosting
    assert image.kind == "cloud-run"
    job = {"image": image.image, "timeout-minutes": 5, "retries": 0, "resources": {"cpu": 2, "memory-mebibytes": 8192}}
    recorder, _ = declare(city, changed("production", {f"{AFFAIRS}/jobs": {"year-end": job}}))
    for one in recorder.of("Job"):
        (found,) = one.inputs["template"]["template"]["containers"]
        assert found["resources"] == {"limits": {"cpu": "2", "memory": "8192Mi"}}
    with pytest.raises(ConfigurationRefused, match=r"jobs\.year-end\.resources"):
        changed("staging", {f"{AFFAIRS}/jobs": {"year-end": {**job, "resources": {"cpu": 8}}}})


@pytest.mark.parametrize("stack", ["lab", "staging", "production"])
def test_every_backend_stands_behind_the_web_firewall(city: City, stack: str) -> None:
    recorder, _ = declare(city, configured(stack))
    (policy,) = {one.name: one for one in policies_by_backend(recorder).values()}.values()
    rules = {rule["priority"]: rule for rule in policy.inputs["rules"]}
    attacks = [rule for rule in rules.values() if "expr" in rule["match"]]
    assert {rule["action"] for rule in attacks} == {"deny(403)"}
    assert not any(rule["preview"] for rule in rules.values())
    for attack in ("sqli", "xss", "lfi", "rfi", "rce", "scannerdetection", "protocolattack"):
        expression = f"evaluatePreconfiguredWaf('{attack}-v33-stable', {{'sensitivity': 1}})"
        assert expression in [rule["match"]["expr"]["expression"] for rule in attacks]
    rate = rules[9000]
    assert (rate["action"], rate["match"]["config"]) == ("throttle", {"srcIpRanges": ["*"]})
    assert rate["rateLimitOptions"]["rateLimitThreshold"] == {"count": 60000, "intervalSec": 60}
    assert max(rules) == 2147483647
    assert all(len(rule["description"]) <= 64 for rule in rules.values())
    assert all(one.inputs["logConfig"]["enable"] for one in recorder.of("BackendService")), "what is refused is logged"


def test_an_application_may_have_its_own_rules(city: City) -> None:
    own = {"mode": "preview", "requests-a-minute": 600, "sensitivity": 2, "left-out": ["php", "java"]}
    changes = {"applications/learning-dashboard/web-firewall": own, "applications/staff-ai/web-firewall": own}
    recorder, _ = declare(city, changed("production", changes))
    assert complaints(recorder.declared) == []
    found = policies_by_backend(recorder)
    assert len(recorder.of("SecurityPolicy")) == 2, "those with the same rules share them"
    assert found["staff-ai"] == found["learning-dashboard"]
    assert found["affairs"] == found["file-exchange"] != found["staff-ai"]
    rules = {rule["priority"]: rule for rule in found["staff-ai"].inputs["rules"]}
    written = [rule["match"]["expr"]["expression"] for rule in rules.values() if "expr" in rule["match"]]
    assert all("'sensitivity': 2" in one for one in written)
    assert not any("php" in one or "java-" in one for one in written)
    assert {rule["preview"] for rule in rules.values() if "expr" in rule["match"]} == {True}
    assert rules[9000]["preview"] is False, "a number a minute is kept all the same"
    numbers = {rule["description"]: rule["priority"] for rule in found["affairs"].inputs["rules"]}
    assert all(numbers[rule["description"]] == priority for priority, rule in rules.items())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", "off"),
        ("requests-a-minute", 0),
        ("requests-a-minute", 1_000_001),
        ("sensitivity", 5),
        ("left-out", ["x"]),
    ],
)
def test_rules_that_cloud_armor_does_not_have_are_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigurationRefused, match=rf"affairs\.web-firewall\.{key}"):
        changed("production", {f"{AFFAIRS}/web-firewall/{key}": value})


def test_a_way_out_is_paid_for_only_where_the_policy_opens_one(production: Recorder, tmp_path: Path) -> None:
    assert [production.of("RouterNat"), production.of("Router")] == [[], []]
    open_city = open_to_the_internet(tmp_path)
    recorder, _ = declare(open_city, configured("production"))
    assert sorted(one.inputs["region"] for one in recorder.of("RouterNat")) == ["asia-northeast1", "asia-northeast2"]
    drained, _ = declare(open_city, configured("production", serving=("osaka",)))
    assert [one.inputs["region"] for one in drained.of("RouterNat")] == ["asia-northeast2"]
