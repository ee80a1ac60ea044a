"""The dashboards for Grafana, made by its foundation SDK from the list of panels and the message catalogue.

python -m monitoring.dashboards.grafana          writes monitoring/dashboards/grafana/*.json
python -m monitoring.dashboards.grafana --check  fails when a file is not what would be written

A team imports a file (Dashboards, New, Import) and chooses its Prometheus as the data source.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from controller.messages import LANGUAGES, Language, load_catalogue
from controller.model.measurement import Assessment
from controller.telemetry.registry import SCHOOL
from monitoring.alerts.recordings import SERVED
from monitoring.dashboards.panels import Dashboard, Panel, list_dashboards

FOLDER = Path(__file__).parent / "grafana"
_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
_BUILDERS: Mapping[str, Any] = {
    "stat": stat.Panel,
    "table": table.Panel,
    "timeseries": timeseries.Panel,
    "state-timeline": statetimeline.Panel,
}
_HEIGHTS = {"stat": 4, "table": 8, "timeseries": 8, "state-timeline": 7}
_GOOD, _BAD, _WARNING, _UNKNOWN = "green", "red", "orange", "text"
_STATES = ((0, _BAD), (1, _GOOD))
_TROUBLES = ((0, _GOOD), (1, _BAD))
_ASSESSMENTS = (
    (Assessment.NOT_MEASURED.number, _UNKNOWN),
    (Assessment.BELOW.number, _WARNING),
    (Assessment.WITHIN_ERROR.number, _WARNING),
    (Assessment.MEETS.number, _GOOD),
)


def render_dashboards() -> dict[str, str]:
    """Every file by its name."""
    return {
        f"{one.key}.{language}.json": render_dashboard(one, language)
        for one in list_dashboards()
        for language in LANGUAGES
    }


def render_dashboard(shown: Dashboard, language: Language) -> str:
    """The JSON of a dashboard in a language."""
    words = load_catalogue(language)
    built = (
        dashboard.Dashboard(words[f"dashboards.{shown.key}"])
        .uid(f"tsunagu-{shown.key}-{language}")
        .description(words[f"dashboards.{shown.key}-description"])
        .tags(["tsunagu"])
        .time("now-6h", "now")
        .refresh("30s")
        .with_variable(
            dashboard.DatasourceVariable("source").type("prometheus").label(words["dashboards.source-label"])
        )
    )
    if shown.by_school:
        built = built.with_variable(
            dashboard.QueryVariable(SCHOOL.name)
            .label(words["dashboards.school-label"])
            .datasource(_SOURCE)
            .query(f"label_values({SERVED}, {SCHOOL.name})")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
        )
    for panel in shown.panels:
        built = built.with_panel(_build_panel(panel, language))
    document = json.loads(JSONEncoder().encode(built.build()))
    _drop_unknown(document)
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _drop_unknown(document: dict[str, Any]) -> None:
    """Take away what the SDK writes and Grafana's schema has not (`python -m tools.check_dashboards` found each)."""
    for variable in document["templating"]["list"]:
        for name in ("auto", "auto_count", "auto_min"):
            variable.pop(name, None)
    for panel in document["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)


def _build_panel(panel: Panel, language: Language) -> Any:  # noqa: ANN401 the SDK's builders have no common type
    words = load_catalogue(language)
    built = (
        _BUILDERS[panel.kind]()
        .title(words[f"dashboards.{panel.key}"])
        .unit(panel.unit)
        .datasource(_SOURCE)
        .span(panel.width)
        .height(_HEIGHTS[panel.kind])
    )
    for number, query in enumerate(panel.queries):
        asked = prometheus.Dataquery().expr(query.expression).ref_id(chr(ord("A") + number))
        if query.legend:
            asked = asked.legend_format(query.legend)
        if panel.kind == "table":
            asked = asked.format(PromQueryFormat.TABLE)
        built = built.with_target(asked.instant() if panel.kind in {"stat", "table"} else asked.range())
    if panel.kind == "state-timeline":
        built = built.mappings([_map_states(panel, language)])
    elif panel.bad_from is not None:
        steps = [Threshold(color=_GOOD), Threshold(value=panel.bad_from, color=_BAD)]
        built = built.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return built


def _map_states(panel: Panel, language: Language) -> ValueMap:
    """Words and colours of the numbers of a state; not by colour alone."""
    words = load_catalogue(language)
    kind = "state"
    colours: tuple[tuple[int, str], ...] = _STATES
    if panel.key == "assessment":
        kind, colours = "assessment", _ASSESSMENTS
    elif panel.bad_from is not None:
        colours = _TROUBLES
    return ValueMap(
        options={
            str(number): ValueMappingResult(text=words[f"dashboards.{kind}-{number}"], color=colour, index=number)
            for number, colour in colours
        }
    )


def main(words: list[str]) -> int:
    """Write the files, or say which are not current: 0 when all are, 1 when not."""
    wanted = render_dashboards()
    if words == ["--check"]:
        there = {one.name: one.read_text(encoding="utf-8") for one in FOLDER.glob("*.json")}
        old = sorted({name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)})
        if old:
            sys.stderr.write(f"not current: {', '.join(old)}; run python -m monitoring.dashboards.grafana\n")
        return 1 if old else 0
    if words:
        sys.stderr.write("usage: python -m monitoring.dashboards.grafana [--check]\n")
        return 64
    FOLDER.mkdir(exist_ok=True)
    for old_file in FOLDER.glob("*.json"):
        old_file.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
