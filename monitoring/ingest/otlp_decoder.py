"""How OTLP's protobuf becomes what the monitor keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as wire
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from controller.telemetry.deprecated_names import DEPRECATED_NAMES, DeprecatedName
from controller.telemetry.naming import OVERFLOW
from controller.telemetry.registry import METRICS, SCHOOL, InstrumentKind, Metric
from monitoring.ingest.arrival import NOT_NOW, Arrival, clean_text
from monitoring.ingest.attributes import read_texts
from monitoring.ingest.span_decoder import decode_logs, decode_traces
from monitoring.ingest.wire_scan import refuse_many_messages
from monitoring.limits import AHEAD_SECONDS, LARGEST_NUMBER, LONGEST_NAME, MOST_ITEMS, MOST_MESSAGES
from monitoring.timeseries.records import (
    OVERFLOWN,
    CumulativeTotal,
    GaugeValue,
    MalformedRequest,
    SeriesKey,
    TelemetryBatch,
)

_CUMULATIVE = wire.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_LARGEST_COUNT = 2**53
_LONGEST_UNIT = 20

Point = TypeVar("Point", wire.NumberDataPoint, wire.HistogramDataPoint)


def decode_request(signal: str, body: bytes, arrival: Arrival) -> TelemetryBatch:
    """The content of a request for one of the three signals.

    Raises:
        MalformedRequest: it is no protobuf message of that signal, or holds more than is taken at once.
    """
    decode, kind = _DECODERS[signal]
    refuse_many_messages(body, cast("Descriptor", kind.DESCRIPTOR), MOST_MESSAGES)
    try:
        batch = decode(body, arrival)
    except (DecodeError, UnicodeDecodeError):
        message = f"the body is no OTLP protobuf request for {signal}"
        raise MalformedRequest(message) from None
    if len(batch) > MOST_ITEMS:
        message = f"a request has at most {MOST_ITEMS} data points, spans or records, not {len(batch)}"
        raise MalformedRequest(message)
    return batch


def _metrics(body: bytes, arrival: Arrival) -> TelemetryBatch:
    batch = TelemetryBatch()
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        process = f"{arrival.writer}/{_process(resource.resource)}"
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                old = _find_deprecated(metric)
                known = old.metric if old else METRICS.get(metric.name)
                if known is None:
                    batch.refused["a metric that the registry does not have"] += _size(metric)
                elif arrival.writer not in known.writers:
                    batch.refused[f"{known.name} from a {arrival.writer}"] += _size(metric)
                elif old is None and not is_same_unit(metric.unit, known.unit):
                    unit = f"in {clean_text(metric.unit, _LONGEST_UNIT)}" if metric.unit else "without a unit"
                    batch.refused[f"{known.name} {unit}, not in {known.unit}"] += _size(metric)
                else:
                    _take(batch, known, metric if old is None else _in_present_unit(metric, old), process, arrival)
    return batch


def _find_deprecated(metric: wire.Metric) -> DeprecatedName | None:
    """What a metric was called before, where its name and unit are those of before."""
    old = DEPRECATED_NAMES.get(metric.name)
    return old if old and is_same_unit(metric.unit, old.unit) else None


def is_same_unit(sent: str, known: str) -> bool:
    """Whether two units are the same; numbers without a dimension are, whatever they count.

    >>> is_same_unit("", "{line}"), is_same_unit("1", "{device}"), is_same_unit("ms", "s"), is_same_unit("", "s")
    (True, True, False, False)
    """
    return sent == known or (_is_plain(sent) and _is_plain(known))


def _is_plain(unit: str) -> bool:
    """Whether a unit has no dimension: it is left out, 1, or an annotation."""
    return unit in ("", "1") or (unit.startswith("{") and unit.endswith("}"))


def _in_present_unit(metric: wire.Metric, old: DeprecatedName) -> wire.Metric:
    """A gauge of the version before with its values in today's unit."""
    converted = wire.Metric()
    converted.CopyFrom(metric)
    for point in converted.gauge.data_points:
        if point.WhichOneof("value") is not None:
            point.as_double = old.to_present(_number(point))
    return converted


