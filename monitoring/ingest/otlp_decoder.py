"""How OTLP becomes what the monitor keeps."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

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
from controller.telemetry.registry import LINE, METRICS, SCHOOL, InstrumentKind, Metric
from controller.telemetry.units import find_range_fault
from monitoring.ingest.arrival import NOT_NOW, Arrival, clean_text
from monitoring.ingest.attributes import read_texts
from monitoring.ingest.json_request import parse_json_request
from monitoring.ingest.span_decoder import decode_logs, decode_traces
from monitoring.ingest.wire_scan import refuse_many_messages
from monitoring.limits import AHEAD_SECONDS, LARGEST_NUMBER, LONGEST_NAME, MOST_ITEMS, MOST_MESSAGES
from monitoring.timeseries.records import (
    OVERFLOWN,
    CumulativeTotal,
    GaugeValue,
    MalformedRequest,
    SeriesEnd,
    SeriesKey,
    TelemetryBatch,
)

_CUMULATIVE = wire.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_DELTA = wire.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_NO_RECORDED_VALUE = wire.DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_LARGEST_COUNT = 2**53
OWN_PREFIX = "tsunagu."
"""What a name of ours begins with; every other name is another system's."""
_LONGEST_UNIT = 20

Point = TypeVar("Point", wire.NumberDataPoint, wire.HistogramDataPoint)


def decode_request(signal: str, body: bytes, arrival: Arrival, *, is_json: bool = False) -> TelemetryBatch:
    """The content of a request for one of the three signals.

    Raises:
        MalformedRequest: it is no message of that signal in protobuf, or in JSON, or holds more than is taken at once.
    """
    decode, kind = _DECODERS[signal]
    batch = decode(_read_request(body, kind, signal, is_json=is_json), arrival)
    if len(batch) > MOST_ITEMS:
        message = f"a request has at most {MOST_ITEMS} data points, spans or records, not {len(batch)}"
        raise MalformedRequest(message)
    return batch


def _read_request(body: bytes, kind: type[Message], signal: str, *, is_json: bool) -> Message:
    """The message of a body.

    Raises:
        MalformedRequest: it is none, or holds more than is taken at once.
    """
    if is_json:
        return parse_json_request(body, kind, MOST_MESSAGES)
    refuse_many_messages(body, cast("Descriptor", kind.DESCRIPTOR), MOST_MESSAGES)
    try:
        return kind.FromString(body)
    except (DecodeError, UnicodeDecodeError):
        message = f"the body is no OTLP protobuf request for {signal}"
        raise MalformedRequest(message) from None


def _decode_metrics(request: ExportMetricsServiceRequest, arrival: Arrival) -> TelemetryBatch:
    batch = TelemetryBatch()
    for resource in request.resource_metrics:
        # A school's probe is that school's, whatever it calls itself: it speaks for no other sender's clock.
        process = f"{arrival.writer}/{arrival.school or _process(resource.resource)}"
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                old = _find_deprecated(metric)
                known = old.metric if old else METRICS.get(metric.name)
                if known is None:
                    _leave(batch, metric)
                elif arrival.writer not in known.writers:
                    batch.refused[f"{known.name} from a {arrival.writer}"] += _size(metric)
                elif old is None and not is_same_unit(metric.unit, known.unit):
                    unit = f"in {clean_text(metric.unit, _LONGEST_UNIT)}" if metric.unit else "without a unit"
                    batch.refused[f"{known.name} {unit}, not in {known.unit}"] += _size(metric)
                else:
                    _take(batch, known, metric if old is None else _in_present_unit(metric, old), process, arrival)
    return batch


def _leave(batch: TelemetryBatch, metric: wire.Metric) -> None:
    """Leave out a metric that the registry does not have: a fault where its name is like ours, else another's."""
    if metric.name.startswith(OWN_PREFIX):
        batch.refused["a metric that the registry does not have"] += _size(metric)
    else:
        batch.foreign["a metric of another system"] += _size(metric)


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
                if point.flags & _NO_RECORDED_VALUE:
                    batch.ends.append(SeriesEnd(key, dated[0]))
                    continue
                waited = arrival.measure_wait(point.time_unix_nano)
                value = GaugeValue(key, dated[0], _number(point), dated[1], process, waited)
                _add_value(batch, value, arrival.measure_skew(point.time_unix_nano) or 0.0, arrival)
        case "sum", InstrumentKind.COUNTER if _adds_up(metric.sum):
            for (at, _), key, point in _points(batch, known, metric.sum.data_points, process, arrival):
                told_by = _tell_apart(process, known, point.attributes)
                _add(batch, CumulativeTotal(key, told_by, point.start_time_unix_nano, at, _number(point)), arrival)
        case "histogram", InstrumentKind.HISTOGRAM if metric.histogram.aggregation_temporality == _CUMULATIVE:
            for (at, _), key, found in _points(batch, known, metric.histogram.data_points, process, arrival):
                if (fault := _find_bucket_fault(known, found)) is not None:
                    batch.refused[f"{known.name} {fault}"] += 1
                    continue
                told_by = _tell_apart(process, known, found.attributes)
                counts = tuple(found.bucket_counts)
                _add(batch, CumulativeTotal(key, told_by, found.start_time_unix_nano, at, found.sum, counts), arrival)
        case _:
            sent, wanted = _name_data(metric), _WANTED[known.kind]
            batch.refused[f"{known.name} as {sent}; send {wanted}"] += _size(metric)


