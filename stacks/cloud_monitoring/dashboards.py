"""The signals of the registry as a dashboard of Cloud Monitoring, one for each language.

It shows what the stack declares, the whole project's: a chart of a signal tells its parts apart by Google's labels. A
line across a chart is where an alert begins, unless that depends on the part.
"""

from __future__ import annotations

from typing import Any

from controller.messages import Language, load_catalogue
from stacks.cloud_monitoring.filters import build_aggregation, write_metric_filter
from stacks.cloud_monitoring.parts import Parts
from stacks.cloud_monitoring.signals import ALERTS, SIGNALS, Query, Signal

COLUMNS, WIDTH, HEIGHT, HEAD = 48, 24, 16, 8
"""Of the grid: a tile is half as wide as the page; the first one, with text, is as wide as it and lower."""


def build_dashboard(parts: Parts, stack: str, language: Language) -> dict[str, Any]:
    """Return the dashboard of a stack's parts, in the words of Google's API."""
    words = load_catalogue(language)
    shown = [signal for signal in SIGNALS if signal.kind in parts]
    text = {"content": words["cloud_monitoring.description"], "format": "MARKDOWN"}
    tiles = [_place(0, 0, COLUMNS, HEAD, {"title": words["cloud_monitoring.about"], "text": text})]
    for number, signal in enumerate(shown):
        row, column = divmod(number, COLUMNS // WIDTH)
        widget = {
            "title": words[f"cloud_monitoring.signal-{signal.key}"],
            "xyChart": _build_chart(signal),
        }
        tiles.append(_place(column * WIDTH, HEAD + row * HEIGHT, WIDTH, HEIGHT, widget))
    return {
        "displayName": words.say("cloud_monitoring.title", stack=stack),
        "labels": {"tsunagu": ""},
        "mosaicLayout": {"columns": COLUMNS, "tiles": tiles},
    }


def list_thresholds(signal: Signal) -> list[float]:
    """Return where alerts on a signal begin, where that is the same for every part.

    >>> from stacks.cloud_monitoring.signals import INSTANCES, LAG
    >>> list_thresholds(LAG), list_thresholds(INSTANCES)
    ([60], [])
    """
    conditions = [one for alert in ALERTS for one in alert.conditions if one.signal is signal and not one.of_limit]
    values = [one.above if one.above is not None else one.below for one in conditions]
    return [value for value in values if value is not None]


def _place(across: int, down: int, width: int, height: int, widget: dict[str, Any]) -> dict[str, Any]:
    return {"xPos": across, "yPos": down, "width": width, "height": height, "widget": widget}


def _build_chart(signal: Signal) -> dict[str, Any]:
    query: dict[str, Any] = {"unitOverride": signal.unit}
    if signal.of is None:
        query["timeSeriesFilter"] = _ask(signal.query)
    else:
        query["timeSeriesFilterRatio"] = {"numerator": _ask(signal.query), "denominator": _ask(signal.of)}
    return {
        "dataSets": [{"timeSeriesQuery": query, "plotType": "LINE", "targetAxis": "Y1"}],
        "thresholds": [{"value": value, "targetAxis": "Y1"} for value in list_thresholds(signal)],
        "yAxis": {"scale": "LINEAR"},
    }


def _ask(query: Query) -> dict[str, Any]:
    return {"filter": write_metric_filter(query), "aggregation": build_aggregation(query)}
