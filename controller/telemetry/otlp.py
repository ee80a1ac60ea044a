"""Traces, metrics and events over OTLP/HTTP to where `OTEL_EXPORTER_OTLP_ENDPOINT` points; nowhere without it.

Whoever records something never waits for the network. A monitor that is away or hangs costs nothing but what could not
be sent, which is counted by signal (`tsunagu.telemetry.dropped`), and at most `CLOSE_SECONDS` at the end of a command.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import time
import uuid
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics import _Gauge as Gauge
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from controller.errors import TsunaguError
from controller.inputs.shown_text import shorten_text
from controller.telemetry.instruments import Write, build_instruments, build_views, observe_dropped
from controller.telemetry.outbox import CountingExporter, Outbox
from controller.telemetry.registry import SIGNAL, EventKind, Metric
from controller.telemetry.traces.phases import ENDPOINT, find_traced_command, list_configured_signals
from controller.telemetry.writer_tokens import is_on_this_machine, read_token

if TYPE_CHECKING:
    import requests

TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT"
EVENT = "event"
"""The attribute that says what an event is about."""

INTERVAL_SECONDS = 1.0
"""How often metrics are sent: what the page shows shall not be older than a few seconds."""
TIMEOUT_SECONDS = 3.0
_LONGEST_REASON = 200
CLOSE_SECONDS = 3.0

_TEMPORALITY: dict[type, AggregationTemporality] = {
    Counter: AggregationTemporality.CUMULATIVE,
    ObservableCounter: AggregationTemporality.CUMULATIVE,
    Histogram: AggregationTemporality.CUMULATIVE,
    # A cumulative gauge would be sent again every second, as if a line had just been measured.
    Gauge: AggregationTemporality.DELTA,
}


class Telemetry:
    """Where a command says what it measured and what happened. All of it may be called from any thread."""

    def __init__(
        self,
        write: Mapping[Metric, Write],
        logger: Logger | None,
        send_spans: SpanProcessor | None,
    ) -> None:
        self._write = write
        self._logger = logger
        self.send_spans = send_spans
        """Sends the spans that it hears of, or None where nothing is sent."""

    def record(self, metric: Metric, value: float, **attributes: str) -> None:
        """A value of a metric of the registry, in its unit.

        Raises:
            ValueError: the attributes are not those of the registry.
        """
        checked = metric.checked(attributes)
        if (write := self._write.get(metric)) is not None:
            write(value, checked)

    def event(self, kind: EventKind, text: str, *, context: Context | None = None, **attributes: str | int) -> None:
        """Something that people want to know of, now; `text` is for people, `attributes` e.g. school and line.

        `context` holds the span that it belongs to, if any.
        """
        if self._logger is not None:
            self._logger.emit(
                LogRecord(
                    timestamp=time.time_ns(),
                    context=context,
                    severity_number=SeverityNumber.INFO,
                    body=text,
                    attributes={EVENT: str(kind), **attributes},
                    event_name=f"tsunagu.{kind}",
                )
            )


@contextmanager
def open_telemetry(service: str = "tsunagu", *, token: Path | None = None) -> Iterator[Telemetry]:
    """Telemetry for the length of a command; what waits is sent when it ends, and a loss is said once, as a warning.

    `token` names the file of the token that a monitor on this machine is shown; without one nothing is shown.

    Raises:
        TokenRefused: the file is there and cannot be used.
    """
    if not list_configured_signals():
        yield Telemetry({}, None, None)
        return
    command = find_traced_command()
    if command is not None:
        # It sends for all of the command, and says at its end what was lost.
        yield command.share_sender(token).telemetry
        return
    sending = connect_sender(service, token)
    try:
        yield sending.telemetry
    finally:
        tell_lost(sending, token)


def connect_sender(service: str, token: Path | None) -> OtlpSender:
    """What sends; `token` names the file of the token that a monitor on this machine is shown.

    Raises:
        TsunaguError: the token is there and cannot be used, or a variable of OpenTelemetry's holds nonsense.
    """
    bearer = read_token(token) if token is not None and token.exists() else None
    try:
        return OtlpSender(service, list_configured_signals(), bearer, token.name if token is not None else "")
    except ValueError as error:
        said = shorten_text(str(error), _LONGEST_REASON)
        message = f"a variable of OpenTelemetry's (OTEL_...) holds what its SDK refuses: {said} Correct it, or unset it"
        raise TsunaguError(message) from None


def tell_lost(sending: OtlpSender, token: Path | None) -> None:
    """Close what sends, and say what of it is lost."""
    lost = sending.close()
    if any(lost.values()):
        shown = ", ".join(f"{count} {signal}" for signal, count in lost.items() if count)
        logging.getLogger("tsunagu").warning(
            "telemetry is lost, because %s did not take it: %s%s; does %s name a monitor that runs%s?",
            _receiver(),
            shown,
            f" (it says: {sending.refused.reason})" if sending.refused.reason else "",
            ENDPOINT,
            f" and made the token in {token}" if token is not None else "",
        )


def build_resource(service: str, role: str) -> Resource:
    """What a sender says of itself."""
    return Resource.create(
        {
            "service.namespace": "tsunagu",
            "service.name": service,
            "service.version": version("tsunagu"),
            "service.instance.id": name_instance(service, role),
        }
    )


def _receiver() -> str:
    """Where telemetry goes, as it may be shown: an address may hold a name and a password."""
    address = os.environ.get(ENDPOINT, "its receiver")
    before, at, after = address.rpartition("@")
    return f"{before.partition('//')[0]}//{after}" if at and "//" in before else after


class OtlpSender:
    """The exporters of the three signals and what waits before them."""

    def __init__(self, service: str, wanted: frozenset[str], token: str | None = None, role: str = "") -> None:
        # Imported where they are needed: they take a third of a second, and most runs have no endpoint.
        from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        # What the exporters log about each try is summed up in our own count.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        timeout = _timeout()
        self.refused = RefusedParts()
        """What a monitor on this machine left out of what it took."""
        resource = build_resource(service, role)
        sessions = {signal: _session(signal, token) for signal in SIGNAL.values}
        for signal, session in sessions.items():
            if session is not None:
                session.hooks["response"].append(partial(self.refused.hear, signal))
        spans = OTLPSpanExporter(timeout=timeout, compression=Compression.Gzip, session=sessions["traces"])
        logs = OTLPLogExporter(timeout=timeout, compression=Compression.Gzip, session=sessions["logs"])
        self._exporters = (spans, logs)
        self._spans = Outbox[ReadableSpan]("traces", lambda batch: spans.export(batch).name == "SUCCESS")
        self._logs = Outbox[ReadableLogRecord]("logs", lambda batch: logs.export(batch).name == "SUCCESS")
        self._points = CountingExporter(
            OTLPMetricExporter(
                timeout=timeout,
                compression=Compression.Gzip,
                preferred_temporality=_TEMPORALITY,
                session=sessions["metrics"],
            ),
            _TEMPORALITY,
        )
        readers = [
            PeriodicExportingMetricReader(
                self._points,
                export_interval_millis=INTERVAL_SECONDS * 1000,
                export_timeout_millis=timeout * 1000,
            )
            for _ in wanted & {"metrics"}
        ]
        self._meters = MeterProvider(readers, resource, shutdown_on_exit=False, views=build_views())
        meter = self._meters.get_meter("tsunagu")
        observe_dropped(meter, self.lost)
        events = LoggerProvider(resource, shutdown_on_exit=False)
        if "logs" in wanted:
            events.add_log_record_processor(_Logs(self._logs))
        self.telemetry = Telemetry(
            build_instruments(meter),
            events.get_logger("tsunagu"),
            _Spans(self._spans) if "traces" in wanted else None,
        )

    def put_span(self, span: ReadableSpan) -> None:
        """Send a span that has ended, where spans have somewhere to go."""
        if self.telemetry.send_spans is not None:
            self._spans.put(span)

    def lost(self) -> dict[str, int]:
        """How much could not be sent so far, or was left out where it came, by signal."""
        unsent = {"traces": self._spans.dropped, "metrics": self._points.dropped, "logs": self._logs.dropped}
        return {signal: count + self.refused.count(signal) for signal, count in unsent.items()}

    def close(self) -> dict[str, int]:
        """Send what waits, for at most `CLOSE_SECONDS`; gives what is lost."""
        deadline = time.monotonic() + CLOSE_SECONDS
        self._spans.finish()
        self._logs.finish()
        self._meters.shutdown(timeout_millis=CLOSE_SECONDS * 1000)
        self._points.give_up()
        self._spans.close(deadline)
        self._logs.close(deadline)
        for exporter in self._exporters:
            exporter.shutdown()  # type: ignore[no-untyped-call]  # the SDK's
        return self.lost()


def name_instance(service: str, role: str) -> str:
    """The id under which a sender is known: of the same machine, user and role it is the same for every process.

    Behind a collector each id is a series of its own. With a new one for each process, what an earlier process said
    (a line is down) would stand beside what the present one says (it is up). Totals of processes are told apart by when
    they began.
    """
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{role}.{service}.{os.getuid()}.{socket.gethostname()}").hex


def _endpoint(signal: str) -> str:
    return os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT") or os.environ.get(ENDPOINT, "")


class RefusedParts:
    """Counts what a monitor leaves out of requests that it takes; the SDK takes such an answer for success."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Tally[str] = Tally()
        self.reason = ""
        """Why it left out the last one, as it says."""

    def count(self, signal: str) -> int:
        """How many items of a signal were left out so far."""
        with self._lock:
            return self._counts[signal]

    def hear(self, signal: str, answer: requests.Response, **_: object) -> None:
        """Take what an answer says; what is no answer of OTLP's says nothing."""
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (  # noqa: PLC0415 as the exporters
            ExportMetricsServiceResponse,
        )

        if answer.status_code != HTTPStatus.OK or not answer.content:
            return
        try:
            # The three signals' answers have the same form.
            found = ExportMetricsServiceResponse.FromString(answer.content).partial_success
        except (DecodeError, UnicodeDecodeError):
            return
        with self._lock:
            self._counts[signal] += max(0, found.rejected_data_points)
            self.reason = shorten_text(found.error_message, _LONGEST_REASON) or self.reason


