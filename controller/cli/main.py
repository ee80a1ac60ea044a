"""The command `tsunagu`."""

from __future__ import annotations

import os
import sys

import typer

from controller.cli.apply import apply
from controller.cli.check import check
from controller.cli.cloud import cloud
from controller.cli.explain import explain_command
from controller.cli.lab import lab
from controller.cli.output import Exit, errors
from controller.cli.plan import drift, plan
from controller.cli.prove import prove_configs, render
from controller.cli.trust import trust
from controller.errors import TsunaguError

app = typer.Typer(
    name="tsunagu",
    help="One access policy for a city's schools: checked, proved, applied to switches, shown by packets.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(check)
app.command()(plan)
app.command()(apply)
app.command()(drift)
app.command("explain")(explain_command)
app.command()(trust)
app.command()(render)
app.command("prove")(prove_configs)
app.add_typer(lab, name="lab")
app.add_typer(cloud, name="cloud")


def main() -> None:
    """Run a command; every refusal is one clear message and an exit code, never a traceback."""
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except typer.TyperException as error:
        errors.print(f"tsunagu: {error.format_message()} (see: tsunagu --help)", style="red", markup=False)
        code = Exit.USAGE
    except TsunaguError as error:
        errors.print(f"tsunagu: {error}", style="red", markup=False)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        errors.print("tsunagu: interrupted")
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); nothing is left to say, not even by the interpreter at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.GOOD
    sys.exit(int(code or 0))
