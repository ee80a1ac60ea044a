"""Spans of the timeline and events, from OTLP's traces and logs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import TypeAdapter, ValidationError

from controller.telemetry.registry import EVENT_WRITERS, EventKind
from controller.telemetry.timeline import Level
from controller.telemetry.traces.phases import COMMAND_SCOPE
from monitoring.ingest.arrival import NOT_NOW, Arrival, clean_text
from monitoring.ingest.attributes import read_text, read_texts
from monitoring.limits import (
    AHEAD_SECONDS,
    LONGEST_NAME,
    LONGEST_ROLLOUT,
    LONGEST_TEXT,
    LONGEST_WAVES,
    MOST_ATTRIBUTES,
    MOST_WAVES,
)
from monitoring.timeseries.records import EventRecord, LifeSign, SpanRecord, TelemetryBatch

LEVEL = "tsunagu.level"
OUTCOME = "tsunagu.outcome"
_PREFIX = "tsunagu."
_WAVES, _SCHOOL = "waves", "school"
_KINDS = {str(kind): kind for kind in EventKind}
_LEVELS = {str(level): level for level in Level}
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_PARENT = re.compile(r"[0-9a-f]{16}")
_PLANNED = TypeAdapter(dict[str, dict[str, list[str]]])


def decode_traces(request: ExportTraceServiceRequest, arrival: Arrival) -> TelemetryBatch:
    """The spans of rollouts that have ended. Those of commands are for a store of traces, and passed over."""
    batch = TelemetryBatch()
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            if scope.scope.name == COMMAND_SCOPE:
                continue
            for span in scope.spans:
                if any(one.key.startswith(_PREFIX) for one in span.attributes):
                    _take(batch, _ended_span(span), arrival)
                else:
                    batch.foreign["a span of another system"] += 1
    return batch


def decode_logs(request: ExportLogsServiceRequest, arrival: Arrival) -> TelemetryBatch:
    """Events, and the spans that began."""
    batch = TelemetryBatch()
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                attributes = read_texts(record.attributes)
                kind = find_event_kind(record.event_name, attributes.get("event", ""))
                if kind is None:
                    _leave(batch, record.event_name, attributes.get("event", ""))
                elif arrival.writer not in EVENT_WRITERS[kind]:
                    batch.refused[f"the event {kind} from a {arrival.writer}"] += 1
                elif kind is EventKind.SPAN_STARTED:
                    _take(batch, _begun_span(record, attributes), arrival)
                elif kind is EventKind.ROLLOUT_ALIVE:
                    _take_sign(batch, record)
                else:
                    _take_event(batch, kind, record, attributes, arrival)
    return batch


def find_event_kind(name: str, attribute: str) -> EventKind | None:
    """What an event is about: by its name, as OTLP has it, else by the attribute of senders that give none.

    >>> find_event_kind("tsunagu.line-down", ""), find_event_kind("", "drift")
    (<EventKind.LINE_DOWN: 'line-down'>, <EventKind.DRIFT: 'drift'>)
    >>> find_event_kind("k8s.pod.started", "") is None
    True
    """
    return _KINDS.get(name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else attribute)


def _leave(batch: TelemetryBatch, name: str, attribute: str) -> None:
    """Leave out a record: a fault where it says that it is an event of ours, else another system's log."""
    if name.startswith(_PREFIX) or (attribute and not name):
        batch.refused["a record whose event is none of ours"] += 1
    else:
        batch.foreign["a record of another system"] += 1


def _take_sign(batch: TelemetryBatch, record: LogRecord) -> None:
    if _has_ids(record.trace_id, record.span_id):
        batch.signs.append(LifeSign(record.trace_id.hex(), record.span_id.hex()))
    else:
        batch.refused["a span without ids"] += 1


def _take_event(
    batch: TelemetryBatch, kind: EventKind, record: LogRecord, attributes: Mapping[str, str], arrival: Arrival
) -> None:
    place = attributes.get("school", ""), attributes.get("line", "")
    dated = arrival.date_event(record.time_unix_nano or record.observed_time_unix_nano)
    if (unknown := arrival.names.find_unknown_place(*place)) is not None:
        batch.refused[unknown] += 1
    elif (foreign := arrival.find_foreign(place[0])) is not None:
        batch.refused[foreign] += 1
    elif dated is None:
        batch.refused[NOT_NOW] += 1
    else:
        batch.events.append(EventRecord(dated[0], str(kind), *place, clean_text(read_text(record.body))))


