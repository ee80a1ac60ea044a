"""What the offline Google refuses of Cloud Armor, Artifact Registry and Cloud Run: each as a document says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.services.containers import JOB
from controller.offline_google.world.services.containers import SERVICE as RUN
from controller.offline_google.world.services.image_registries import REPOSITORY
from controller.offline_google.world.services.web_firewall import LAST, SECURITY_POLICY
from tests.offline_google.worlds import BACKEND, DATABASE, PROJECT, TOKYO, USER, a_google, database

ANYBODY = {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["*"]}}
END = {"action": "allow", "priority": LAST, "match": ANYBODY}
WAF = {
    "action": "deny(403)",
    "priority": 1000,
    "match": {"expr": {"expression": "evaluatePreconfiguredWaf('sqli-v33-stable', {'sensitivity': 1})"}},
}
RATE = {
    "action": "throttle",
    "priority": 2000,
    "match": ANYBODY,
    "rateLimitOptions": {
        "conformAction": "allow",
        "exceedAction": "deny(429)",
        "enforceOnKey": "IP",
        "rateLimitThreshold": {"count": 600, "intervalSec": 60},
    },
}
IMAGE = f"{TOKYO}-docker.pkg.dev/{PROJECT}/applications/affairs@sha256:{'1' * 64}"
ELSEWHERE = f"{TOKYO}-docker.pkg.dev/somebody-else/applications/affairs@sha256:{'1' * 64}"


@pytest.fixture
def google(tmp_path: Path) -> OfflineGoogle:
    google = a_google(tmp_path / "world.db")
    google.create("gcp:projects/service:Service", {"service": "artifactregistry.googleapis.com"})
    return google


def changed(value: Any, path: str, wanted: object) -> Any:  # noqa: ANN401 JSON
    """A rule or template with one thing changed; a number in the path is a place in a list."""
    first, _, rest = path.partition(".")
    if first.isdecimal():
        return [changed(one, rest, wanted) if place == int(first) else one for place, one in enumerate(value)]
    return {**value, first: changed(value.get(first, {}), rest, wanted) if rest else wanted}


def policy(*rules: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"name": "waf", "rules": [*rules, END], **more}


def test_a_web_firewall_is_kept_and_held_by_its_backend(google: OfflineGoogle) -> None:
    made = google.create(SECURITY_POLICY, policy(WAF, RATE))
    google.create(BACKEND, {"name": "affairs", "securityPolicy": made.outputs["selfLink"]})
    with pytest.raises(GoogleRefusal, match=r"already being used by .*affairs"):
        google.delete(SECURITY_POLICY, made.id)


@pytest.mark.parametrize(
    ("rule", "path", "wanted", "words"),
    [
        (WAF, "match.expr.expression", "evaluatePreconfiguredWaf('banana-v33-stable')", "no such preconfigured"),
        (WAF, "match.expr.expression", "evaluatePreconfiguredWaf('xss-v33-stable', {'sensitivity': 5})", "0 to 4"),
        (WAF, "match.expr.expression", "origin.region_code == 'JP'", "does not model the expression"),
        (WAF, "match.expr.expression", "this is ((( not CEL", "does not model the expression"),
        (WAF, "match", {"versionedExpr": "SRC_IPS_V1"}, "SRC_IPS_V1 needs"),
        (WAF, "match", {}, "either expr"),
        (WAF, "action", "banana", "no such action"),
        (WAF, "action", "rate_based_ban", "does not model the action"),
        (WAF, "priority", -1, "outside 0 to"),
        (WAF, "description", "x" * 65, "at most 64"),
        (WAF, "rateLimitOptions", RATE["rateLimitOptions"], "only allowed with it"),
        (WAF, "preconfiguredWafConfig", {"exclusions": []}, "does not model rules.preconfiguredWafConfig"),
        (RATE, "rateLimitOptions", None, "needed with the action"),
        (RATE, "rateLimitOptions.exceedAction", None, "exceedAction"),
        (RATE, "rateLimitOptions.rateLimitThreshold.count", 1_000_001, "1 to 1000000"),
        (RATE, "rateLimitOptions.rateLimitThreshold.intervalSec", 61, "none of"),
        (RATE, "rateLimitOptions.banDurationSec", 60, "needs the action rate_based_ban"),
    ],
)
def test_a_web_firewall_that_google_refuses(
    google: OfflineGoogle, rule: dict[str, Any], path: str, wanted: object, words: str
) -> None:
    with pytest.raises(GoogleRefusal, match=words):
        google.create(SECURITY_POLICY, policy(changed(rule, path, wanted)))


def test_a_web_firewall_ends_with_a_rule_for_everybody(google: OfflineGoogle) -> None:
    with pytest.raises(GoogleRefusal, match="is missing"):
        google.create(SECURITY_POLICY, {"name": "waf", "rules": [WAF]})
    last = {**END, "match": {**ANYBODY, "config": {"srcIpRanges": ["10.0.0.0/8"]}}}
    with pytest.raises(GoogleRefusal, match="matches everybody"):
        google.create(SECURITY_POLICY, {"name": "waf", "rules": [last]})
    with pytest.raises(GoogleRefusal, match="does not model type CLOUD_ARMOR_EDGE"):
        google.create(SECURITY_POLICY, policy(WAF, type="CLOUD_ARMOR_EDGE"))


def test_an_image_needs_its_repository(google: OfflineGoogle) -> None:
    service = {"name": "affairs", "location": TOKYO, "template": {"containers": [{"image": IMAGE}]}}
    with pytest.raises(GoogleRefusal, match=r"repositories/applications' was not found"):
        google.create(RUN, service)
    google.create(REPOSITORY, {"repositoryId": "applications", "location": TOKYO, "format": "DOCKER"})
    assert google.create(RUN, service).outputs["template"]["containers"][0]["image"] == IMAGE


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("repositoryId", "Applications", "lower-case letters"),
        ("repositoryId", "a" * 64, "lower-case letters"),
        ("format", "NPM", "does not model format NPM"),
        ("virtualRepositoryConfig", {"upstreamPolicies": []}, "does not model virtualRepositoryConfig"),
        ("location", "asia-nowhere1", "no such location"),
    ],
)
def test_a_repository_that_google_refuses(google: OfflineGoogle, field: str, value: object, words: str) -> None:
    wanted = {"repositoryId": "applications", "location": TOKYO, "format": "DOCKER", field: value}
    with pytest.raises(GoogleRefusal, match=words):
        google.create(REPOSITORY, wanted)


@pytest.mark.parametrize(
    ("cpu", "memory", "fits"),
    [
        ("1", "128Mi", True),
        ("1", "4Gi", True),
        ("1", "4097Mi", False),
        ("1000m", "512Mi", True),
        ("2", "8Gi", True),
        ("2", "9Gi", False),
        ("3", "4Gi", False),
        ("4", "1Gi", False),
        ("4", "16Gi", True),
        ("6", "3Gi", False),
        ("7", "8Gi", False),
        ("8", "32Gi", True),
        ("8", "33Gi", False),
        ("16", "32Gi", False),
        ("0.05", "128Mi", False),
        ("0.4", "1Gi", False),
        ("banana", "1Gi", False),
        ("1", "1 GB", False),
    ],
)
def test_processors_and_memory_that_go_together(google: OfflineGoogle, cpu: str, memory: str, *, fits: bool) -> None:
    limits = {"resources": {"limits": {"cpu": cpu, "memory": memory}}}
    template = {"containers": [{"image": ELSEWHERE, **limits}], "maxInstanceRequestConcurrency": 1}
    service = {"name": "affairs", "location": TOKYO, "template": template}
    job = {"name": "import", "location": TOKYO, "template": {"template": {"containers": template["containers"]}}}
    if fits:
        google.create(RUN, service)
        google.create(JOB, job)
        return
    for token, wanted in ((RUN, service), (JOB, job)):
        with pytest.raises(GoogleRefusal, match=r"resources\.limits"):
            google.create(token, wanted)


@pytest.mark.parametrize(
    ("path", "wanted", "words"),
    [
        ("timeout", "3601s", "outside 1s to 3600s"),
        ("maxInstanceRequestConcurrency", 1001, "outside 1 to 1000"),
        ("containers.0.resources", {"limits": {"cpu": "0.5", "memory": "512Mi"}}, "it is 1 where"),
        ("containers.0.resources", {"limits": {"cpu": "1", "nvidia.com/gpu": "1"}}, "does not model"),
        ("containers.0.startupProbe", {"tcpSocket": {"port": 1}, "httpGet": {"path": "/"}}, "exactly one of"),
        ("containers.0.startupProbe", {"tcpSocket": {"port": 1}, "timeoutSeconds": 20, "periodSeconds": 10}, "longer"),
        ("containers.0.startupProbe", {"tcpSocket": {"port": 1}, "periodSeconds": 100, "failureThreshold": 3}, "240 s"),
        ("containers.0.startupProbe", {"tcpSocket": {"port": 1}, "periodSeconds": 241}, "1 to 240"),
        ("containers.0.livenessProbe", {"tcpSocket": {"port": 1}}, "by httpGet or grpc"),
        ("containers.0.livenessProbe", {"httpGet": {"path": "/"}, "periodSeconds": 3601}, "1 to 3600"),
    ],
)
def test_a_service_that_cloud_run_refuses(google: OfflineGoogle, path: str, wanted: object, words: str) -> None:
    template = {"containers": [{"image": ELSEWHERE}], "timeout": "300s", "maxInstanceRequestConcurrency": 80}
    service = {"name": "affairs", "location": TOKYO, "template": template}
    google.create(RUN, {**service, "name": "right"})
    with pytest.raises(GoogleRefusal, match=words):
        google.create(RUN, {**service, "template": changed(template, path, wanted)})


@pytest.mark.parametrize(
    ("path", "wanted", "words"),
    [
        ("timeout", "604801s", "outside 1s to 604800s"),
        ("containers.0.resources", {"limits": {"cpu": "0.5", "memory": "512Mi"}}, "1 CPU or more"),
    ],
)
def test_a_job_that_cloud_run_refuses(google: OfflineGoogle, path: str, wanted: object, words: str) -> None:
    task = changed({"containers": [{"image": ELSEWHERE}], "timeout": "300s"}, path, wanted)
    with pytest.raises(GoogleRefusal, match=words):
        google.create(JOB, {"name": "import", "location": TOKYO, "template": {"template": task}})


def test_a_user_has_the_roles_that_cloud_sql_knows(google: OfflineGoogle) -> None:
    flags = [{"name": "cloudsql.iam_authentication", "value": "on"}]
    google.create(DATABASE, database(settings={"tier": "db-custom-2-7680", "databaseFlags": flags}))
    user = {"name": "x@y.iam", "instance": "affairs", "type": "CLOUD_IAM_SERVICE_ACCOUNT"}
    made = google.create(USER, {**user, "databaseRoles": ["cloudsqlsuperuser"]})
    assert made.outputs["databaseRoles"] == ["cloudsqlsuperuser"]
    with pytest.raises(GoogleRefusal, match="does not model the database role 'banana'"):
        google.create(USER, {**user, "name": "z@y.iam", "databaseRoles": ["banana"]})
