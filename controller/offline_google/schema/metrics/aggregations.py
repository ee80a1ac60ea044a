"""How the series of a metric are aligned and put together: which of it fits which metric.

Source: the reference of `Aggregation`, `Aligner` and `Reducer` (for which kinds and values each is valid; an alignment
of 60 seconds or more, of at most 90,000 in alert policies and of 104 weeks in charts; no reducer without an aligner).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controller.offline_google.schema.metrics.known_metrics import NUMBERS, Kind, MetricFacts, ValueType
from controller.offline_google.schema.metrics.metric_filter import explain_label
from controller.offline_google.schema.pulumi_values import UNKNOWN, Value

SHORTEST, LONGEST_OF_ALERTS, LONGEST_OF_CHARTS = 60, 90_000, 104 * 7 * 86_400
_BOTH: frozenset[Kind] = frozenset({"GAUGE", "DELTA"})
_GAUGE: frozenset[Kind] = frozenset({"GAUGE"})
_DELTA: frozenset[Kind] = frozenset({"DELTA"})
_DISTRIBUTION: frozenset[ValueType] = frozenset({"DISTRIBUTION"})
_TRUTH: frozenset[ValueType] = frozenset({"BOOL"})
_SUMMED = NUMBERS | _DISTRIBUTION
_ANY = _SUMMED | _TRUTH
_SAME = ""
_PERCENTILES = ("05", "50", "95", "99")
ALIGNERS: Mapping[str, tuple[frozenset[Kind], frozenset[ValueType], str]] = {
    "ALIGN_DELTA": (_DELTA, _SUMMED, _SAME),
    "ALIGN_RATE": (_DELTA, NUMBERS, "DOUBLE"),
    "ALIGN_INTERPOLATE": (_GAUGE, NUMBERS, _SAME),
    "ALIGN_NEXT_OLDER": (_GAUGE, _ANY, _SAME),
    **dict.fromkeys(("ALIGN_MIN", "ALIGN_MAX"), (_BOTH, NUMBERS, _SAME)),
    **dict.fromkeys(("ALIGN_MEAN", "ALIGN_STDDEV", "ALIGN_PERCENT_CHANGE"), (_BOTH, NUMBERS, "DOUBLE")),
    "ALIGN_COUNT": (_BOTH, NUMBERS | _TRUTH, "INT64"),
    "ALIGN_SUM": (_BOTH, _SUMMED, _SAME),
    **dict.fromkeys(("ALIGN_COUNT_TRUE", "ALIGN_COUNT_FALSE"), (_GAUGE, _TRUTH, "INT64")),
    "ALIGN_FRACTION_TRUE": (_GAUGE, _TRUTH, "DOUBLE"),
    **{f"ALIGN_PERCENTILE_{share}": (_BOTH, _DISTRIBUTION, "DOUBLE") for share in _PERCENTILES},
}
"""Of each: the kinds and the values that it is for, and what the values are afterwards; empty: what they were."""
REDUCERS: Mapping[str, tuple[frozenset[ValueType], str]] = {
    **dict.fromkeys(("REDUCE_MIN", "REDUCE_MAX"), (NUMBERS, _SAME)),
    "REDUCE_SUM": (_SUMMED, _SAME),
    **dict.fromkeys(("REDUCE_MEAN", "REDUCE_STDDEV"), (_SUMMED, "DOUBLE")),
    "REDUCE_COUNT": (_ANY, "INT64"),
    **dict.fromkeys(("REDUCE_COUNT_TRUE", "REDUCE_COUNT_FALSE"), (_TRUTH, "INT64")),
    "REDUCE_FRACTION_TRUE": (_TRUTH, "DOUBLE"),
    **{f"REDUCE_PERCENTILE_{share}": (_SUMMED, "DOUBLE") for share in _PERCENTILES},
}
_NOTHING = frozenset({None, "", "ALIGN_NONE", "REDUCE_NONE", UNKNOWN})
_KEYS = frozenset({"alignmentPeriod", "perSeriesAligner", "crossSeriesReducer", "groupByFields"})


def find_wrong_aggregation(metric: MetricFacts, wanted: Mapping[str, Value], longest: int) -> Iterator[tuple[str, str]]:
    """Yield what Google would not take of an aggregation: a field of it, and why."""
    yield from ((name, "it is not known here") for name in wanted if name not in _KEYS and not name.startswith("__"))
    aligner, reducer = wanted.get("perSeriesAligner"), wanted.get("crossSeriesReducer")
    value: str = metric.value
    if aligner in _NOTHING:
        if reducer not in _NOTHING:
            yield "crossSeriesReducer", f"{reducer} without a perSeriesAligner"
        return
    yield from _check_period(wanted.get("alignmentPeriod"), longest)
    kinds, values, after = ALIGNERS.get(str(aligner), (frozenset(), frozenset(), _SAME))
    if metric.kind not in kinds or metric.value not in values:
        yield "perSeriesAligner", f"{aligner} is not for a metric of the kind {metric.kind} with {metric.value} values"
        return
    value = after or value
    if reducer in _NOTHING:
        if wanted.get("groupByFields"):
            yield "groupByFields", "without a crossSeriesReducer Google ignores them"
    else:
        fitting, _ = REDUCERS.get(str(reducer), (frozenset(), _SAME))
        if value not in fitting:
            yield "crossSeriesReducer", f"{reducer} is not for {value} values, which {aligner} gives"
    for place, field in enumerate(_list(wanted.get("groupByFields"))):
        wrong = explain_label(metric, field) if isinstance(field, str) else ""
        if wrong:
            yield f"groupByFields[{place}]", wrong


def find_aligned_value(metric: MetricFacts, wanted: Mapping[str, Value]) -> str:
    """Return what the values of a metric are once an aggregation is done.

    >>> from controller.offline_google.schema.metrics.known_metrics import KNOWN_METRICS
    >>> latency = KNOWN_METRICS["loadbalancing.googleapis.com/https/total_latencies"]
    >>> find_aligned_value(latency, {"perSeriesAligner": "ALIGN_PERCENTILE_95"})
    'DOUBLE'
    >>> find_aligned_value(latency, {"perSeriesAligner": "ALIGN_DELTA"})
    'DISTRIBUTION'
    """
    aligned = ALIGNERS.get(str(wanted.get("perSeriesAligner")), (_BOTH, _ANY, _SAME))[2] or metric.value
    return REDUCERS.get(str(wanted.get("crossSeriesReducer")), (_ANY, _SAME))[1] or aligned


def _check_period(period: Value, longest: int) -> Iterator[tuple[str, str]]:
    if period is UNKNOWN:
        return
    found = re.fullmatch(r"(\d{1,9})s", str(period))
    if found is None or not SHORTEST <= int(found[1]) <= longest:
        yield "alignmentPeriod", f"{period!r} is not {SHORTEST}s to {longest}s"


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []
