"""Where the rollouts of an estate stand, as the commands find it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from controller.cli.estates import choose_state_folder, load_operations_of
from controller.cli.options import choose_estate_class
from controller.model.sites.devices import EstateName
from controller.operations.operations import Operations
from controller.platforms.transport.credentials import resolve_secret
from controller.rollout.durable.database import DatabaseServer


@dataclass(frozen=True, slots=True)
class EstateRollouts:
    """Where the rollouts of an estate stand, and what its operators say today."""

    operations: Operations
    folder: Path
    policies: Path

    @property
    def server(self) -> DatabaseServer | None:
        """The database that many workers share; None where rollouts are kept in a file, for one process at a time."""
        settings = self.operations.rollout.database
        if settings is None:
            return None
        password = settings.password
        if password is None:
            return DatabaseServer(settings, lambda: "")
        return DatabaseServer(settings, partial(resolve_secret, "the database of rollouts", password))


def find_estate_rollouts(estate: EstateName, policies: Path, state: Path | None) -> EstateRollouts:
    """Return where the rollouts of an estate stand."""
    operations = load_operations_of(estate, policies, state)
    return EstateRollouts(operations, choose_state_folder(estate, operations, state, policies), policies)


def choose_estate_rollouts(policies: Path, state: Path | None, *, lab: bool) -> EstateRollouts:
    """Return where the rollouts of the real devices stand, or of the virtual city."""
    return find_estate_rollouts(choose_estate_class(lab=lab).estate, policies, state)
