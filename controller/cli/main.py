"""The command `tsunagu`."""

from __future__ import annotations

import os
import pkgutil
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from controller.cli.advised_commands import complete_commands
from controller.cli.conventions.entry import begin_work, was_interrupted
from controller.cli.output import Exit, begin_run, drop_output, errors, get_last_line, lacks_json, print_line, say_json
from controller.errors import Interrupted, TsunaguError

if TYPE_CHECKING:
    from controller.cli.conventions.defaults import Defaults


class CommandEntry(NamedTuple):
    """A command or a group of commands: the line that help shows, and where it is defined."""

    summary: str
    place: str


COMMANDS = {
    "init": CommandEntry("Write a small valid city to begin with.", "policy.init:init"),
    "import": CommandEntry("Bring schools of a table or NetBox into the city.", "policy.import_schools:add_schools"),
    "check": CommandEntry("Find contradictions, dead rules and gaps in the policy.", "policy.check:check"),
    "plan": CommandEntry("Show and prove what would change on devices, and save the plan.", "devices.plan:plan"),
    "apply": CommandEntry("Carry out a saved plan, the canary school first.", "devices.apply:apply"),
    "drift": CommandEntry("Say what differs on devices from the policy now.", "devices.plan:drift"),
    "explain": CommandEntry(
        "Say whether somebody may reach an application, and why.", "policy.explain:explain_command"
    ),
    "what-if": CommandEntry("Say which answers a change of the policy changes.", "policy.what_if:what_if_command"),
    "migrate": CommandEntry("Rewrite policy files of older formats.", "policy.migrate:migrate"),
    "adopt": CommandEntry("Propose how a school that runs already is taken over.", "devices.adopt:adopt"),
    "approve": CommandEntry("Approve a saved plan by a signature.", "devices.approve:approve"),
    "agent": CommandEntry("Print the program that a Linux device runs for us.", "devices.agent:agent"),
    "trust": CommandEntry("Compare a device's host key with the pinned one, and pin it.", "devices.trust:trust"),
    "repair": CommandEntry("Bring a device out of an unconfirmed state.", "devices.repair:repair"),
    "rotate": CommandEntry("Change a device's login, and lock nobody out.", "rotation.rotate:rotate"),
    "restore": CommandEntry("Bring a dead device back from its last state.", "recovery.restore:restore_dead_device"),
    "measure": CommandEntry("Measure schools' lines and assess them.", "measurement.measure:measure"),
    "render": CommandEntry("Write what each device should hold of ours, proved.", "policy.render:render"),
    "prove": CommandEntry("Prove that everything means what the policy says.", "policy.prove:prove"),
    "run": CommandEntry("Run the daemon: drift, measuring, rollouts on one schedule.", "daemon.run:run"),
    "monitor": CommandEntry("Run the monitor: receiver, store, page and metrics.", "measurement.monitor:monitor"),
}
GROUPS = {
    "lab": CommandEntry("The virtual city: real switches, routers, hosts and packets.", "lab:lab"),
    "cloud": CommandEntry("The cloud's stacks: preview, up, refresh, destroy.", "cloud:cloud"),
    "integrate": CommandEntry("Schools from separate networks to one (統合).", "integration.all_commands:integrate"),
    "rollout": CommandEntry("Rollouts in waves that survive their controller.", "rollouts.all_commands:rollout"),
    "playbook": CommandEntry("Playbooks for network operators.", "devices.playbook:playbook"),
    "backup": CommandEntry("The controller's own state: into one file, and back.", "recovery.backup:backup"),
    "drill": CommandEntry("Drills: lose something, bring it back, measure.", "recovery.drill:drill"),
    "probe": CommandEntry("The probes at schools: enrol, list, revoke.", "measurement.probe:probe"),
    "audit": CommandEntry("The audit trail: verify it, remove what is old.", "audit:audit"),
    "report": CommandEntry("Reports: measured lines, and how far integration is.", "measurement.all_reports:report"),
}
BELOW = {
    ("measure", "schedule"): CommandEntry(
        "List a day's planned tests of throughput, and why there is none.", "measurement.schedule:list_schedule"
    ),
    ("measure", "uplinks"): CommandEntry(
        "Read what schools' uplinks carry, by their devices' counters.", "measurement.uplinks:read_school_uplinks"
    ),
    ("measure", "import"): CommandEntry(
        "Take in what people measured by hand (簡易帯域測定).", "measurement.import_measurements:import_measurements"
    ),
}
"""Commands that stand below the name of another command."""

_LEAVING = (("run",),)
"""Commands that leave threads when they are told to end: they only read, and nobody waits for what they ask."""