def _session(signal: str, token: str | None) -> requests.Session | None:
    """What speaks to this machine itself: no proxy of the environment hears it, and no .netrc replaces the token."""
    if not is_on_this_machine(_endpoint(signal)):
        return None
    from controller.telemetry.token_connection import open_token_session  # noqa: PLC0415 as the exporters

    return open_token_session(token)


def _timeout() -> float:
    """Seconds that a request may take, as OpenTelemetry's own variable says it.

    Raises:
        TsunaguError: the variable holds no such number.
    """
    text = os.environ.get(TIMEOUT) or str(TIMEOUT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        message = f"{TIMEOUT} is a number of seconds above 0, not {text!r}"
        raise TsunaguError(message)
    return seconds


class _Spans(SpanProcessor):
    """Puts spans that have ended into the outbox; any number of providers of spans may have it."""

    def __init__(self, outbox: Outbox[ReadableSpan]) -> None:
        self._outbox = outbox

    def on_end(self, span: ReadableSpan) -> None:
        self._outbox.put(span)


class _Logs(LogRecordProcessor):
    """Puts log records into the outbox."""

    def __init__(self, outbox: Outbox[ReadableLogRecord]) -> None:
        self._outbox = outbox

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self._outbox.put(
            ReadableLogRecord(
                log_record.log_record, log_record.resource or Resource({}), log_record.instrumentation_scope
            )
        )

    def shutdown(self) -> None:
        """The outbox is closed by who made it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing can be hurried: the outbox sends as it can."""
        del timeout_millis
        return True
