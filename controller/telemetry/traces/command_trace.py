"""A command as a trace: a root span by OpenTelemetry's conventions for command-line programs, and its phases below it.

What ends waits in memory until the command ends, or something else of it sends: a thread that sends from the beginning
would keep a proof from being shared out to copies of the process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from controller.errors import TsunaguError
from controller.telemetry.otlp import OtlpSender, build_resource, connect_sender, tell_lost
from controller.telemetry.outbox import ROOM
from controller.telemetry.traces.phases import COMMAND_SCOPE, Phase, find_traced_command, set_traced_command
from controller.telemetry.traces.trace_links import TraceMark

MOST_DETAILS = 2_000
MOST_PHASES = 4_000
MOST_LINKS = 32
PROGRAM, PROCESS, EXIT, ERROR = "process.executable.name", "process.pid", "process.exit.code", "error.type"
"""OpenTelemetry's names (semantic conventions, CLI programs)."""
_PREFIX = "tsunagu."

CodeOfError = Callable[[BaseException], tuple[str, int]]
"""Gives the code of an error, and the exit code that it leads to."""


# What a copy of this process does is no span of it: nobody would send it.
os.register_at_fork(after_in_child=lambda: set_traced_command(None))


class CommandTrace:
    """The trace of a command that runs. Phases may be opened from any thread."""

    def __init__(self, command: str, name_error: CodeOfError, token: Path | None) -> None:
        self._name_error = name_error
        self._token = token
        self._lock = Lock()
        self._senders: dict[Path | None, OtlpSender] = {}
        self._waiting: list[ReadableSpan] = []
        self._counts = {False: 0, True: 0}
        self._left_out = 0
        self._goes_on = False
        provider = TracerProvider(
            resource=build_resource("tsunagu", token.name if token is not None else ""), shutdown_on_exit=False
        )
        provider.add_span_processor(_HandsOver(self._take))
        self._tracer = provider.get_tracer(COMMAND_SCOPE)
        about: dict[str, str | int] = {PROGRAM: "tsunagu", PROCESS: os.getpid(), f"{_PREFIX}command": command}
        self._root = self._tracer.start_span(
            f"tsunagu {command}", read_caller_context(), kind=SpanKind.INTERNAL, attributes=about
        )

    @property
    def root_mark(self) -> TraceMark | None:
        """The command's own span; None where it is not sampled."""
        found = self._root.get_span_context()
        if not found.trace_flags.sampled:
            return None
        return TraceMark(f"{found.trace_id:032x}", f"{found.span_id:016x}")

    def add_links(self, marks: Iterable[tuple[str, TraceMark]]) -> None:
        """Link to other traces, each once; the first of each pair says what that trace is to this one."""
        seen: set[TraceMark] = set()
        for relation, mark in marks:
            if mark not in seen and len(seen) < MOST_LINKS:
                seen.add(mark)
                self._root.add_link(build_span_context(mark), {f"{_PREFIX}link": relation})

    def begin_new_traces(self) -> None:
        """From now on the command goes on until it is stopped: what is begun is a trace of its own, with a link."""
        self._goes_on = True

    def find_parent(self) -> Context:
        """What is begun now stands below the present phase, or else below the command."""
        if trace.get_current_span().get_span_context().is_valid:
            return trace.set_span_in_context(trace.get_current_span())
        return Context() if self._goes_on else trace.set_span_in_context(self._root)

    @contextmanager
    def open_phase(self, name: str, attributes: Mapping[str, str | int], *, detail: bool) -> Iterator[Phase]:
        """A span below the present one; beyond the most of them, none."""
        if not self._goes_on and not self._count(detail=detail):
            yield Phase()
            return
        links = [Link(self._root.get_span_context(), {f"{_PREFIX}link": "command"})] if self._goes_on else None
        about = {f"{_PREFIX}{key}": value for key, value in attributes.items()}
        span = self._tracer.start_span(name, self.find_parent(), attributes=about, links=links)
        here = attach(trace.set_span_in_context(span))
        try:
            yield _SpanPhase(span)
        except BaseException as error:
            code, left = self._name_error(error)
            if left:
                _put_error(span, code)
            raise
        finally:
            detach(here)
            span.end()

    def end_trace(self, error: BaseException | None) -> None:
        """End the command's span, send what is left for at most `CLOSE_SECONDS`, and say once what is lost."""
        code, left = self._name_error(error) if error is not None else ("", 0)
        self._root.set_attribute(EXIT, left)
        if self._left_out:
            self._root.set_attribute(f"{_PREFIX}phases.left_out", self._left_out)
        if left:
            _put_error(self._root, code)
        self._root.end()
        try:
            if self._waiting:
                self.share_sender(self._token)
        except TsunaguError as refused:
            logging.getLogger("tsunagu").warning("the command's trace is not sent: %s", refused)
        for token, sender in self._senders.items():
            tell_lost(sender, token)

    def share_sender(self, token: Path | None) -> OtlpSender:
        """What sends, until the command ends; one for each token.

        Raises:
            TsunaguError: the token is there and cannot be used, or a variable of OpenTelemetry's holds nonsense.
        """
        with self._lock:
            if token not in self._senders:
                self._senders[token] = connect_sender("tsunagu", token)
            waiting, self._waiting = self._waiting, []
            first = next(iter(self._senders.values()))
        for span in waiting:
            first.put_span(span)
        return self._senders[token]

    def _take(self, span: ReadableSpan) -> None:
        """A span has ended."""
        with self._lock:
            sender = next(iter(self._senders.values()), None)
            if sender is None and len(self._waiting) < ROOM:
                self._waiting.append(span)
                return
        if sender is not None:
            sender.put_span(span)

    def _count(self, *, detail: bool) -> bool:
        """Whether one more phase may be opened."""
        with self._lock:
            self._counts[detail] += 1
            if self._counts[detail] <= (MOST_DETAILS if detail else MOST_PHASES):
                return True
            self._left_out += 1
        return False


