from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from controller.lab.faults import fault_injection
from controller.lab.state import lab_faults
from controller.lab.state.layout import Layout
from controller.messages import LANGUAGES, load_catalogue
from controller.telemetry.registry import LINE_UP, METRICS
from controller.telemetry.traces.phases import ENDPOINT
from monitoring.alerts import rules
from monitoring.alerts.alert_list import COLLECTOR_JOB, MONITOR_JOB, Alert, list_alerts
from monitoring.alerts.recordings import list_recordings
from monitoring.alerts.rules import FILE
from tests.monitoring.feed import Feed, metrics, post
from tests.monitoring.prometheus import program, watching
from tests.monitoring.running import OPERATORS, POLICIES, Running, monitor, until

PATIENCE = 120.0
TESTS, FORGOTTEN = Path(__file__).parent / "alerts_test.yaml", Path(__file__).parent / "forgotten_test.yaml"
CHAIN = Path(__file__).resolve().parents[3] / "monitoring" / "chain"


def test_the_file_of_rules_is_current(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert rules.main(["--check"]) == 0
    monkeypatch.setattr(rules, "FILE", tmp_path / "rules.yaml")
    assert rules.main(["--check"]) == 1
    assert rules.main([]) == 0
    assert (tmp_path / "rules.yaml").read_text(encoding="utf-8") == FILE.read_text(encoding="utf-8")
    (tmp_path / "rules.yaml").write_text("groups: []\n", encoding="utf-8")
    assert rules.main(["--check"]) == 1


def test_rules_use_only_names_of_the_registry() -> None:
    known = {metric.prometheus for metric in METRICS.values()}
    recorded = {recording.name for recording in list_recordings()}
    used: set[str] = set()
    expressions = [*(one.expression for one in list_alerts()), *(one.expression for one in list_recordings())]
    for expression in expressions:
        series = set(re.findall(r"[a-z_]+:[a-z_]+:[a-z]+", expression))
        assert series <= recorded, "a recorded series"
        used |= set(re.findall(r"(?<!:)\btsunagu_[A-Za-z0-9_]+", expression)) - {"tsunagu_"}
    assert used <= known
    assert used >= {LINE_UP.prometheus}


def test_prometheus_accepts_the_rules_and_they_do_what_is_wanted() -> None:
    for words in (["check", "rules", str(FILE)], ["test", "rules", str(TESTS), str(FORGOTTEN)]):
        done = subprocess.run([program("promtool"), *words], capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tried() -> None:
    tried = TESTS.read_text(encoding="utf-8")
    alerts, old_names = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    assert all(rule["record"] in tried for rule in old_names["rules"])
    said = {"summary", "description", "summary_ja", "summary_en", "action_ja", "action_en"}
    for rule in alerts["rules"]:
        if "alert" in rule:
            assert rule["alert"] in tried
            assert set(rule["annotations"]) == {*said, "runbook_url", "dashboard_url"}
            assert set(rule["labels"]) == {"severity", "team"}


def test_what_belongs_to_a_whole_fires_no_earlier_than_the_whole() -> None:
    """So that Alertmanager knows of the whole when it asks whom to tell of the part; each name there is an alert."""
    alerts = {alert.full_name: alert for alert in list_alerts()}
    rules = yaml.safe_load((CHAIN / "alertmanager.yml").read_text(encoding="utf-8"))["inhibit_rules"]
    for rule in rules:
        source, target = (_named(rule[f"{side}_matchers"], alerts) for side in ("source", "target"))
        assert len(source) == 1
        assert source.isdisjoint(target)
        assert all(alerts[part].seconds >= alerts[whole].seconds for whole in source for part in target)


def _named(matchers: list[str], alerts: Mapping[str, Alert]) -> set[str]:
    """The alerts that a matcher names; each that it names is one."""
    [matcher] = matchers
    name, _, pattern = re.sub('["~]', "", matcher).partition("=")
    assert name == "alertname"
    found = {one for one in alerts if re.fullmatch(pattern, one)}
    assert len(found) == len(pattern.split("|"))
    return found


def test_the_shipped_files_of_the_chain_are_taken() -> None:
    for words in (
        ["promtool", "check", "config", str(CHAIN / "prometheus.yml")],
        ["amtool", "check-config", str(CHAIN / "alertmanager.yml")],
    ):
        command = [program(words[0]), *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_jobs_that_the_rules_miss_are_those_of_the_shipped_file() -> None:
    jobs = yaml.safe_load((CHAIN / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    assert {MONITOR_JOB, COLLECTOR_JOB} <= {job["job_name"] for job in jobs}


def test_prometheus_finds_nothing_to_say_about_the_metrics(running: Running, six: Feed) -> None:
    now = time.time()
    post(running.url, metrics([*six.light(now), *six.heavy(now)], now))
    text = running.ask("/metrics")[2]
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
    assert text.count(b"# TYPE") >= 10


@contextmanager
def probing(school: str, state: Path, url: str) -> Iterator[None]:
    """`tsunagu measure --watch` on a school of the lab, sending to a monitor."""
    words = ["measure", "--lab", "--school", school, "--watch", "--state", str(state), "--policies", str(POLICIES)]
    command = [sys.executable, "-c", "from controller.cli.main import main; main()", *words]
    with (
        (state / "watch.log").open("wb") as log,
        subprocess.Popen(command, env={**os.environ, **OPERATORS, ENDPOINT: url}, stdout=log, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=300)


@pytest.fixture
def school(lab: Layout) -> Iterator[str]:
    """The lab's canary; whatever was broken is whole again afterwards."""
    yield lab.schools[0].id
    fault_injection.repair_all_faults()


@pytest.mark.lab
def test_a_line_cut_in_the_lab_fires_an_alert_and_mended_resolves_it(lab: Layout, school: str, tmp_path: Path) -> None:
    with (
        monitor(tmp_path / "monitor.db") as alone,
        watching(tmp_path, f"127.0.0.1:{alone.port}") as watch,
        probing(school, tmp_path, alone.url),
    ):
        up = f"{LINE_UP.prometheus}%20==%201"
        until(lambda: len(watch.samples(up)) == len(lab.school(school).lines), PATIENCE)
        assert watch.firing("TsunaguLineDown") == []

        fault_injection.inject_fault(lab_faults.parse_fault(lab, school, "primary-line"))
        until(lambda: len(watch.firing("TsunaguLineDown")) == 1, PATIENCE)
        [labels] = watch.firing("TsunaguLineDown")
        assert (labels["school"], labels["line"], labels["severity"]) == (school, "primary", "warning")
        [alert] = watch.wait_for("TsunaguLineDown", "firing", PATIENCE)["alerts"]
        for language in LANGUAGES:
            words = load_catalogue(language)
            said = words.say("alerts.line-down-summary", school=school, line=words["alerts.primary"])
            assert alert["annotations"][f"summary_{language}"] == said

        fault_injection.repair_all_faults()
        [alert] = watch.wait_for("TsunaguLineDown", "resolved", PATIENCE)["alerts"]
        assert (alert["labels"]["school"], alert["labels"]["line"]) == (school, "primary")