def build_command_line(wanted: str, below: str = "") -> typer.Typer:
    """Return the command line with the wanted command alone, or with a line of help for each where none is wanted.

    `below` is a command that stands below the name of the wanted one.

    No other command is imported: SSH and telemetry alone take a second.
    """
    app = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        # Completion itself is answered before this module is loaded; here are the options that install it.
        add_completion=wanted not in COMMANDS and wanted not in GROUPS,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(
        help="One access policy for a city's schools: checked, proved, applied to switches, shown by packets."
    )(_nothing_before)
    if (wanted, below) in BELOW:
        group = typer.Typer(rich_markup_mode=None)
        group.callback()(_nothing_before)
        group.command(below)(_load(BELOW[wanted, below]))
        app.add_typer(group, name=wanted)
    elif wanted in COMMANDS:
        app.command(wanted)(_load(COMMANDS[wanted]))
    elif wanted in GROUPS:
        app.add_typer(_load(GROUPS[wanted]), name=wanted)
    else:
        for name, entry in {**COMMANDS, **GROUPS}.items():
            app.command(name, short_help=entry.summary)(_nothing_before)
    return app


def _load(entry: CommandEntry) -> Any:  # noqa: ANN401 a function or a group
    return pkgutil.resolve_name(f"controller.cli.{entry.place}")


def _nothing_before() -> None:
    """A callback keeps a lone command from losing its name."""


def find_command_path(words: Sequence[str]) -> tuple[str, ...]:
    """Return the command that words name, with the command of a group.

    >>> find_command_path(["lab", "up", "--schools", "3"])
    ('lab', 'up')
    >>> find_command_path(["plan", "--all"])
    ('plan',)
    >>> find_command_path(["measure", "import", "records.csv"]), find_command_path(["measure", "--all"])
    (('measure', 'import'), ('measure',))
    """
    if tuple(words[:2]) in BELOW:
        return tuple(words[:2])
    if words[0] in GROUPS:
        return (words[0], *[word for word in words[1:2] if not word.startswith("-")])
    return (words[0],) if words[0] in COMMANDS else ()


