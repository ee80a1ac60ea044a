"""What Cloud Monitoring refuses of a dashboard's JSON; a layout or a widget that is not known here is refused, too.

Source: the reference of `Dashboard` (a name, one layout; `MosaicLayout`: 1 to 48 columns, tiles within them that cover
one another nowhere; `XyChart`, `Scorecard`, `Text`, `TimeSeriesFilter`, `TimeSeriesFilterRatio`, `Threshold`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known
from controller.offline_google.schema.metrics.aggregations import LONGEST_OF_CHARTS, find_wrong_aggregation
from controller.offline_google.schema.metrics.metric_filter import select_series
from controller.offline_google.schema.pulumi_values import Value

DASHBOARDS = "https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards"
FIELD = "dashboardJson"
MOST_COLUMNS = 48
LONGEST_LABEL = 63
_LAYOUTS = ("gridLayout", "mosaicLayout", "rowLayout", "columnLayout")
_PLACES = ("xPos", "yPos", "width", "height")
_PLOTS = ("LINE", "STACKED_AREA", "STACKED_BAR", "HEATMAP")
_COLOURS = ("GREY", "BLUE", "GREEN", "YELLOW", "ORANGE", "RED")
Wrong = Iterator[tuple[str, str]]


def _check_dashboard(values: Values) -> Complaints:
    text = find_known(values, FIELD)
    if not isinstance(text, str):
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        yield FIELD, "it is no JSON"
        return
    for place, why in find_dashboard_faults(document):
        yield FIELD, f"{place}: {why}"


def find_dashboard_faults(document: Value) -> Wrong:
    """Yield what is wrong with a dashboard: where, and why.

    >>> [*find_dashboard_faults({"displayName": "city", "mosaicLayout": {"columns": 60, "tiles": []}})]
    [('mosaicLayout.columns', '60 is not 1 to 48')]
    """
    if not isinstance(document, Mapping):
        yield "the document", "it is no object"
        return
    yield from _check_keys("the document", document, ("displayName", "labels", *_LAYOUTS))
    if not isinstance(document.get("displayName"), str) or not document["displayName"]:
        yield "displayName", "it is needed"
    yield from _check_labels(document.get("labels", {}))
    layouts = [name for name in _LAYOUTS if name in document]
    if layouts != ["mosaicLayout"]:
        yield "the document", f"it has {', '.join(layouts) or 'no layout'}; one mosaicLayout is known here"
        return
    yield from _check_mosaic(document["mosaicLayout"])


def _check_labels(labels: Value) -> Wrong:
    fits = isinstance(labels, Mapping) and all(
        isinstance(one, str) and len(one) <= LONGEST_LABEL for pair in labels.items() for one in pair
    )
    if not fits:
        yield "labels", f"keys and values are texts of {LONGEST_LABEL} characters at most"


def _check_mosaic(layout: Value) -> Wrong:
    where = "mosaicLayout"
    if not isinstance(layout, Mapping):
        yield where, "it is no object"
        return
    yield from _check_keys(where, layout, ("columns", "tiles"))
    columns: Value = layout.get("columns")
    if not _is_count(columns) or not 1 <= columns <= MOST_COLUMNS:
        yield f"{where}.columns", f"{columns!r} is not 1 to {MOST_COLUMNS}"
        return
    tiles = layout.get("tiles")
    if not isinstance(tiles, list):
        yield f"{where}.tiles", "it is no list"
        return
    areas: list[tuple[str, tuple[int, int, int, int]]] = []
    for number, tile in enumerate(tiles):
        here = f"{where}.tiles[{number}]"
        area = _find_area(tile, columns)
        if area is None:
            yield here, f"xPos, yPos, width and height are whole numbers, the tile is within {columns} columns"
            continue
        areas.append((here, area))
        yield from _check_keys(here, tile, (*_PLACES, "widget"))
        yield from _check_widget(f"{here}.widget", tile.get("widget"))
    for (first, one), (second, other) in combinations(areas, 2):
        if _overlap(one, other):
            yield second, f"it covers a part of {first}"


def _find_area(tile: Value, columns: int) -> tuple[int, int, int, int] | None:
    """The place of a tile: from where to where, across and down; None where it has none."""
    if not isinstance(tile, Mapping):
        return None
    across, down, width, height = (tile.get(name, 0) for name in _PLACES)
    if not all(_is_count(one) for one in (across, down, width, height)) or not width or not height:
        return None
    return None if across + width > columns else (across, down, across + width, down + height)


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _check_widget(where: str, widget: Value) -> Wrong:
    if not isinstance(widget, Mapping):
        yield where, "it is no object"
        return
    yield from _check_keys(where, widget, ("title", *_WIDGETS))
    kinds = [name for name in _WIDGETS if name in widget]
    if len(kinds) != 1:
        yield where, f"it is exactly one of {', '.join(_WIDGETS)}"
        return
    content = widget[kinds[0]]
    if isinstance(content, Mapping):
        yield from _WIDGETS[kinds[0]](f"{where}.{kinds[0]}", content)
    else:
        yield f"{where}.{kinds[0]}", "it is no object"


def _check_chart(where: str, chart: Values) -> Wrong:
    yield from _check_keys(where, chart, ("dataSets", "thresholds", "yAxis", "chartOptions"))
    sets = chart.get("dataSets")
    if not isinstance(sets, list) or not sets:
        yield f"{where}.dataSets", "there is none"
        return
    for number, one in enumerate(sets):
        here = f"{where}.dataSets[{number}]"
        if not isinstance(one, Mapping):
            yield here, "it is no object"
            continue
        yield from _check_keys(here, one, ("timeSeriesQuery", "plotType", "targetAxis", "legendTemplate"))
        yield from _check_word(f"{here}.plotType", one.get("plotType"), _PLOTS)
        yield from _check_word(f"{here}.targetAxis", one.get("targetAxis", "Y1"), ("Y1", "Y2"))
        yield from _check_query(f"{here}.timeSeriesQuery", one.get("timeSeriesQuery"))
    yield from _check_axis(f"{where}.yAxis", chart.get("yAxis", {}))
    options = chart.get("chartOptions", {})
    mode = options.get("mode", "COLOR") if isinstance(options, Mapping) else None
    yield from _check_word(f"{where}.chartOptions.mode", mode, ("COLOR", "X_RAY", "STATS"))
    yield from _check_thresholds(f"{where}.thresholds", chart.get("thresholds", []), ("value", "label", "targetAxis"))


def _check_axis(where: str, axis: Value) -> Wrong:
    if not isinstance(axis, Mapping):
        yield where, "it is no object"
        return
    yield from _check_keys(where, axis, ("label", "scale"))
    yield from _check_word(f"{where}.scale", axis.get("scale", "LINEAR"), ("LINEAR", "LOG10"))


def _check_scorecard(where: str, card: Values) -> Wrong:
    yield from _check_keys(where, card, ("timeSeriesQuery", "thresholds"))
    yield from _check_query(f"{where}.timeSeriesQuery", card.get("timeSeriesQuery"))
    known = ("value", "label", "color", "direction")
    yield from _check_thresholds(f"{where}.thresholds", card.get("thresholds", []), known)


def _check_thresholds(where: str, thresholds: Value, known: Sequence[str]) -> Wrong:
    """A chart's have no colour and no direction; a scorecard's need both."""
    if not isinstance(thresholds, list):
        yield where, "it is no list"
        return
    for number, one in enumerate(thresholds):
        here = f"{where}[{number}]"
        if not isinstance(one, Mapping) or not isinstance(one.get("value"), int | float):
            yield here, "it has no value"
            continue
        yield from _check_keys(here, one, known)
        if "color" in known:
            yield from _check_word(f"{here}.color", one.get("color"), _COLOURS)
            yield from _check_word(f"{here}.direction", one.get("direction"), ("ABOVE", "BELOW"))


def _check_text(where: str, text: Values) -> Wrong:
    yield from _check_keys(where, text, ("content", "format"))
    if not isinstance(text.get("content"), str):
        yield f"{where}.content", "it is no text"
    yield from _check_word(f"{where}.format", text.get("format", "MARKDOWN"), ("MARKDOWN", "RAW"))


def _check_query(where: str, query: Value) -> Wrong:
    sources = ("timeSeriesFilter", "timeSeriesFilterRatio")
    if not isinstance(query, Mapping):
        yield where, "it is needed"
        return
    yield from _check_keys(where, query, (*sources, "unitOverride"))
    kinds = [name for name in sources if name in query]
    if len(kinds) != 1:
        yield where, f"it has exactly one of {', '.join(sources)}"
        return
    asked = query[kinds[0]]
    if kinds[0] == "timeSeriesFilter":
        yield from _check_series(f"{where}.{kinds[0]}", asked)
        return
    for part in ("numerator", "denominator"):
        yield from _check_series(f"{where}.{kinds[0]}.{part}", asked.get(part) if isinstance(asked, Mapping) else None)


def _check_series(where: str, asked: Value) -> Wrong:
    if not isinstance(asked, Mapping):
        yield where, "it is needed"
        return
    yield from _check_keys(where, asked, ("filter", "aggregation"))
    selected = select_series(str(asked.get("filter", "")))
    if selected.wrong:
        yield f"{where}.filter", selected.wrong
    aggregation = asked.get("aggregation", {})
    if not isinstance(aggregation, Mapping):
        yield f"{where}.aggregation", "it is no object"
    elif selected.metric is not None:
        wrong = find_wrong_aggregation(selected.metric, aggregation, LONGEST_OF_CHARTS)
        yield from ((f"{where}.aggregation.{field}", why) for field, why in wrong)


def _check_keys(where: str, found: Values, known: Sequence[str]) -> Wrong:
    yield from ((where, f"{name!r} is not known here") for name in found if name not in known)


def _check_word(where: str, word: Value, known: Sequence[str]) -> Wrong:
    if word not in known:
        yield where, f"{word!r} is none of {', '.join(known)}"


def _is_count(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_WIDGETS: Mapping[str, Callable[[str, Values], Wrong]] = {
    "xyChart": _check_chart,
    "scorecard": _check_scorecard,
    "text": _check_text,
}
DASHBOARD = Rule(DASHBOARDS, _check_dashboard)
