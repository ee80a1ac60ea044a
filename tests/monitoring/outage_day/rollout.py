"""The rollout of the scripted day, as a controller tells it: spans that begin and end, and signs of life between."""

from __future__ import annotations

import gzip
import json
import urllib.request
from dataclasses import dataclass, field
from hashlib import blake2b

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from controller.telemetry.heartbeat import HEARTBEAT_SECONDS
from controller.telemetry.registry import EventKind, Writer
from controller.telemetry.timeline import Level
from tests.monitoring.feed import HEADERS, PATHS, pairs
from tests.monitoring.running import bearer

NAME = "2026-11-26-filters"
WHY = "the switch refused the new filter: no space left"
TRACE = blake2b(NAME.encode(), digest_size=16).digest()


@dataclass
class ToldRollout:
    """Three devices of three schools: the first is applied, the second fails, the third waits until the end."""

    devices: dict[str, str]
    """The device of each school."""
    began: dict[str, int] = field(default_factory=dict)
    """When each open span began, by its name."""
    is_alive: bool = False

    def play(self, what: str, url: str, now: float) -> None:
        """Do a step of the script."""
        first, second, third = self.devices.values()
        if what == "fails":
            self.is_alive = True
            waves = {
                f"wave {number}": {school: [device]} for number, (school, device) in enumerate(self.devices.items())
            }
            self._begin(url, now, Level.ROLLOUT, NAME, waves=json.dumps(waves), rollout=NAME)
            self._device(url, now, first, "applied")
            self._device(url, now, second, "failed", WHY)
        elif what == "dies":
            self.is_alive = False
        elif what == "ends":
            self._device(url, now, third, "applied")
            self._end(url, now, Level.ROLLOUT, NAME, waves="", rollout=NAME)

    def beat(self, url: str) -> None:
        """Give a sign of life, while somebody carries it out."""
        if not self.is_alive:
            return
        request = ExportLogsServiceRequest()
        record = request.resource_logs.add().scope_logs.add().log_records.add(trace_id=TRACE, span_id=_name_span(NAME))
        record.attributes.extend(pairs({"event": str(EventKind.ROLLOUT_ALIVE)}))
        _post(url, request)

    def _device(self, url: str, now: float, name: str, outcome: str, error: str = "") -> None:
        self._begin(url, now, Level.DEVICE, name, parent=_name_span(NAME))
        self._end(url, now, Level.DEVICE, name, parent=_name_span(NAME), outcome=outcome, error=error)

    def _begin(self, url: str, now: float, level: Level, name: str, parent: bytes = b"", **more: str) -> None:
        self.began[name] = int(now * 1e9)
        request = ExportLogsServiceRequest()
        record = (
            request.resource_logs.add()
            .scope_logs.add()
            .log_records.add(time_unix_nano=self.began[name], trace_id=TRACE, span_id=_name_span(name))
        )
        record.body.string_value = f"{level} {name}"
        own = {f"tsunagu.{key}": value for key, value in more.items()}
        if level is Level.ROLLOUT:
            own["tsunagu.heartbeat"] = f"{HEARTBEAT_SECONDS:.0f}"
        told = {"event": str(EventKind.SPAN_STARTED), "parent": parent.hex(), "tsunagu.level": str(level), **own}
        record.attributes.extend(pairs(told))
        _post(url, request)

    def _end(  # noqa: PLR0913 what a span is
        self,
        url: str,
        now: float,
        level: Level,
        name: str,
        *,
        parent: bytes = b"",
        outcome: str = "",
        error: str = "",
        **more: str,
    ) -> None:
        request = ExportTraceServiceRequest()
        own = {f"tsunagu.{key}": value for key, value in more.items() if value}
        span = Span(
            trace_id=TRACE,
            span_id=_name_span(name),
            parent_span_id=parent,
            name=f"{level} {name}",
            start_time_unix_nano=self.began.pop(name),
            end_time_unix_nano=int(now * 1e9),
            attributes=pairs({"tsunagu.level": str(level), "tsunagu.outcome": outcome, **own}),
        )
        if error:
            span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=error))
        request.resource_spans.add().scope_spans.add().spans.append(span)
        _post(url, request)


def _name_span(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=8).digest()


def _post(url: str, request: ExportLogsServiceRequest | ExportTraceServiceRequest) -> None:
    body = gzip.compress(request.SerializeToString())
    sent = urllib.request.Request(url + PATHS[type(request)], body, {**HEADERS, **bearer(Writer.CONTROLLER)})  # noqa: S310 loopback
    with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310 see above
        refused = answer.read()
    assert refused == b"", refused