def main() -> None:
    """Run a command; every refusal is one clear message and an exit code, never a traceback."""
    words = sys.argv[1:] or ["--help"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    command = find_command_path(words)
    begin_run(command, as_json=_names_json(command, words))
    try:
        if words[0] in {"--version", "-V"}:
            print_line(f"tsunagu {version('tsunagu')}")
            sys.exit(Exit.GOOD)
        code = _run(command, words)
        if code and lacks_json():
            _say_refusal(Refusal("refused", get_last_line() or f"ended with exit code {code}", code))
        if command in _LEAVING:
            _leave_threads(code)
    except BrokenPipeError:
        drop_output()
        code = Exit.FAILED
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 what nobody expected is told as such
        refusal = describe_refusal(error, command, words)
        errors.print(_show(refusal, error), style="red" if refusal.is_red else None, markup=False)
        _say_refusal(refusal, error)
        code = refusal.exit_code
        if code == Exit.INTERRUPTED:
            _leave_threads(code)
    _tell_end(command, words, code)
    sys.exit(int(code))


def _tell_end(command: Sequence[str], words: Sequence[str], code: int) -> None:
    """Tell the monitor of a task that ended; most runs have none, and read nothing of telemetry for it."""
    if any(name.startswith("OTEL_EXPORTER_OTLP_") for name in os.environ):
        from controller.cli.task_telemetry import find_task, send_task_end, was_told_in_trace  # noqa: PLC0415 see above

        task = find_task(command, words)
        if task is not None and not was_told_in_trace(task):
            send_task_end(task, code)


class Refusal(NamedTuple):
    """How a run ended that did not end well: a code for programs, the message, the exit code."""

    code: str
    message: str
    exit_code: int
    is_red: bool = False


def _show(refusal: Refusal, error: BaseException) -> str:
    """Return a refusal as people read it, in the language of the run."""
    if refusal.message.startswith("Usage:"):
        return refusal.message
    from controller.cli.conventions.refusal_words import translate_refusal  # noqa: PLC0415 only where it is needed

    return f"tsunagu: {translate_refusal(refusal.message, error)}"


def describe_refusal(error: BaseException, command: Sequence[str], words: Sequence[str]) -> Refusal:
    """Return how a run ended by an error; what nobody expected is saved as a report."""
    # Ctrl-C while a module is read shows as another error of whoever needs that module.
    half_read = was_interrupted() and not isinstance(error, TsunaguError)
    if half_read or isinstance(error, KeyboardInterrupt | typer.Abort):
        left = f": {error}" if isinstance(error, Interrupted) else ""
        return Refusal("interrupted", f"interrupted{left}", Exit.INTERRUPTED)
    if isinstance(error, typer.TyperException):
        from controller.cli.conventions.usage_mistakes import explain_usage  # noqa: PLC0415 only where it is needed

        said = explain_usage(error.format_message(), words)
        if not said.startswith("Usage:"):
            known = command[:1] if "No such command" in said else command
            said = f"{said}{_find_source(error, command, words)} (see: {_name_help(known)})"
        return Refusal("usage", said, Exit.USAGE)
    if isinstance(error, TsunaguError):
        from controller.cli.conventions.error_document import name_error_code  # noqa: PLC0415 only where it is needed

        return Refusal(name_error_code(type(error)), str(error), error.exit_code, is_red=True)
    if isinstance(error, OSError):
        return Refusal("system", f"{error.filename or 'a file'}: {error.strerror or error}", Exit.FAILED, is_red=True)
    from controller.cli.unexpected import explain_unexpected  # noqa: PLC0415 only where it is needed

    return Refusal("fault", explain_unexpected(error, words[0]), Exit.FAULT, is_red=True)


def _run(command: Sequence[str], words: Sequence[str]) -> int:
    built = typer.main.get_command(build_command_line(*(command if tuple(command) in BELOW else words[:1])))
    if not command:
        return _invoke(built, words, {})
    from controller.cli.conventions.command_tree import finish_command_line  # noqa: PLC0415 help alone needs none
    from controller.cli.conventions.defaults import read_defaults  # noqa: PLC0415 see above

    asked_help = any(word in {"-h", "--help"} for word in words)
    defaults = None if asked_help else read_defaults(" ".join(command), words)
    finish_command_line(built, command, defaults)
    if defaults is not None:
        for note in defaults.notes:
            errors.print(f"tsunagu: note: {note}", style="yellow", markup=False)
        if _defaults_to_json(defaults):
            begin_run(command, as_json=True)
    return _invoke(built, words, _nest(command, defaults))


def _invoke(built: Any, words: Sequence[str], default_map: Mapping[str, Any]) -> int:  # noqa: ANN401 typer's own class
    """Run a command; the library's own `main` would turn Ctrl-C into a silent end."""
    begin_work()
    try:
        with built.make_context("tsunagu", list(words), default_map=default_map) as context:
            built.invoke(context)
    except typer.Exit as ended:
        return int(ended.exit_code)
    except EOFError:
        raise typer.Abort from None
    return int(Exit.GOOD)


def _nest(command: Sequence[str], defaults: Defaults | None) -> Mapping[str, Any]:
    nested: Mapping[str, Any] = {} if defaults is None else defaults.values
    for name in reversed(command):
        nested = {name: nested}
    return dict(nested)


def _names_json(command: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a program reads; what `lab run` runs has options of its own."""
    ours = words[: 2 + next((at for at, word in enumerate(words[2:]) if not word.startswith("-")), len(words))]
    return "--json" in (ours if tuple(command) == ("lab", "run") else words)


def _defaults_to_json(defaults: Defaults) -> bool:
    said = [os.environ[name] for name in defaults.variables.get("as_json", ()) if os.environ.get(name)]
    if said:
        return said[0].lower() in {"1", "true", "t", "yes", "y", "on"}
    return bool(defaults.values.get("as_json"))


def _find_source(error: typer.TyperException, command: Sequence[str], words: Sequence[str]) -> str:
    """Return where a wrong value stands that is not on the command line; empty where it is."""
    parameter = getattr(error, "param", None)
    if parameter is None or not command or any(word.partition("=")[0] in parameter.opts for word in words):
        return ""
    from controller.cli.conventions.defaults import read_defaults  # noqa: PLC0415 only where it is needed

    place = read_defaults(" ".join(command), words).origins.get(parameter.name)
    return f" (it stands in {place})" if place else ""


def _name_help(command: Sequence[str]) -> str:
    return " ".join(("tsunagu", *command, "--help"))


def _say_refusal(refusal: Refusal, error: BaseException | None = None) -> None:
    """Print the refusal for a program, where one reads."""
    if not lacks_json():
        return
    from controller.cli.conventions.error_document import build_error_document  # noqa: PLC0415 only where it is needed

    message = complete_commands(refusal.message)
    say_json(build_error_document(refusal.code, message, refusal.exit_code, error), form="error")


def _leave_threads(code: int) -> None:
    """End now where other threads still wait for devices: what they read is wanted by nobody any more."""
    others = [one for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    if others:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))
