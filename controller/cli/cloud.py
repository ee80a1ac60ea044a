"""`tsunagu cloud`: the stacks on the Pulumi engine, for people who do not want to know how it is set up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import DEFAULT_POLICIES, Json, Policies
from controller.cli.output import errors, print_line, say_json
from controller.cloud.installation import PROJECT
from controller.cloud.pulumi_engine import LAB, Engine
from controller.offline_google.rehearsal import RehearsalEngine, choose_banner, choose_engine
from stacks.settings.outputs import write_outputs

cloud = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The cloud's stacks: preview, up, refresh, destroy."
)

GUARDRAILS = PROJECT / "stacks" / "guardrails"
"""The policy pack that every preview and deployment must pass."""

Stack = Annotated[str, typer.Option("--stack", help="lab (offline, on this machine), staging or production.")]


def _progress(message: str) -> None:
    errors.print(message, style="dim", markup=False)


@cloud.command("preview")
def preview(stack: Stack = LAB, policies: Policies = DEFAULT_POLICIES, *, as_json: Json = False) -> None:
    """Show what would change."""
    _say_end("preview", stack, _run("preview", stack, policies, as_json=as_json), as_json=as_json)


@cloud.command("up")
def up(stack: Stack = LAB, policies: Policies = DEFAULT_POLICIES, *, as_json: Json = False) -> None:
    """Deploy, and write the outputs for the controller; after a crash, first find out what became of it."""
    engine = _run("up", stack, policies, as_json=as_json)
    path = write_outputs(policies, stack, *engine.outputs(stack))
    print_line(f"outputs: {path}")
    _say_end("up", stack, engine, as_json=as_json, outputs=str(path))


@cloud.command("refresh")
def refresh(stack: Stack = LAB, policies: Policies = DEFAULT_POLICIES, *, as_json: Json = False) -> None:
    """Read what is there and show what was changed by hand."""
    _say_end("refresh", stack, _run("refresh", stack, policies, as_json=as_json), as_json=as_json)


@cloud.command("destroy")
def destroy(stack: Stack = LAB, policies: Policies = DEFAULT_POLICIES, *, as_json: Json = False) -> None:
    """Remove the stack. Outside the lab it is refused as long as anything is protected, before anything is removed."""
    _say_end("destroy", stack, _run("destroy", stack, policies, as_json=as_json), as_json=as_json)


def _say_end(command: str, stack: str, engine: Engine, *, as_json: bool, outputs: str | None = None) -> None:
    if as_json:
        offline = isinstance(engine, RehearsalEngine)
        say_json({"command": command, "stack": stack, "offline": offline, "outputs": outputs}, form="cloud")


def _run(command: str, stack: str, policies: Path, *, as_json: bool) -> Engine:
    engine = choose_engine(stack, _progress, policies=policies)
    said = choose_banner(stack, is_offline=isinstance(engine, RehearsalEngine))
    if said:
        print_line(said)
    engine.ready(stack, _progress)
    guarded = ("--policy-pack", str(GUARDRAILS)) if command in ("preview", "up") else ()
    # Without its preview the engine would begin a destroy with what is not protected, and stop halfway.
    arguments = ("--skip-preview",) if stack == LAB and command != "preview" else ()
    engine.run(command, stack, *guarded, *arguments, beside=as_json)
    if said:
        print_line(said)
    return engine
