"""What a sender is answered: OTLP's responses, and a `google.rpc.Status` for a refusal; in JSON to who sent JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc.code_pb2 import (
    INVALID_ARGUMENT,
    NOT_FOUND,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNIMPLEMENTED,
)
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

from monitoring.timeseries.records import TelemetryBatch

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_REASONS_SHOWN = 5
_CODES: Mapping[int, int] = {
    400: INVALID_ARGUMENT,
    401: UNAUTHENTICATED,
    404: NOT_FOUND,
    405: UNIMPLEMENTED,
    413: RESOURCE_EXHAUSTED,
    415: INVALID_ARGUMENT,
    503: UNAVAILABLE,
}
"""The status of each answer by gRPC's numbers."""


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
