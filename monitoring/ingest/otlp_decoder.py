"""How OTLP's protobuf becomes what the monitor keeps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2 as wire
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from controller.telemetry.naming import OVERFLOW
from controller.telemetry.registry import METRICS, EventKind, InstrumentKind, Metric
from monitoring.timeseries.records import (
    OVERFLOWN,
    CumulativeTotal,
    EventRecord,
    GaugeValue,
    MalformedRequest,
    SeriesKey,
    SpanRecord,
    TelemetryBatch,
)

AHEAD_SECONDS = 300
"""How far a sender's clock may be ahead of ours."""
LEVEL = "tsunagu.level"
OUTCOME = "tsunagu.outcome"
_CUMULATIVE = wire.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_KINDS = frozenset(EventKind)

Point = TypeVar("Point", wire.NumberDataPoint, wire.HistogramDataPoint)


LONGEST_TEXT = 500
LONGEST = 64
"""Characters of an attribute's value: the longest id of the city has fewer."""


def decode_request(signal: str, body: bytes) -> TelemetryBatch:
    """The content of a request for one of the three signals.

    Raises:
        MalformedRequest: it is no protobuf message of that signal.
    """
    try:
        return _DECODERS[signal](body)
    except (DecodeError, UnicodeDecodeError):
        message = f"the body is no OTLP protobuf request for {signal}"
        raise MalformedRequest(message) from None


def _metrics(body: bytes) -> TelemetryBatch:
    batch = TelemetryBatch()
    latest = time.time() + AHEAD_SECONDS
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        process = _process(resource.resource)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                known = METRICS.get(metric.name)
                if known is None:
                    batch.refused[f"unknown metric {metric.name[:80]}"] += _size(metric)
                else:
                    _take(batch, known, metric, process, latest)
    return batch


def _take(batch: TelemetryBatch, known: Metric, metric: wire.Metric, process: str, latest: float) -> None:
    match metric.WhichOneof("data"), known.kind:
        case "gauge", InstrumentKind.GAUGE:
            for at, key, point in _points(batch, known, metric.gauge.data_points, latest):
                if math.isfinite(number := _number(point)):
                    batch.values.append(GaugeValue(key, at, number))
                else:
                    batch.refused[f"{known.name} that is no number"] += 1
        case "sum", InstrumentKind.COUNTER if _adds_up(metric.sum):
            for at, key, point in _points(batch, known, metric.sum.data_points, latest):
                _add(batch, CumulativeTotal(key, process, point.start_time_unix_nano, at, _number(point)))
        case "histogram", InstrumentKind.HISTOGRAM if metric.histogram.aggregation_temporality == _CUMULATIVE:
            for at, key, found in _points(batch, known, metric.histogram.data_points, latest):
                counts = tuple(found.bucket_counts)
                if tuple(found.explicit_bounds) == known.boundaries and len(counts) == len(known.boundaries) + 1:
                    _add(batch, CumulativeTotal(key, process, found.start_time_unix_nano, at, found.sum, counts))
                else:
                    batch.refused[f"{known.name} with other boundaries"] += 1
        case _:
            batch.refused[f"{known.name} that is no cumulative {known.kind}"] += _size(metric)


def _add(batch: TelemetryBatch, total: CumulativeTotal) -> None:
    """Take a total that began before now and is a number."""
    if total.began / 1e9 <= time.time() + AHEAD_SECONDS and math.isfinite(total.value):
        batch.totals.append(total)
    else:
        batch.refused[f"{total.key[0].name} that is no total"] += 1


def _adds_up(found: wire.Sum) -> bool:
    return found.is_monotonic and found.aggregation_temporality == _CUMULATIVE


def _points(
    batch: TelemetryBatch, known: Metric, points: Iterable[Point], latest: float
) -> Iterator[tuple[float, SeriesKey, Point]]:
    for point in points:
        at = point.time_unix_nano / 1e9
        key = _key(known, point.attributes)
        if key is None:
            batch.refused[f"{known.name} with other attributes"] += 1
        elif not 0 < at <= latest:
            batch.refused["a time that is not now"] += 1
        else:
            yield at, key, point


def _key(metric: Metric, pairs: Iterable[KeyValue]) -> SeriesKey | None:
    found = {pair.key: _text(pair.value) for pair in pairs}
    if found.get(OVERFLOW) == "true":
        return metric, OVERFLOWN
    attributes: list[tuple[str, str]] = []
    for attribute in metric.attributes:
        value = found.pop(attribute.name, "")
        if not value or len(value) > LONGEST or (attribute.values and value not in attribute.values):
            return None
        attributes.append((attribute.name, value))
    return None if found else (metric, tuple(attributes))


def _number(point: wire.NumberDataPoint) -> float:
    return point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)


def _size(metric: wire.Metric) -> int:
    which = metric.WhichOneof("data")
    return len(getattr(metric, which).data_points) if which else 0


def _traces(body: bytes) -> TelemetryBatch:
    batch = TelemetryBatch()
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = _texts(span.attributes)
                if LEVEL in attributes:
                    batch.spans.append(_span(span, attributes))
                else:
                    batch.refused[f"a span without {LEVEL}"] += 1
    return batch


def _span(span: Span, attributes: dict[str, str]) -> SpanRecord:
    level = attributes.pop(LEVEL)
    return SpanRecord(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        level,
        span.name.removeprefix(f"{level} ")[:LONGEST_TEXT],
        span.start_time_unix_nano / 1e9,
        span.end_time_unix_nano / 1e9,
        attributes.pop(OUTCOME, ""),
        span.status.message[:LONGEST_TEXT] if span.status.code == Status.STATUS_CODE_ERROR else "",
        _ours(attributes),
    )


def _logs(body: bytes) -> TelemetryBatch:
    batch = TelemetryBatch()
    for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                attributes = _texts(record.attributes)
                kind = attributes.get("event", "")
                if kind not in _KINDS:
                    batch.refused["a record whose event is none of ours"] += 1
                elif kind == EventKind.SPAN_STARTED:
                    batch.spans.append(_begun(record, attributes))
                else:
                    at = min((record.time_unix_nano or record.observed_time_unix_nano) / 1e9, time.time())
                    place = attributes.get("school", "")[:LONGEST], attributes.get("line", "")[:LONGEST]
                    batch.events.append(EventRecord(at, kind, *place, _text(record.body)[:LONGEST_TEXT]))
    return batch


def _begun(record: LogRecord, attributes: dict[str, str]) -> SpanRecord:
    level = attributes.pop(LEVEL, "")
    return SpanRecord(
        record.trace_id.hex(),
        record.span_id.hex(),
        attributes.pop("parent", ""),
        level,
        _text(record.body).removeprefix(f"{level} ")[:LONGEST_TEXT],
        record.time_unix_nano / 1e9,
        attributes=_ours(attributes),
    )


def _ours(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix("tsunagu."): value for name, value in attributes.items() if name.startswith("tsunagu.")}


def _process(resource: Resource) -> str:
    found = _texts(resource.attributes)
    return (found.get("service.instance.id") or found.get("service.name", ""))[:LONGEST]


def _texts(pairs: Iterable[KeyValue]) -> dict[str, str]:
    return {pair.key: _text(pair.value) for pair in pairs}


def _text(value: AnyValue) -> str:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return str(value.bool_value).lower()
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return str(value.double_value)
        case _:
            return ""


_DECODERS: Mapping[str, Callable[[bytes], TelemetryBatch]] = {"metrics": _metrics, "traces": _traces, "logs": _logs}