@contextmanager
def trace_command(command: str, name_error: CodeOfError, token: Path | None) -> Iterator[CommandTrace]:
    """Trace a command for the length of a block."""
    with run_traced(CommandTrace(command, name_error, token)) as traced:
        yield traced


@contextmanager
def run_traced(traced: CommandTrace) -> Iterator[CommandTrace]:
    """Let the phases of a block belong to a command, whose span ends with the block."""
    ended: BaseException | None = None
    set_traced_command(traced)
    try:
        yield traced
    except BaseException as error:
        ended = error
        raise
    finally:
        set_traced_command(None)
        traced.end_trace(ended)


def get_command_trace() -> CommandTrace | None:
    """The trace of the command that runs, or None."""
    found = find_traced_command()
    return found if isinstance(found, CommandTrace) else None


def read_caller_context() -> Context:
    """The span that started this command, where `TRACEPARENT` names one (W3C Trace Context); else none."""
    return TraceContextTextMapPropagator().extract({"traceparent": os.environ.get("TRACEPARENT", "")}, Context())


def find_parent_context() -> Context:
    """What is begun now stands below this: the command that is traced, or whoever started it."""
    command = find_traced_command()
    return command.find_parent() if command is not None else read_caller_context()


class _SpanPhase(Phase):
    def __init__(self, span: Span) -> None:
        self._span = span

    def add_attributes(self, **attributes: str | int) -> None:
        self._span.set_attributes({f"{_PREFIX}{key}": value for key, value in attributes.items()})


class _HandsOver(SpanProcessor):
    """Hands over every span that ends."""

    def __init__(self, take: Callable[[ReadableSpan], None]) -> None:
        self._take = take

    def on_end(self, span: ReadableSpan) -> None:
        self._take(span)


def _put_error(span: Span, code: str) -> None:
    """The code alone: a message may name files and people."""
    span.set_attribute(ERROR, code)
    span.set_status(Status(StatusCode.ERROR, code))


def build_span_context(mark: TraceMark) -> SpanContext:
    """A span of another trace, as links name it."""
    return SpanContext(int(mark.trace, 16), int(mark.span, 16), is_remote=True, trace_flags=TraceFlags(1))
