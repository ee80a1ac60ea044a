"""The registry of what Cloud Monitoring watches: its files are current, its words there, its filters Google's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from controller.messages import LANGUAGES, load_catalogue
from controller.offline_google.models.rules.dashboards import find_dashboard_faults
from controller.offline_google.schema.logs.log_filter import explain_log_filter
from controller.offline_google.schema.metrics.metric_filter import explain_metric_filter
from stacks.cloud_monitoring.filters import write_metric_filter
from stacks.cloud_monitoring.render import FOLDER, main
from stacks.cloud_monitoring.signals import ALERTS, SIGNALS

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"


def test_the_files_are_what_the_registry_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_a_file_that_is_not_current_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stacks.cloud_monitoring.render.FOLDER", tmp_path)
    assert main([]) == 0
    assert {one.name for one in tmp_path.iterdir()} == {one.name for one in FOLDER.iterdir()}
    (tmp_path / "dashboard.ja.json").write_text("{}", encoding="utf-8")
    (tmp_path / "left-over.json").write_text("{}", encoding="utf-8")
    assert main(["--check"]) == 1
    assert "not current: dashboard.ja.json, left-over.json; run python -m" in capsys.readouterr().err
    assert main(["--wrong"]) == 64


def test_every_signal_and_alert_has_its_words_and_nothing_has_two() -> None:
    assert len({one.key for one in SIGNALS}) == len(SIGNALS)
    assert len({one.key for one in ALERTS}) == len(ALERTS)
    titles = {f"signal-{one.key}" for one in SIGNALS}
    said = {f"{one.key}-{part}" for one in ALERTS for part in ("summary", "action")}
    texts = load_catalogue("en").texts
    keys = {key.removeprefix("cloud_monitoring.") for key in texts if key.startswith("cloud_monitoring.")}
    assert keys == {*titles, *said, "title", "about", "description", "runbook"}


def test_every_alert_looks_at_signals_that_are_drawn_or_at_logs() -> None:
    for alert in ALERTS:
        assert bool(alert.conditions) != bool(alert.log_filter), alert.key
        assert all(one.signal in SIGNALS and one.signal.kind == alert.kind for one in alert.conditions), alert.key
        assert all((one.above is None) != (one.below is None) for one in alert.conditions), alert.key


def test_every_filter_is_one_of_googles() -> None:
    queries = [query for one in SIGNALS for query in (one.query, one.of) if query is not None]
    wrong = [explain_metric_filter(write_metric_filter(query, ["a", "b"])) for query in queries]
    wrong += [explain_log_filter(one.log_filter.replace("{names}", '"a" OR "b"')) for one in ALERTS if one.log_filter]
    assert [one for one in wrong if one] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_dashboard_draws_every_signal_and_is_one_of_googles(language: str) -> None:
    document = json.loads((FOLDER / f"dashboard.{language}.json").read_text(encoding="utf-8"))
    assert [*find_dashboard_faults(document)] == []
    charts = [one["widget"]["title"] for one in document["mosaicLayout"]["tiles"] if "xyChart" in one["widget"]]
    assert len(charts) == len({*charts}) == len(SIGNALS)
    japanese = [one for one in charts if re.search("[\u3040-\u30ff\u4e00-\u9fff]", one)]
    assert japanese == (charts if language == "ja" else [])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_runbook_has_a_section_for_every_alert(language: str) -> None:
    page = (RUNBOOKS / language / "cloud.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## ([a-z-]+)$", page, re.MULTILINE)
    assert sections == [one.key for one in ALERTS]
    for alert in ALERTS:
        section = page.partition(f"## {alert.key}\n")[2].partition("\n## ")[0]
        assert alert.severity in section, alert.key
        assert re.search(r"^1\. ", section, re.MULTILINE), alert.key


def test_a_policy_leads_to_its_section_in_both_languages() -> None:
    policies = yaml.safe_load((FOLDER / "alert-policies.yaml").read_text(encoding="utf-8"))["alertPolicies"]
    assert len(policies) == len(ALERTS)
    for policy, alert in zip(policies, ALERTS, strict=True):
        links = [one["url"] for one in policy["documentation"]["links"]]
        assert links == [f"https://monitor.city.example/runbooks/{one}/cloud.md#{alert.key}" for one in LANGUAGES]
        assert policy["severity"] == alert.severity
        japanese, _, english = policy["displayName"].partition(" / ")
        assert re.search("[\u3040-\u30ff]", japanese)
        assert english