_WANTED = {
    InstrumentKind.GAUGE: "a gauge",
    InstrumentKind.COUNTER: "a cumulative sum that only rises",
    InstrumentKind.HISTOGRAM: "a cumulative histogram",
}


_TEMPORALITIES: Mapping[int, str] = {_CUMULATIVE: "cumulative", _DELTA: "delta"}


def _name_data(metric: wire.Metric) -> str:
    """What a metric was sent as, for people."""
    match metric.WhichOneof("data"):
        case "sum":
            kind = "a sum that only rises" if metric.sum.is_monotonic else "a sum that rises and falls"
            return f"{kind} ({_name_temporality(metric.sum.aggregation_temporality)})"
        case "histogram":
            return f"a histogram ({_name_temporality(metric.histogram.aggregation_temporality)})"
        case "exponential_histogram":
            return "an exponential histogram"
        case other:
            return f"a {other}" if other else "nothing"


def _name_temporality(number: int) -> str:
    return _TEMPORALITIES.get(number, "neither cumulative nor delta")


def _find_bucket_fault(known: Metric, point: wire.HistogramDataPoint) -> str | None:
    """Why a point of a histogram is refused, or None."""
    wanted = ", ".join(f"{boundary:g}" for boundary in known.boundaries)
    if tuple(point.explicit_bounds) != known.boundaries:
        return f"with other boundaries; its are {wanted} (a view of the SDK sets them)"
    if len(point.bucket_counts) != len(known.boundaries) + 1:
        return "with more or fewer counts than buckets"
    if not point.HasField("sum"):
        return "without a sum"
    return None if point.count == sum(point.bucket_counts) else "whose counts do not add up"


def _tell_apart(process: str, known: Metric, pairs: Iterable[KeyValue]) -> str:
    """Whose total a point is: what its extra attributes tell apart adds up, as totals of different processes do."""
    own = {attribute.name for attribute in known.attributes} | {one.convention for one in known.attributes}
    extra = {name: value for name, value in read_texts(pairs).items() if name not in own}
    if not extra:
        return process
    return f"{process}/{hashlib.sha256(repr(sorted(extra.items())).encode()).hexdigest()[:16]}"


def _add_value(batch: TelemetryBatch, value: GaugeValue, skew: float, arrival: Arrival) -> None:
    """Take a value that is a number, and, where it is a time, one that can have been, by the monitor's own clock."""
    metric = value.key[0]
    if (fault := find_range_fault(metric, value.value)) is not None:
        batch.refused[f"{metric.name} {fault}"] += 1
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
        if isinstance(key, str):
            batch.refused[f"{known.name} {key}"] += 1
        elif isinstance(point, wire.NumberDataPoint) and not (
            point.flags & _NO_RECORDED_VALUE or point.WhichOneof("value")
        ):
            batch.refused[f"{known.name} without a value"] += 1
        elif (unknown := _find_unknown(arrival, key)) is not None:
            batch.refused[unknown] += 1
        elif (foreign := arrival.find_foreign(dict(key[1]).get(SCHOOL.name, ""))) is not None:
            batch.refused[foreign] += 1
        elif (dated := arrival.date_event(point.time_unix_nano)) is None:
            batch.refused[NOT_NOW] += 1
        elif known.kind is InstrumentKind.GAUGE or not point.flags & _NO_RECORDED_VALUE:
            yield dated, key, point
        # A total that has no value now is what it was: what was counted has been.


def _find_unknown(arrival: Arrival, key: SeriesKey) -> str | None:
    """What of a series the city, or its school, does not have; None where they have everything."""
    named = dict(key[1])
    place = named.get(SCHOOL.name, ""), named.get(LINE.name, "")
    return arrival.names.find_unknown(key[1]) or arrival.names.find_missing_line(*place)


def _key(metric: Metric, pairs: Iterable[KeyValue]) -> SeriesKey | str:
    """The series of a point, or what is wrong with its attributes; others than the registry's count for nothing."""
    found = read_texts(pairs)
    if found.get(OVERFLOW) == "true":
        return metric, OVERFLOWN
    attributes: list[tuple[str, str]] = []
    for attribute in metric.attributes:
        value = found.get(attribute.name) or found.get(attribute.convention, "")
        if not value:
            return f"without the attribute {attribute.name}"
        if len(value) > LONGEST_NAME or (attribute.values and value not in attribute.values):
            return f"with a {attribute.name} that it cannot have"
        attributes.append((attribute.name, value))
    return metric, tuple(attributes)


def _number(point: wire.NumberDataPoint) -> float:
    return point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)


def _size(metric: wire.Metric) -> int:
    which = metric.WhichOneof("data")
    return len(getattr(metric, which).data_points) if which else 0


def _process(resource: Resource) -> str:
    found = read_texts(resource.attributes)
    # People read it, and so do Prometheus and the page: a name of hidden characters would pass for another one.
    return clean_text(found.get("service.instance.id") or found.get("service.name", ""), LONGEST_NAME)


_DECODERS: Mapping[str, tuple[Callable[[Any, Arrival], TelemetryBatch], type[Message]]] = {
    "metrics": (_decode_metrics, ExportMetricsServiceRequest),
    "traces": (decode_traces, ExportTraceServiceRequest),
    "logs": (decode_logs, ExportLogsServiceRequest),
}
