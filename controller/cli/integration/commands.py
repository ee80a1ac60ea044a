"""The commands of `tsunagu integrate`."""

from __future__ import annotations

import typer

from controller.cli.integration.plan import plan

integrate = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Schools go from separate networks to one, stage by stage."
)
integrate.command("plan")(plan)


@integrate.callback()
def _nothing_before() -> None:
    """A callback keeps a lone command from losing its name."""
