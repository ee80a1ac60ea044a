from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from threading import Event, Thread

import pytest
import yaml

from controller.messages import catalogue
from controller.telemetry.otlp import ENDPOINT, telemetry
from controller.telemetry.registry import LINE_UP, METRICS
from monitoring import rules
from monitoring.rules import FILE, alerts
from tests.monitoring.feed import Feed, metrics, post
from tests.monitoring.prometheus import program, watching
from tests.monitoring.running import Running, monitor, until

TESTS = Path(__file__).parent / "alerts_test.yaml"


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
    used = [set(re.findall(r"tsunagu_[A-Za-z0-9_]+", alert.expression)) - {"tsunagu_"} for alert in alerts()]
    assert all(names <= known for names in used)
    assert set().union(*used) >= {LINE_UP.prometheus}


def test_prometheus_accepts_the_rules_and_they_do_what_is_wanted() -> None:
    for words in (["check", "rules", str(FILE)], ["test", "rules", str(TESTS)]):
        done = subprocess.run([program("promtool"), *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tried() -> None:
    tried = TESTS.read_text(encoding="utf-8")
    for group in yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            assert rule["alert"] in tried
            assert set(rule["annotations"]) == {"summary_ja", "summary_en", "action_ja", "action_en"}


def test_prometheus_finds_nothing_to_say_about_the_metrics(running: Running, six: Feed) -> None:
    now = time.time()
    post(running.url, metrics([*six.light(now), *six.heavy(now)], now))
    text = running.ask("/metrics")[2]
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False, timeout=60
    )
    complaints = done.stdout.decode() + done.stderr.decode()
    # Mbit/s and milliseconds are no base units; OpenTelemetry's translation says them in the names.
    assert [line for line in complaints.splitlines() if "base unit" not in line] == []


@pytest.mark.lab
def test_a_line_that_goes_down_fires_and_resolves_an_alert_end_to_end(
    six: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = six.schools[0].id
    dead, stop = Event(), Event()

    def probe() -> None:
        with telemetry() as sent:
            while not stop.wait(0.5):
                sent.record(LINE_UP, 0 if dead.is_set() else 1, school=school, line="primary")
                sent.record(LINE_UP, 1, school=school, line="backup")

    probing = Thread(target=probe)
    with monitor(tmp_path / "monitor.db") as alone, watching(tmp_path, f"127.0.0.1:{alone.port}") as watch:
        monkeypatch.setenv(ENDPOINT, alone.url)
        probing.start()
        try:
            until(lambda: len(watch.samples(LINE_UP.prometheus)) == 2, 60)
            assert watch.firing("TsunaguLineDown") == []
            dead.set()
            until(lambda: len(watch.firing("TsunaguLineDown")) == 1, 60)
            [labels] = watch.firing("TsunaguLineDown")
            assert (labels["school"], labels["line"], labels["severity"]) == (school, "primary", "critical")
            message = watch.told.get(timeout=60)
            assert message["status"] == "firing"
            assert message["alerts"][0]["annotations"]["summary_ja"] == catalogue("ja").say(
                "alerts.line-down-summary", school=school, line=catalogue("ja")["alerts.primary"]
            )
            assert message["alerts"][0]["annotations"]["summary_en"] == f"{school}: the primary line does not answer"
            dead.clear()
            while message["status"] != "resolved":
                message = watch.told.get(timeout=60)
            assert message["alerts"][0]["labels"]["line"] == "primary"
        finally:
            stop.set()
            probing.join()
