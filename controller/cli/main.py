"""The command `tsunagu`."""

from __future__ import annotations

import os
import pkgutil
import sys
from io import TextIOWrapper

import typer

from controller.cli.output import Exit, errors
from controller.errors import TsunaguError

COMMANDS = {
    "check": "controller.cli.policy.check:check",
    "plan": "controller.cli.devices.plan:plan",
    "apply": "controller.cli.devices.apply:apply",
    "drift": "controller.cli.devices.plan:drift",
    "explain": "controller.cli.policy.explain:explain_command",
    "what-if": "controller.cli.policy.what_if:what_if_command",
    "migrate": "controller.cli.policy.migrate:migrate",
    "trust": "controller.cli.devices.trust:trust",
    "measure": "controller.cli.measurement.measure:measure",
    "render": "controller.cli.policy.render:render",
    "prove": "controller.cli.policy.prove:prove",
    "monitor": "controller.cli.measurement.monitor:monitor",
}
GROUPS = {
    "lab": "controller.cli.lab:lab",
    "cloud": "controller.cli.cloud:cloud",
    "playbook": "controller.cli.devices.playbook:playbook",
    "report": "controller.cli.measurement.report:report",
}


def application(wanted: str) -> typer.Typer:
    """The command line; only the wanted command is loaded, because SSH and telemetry take a second to import."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    app.callback(
        help="One access policy for a city's schools: checked, proved, applied to switches, shown by packets."
    )(_nothing_before)
    everything = wanted not in COMMANDS and wanted not in GROUPS
    for name, place in COMMANDS.items():
        if everything or name == wanted:
            app.command(name)(pkgutil.resolve_name(place))
    for name, place in GROUPS.items():
        if everything or name == wanted:
            app.add_typer(pkgutil.resolve_name(place), name=name)
    return app


def _nothing_before() -> None:
    """A callback keeps a lone command from losing its name."""


def main() -> None:
    """Run a command; every refusal is one clear message and an exit code, never a traceback."""
    words = sys.argv[1:] or ["--help"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = application(words[0])(words, standalone_mode=False)
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
    sys.exit(int(code or 0))
