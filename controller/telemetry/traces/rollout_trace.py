"""The timeline as an OpenTelemetry trace: as JSON lines in the audit trail, and over OTLP/HTTP to an endpoint."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from controller.storage.audit.audit_trail import AuditTrail, Timeline
from controller.telemetry.heartbeat import HEARTBEAT_SECONDS, keep_beating
from controller.telemetry.otlp import Telemetry, build_resource, open_telemetry
from controller.telemetry.registry import OUTCOME, ROLLOUT_DEVICE_DURATION, ROLLOUT_DEVICES, EventKind
from controller.telemetry.timeline import Level, Listener, Span
from controller.telemetry.traces.command_trace import build_span_context, find_parent_context
from controller.telemetry.traces.trace_links import TraceMark, TraceOf, read_trace_marks, remember_trace

_ALL = SpanLimits(*[SpanLimits.UNSET] * 8)


class JsonLines(SpanProcessor):
    """Writes a line when a span starts and one when it ends, so that a killed run shows what it was doing."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Note that a span began."""
        del parent_context
        self._write("start", span)

    def on_end(self, span: ReadableSpan) -> None:
        """Note that a span ended."""
        self._write("end", span)

    def shutdown(self) -> None:
        """Whoever opened the timeline closes it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back."""
        del timeout_millis
        return True

    def _write(self, event: str, span: ReadableSpan) -> None:
        self._timeline.write({"event": event, **json.loads(span.to_json(indent=None))})


@dataclass(frozen=True, slots=True)
class RolloutLinks:
    """What a rollout's own span links to, and for which schools later traces find it; by the file of a state folder."""

    state: Path
    plan: str
    policy: str
    schools: Collection[str]

    def find_links(self) -> list[Link]:
        """The links to the traces of the plan and of the proof of its policy, as far as they are known."""
        marks = read_trace_marks(self.state)
        wanted = ((TraceOf.PLAN, self.plan), (TraceOf.PROOF, self.policy))
        return [
            Link(build_span_context(mark), {"tsunagu.link": str(kind)})
            for kind, name in wanted
            if (mark := marks.get(kind, {}).get(name)) is not None
        ]

    def remember_rollout(self, span: SpanContext) -> None:
        """Keep that this is the newest rollout of the schools."""
        mark = TraceMark(f"{span.trace_id:032x}", f"{span.span_id:016x}")
        remember_trace(self.state, mark, [(TraceOf.ROLLOUT, school) for school in self.schools])


class TraceListener:
    """Turns spans of the timeline into spans of an OpenTelemetry trace.

    With `sent`, what begins is sent as an event, for a span itself is sent only at its end; and devices are counted.
    A rollout's own span says then how often a sign of life comes while it lasts (`beat`), and has its `links`.
    """

    def __init__(self, tracer: trace.Tracer, sent: Telemetry | None = None, links: RolloutLinks | None = None) -> None:
        self._tracer = tracer
        self._sent = sent
        self._links = links
        self._open: dict[Span, trace.Span] = {}

    def started(self, span: Span) -> None:
        """Start the twin of a span below the twin of its parent."""
        parent = self._open.get(span.parent) if span.parent else None
        context = trace.set_span_in_context(parent) if parent else find_parent_context()
        attributes = {f"tsunagu.{name}": value for name, value in span.attributes.items()}
        attributes["tsunagu.level"] = span.level
        if self._sent is not None and span.level is Level.ROLLOUT:
            attributes["tsunagu.heartbeat"] = f"{HEARTBEAT_SECONDS:.0f}"
        name = f"{span.level} {span.name}"
        linked = self._links if span.level is Level.ROLLOUT else None
        found = linked.find_links() if linked is not None else None
        twin = self._tracer.start_span(name, context, attributes=attributes, links=found, start_time=span.start)
        self._open[span] = twin
        if linked is not None:
            linked.remember_rollout(twin.get_span_context())
        if self._sent is not None and span.level is not Level.COMMAND:
            above = f"{parent.get_span_context().span_id:016x}" if parent else ""
            here = trace.set_span_in_context(twin)
            self._sent.event(EventKind.SPAN_STARTED, name, context=here, parent=above, start=span.start, **attributes)

    def beat(self) -> None:
        """Say of each rollout that has not ended that somebody carries it out."""
        if self._sent is None:
            return
        for span, twin in list(self._open.items()):
            if span.level is Level.ROLLOUT:
                here = trace.set_span_in_context(twin)
                self._sent.event(EventKind.ROLLOUT_ALIVE, f"{span.level} {span.name}", context=here)

    def ended(self, span: Span) -> None:
        """End it; an error makes its status."""
        twin = self._open.pop(span)
        if span.outcome:
            twin.set_attribute("tsunagu.outcome", span.outcome)
        if span.error:
            twin.set_status(Status(StatusCode.ERROR, span.error))
        twin.end(span.end)
        if self._sent is not None and span.level is Level.DEVICE and span.outcome in OUTCOME.values:
            self._sent.record(ROLLOUT_DEVICES, 1, outcome=span.outcome)
            self._sent.record(ROLLOUT_DEVICE_DURATION, span.seconds, outcome=span.outcome)


class _AuditedProvider(TracerProvider):
    """Makes the spans of a timeline. They are evidence: no variable of OpenTelemetry's leaves one out, or cuts it."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(ALWAYS_ON, resource, shutdown_on_exit=False, span_limits=_ALL)
        self._disabled = False


@contextmanager
def open_trace(
    path: Path, *, token: Path | None = None, trail: AuditTrail | None = None, links: RolloutLinks | None = None
) -> Iterator[Listener]:
    """A listener that writes a timeline to a file, and sends it, with links, where there is an endpoint for traces.

    The file belongs to an audit trail: by default that of the folder in which it stands.

    Raises:
        AuditRefused: the file or the trail cannot be written: nothing shall be done that does not stand there.
    """
    audited = trail if trail is not None else AuditTrail(path.parent)
    with audited.open_timeline(path) as timeline, open_telemetry(token=token) as sent:
        if sent.send_spans is None:
            provider = _AuditedProvider(Resource({"service.name": "tsunagu"}))
            provider.add_span_processor(JsonLines(timeline))
            yield TraceListener(provider.get_tracer("tsunagu"), sent)
            return
        provider = _AuditedProvider(build_resource("tsunagu", token.name if token is not None else ""))
        provider.add_span_processor(JsonLines(timeline))
        provider.add_span_processor(sent.send_spans)
        listener = TraceListener(provider.get_tracer("tsunagu"), sent, links)
        with keep_beating(listener.beat, "telemetry"):
            yield listener
