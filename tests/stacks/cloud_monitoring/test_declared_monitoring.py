"""What a stack tells Cloud Monitoring: an alert for what it declares, and for nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.model.city import City
from controller.offline_google.models.property_checks import find_refused_values
from controller.offline_google.models.unmodelled import find_unmodelled
from controller.offline_google.schema.facts import find_resource_type
from stacks.cloud_monitoring.signals import ALERTS
from stacks.guardrails.guardrail import CheckedResource
from stacks.guardrails.pack import GUARDRAILS
from stacks.settings.read_configuration import ConfigurationRefused
from tests.stacks.declared import REMOVED, STACKS, Declared, Recorder, changed, configured, declare, file
from tests.stacks.test_declared import complaints
from tests.stacks.test_declared_restore_test import WITH as WITH_RESTORE_TEST

TYPES = ("AlertPolicy", "Dashboard", "NotificationChannel")
OF_A_DATABASE = {"database-down", "database-processor", "database-disk", "database-connections", "replica-lag"}
FAILED_OVER = {"applications/affairs/database/operations": [{"failover": "osaka"}]}


def declare_with(city: City, changes: dict[str, Any], stack: str = "production") -> Recorder:
    recorder, _ = declare(city, changed(stack, changes))
    assert complaints(recorder.declared) == []
    return recorder


def list_alerts(recorder: Recorder) -> set[str]:
    return {one.name for one in recorder.of("AlertPolicy")}


def find(recorder: Recorder, name: str) -> Any:  # noqa: ANN401 JSON
    return next(one.inputs for one in recorder.of("AlertPolicy") if one.name == name)


@pytest.mark.parametrize("stack", STACKS)
def test_google_takes_what_a_stack_declares_and_no_guardrail_stops_it(city: City, stack: str) -> None:
    recorder = declare_with(city, {}, stack)
    ours = [one for one in recorder.declared if one.type.startswith("gcp:monitoring/")]
    assert {one.type.rpartition(":")[2] for one in ours} == {*TYPES}
    for one in ours:
        kind = find_resource_type(one.type)
        assert find_unmodelled(kind, one.inputs) == [], one.name
        assert [*find_refused_values(kind, one.inputs)] == [], one.name
        project = configured(stack).google.project
        found = CheckedResource(one.type, one.name, one.inputs, stack, protected=True, project=project)
        assert [said for guardrail in GUARDRAILS if guardrail.stops for said in guardrail.check(found)] == []


def test_every_alert_tells_every_channel_and_says_whose_it_is(city: City) -> None:
    recorder = declare_with(city, {"monitoring/notify": {"cloud": "cloud@city.example", "board": "b@city.example"}})
    channels = {one.name: one.inputs["labels"] for one in recorder.of("NotificationChannel")}
    assert channels == {
        "notify-cloud": {"email_address": "cloud@city.example"},
        "notify-board": {"email_address": "b@city.example"},
    }
    for one in recorder.of("AlertPolicy"):
        assert one.inputs["notificationChannels"] == ["notify-cloud", "notify-board"], one.name
        assert {"managed-by", "city", "environment", "part", "importance"} <= {*one.inputs["userLabels"]}
        assert one.inputs["severity"] in {"CRITICAL", "ERROR", "WARNING"}
        assert "#" in one.inputs["documentation"]["links"][0]["url"]
        assert "enabled" not in one.inputs


def test_a_stack_has_alerts_for_what_it_declares(city: City) -> None:
    plain = list_alerts(declare_with(city, {}))
    assert {f"{key}-affairs" for key in OF_A_DATABASE | {"backup-failed"}} <= plain
    assert {"balancer-errors", "balancer-latency", "audit-sink-failed", "certificate-expiry"} <= plain
    # It has no vault, restore tests, copies of files, nor a way to the internet.
    absent = {"vault-backup-failed", "restore-test", "file-copies-failed", "nat-ports"}
    assert not [one for one in plain for key in absent if one.startswith(key)]

    more = {
        **WITH_RESTORE_TEST,
        "applications/affairs/files/copies": {"region": "osaka"},
    }
    assert list_alerts(declare_with(city, more)) - plain == {
        "restore-test-failed-affairs",
        "restore-test-not-started-affairs",
        "file-copies-failed-affairs",
    }
    vault = {"backup-vault": {"region": "osaka"}, "applications/affairs/database/vault": "attached"}
    with_vault = list_alerts(declare_with(city, vault))
    assert with_vault - plain == {"vault-backup-failed"}
    assert plain - with_vault == {"backup-failed-affairs"}, "in the vault, Cloud SQL makes no backups of its own"


def test_without_a_database_or_services_nobody_is_woken_for_them(city: City) -> None:
    saas = {"kind": "saas", "endpoint": "affairs.vendor.example"}
    recorder = declare_with(
        city,
        {
            "applications/affairs/hosting": saas,
            "applications/affairs/database": REMOVED,
            "applications/affairs/files": REMOVED,
        },
    )
    assert not [one for one in list_alerts(recorder) if one.endswith("-affairs")]
    titles = read_titles(recorder, "en")
    assert not [one for one in titles if "database" in one.lower() or "replica" in one.lower()]
    assert "Instances of Cloud Run" in titles


def read_titles(recorder: Recorder, language: str) -> list[str]:
    (text,) = (one.inputs["dashboardJson"] for one in recorder.of("Dashboard") if one.name == f"dashboard-{language}")
    return [tile["widget"]["title"] for tile in json.loads(text)["mosaicLayout"]["tiles"]]


def test_what_is_lost_or_set_aside_is_not_watched(city: City) -> None:
    lost = declare_with(city, FAILED_OVER)
    assert "replica-lag-affairs" not in list_alerts(lost)
    text = json.dumps(find(lost, "database-down-affairs")["conditions"])
    assert "affairs-osaka-1" in text
    assert "tokyo" not in text
    services = json.dumps(find(lost, "service-errors-affairs")["conditions"])
    assert "affairs-osaka" in services
    assert "affairs-tokyo" not in services

    back = declare_with(
        city, {"applications/affairs/database/operations": [{"failover": "osaka"}, {"rebuild": "tokyo"}]}
    )
    text = json.dumps(find(back, "database-down-affairs")["conditions"])
    assert "affairs-tokyo-2" in text
    assert "affairs-tokyo-1" not in text
    assert "affairs-tokyo-2" in json.dumps(find(back, "replica-lag-affairs")["conditions"])


def test_limits_are_those_of_the_part(city: City) -> None:
    recorder = declare_with(city, {})
    (instances,) = find(recorder, "service-instances-affairs")["conditions"]
    assert instances["conditionThreshold"]["thresholdValue"] == 90
    (connections,) = find(recorder, "database-connections-affairs")["conditions"]
    assert connections["conditionThreshold"]["thresholdValue"] == 640


def test_a_stack_without_the_setting_has_none_of_it(city: City) -> None:
    recorder = declare_with(city, {"monitoring": REMOVED})
    ours: list[Declared] = [one for kind in TYPES for one in recorder.of(kind)]
    assert ours == []


@pytest.mark.parametrize(
    ("path", "value", "line", "words"),
    [
        ("monitoring/notify", {"a": "banana"}, "notify:", "monitoring.notify.a: write an e-mail address"),
        ("monitoring/notify", {"a": "x@y.example\n"}, "notify:", "monitoring.notify.a: write an e-mail address"),
        ("monitoring/notify", {}, "notify:", "monitoring.notify: "),
        ("monitoring/notify", {f"a{n}": "x@y.example" for n in range(17)}, "notify:", "monitoring.notify: "),
        ("monitoring/runbooks", "ftp://x.example", "runbooks:", "monitoring.runbooks: write where runbooks are read"),
        ("monitoring/runbooks", "https://x.example/r/", "runbooks:", "without '/' at the end"),
        ("monitoring/runbooks", REMOVED, "runbooks:", "monitoring.runbooks: required key is missing"),
        ("monitoring/page", "x", "tsunagu:monitoring:", "monitoring.page: unknown key"),
    ],
)
def test_a_wrong_setting_is_refused_with_file_and_line(path: str, value: object, line: str, words: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        changed("production", {path: value})
    lines = file("production").read_text(encoding="utf-8").splitlines()
    at = next(number for number, text in enumerate(lines, start=1) if line in text)
    assert f"Pulumi.production.yaml:{at}: " in str(refused.value)
    assert words in str(refused.value)


def test_the_chain_sends_nothing_to_google_and_the_policies_ask_for_nothing_of_the_citys() -> None:
    """What the README says: were it sent, its alerts would belong here, too."""
    root = file("production").parents[2]
    collector = (root / "monitoring/chain/collector.yaml").read_text(encoding="utf-8")
    assert "google" not in collector
    queries = [one.signal.query.metric for alert in ALERTS for one in alert.conditions]
    assert all(metric.partition("/")[0].endswith(".googleapis.com") for metric in queries)
    assert not [metric for metric in queries if metric.startswith(("prometheus.", "workload."))]