def _ended_span(span: Span) -> tuple[SpanRecord, bytes, bytes]:
    attributes = read_texts(span.attributes)
    level = attributes.pop(LEVEL, "")
    outcome = attributes.pop(OUTCOME, "")
    error = clean_text(span.status.message) if span.status.code == Status.STATUS_CODE_ERROR else ""
    name = span.name.removeprefix(f"{level} ")
    times = span.start_time_unix_nano / 1e9, span.end_time_unix_nano / 1e9
    above = span.parent_span_id.hex()
    record = SpanRecord(
        span.trace_id.hex(), span.span_id.hex(), above, level, name, *times, outcome, error, _own(attributes)
    )
    return record, span.trace_id, span.span_id


def _begun_span(record: LogRecord, attributes: dict[str, str]) -> tuple[SpanRecord, bytes, bytes]:
    level, above = attributes.pop(LEVEL, ""), attributes.pop("parent", "")
    name = read_text(record.body).removeprefix(f"{level} ")
    start = record.time_unix_nano / 1e9
    span = SpanRecord(
        record.trace_id.hex(), record.span_id.hex(), above, level, name, start, attributes=_own(attributes)
    )
    return span, record.trace_id, record.span_id


def _own(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(_PREFIX): value for name, value in attributes.items() if name.startswith(_PREFIX)}


def _take(batch: TelemetryBatch, found: tuple[SpanRecord, bytes, bytes], arrival: Arrival) -> None:
    span, trace, identifier = found
    if not _has_ids(trace, identifier):
        batch.refused["a span without ids"] += 1
    elif (reason := _find_fault(span, arrival) or _find_unknown(span, arrival)) is not None:
        batch.refused[reason] += 1
    else:
        batch.spans.append(_date(span, arrival))


def _has_ids(trace: bytes, span: bytes) -> bool:
    return len(trace) == _TRACE_BYTES and len(span) == _SPAN_BYTES and any(trace) and any(span)


def _find_fault(span: SpanRecord, arrival: Arrival) -> str | None:
    """Why a span is refused whatever the city is, or None."""
    if arrival.writer not in EVENT_WRITERS[EventKind.SPAN_STARTED]:
        return f"a span from a {arrival.writer}"
    if span.level not in _LEVELS:
        return f"a span without {LEVEL}"
    if not arrival.at - LONGEST_ROLLOUT <= span.start <= arrival.at + AHEAD_SECONDS or (
        span.end and not span.start <= span.end <= arrival.at + AHEAD_SECONDS
    ):
        return NOT_NOW
    if span.parent and (_PARENT.fullmatch(span.parent) is None or span.parent == span.id):
        return "a span whose parent is no id of another"
    longest = {_WAVES: LONGEST_WAVES} if span.level == Level.ROLLOUT else {}
    if len(span.attributes) > MOST_ATTRIBUTES or any(
        len(name) > LONGEST_NAME or len(value) > longest.get(name, LONGEST_TEXT)
        for name, value in span.attributes.items()
    ):
        return "a span with too many or too long attributes"
    return None


def _find_unknown(span: SpanRecord, arrival: Arrival) -> str | None:
    """What of a span the city does not have, or None."""
    names = arrival.names
    school = span.attributes.get(_SCHOOL, "")
    if span.level == Level.SCHOOL and span.name not in names.schools:
        return "a school that the city does not have"
    if span.level == Level.DEVICE and (span.name not in names.devices or school not in ("", names.devices[span.name])):
        return "a device that the city does not have there"
    if school and school not in names.schools:
        return "a school that the city does not have"
    if span.level == Level.ROLLOUT and not _are_known(span.attributes.get(_WAVES), arrival):
        return "waves of devices that the city does not have"
    return None


def _are_known(text: str | None, arrival: Arrival) -> bool:
    """Whether a rollout's own word of its waves names devices of the city at their schools, each once."""
    if text is None:
        return True
    try:
        waves = _PLANNED.validate_json(text)
    except ValidationError:
        return False
    named = [
        (device, school) for schools in waves.values() for school, devices in schools.items() for device in devices
    ]
    return (
        len(waves) <= MOST_WAVES
        and all(len(name) <= LONGEST_NAME and name.isprintable() for name in waves)
        and len({device for device, _ in named}) == len(named)
        and all(arrival.names.devices.get(device) == school for device, school in named)
        and all(school in arrival.names.schools for schools in waves.values() for school in schools)
    )


def _date(span: SpanRecord, arrival: Arrival) -> SpanRecord:
    """The span as it is kept: never later than it came, and its texts for people."""
    attributes = {
        name: json.dumps(_PLANNED.validate_json(value), ensure_ascii=False)
        if name == _WAVES and span.level == Level.ROLLOUT
        else clean_text(value)
        for name, value in span.attributes.items()
    }
    return SpanRecord(
        span.trace,
        span.id,
        span.parent,
        span.level,
        clean_text(span.name),
        min(span.start, arrival.at),
        min(span.end, arrival.at),
        clean_text(span.outcome, LONGEST_NAME),
        span.error,
        attributes,
    )
