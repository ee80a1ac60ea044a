"""Spans that a receiver was sent, as tests look at them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage

from tests.telemetry.receivers import Received


@dataclass(frozen=True)
class SentSpan:
    """A span, its attributes as a dictionary, and who sent it."""

    span: Span
    scope: str
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def attributes(self) -> dict[str, Any]:
        return read_pairs(self.span.attributes)

    @property
    def failed(self) -> bool:
        return self.span.status.code == StatusMessage.STATUS_CODE_ERROR

    @property
    def links(self) -> set[tuple[str, bytes, bytes]]:
        """What each link is about, and to which span of which trace it leads."""
        return {(read_pairs(link.attributes)["tsunagu.link"], link.trace_id, link.span_id) for link in self.span.links}


def read_spans(received: Received) -> list[SentSpan]:
    """Every span that came in, in order."""
    return [
        SentSpan(span, scope.scope.name, read_pairs(resource.resource.attributes))
        for path, body in received.requests
        if path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def read_pairs(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as a dictionary."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}
