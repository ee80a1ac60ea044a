"""What a sender is answered: OTLP's responses, and a `google.rpc.Status` for a refusal; in JSON to who sent JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

from monitoring.timeseries.records import TelemetryBatch

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_REASONS_SHOWN = 5
_CODES: Mapping[int, int] = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 415: 3, 503: 14}
"""Of each answer the number in `google.rpc.Code`: INVALID_ARGUMENT, UNAUTHENTICATED, NOT_FOUND, ..., UNAVAILABLE."""


def _make_status_class() -> type[Message]:
    """`google.rpc.Status`, in a pool of its own: Pulumi brings another copy of it, and one pool takes no two."""
    file = FileDescriptorProto(name="google/rpc/status.proto", package="google.rpc", syntax="proto3")
    fields = file.message_type.add(name="Status").field
    label = FieldDescriptorProto.LABEL_OPTIONAL
    fields.add(name="code", number=1, type=FieldDescriptorProto.TYPE_INT32, label=label)
    fields.add(name="message", number=2, type=FieldDescriptorProto.TYPE_STRING, label=label)
    pool = DescriptorPool()
    pool.Add(file)
    made = GetMessageClass(pool.FindMessageTypeByName("google.rpc.Status"))
    made.__module__ = __name__  # a class that is made so has none
    return made


Status = _make_status_class()


def answer_refusal(reason: str, status: int, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is not taken; `status` is HTTP's."""
    return _write(Status(code=_CODES[status], message=reason), media_type, status, headers)


def answer_taken(signal: str, batch: TelemetryBatch, media_type: str) -> Response:
    """The answer to a request that is on the disk; it tells how much of it was left out, and why."""
    left_out = batch.refused + batch.foreign
    count = left_out.total()
    reasons = "; ".join(f"{reason} ({number})" for reason, number in left_out.most_common(_REASONS_SHOWN))
    made: ExportMetricsServiceResponse | ExportTraceServiceResponse | ExportLogsServiceResponse
    match signal:
        case "metrics":
            made = ExportMetricsServiceResponse()
            if count:
                made.partial_success.rejected_data_points = count
        case "traces":
            made = ExportTraceServiceResponse()
            if count:
                made.partial_success.rejected_spans = count
        case _:
            made = ExportLogsServiceResponse()
            if count:
                made.partial_success.rejected_log_records = count
    if count:
        made.partial_success.error_message = reasons
    return _write(made, media_type, 200, None)


def _write(message: Message, media_type: str, status: int, headers: Mapping[str, str] | None) -> Response:
    if media_type == JSON:
        return Response(json.dumps(MessageToDict(message)), status, headers, JSON)
    return Response(message.SerializeToString(), status, headers, PROTOBUF)
