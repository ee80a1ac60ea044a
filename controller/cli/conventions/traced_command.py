"""Commands as traces: what a run did and how long, where an endpoint for traces is configured; else nothing is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import typer

from controller.cli.conventions.error_document import name_error_code
from controller.cli.estates import choose_state_folder, load_estate_operations
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.output import Exit
from controller.errors import TsunaguError
from controller.model.city import City
from controller.telemetry.registry import Writer
from controller.telemetry.traces.phases import find_traced_command, list_configured_signals
from controller.telemetry.traces.trace_links import TraceOf, read_trace_marks, remember_trace

P = ParamSpec("P")
Result = TypeVar("Result")


def traced_command(writer: Writer) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Return what makes a trace of each run of a command; `writer` is who it speaks as."""

    def wrap(run: Callable[P, Result]) -> Callable[P, Result]:
        @wraps(run)
        def run_traced(*args: P.args, **options: P.kwargs) -> Result:
            if "traces" not in list_configured_signals():
                return run(*args, **options)
            try:
                # Imported where it is needed: telemetry takes a third of a second.
                from controller.cli.task_telemetry import tell_task_end  # noqa: PLC0415
                from controller.telemetry.traces.command_trace import CommandTrace, run_traced  # noqa: PLC0415

                command = CommandTrace(run.__name__, describe_end, _find_token(writer, options.get("policies")))
            except ValueError as error:  # a variable of OpenTelemetry's that its SDK does not understand
                logging.getLogger("tsunagu").warning("this run is not traced: %s", error)
                return run(*args, **options)
            with run_traced(command), tell_task_end(run.__name__, lambda error: describe_end(error)[1]):
                return run(*args, **options)

        return run_traced

    return wrap


def describe_end(error: BaseException) -> tuple[str, int]:
    """Return the code of what a command, or a phase of it, ended with, and the exit code; 0 where all was well.

    >>> describe_end(typer.Exit(Exit.DIFFERS)), describe_end(KeyboardInterrupt())
    (('differs', 2), ('interrupted', 130))
    """
    if isinstance(error, typer.Exit):
        code = int(error.exit_code)
        known = {int(one): one.name.lower().replace("_", "-") for one in Exit}
        return known.get(code, "failed"), code
    if isinstance(error, TsunaguError):
        return name_error_code(type(error)), int(error.exit_code)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "interrupted", int(Exit.INTERRUPTED)
    if isinstance(error, typer.TyperException):
        return "usage", int(Exit.USAGE)
    return ("system", int(Exit.FAILED)) if isinstance(error, OSError) else ("fault", int(Exit.FAULT))


def find_state_for_traces(city: City, policies: Path) -> Path | None:
    """Return the folder where the traces of an estate are kept; None where nothing is traced, or there is none."""
    if find_traced_command() is None:
        return None
    try:
        return choose_state_folder(city.estate, load_estate_operations(city), None, policies)
    except (TsunaguError, typer.BadParameter) as error:
        logging.getLogger("tsunagu").warning("this trace is not linked: %s", error)
        return None


def link_command(state: Path | None, wanted: Iterable[tuple[TraceOf, str]]) -> None:
    """Link the command's trace to those of what it works on, as far as they are known."""
    if state is None or find_traced_command() is None:
        return
    from controller.telemetry.traces.command_trace import get_command_trace  # noqa: PLC0415 as above

    command, marks = get_command_trace(), read_trace_marks(state)
    if command is not None:
        found = ((str(kind), marks.get(kind, {}).get(name)) for kind, name in wanted)
        command.add_links((relation, mark) for relation, mark in found if mark is not None)


def remember_command(state: Path | None, about: Iterable[tuple[TraceOf, str]]) -> None:
    """Keep that this command's trace is that of something, for later ones to link to."""
    if state is None or find_traced_command() is None:
        return
    from controller.telemetry.traces.command_trace import get_command_trace  # noqa: PLC0415 as above

    command = get_command_trace()
    if command is not None and command.root_mark is not None:
        remember_trace(state, command.root_mark, about)


def go_on_traced() -> None:
    """From now on the command goes on until it is stopped: each thing that it does is a trace of its own."""
    if find_traced_command() is not None:
        from controller.telemetry.traces.command_trace import get_command_trace  # noqa: PLC0415 as above

        command = get_command_trace()
        if command is not None:
            command.begin_new_traces()


def _find_token(writer: Writer, policies: object) -> Path | None:
    """The token of a sender; where the operators' file is refused, the command itself says so."""
    try:
        return find_token_file(writer, policies) if isinstance(policies, Path) else None
    except TsunaguError:
        return None
