"""All commands of `tsunagu integrate`."""

from __future__ import annotations

import typer

from controller.cli.integration.computers import count_computers
from controller.cli.integration.confirm import confirm_stage
from controller.cli.integration.plan import show_stage_plan
from controller.cli.integration.schedule import show_schedule
from controller.cli.integration.status import show_status

integrate = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Integration (統合): schools from separate networks to one."
)
integrate.command("computers")(count_computers)
integrate.command("plan")(show_stage_plan)
integrate.command("confirm")(confirm_stage)
integrate.command("status")(show_status)
integrate.command("schedule")(show_schedule)
