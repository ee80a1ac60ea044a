"""A value of every metric of the registry that somebody may send, as OTLP requests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2

from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    LINE_UP,
    METRICS,
    PATH_UP,
    REGION,
    SCHOOL,
    Attribute,
    InstrumentKind,
    Metric,
)
from tests.monitoring.feed import pairs, point

SCHOOL_ID = "kw-s01"
_OPEN = {SCHOOL: (SCHOOL_ID, "as-e04"), REGION: ("tokyo", "osaka")}
_BEGAN = 60.0
"""Seconds before the first request at which counting began."""


def list_values(attribute: Attribute) -> tuple[str, ...]:
    return attribute.values[:2] or _OPEN[attribute]


def build_requests(moment: float, step: int) -> Iterator[tuple[Metric, ExportMetricsServiceRequest]]:
    """A request for each metric that has a writer; counters rise with each step."""
    for metric in METRICS.values():
        if not metric.writers:
            continue
        request = ExportMetricsServiceRequest()
        made = request.resource_metrics.add().scope_metrics.add().metrics.add(name=metric.name, unit=metric.unit)
        names = [one.name for one in metric.attributes]
        for values in product(*(list_values(one) for one in metric.attributes)):
            add_point(made, metric, dict(zip(names, values, strict=True)), moment, step)
        yield metric, request


def add_point(made: metrics_pb2.Metric, metric: Metric, attributes: dict[str, str], moment: float, step: int) -> None:
    began, at = int((moment - _BEGAN - step) * 1e9), int(moment * 1e9)
    match metric.kind:
        case InstrumentKind.GAUGE:
            made.gauge.data_points.append(point(choose_value(metric, attributes, moment), moment, attributes))
        case InstrumentKind.COUNTER:
            made.sum.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
            made.sum.is_monotonic = True
            made.sum.data_points.add(
                attributes=pairs(attributes), start_time_unix_nano=began, time_unix_nano=at, as_double=10.0 + step
            )
        case InstrumentKind.HISTOGRAM:
            made.histogram.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
            counts = [1 + step] * (len(metric.boundaries) + 1)
            made.histogram.data_points.add(
                attributes=pairs(attributes),
                start_time_unix_nano=began,
                time_unix_nano=at,
                count=sum(counts),
                sum=float(sum(counts)),
                bucket_counts=counts,
                explicit_bounds=metric.boundaries,
            )


def choose_value(metric: Metric, attributes: dict[str, str], moment: float) -> float:
    """A value that is right for it; the backup line is down, so that lists of what is down have something."""
    if metric.moment or metric.deadline:
        return moment
    if metric in {LINE_UP, PATH_UP}:
        return float(attributes["line"] == "primary")
    return 3.0 if metric is BANDWIDTH_ASSESSMENT else 0.5 if metric.unit in {"1", "s"} else 1.0
