"""The dashboards: current, of Grafana's own types, with every metric on a panel, and every panel has an answer."""

from __future__ import annotations

import json
import math
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from controller.telemetry.registry import METRICS, InstrumentKind
from monitoring.alerts.recordings import HEARD, KEPT, REACHED, name_kept
from monitoring.dashboards import grafana
from monitoring.dashboards.panels import SCHOOL_VARIABLE, list_dashboards
from tests.missing_parts import skip_without
from tests.monitoring.dashboards.every_metric import SCHOOL_ID, build_requests
from tests.monitoring.feed import post
from tests.monitoring.prometheus import Watch, program, watching
from tests.monitoring.running import monitor, until
from tools import check_dashboards

QUERIES = [
    (shown.key, panel.key, query.expression)
    for shown in list_dashboards()
    for panel in shown.panels
    for query in panel.queries
]
STEP_SECONDS = 1.2
ANSWER_SECONDS = 60.0


def test_the_committed_files_are_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grafana.main(["--check"]) == 0
    assert grafana.main(["--chek"]) == 64
    monkeypatch.setattr(grafana, "FOLDER", tmp_path / "grafana")
    assert grafana.main(["--check"]) == 1
    assert grafana.main([]) == 0
    (tmp_path / "grafana/stray.json").write_text("{}", encoding="utf-8")
    assert grafana.main(["--check"]) == 1


def test_every_metric_of_the_registry_is_on_a_panel() -> None:
    asked = " ".join(expression for _, _, expression in QUERIES)
    kept = {name_kept(one): one.prometheus for one in KEPT}
    shown = {one for one in METRICS.values() if one.prometheus in asked}
    assert {name for name in METRICS if METRICS[name] not in shown} == set()
    assert set(kept) - {name for name in kept if name in asked} == {name_kept(METRICS["tsunagu.device.unconfirmed"])}


def test_titles_are_told_apart_and_ids_are_the_same_in_each_build() -> None:
    for name, text in grafana.render_dashboards().items():
        document = json.loads(text)
        titles = [panel["title"] for panel in document["panels"]]
        assert len(titles) == len(set(titles)), name
        assert document["uid"] == f"tsunagu-{name.removesuffix('.json').replace('.', '-')}"
        assert all(panel["datasource"]["uid"] == "${source}" for panel in document["panels"])


@skip_without(
    "the TypeScript compiler or Grafana's types are not installed: make check installs them",
    there=not check_dashboards.find_missing(),
)
def test_grafana_s_types_refuse_what_is_planted() -> None:
    [name, *_] = files = grafana.render_dashboards()
    wrong: dict[str, Any] = json.loads(files[name])
    assert check_dashboards.check_dashboards(files) == ""
    wrong["panels"][0]["options"]["colourMode"] = "value"
    wrong["templating"]["list"][0]["refresh"] = "often"
    wrong["panels"][1]["gridPos"].pop("w")
    said = check_dashboards.check_dashboards({name: json.dumps(wrong)})
    assert ("colourMode" in said, "VariableRefresh" in said, "'w' is missing" in said) == (True, True, True), said


def test_an_installation_without_grafana_s_types_is_named_before_the_compiler_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The compiler alone said "cannot find module" of a file that nobody knows."""
    (tmp_path / "node_modules/.bin").mkdir(parents=True)
    (tmp_path / "node_modules/.bin/tsc").touch()
    monkeypatch.setattr(check_dashboards, "PAGE_CHECK", tmp_path)
    assert check_dashboards.main() == 1
    assert "node_modules/@grafana/schema: is not there; run npm ci" in capsys.readouterr().err


def test_without_the_compiler_the_check_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_dashboards, "PAGE_CHECK", tmp_path)
    assert check_dashboards.main() == 1
    assert "run npm ci --ignore-scripts in tools/page_check" in capsys.readouterr().err


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 what it yields is typed where it is used
    """A real Prometheus that scrapes a monitor which was told every metric, with the project's rules."""
    folder = tmp_path_factory.mktemp("dashboards")
    with monitor(folder / "monitor.db") as started, watching(folder, f"127.0.0.1:{started.port}") as watch:
        begun = time.monotonic()
        for step in range(3):
            until(lambda: time.monotonic() >= begun + step * STEP_SECONDS, ANSWER_SECONDS)  # noqa: B023 called at once
            for _, request in build_requests(time.time(), step):
                post(started.url, request)
        yield watch


@pytest.mark.parametrize(("shown", "panel", "expression"), QUERIES)
def test_every_panel_s_query_has_finite_answers(watched: Watch, shown: str, panel: str, expression: str) -> None:
    asked = quote(expression.replace(SCHOOL_VARIABLE, SCHOOL_ID))
    until(lambda: bool(watched.samples(asked)), ANSWER_SECONDS)
    found = [float(one["value"][1]) for one in watched.samples(asked)]
    assert found, (shown, panel)
    assert all(map(math.isfinite, found)), (shown, panel, found)


def test_the_choice_of_schools_has_them(watched: Watch) -> None:
    document = json.loads(grafana.render_dashboards()["school.ja.json"])
    [variable] = [one for one in document["templating"]["list"] if one["type"] == "query"]
    series = variable["query"].removeprefix("label_values(").partition(",")[0]
    until(lambda: len(watched.samples(quote(series))) == 2, ANSWER_SECONDS)
    assert SCHOOL_ID in {one["metric"]["school"] for one in watched.samples(quote(series))}


FIGURES = {
    panel.key: panel.queries[0].expression for shown in list_dashboards() for panel in shown.panels if panel.bad_from
}
UP, SLOW, FLAPPING = (name_kept(METRICS[f"tsunagu.line.{one}"]) for one in ("up", "slow", "flapping"))
LOST, FAULT = (name_kept(METRICS[f"tsunagu.{one}"]) for one in ("rollout.lost", "monitor.store.fault"))
SCHOOL, LINE = '{school="as-e04"}', '{school="as-e04", line="primary"}'


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ({}, {}),
        ({f"{UP}{LINE}": 1, f"{REACHED}{SCHOOL}": 1}, {"lines-down": 0, "cut-off": 0}),
        ({f"{UP}{LINE}": 0, f"{REACHED}{SCHOOL}": 0}, {"lines-down": 1, "cut-off": 1}),
        ({f"{SLOW}{LINE}": 0, f"{FLAPPING}{LINE}": 0}, {"slow-or-flapping": 0}),
        ({f"{SLOW}{LINE}": 0, f"{FLAPPING}{LINE}": 1}, {"slow-or-flapping": 1}),
        ({f"{SLOW}{LINE}": 1, f"{FLAPPING}{LINE}": 0}, {"slow-or-flapping": 1}),
        ({f"{HEARD}{SCHOOL}": 0}, {"silent": 1}),
        ({FAULT: 0}, {"rollouts-lost": 0}),
        ({FAULT: 0, LOST: 2}, {"rollouts-lost": 2}),
    ],
)
def test_a_figure_is_of_what_is_known_and_where_nothing_is_known_there_is_none(
    series: dict[str, int], expected: dict[str, int], tmp_path: Path
) -> None:
    """A panel whose 0 is green says nothing where nobody has said anything."""
    asked = {key: FIGURES[key] for key in ("lines-down", "cut-off", "slow-or-flapping", "silent", "rollouts-lost")}
    test = {
        "interval": "5s",
        "input_series": [{"series": name, "values": f"{value}x120"} for name, value in series.items()],
        "promql_expr_test": [
            {
                "expr": f"sum({expression})",
                "eval_time": "10m",
                "exp_samples": [{"labels": "{}", "value": expected[key]}] if key in expected else [],
            }
            for key, expression in asked.items()
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"tests": [test]}), encoding="utf-8")
    words = [program("promtool"), "test", "rules", str(tmp_path / "test.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_kind_of_instrument_was_sent() -> None:
    assert {metric.kind for metric, _ in build_requests(1e9, 0)} == set(InstrumentKind)
