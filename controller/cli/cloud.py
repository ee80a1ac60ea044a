"""`tsunagu cloud`: the stacks on the Pulumi engine, for people who do not want to know how it is set up."""

from __future__ import annotations

from typing import Annotated

import typer

from controller.cli.output import errors, say
from controller.lab.cloud.engine import banner, engine_for

cloud = typer.Typer(no_args_is_help=True, help="The cloud's stacks: preview, up, refresh, destroy.")

Stack = Annotated[str, typer.Option("--stack", help="lab (offline, on this machine), staging or production.")]


def _progress(message: str) -> None:
    errors.print(message, style="dim", markup=False)


@cloud.command("preview")
def preview(stack: Stack) -> None:
    """Show what would change."""
    _run("preview", stack)


@cloud.command("up")
def up(stack: Stack) -> None:
    """Deploy; after a crash, first find out what became of what was being made."""
    _run("up", stack, "--skip-preview")


@cloud.command("refresh")
def refresh(stack: Stack) -> None:
    """Read what is there and show what was changed by hand."""
    _run("refresh", stack, "--skip-preview")


@cloud.command("destroy")
def destroy(stack: Stack) -> None:
    """Remove everything that is not protected."""
    _run("destroy", stack, "--skip-preview")


def _run(command: str, stack: str, *arguments: str) -> None:
    engine = engine_for(stack, _progress)
    said = banner(stack, is_offline=engine.rehearsal is not None)
    if said:
        say(said)
    engine.ready(stack, _progress)
    engine.run(command, stack, *arguments)
    if said:
        say(said)
