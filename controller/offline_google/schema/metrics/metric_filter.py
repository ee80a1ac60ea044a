"""Filters of Cloud Monitoring, as far as they can be judged without series; what is not known here is refused.

Source: "Monitoring filters" (selectors, comparisons, functions); the reference of `MetricThreshold` (at most 2,048
characters, names the metric's type) and of `TimeSeriesFilter`. Comparisons are joined by AND, or by nothing. OR, NOT,
parentheses, groups and metadata the documents have, too: they are not followed here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from controller.offline_google.schema.metrics.known_metrics import KNOWN_METRICS, RESOURCE_LABELS, MetricFacts

LONGEST = 2_048
_STRING = r'"(?:\\.|[^"\\])*"'
_COMPARISON = re.compile(
    rf"""\s*(?P<selector>[A-Za-z_][\w.]*)\s*(?P<operator>!=|=)\s*
    (?:(?P<text>{_STRING})
    |(?P<number>-?\d{{1,18}}(?:\.\d{{1,9}})?)(?![\w.])
    |(?P<function>[a-z_.]+)\s*\(\s*(?P<arguments>{_STRING}(?:\s*,\s*{_STRING})*)\s*\))\s*""",
    re.VERBOSE,
)
_AND = re.compile(r"AND\b")
_LABEL = re.compile(r"(metric|resource)\.labels?\.([A-Za-z_]\w*)")
_FUNCTIONS = {"ends_with": 1, "has_substring": 1, "monitoring.regex.full_match": 1, "one_of": 100, "starts_with": 1}
"""How many texts each takes at most."""
_TYPES = ("metric.type", "resource.type")


class SelectedSeries(NamedTuple):
    """What a filter selects: the metric, if it names one that is known; why it would be refused, else empty."""

    metric: MetricFacts | None
    wrong: str
    names_resource: bool = False


class _RefusedFilter(Exception):
    """The filter is none, or not followed here; the words say why."""


class _Comparison(NamedTuple):
    selector: str
    operator: str
    text: str | None
    function: str | None
    texts: int


def explain_metric_filter(text: str) -> str:
    """Return why Cloud Monitoring would not take a filter, or what of it is not known here; empty where it would.

    >>> explain_metric_filter('metric.type="run.googleapis.com/request_count" AND metric.labels.route="x"')
    ''
    >>> explain_metric_filter('metric.type = "run.googleapis.com/banana_count"')
    "the metric 'run.googleapis.com/banana_count' does not exist, or is not known here"
    """
    return select_series(text).wrong


@lru_cache(maxsize=512)
def select_series(text: str) -> SelectedSeries:
    """Return what a filter selects."""
    try:
        found = _split(text)
        types = _take_types(found)
        metric = _find_metric(types)
    except _RefusedFilter as refused:
        return SelectedSeries(None, str(refused))
    reasons = (explain_label(metric, one.selector) or _explain_function(one) for one in _without_types(found))
    wrong = next(filter(None, reasons), "")
    return SelectedSeries(metric, wrong, names_resource="resource.type" in types)


def _without_types(found: list[_Comparison]) -> list[_Comparison]:
    return [one for one in found if one.selector not in _TYPES]


def _take_types(found: list[_Comparison]) -> dict[str, str]:
    types: dict[str, str] = {}
    for one in found:
        if one.selector in _TYPES:
            if one.operator != "=" or one.text is None or one.selector in types:
                message = f"{one.selector} is compared once, by '=', with one text"
                raise _RefusedFilter(message)
            types[one.selector] = one.text
    return types


def _find_metric(types: dict[str, str]) -> MetricFacts:
    name = types.get("metric.type")
    metric = KNOWN_METRICS.get(name or "")
    if metric is None:
        message = f"the metric {name!r} does not exist, or is not known here" if name else "it names no metric.type"
        raise _RefusedFilter(message)
    resource = types.get("resource.type", metric.resource)
    if resource != metric.resource:
        message = f"{name} is a metric of {metric.resource}, not of {resource!r}"
        raise _RefusedFilter(message)
    return metric


def explain_label(metric: MetricFacts, selector: str) -> str:
    """Return why a selector is no label of a metric's series; empty where it is one.

    >>> explain_label(KNOWN_METRICS["run.googleapis.com/request_count"], "resource.label.zone")
    "'resource.label.zone' is no label of a cloud_run_revision"
    """
    found = _LABEL.fullmatch(selector)
    if found is None:
        return f"{selector!r} is not followed here: metric.type, resource.type, metric.labels.X, resource.labels.X are"
    known, whose = (metric.labels, "this metric") if found[1] == "metric" else _find_resource_labels(metric)
    return "" if found[2] in known else f"{selector!r} is no label of {whose}"


def _find_resource_labels(metric: MetricFacts) -> tuple[frozenset[str], str]:
    return RESOURCE_LABELS[metric.resource], f"a {metric.resource}"


def _explain_function(one: _Comparison) -> str:
    if one.function is None:
        return ""
    most = _FUNCTIONS.get(one.function)
    if most is None:
        return f"{one.function}() is no function that is known here"
    return f"{one.function}() has {one.texts} texts; {most} is the most" if one.texts > most else ""


def _split(text: str) -> list[_Comparison]:
    """The comparisons of a filter."""
    if len(text) > LONGEST:
        message = f"it has {len(text)} characters; {LONGEST} is the most"
        raise _RefusedFilter(message)
    found: list[_Comparison] = []
    place = 0
    while text[place:].strip():
        joint = _AND.match(text, place)
        if joint is not None and found:
            place = joint.end()
        one = _COMPARISON.match(text, place)
        if one is None:
            message = f"what stands at character {place + 1} is no comparison that is followed here"
            raise _RefusedFilter(message)
        texts = len(re.findall(_STRING, one["arguments"] or ""))
        plain = None if one["text"] is None else one["text"][1:-1]
        found.append(_Comparison(one["selector"], one["operator"], plain, one["function"], texts))
        place = one.end()
    return found
