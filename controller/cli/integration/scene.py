"""What the checks before a change of stage look at, put together from where commands keep it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from controller.cli.estates import choose_state_folder
from controller.cli.integration.brought_lists import BroughtFiles
from controller.cli.integration.line_assessments import assess_lines
from controller.cli.rollouts.estate_rollouts import EstateRollouts
from controller.errors import RolloutRefused, TsunaguError
from controller.integration.computers.issued_table import read_issued_counts
from controller.integration.computers.printer_table import read_printers
from controller.integration.pre_checks.check import CheckLimits, CheckScene, RunningRollout
from controller.integration.stage_policy import StagePolicy
from controller.operations.integration_settings import IntegrationSettings
from controller.operations.operations import Operations
from controller.rollout.durable.carry_out import use_rollouts


def choose_limits(settings: IntegrationSettings, asked: tuple[int | None, int | None, int | None]) -> CheckLimits:
    """Return the limits of the checks: those of the operators' file, or the tighter ones that were asked for.

    Raises:
        typer.BadParameter: an option asks for less than the operators do.
    """
    backup_days, measured_days, issued_percent = asked
    for name, value, most in (
        ("backup-days", backup_days, settings.backup_days),
        ("measured-days", measured_days, settings.measured_days),
    ):
        if value is not None and value > most:
            message = f"--{name} {value}: the operators' file allows {most} at most (integration: {name})"
            raise typer.BadParameter(message)
    if issued_percent is not None and issued_percent < settings.issued_percent:
        message = f"--issued-percent {issued_percent}: the operators' file asks for {settings.issued_percent} at least "
        message += "(integration: issued-percent)"
        raise typer.BadParameter(message)
    return CheckLimits(
        backup_days or settings.backup_days,
        measured_days or settings.measured_days,
        issued_percent or settings.issued_percent,
    )


def build_check_scene(
    policy: StagePolicy, brought: BroughtFiles, operations: Operations, state: Path | None, policies: Path
) -> CheckScene:
    """Return what the checks look at but for the devices: lists, measurements, backups, a running rollout."""
    city = policy.before
    folder = choose_state_folder(city.estate, operations, state, policies)
    return CheckScene(
        policy=policy,
        at=datetime.now(UTC),
        now=(),
        later=(),
        asked=False,
        state=folder,
        backups=brought.backups,
        lines=assess_lines(city, operations, state),
        rollout=_find_running_rollout(EstateRollouts(operations, folder, policies)),
        printers=read_printers(brought.printers, city, brought.encoding) if brought.printers is not None else None,
        issued=read_issued_counts(brought.issued, city, brought.encoding) if brought.issued is not None else None,
    )


def _find_running_rollout(place: EstateRollouts) -> RunningRollout:
    """The rollout that has not ended, with its schools; where the database cannot be asked, why."""
    try:
        with use_rollouts(place.folder, server=place.server) as store:
            active = store.find_active()
            if active is None:
                return RunningRollout()
            record = store.load_record(active)
            return RunningRollout(active, frozenset(turn.school for wave in record.waves for turn in wave.schools))
    except RolloutRefused:
        # Nothing was ever rolled out from here.
        return RunningRollout()
    except TsunaguError as error:
        return RunningRollout(unknown=str(error))
