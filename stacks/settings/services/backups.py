"""Backups that nobody can delete before their time: the vault, and who is in it."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from controller.model.sites.schools import Identifier
from controller.model.yaml_source import StrictModel
from stacks.settings.regions import RegionId
from stacks.settings.services.containers import LONGEST_TASK
from stacks.settings.services.images import Image
from stacks.settings.services.schedules import EXAMPLE, Schedule

ATTACHED: Final = "attached"
Vaulting = Literal["attached", "detached"]
"""Whether a database is backed up into the vault. Google takes no change of an instance while it is. So it leaves the
vault before one: `detached` takes the plan away, and without the key Cloud SQL's own backups come back."""


class CopiesSettings(StrictModel):
    """Copies of an application's files in another bucket, in one region.

    Nothing in it can be deleted or replaced for `retention_days`. Once `locked`, nobody can shorten that any more.
    """

    region: RegionId
    retention_days: int = Field(default=30, ge=1, le=3_650)
    locked: bool = True


class RestoreTestSettings(StrictModel):
    """A job that restores the newest backup into an instance of its own, has it looked at, and deletes it.

    `image` is Google's command-line tool, in the stack's own registry. `check` names the application's job that looks:
    it is run once more, with `DATABASE_INSTANCE` of the copy. A backup older than `most_hours` fails the test.
    `schedule` says when it starts by itself.
    """

    image: Image
    check: Identifier
    most_hours: int = Field(default=26, ge=1, le=8_784)
    timeout_minutes: int = Field(default=360, ge=10, le=LONGEST_TASK)
    schedule: Schedule = EXAMPLE


class VaultSettings(StrictModel):
    """The stack's backup vault (Backup and DR).

    Nobody can delete a backup in it before `least_days`, an administrator neither; it is kept `kept_days`.
    """

    region: RegionId
    least_days: int = Field(default=14, ge=1, le=36_135)
    kept_days: int = Field(default=35, ge=1, le=36_135)

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        if self.kept_days < self.least_days:
            message = f"kept-days ({self.kept_days}) is less than least-days ({self.least_days}): write as many or more"
            raise ValueError(message)
        return self
