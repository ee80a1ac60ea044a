"""Phases of a command: a span each where the command is traced; where it is not, a look at one attribute.

Nothing of OpenTelemetry is imported here: most runs have no endpoint, and reading its SDK takes a third of a second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from controller.telemetry.registry import SIGNAL

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from controller.telemetry.otlp import OtlpSender

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
COMMAND_SCOPE = "tsunagu.command"
"""The instrumentation scope of commands' spans; those of a rollout's timeline have `tsunagu`."""

P = ParamSpec("P")
Result = TypeVar("Result")


def list_configured_signals() -> frozenset[str]:
    """Which of traces, metrics and logs have somewhere to go, by OpenTelemetry's own variables."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return frozenset()
    everywhere = bool(os.environ.get(ENDPOINT))
    return frozenset(
        signal
        for signal in SIGNAL.values
        if (everywhere or os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"))
        and os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip().lower() != "none"
    )


class Phase:
    """A phase that lasts. Here nobody traces it, so what is put on it goes nowhere."""

    def add_attributes(self, **attributes: str | int) -> None:
        """Say what is only known while the phase lasts; never a secret, a person or a text that somebody wrote."""


class TracedCommand(Protocol):
    """A command that is traced: `controller.telemetry.traces.command_trace` has it."""

    def open_phase(
        self, name: str, attributes: Mapping[str, str | int], *, detail: bool
    ) -> AbstractContextManager[Phase]:
        """A span below the present one."""

    def find_parent(self) -> Context:
        """What is begun now stands below this."""

    def share_sender(self, token: Path | None) -> OtlpSender:
        """What sends, until the command ends; one for each token."""


class _Running:
    """The command of this process, if it is traced."""

    command: TracedCommand | None = None


_NO_PHASE: nullcontext[Phase] = nullcontext(Phase())


def set_traced_command(command: TracedCommand | None) -> None:
    """From now on phases belong to a command; None: to none."""
    _Running.command = command


def find_traced_command() -> TracedCommand | None:
    """The command of this process that is traced, or None."""
    return _Running.command


def trace_phase(name: str, *, detail: bool = False, **attributes: str | int) -> AbstractContextManager[Phase]:
    """A phase of the command that runs, as a span where it is traced; errors that pass through become its status.

    `detail`: one of very many, e.g. one a device; of these a command has at most `MOST_DETAILS`.

    >>> with trace_phase("read devices", devices=3) as phase:
    ...     phase.add_attributes(refused=1)
    """
    command = _Running.command
    return _NO_PHASE if command is None else command.open_phase(name, attributes, detail=detail)


def keep_phase(work: Callable[P, Result]) -> Callable[P, Result]:
    """What calls a function in another thread within the phase that lasts here now."""
    if _Running.command is None:
        return work
    context = copy_context()
    return lambda *args, **options: context.copy().run(work, *args, **options)
