"""The command `tsunagu`."""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Any, NamedTuple

import typer

from controller.cli.output import Exit, errors, print_line
from controller.errors import TsunaguError


class CommandEntry(NamedTuple):
    """A command or a group of commands: the line that help shows, and where it is defined."""

    summary: str
    place: str


COMMANDS = {
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
    "measure": CommandEntry("Measure schools' lines and assess them.", "measurement.measure:measure"),
    "render": CommandEntry("Write what each device should hold of ours, proved.", "policy.render:render"),
    "prove": CommandEntry("Prove that everything means what the policy says.", "policy.prove:prove"),
    "monitor": CommandEntry("Run the monitor: receiver, store, page and metrics.", "measurement.monitor:monitor"),
}
GROUPS = {
    "lab": CommandEntry("The virtual city: real switches, routers, hosts and packets.", "lab:lab"),
    "cloud": CommandEntry("The cloud's stacks: preview, up, refresh, destroy.", "cloud:cloud"),
    "playbook": CommandEntry("Playbooks for network operators.", "devices.playbook:playbook"),
    "audit": CommandEntry("The audit trail: verify it, remove what is old.", "audit:audit"),
    "report": CommandEntry("Reports on what was measured.", "measurement.report:report"),
}


def build_command_line(wanted: str) -> typer.Typer:
    """Return the command line with the wanted command alone, or with a line of help for each where none is wanted.

    No other command is imported: SSH and telemetry alone take a second.
    """
    app = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(
        help="One access policy for a city's schools: checked, proved, applied to switches, shown by packets."
    )(_nothing_before)
    if wanted in COMMANDS:
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


def main() -> None:
    """Run a command; every refusal is one clear message and an exit code, never a traceback."""
    words = sys.argv[1:] or ["--help"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        if words[0] in {"--version", "-V"}:
            print_line(f"tsunagu {version('tsunagu')}")
            sys.exit(Exit.GOOD)
        code = build_command_line(words[0])(words, standalone_mode=False)
    except typer.TyperException as error:
        said = error.format_message()
        shown = said if said.startswith("Usage:") else f"tsunagu: {said} (see: tsunagu --help)"
        errors.print(shown, markup=False)
        code = Exit.USAGE
    except TsunaguError as error:
        errors.print(f"tsunagu: {error}", style="red", markup=False)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        errors.print("tsunagu: interrupted")
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.FAILED
    except OSError as error:
        errors.print(f"tsunagu: {error.filename or 'a file'}: {error.strerror or error}", style="red", markup=False)
        code = Exit.FAILED
    except Exception as error:  # noqa: BLE001 what nobody expected: one line and a saved report, never a traceback
        from controller.cli.unexpected import explain_unexpected  # noqa: PLC0415 only where it is needed

        errors.print(f"tsunagu: {explain_unexpected(error, words[0])}", style="red", markup=False)
        code = Exit.FAULT
    sys.exit(int(code or 0))