def _take(batch: TelemetryBatch, known: Metric, metric: wire.Metric, process: str, arrival: Arrival) -> None:
    match metric.WhichOneof("data"), known.kind:
        case "gauge", InstrumentKind.GAUGE:
            for dated, key, point in _points(batch, known, metric.gauge.data_points, process, arrival):
                waited = arrival.measure_wait(point.time_unix_nano)
                value = GaugeValue(key, dated[0], _number(point), dated[1], process, waited)
                _add_value(batch, value, arrival.measure_skew(point.time_unix_nano) or 0.0, arrival)
        case "sum", InstrumentKind.COUNTER if _adds_up(metric.sum):
            for (at, _), key, point in _points(batch, known, metric.sum.data_points, process, arrival):
                _add(batch, CumulativeTotal(key, process, point.start_time_unix_nano, at, _number(point)), arrival)
        case "histogram", InstrumentKind.HISTOGRAM if metric.histogram.aggregation_temporality == _CUMULATIVE:
            for (at, _), key, found in _points(batch, known, metric.histogram.data_points, process, arrival):
                counts = tuple(found.bucket_counts)
                if tuple(found.explicit_bounds) == known.boundaries and len(counts) == len(known.boundaries) + 1:
                    total = CumulativeTotal(key, process, found.start_time_unix_nano, at, found.sum, counts)
                    _add(batch, total, arrival)
                else:
                    batch.refused[f"{known.name} with other boundaries"] += 1
        case _:
            batch.refused[f"{known.name} that is no cumulative {known.kind}"] += _size(metric)


def _add_value(batch: TelemetryBatch, value: GaugeValue, skew: float, arrival: Arrival) -> None:
    """Take a value that is a number, and, where it is a time, one that can have been, by the monitor's own clock."""
    metric = value.key[0]
    if not math.isfinite(value.value) or abs(value.value) > LARGEST_NUMBER:
        batch.refused[f"{metric.name} that is no number"] += 1
    elif metric.moment and not 0 < value.value <= arrival.at + AHEAD_SECONDS:
        batch.refused[NOT_NOW] += 1
    else:
        number = min(value.value - skew, arrival.at) if metric.moment else value.value
        batch.values.append(replace(value, value=number))


def _add(batch: TelemetryBatch, total: CumulativeTotal, arrival: Arrival) -> None:
    """Take a total that began before now and is a number."""
    if (
        total.began / 1e9 <= arrival.at + AHEAD_SECONDS
        and math.isfinite(total.value)
        and 0 <= total.value <= LARGEST_NUMBER
        and all(count <= _LARGEST_COUNT for count in total.counts)
    ):
        batch.totals.append(total)
    else:
        batch.refused[f"{total.key[0].name} that is no total"] += 1


def _adds_up(found: wire.Sum) -> bool:
    return found.is_monotonic and found.aggregation_temporality == _CUMULATIVE


def _points(
    batch: TelemetryBatch, known: Metric, points: Iterable[Point], process: str, arrival: Arrival
) -> Iterator[tuple[tuple[float, bool], SeriesKey, Point]]:
    """The points that may be taken, each with when it was and whether it was dated later than it came."""
    for point in points:
        skew = arrival.measure_skew(point.time_unix_nano)
        if point.time_unix_nano and skew is not None:
            batch.skews[process] = max(skew, batch.skews.get(process, skew))
        key = _key(known, point.attributes)
        if key is None:
            batch.refused[f"{known.name} with other attributes"] += 1
        elif (unknown := arrival.names.find_unknown(key[1])) is not None:
            batch.refused[unknown] += 1
        elif (foreign := arrival.find_foreign(dict(key[1]).get(SCHOOL.name, ""))) is not None:
            batch.refused[foreign] += 1
        elif (dated := arrival.date_event(point.time_unix_nano)) is None:
            batch.refused[NOT_NOW] += 1
        else:
            yield dated, key, point


def _key(metric: Metric, pairs: Iterable[KeyValue]) -> SeriesKey | None:
    found = read_texts(pairs)
    if found.get(OVERFLOW) == "true":
        return metric, OVERFLOWN
    attributes: list[tuple[str, str]] = []
    for attribute in metric.attributes:
        value = found.pop(attribute.name, "")
        if not value or len(value) > LONGEST_NAME or (attribute.values and value not in attribute.values):
            return None
        attributes.append((attribute.name, value))
    return None if found else (metric, tuple(attributes))


def _number(point: wire.NumberDataPoint) -> float:
    return point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)


def _size(metric: wire.Metric) -> int:
    which = metric.WhichOneof("data")
    return len(getattr(metric, which).data_points) if which else 0


def _process(resource: Resource) -> str:
    found = read_texts(resource.attributes)
    return (found.get("service.instance.id") or found.get("service.name", ""))[:LONGEST_NAME]


_DECODERS: Mapping[str, tuple[Callable[[bytes, Arrival], TelemetryBatch], type[Message]]] = {
    "metrics": (_metrics, ExportMetricsServiceRequest),
    "traces": (decode_traces, ExportTraceServiceRequest),
    "logs": (decode_logs, ExportLogsServiceRequest),
}
