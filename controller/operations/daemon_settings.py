"""What `tsunagu run` does by itself: how often it reads and measures, and how much it may change."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from controller.model.yaml_source import StrictModel
from controller.operations.fields import TrustedPath


class DaemonChanges(StrEnum):
    """What the daemon does about drift."""

    REPORT = "report"
    """Say it; change nothing."""
    APPROVED = "approved"
    """Make and sign a plan, and roll it out once somebody has approved it."""
    AUTOMATIC = "automatic"
    """The same, and within `most_devices` and `most_schools` at once, where the approvals' rules ask for none."""

    def narrow(self, other: DaemonChanges) -> DaemonChanges:
        """Return the one of both that lets the daemon do less.

        >>> DaemonChanges.AUTOMATIC.narrow(DaemonChanges.APPROVED)
        <DaemonChanges.APPROVED: 'approved'>
        """
        return min(self, other, key=list(DaemonChanges).index)


class DaemonSettings(StrictModel):
    """What the daemon may do. Without this section it reads, measures and reports, and changes nothing.

    `key` is the SSH key that signs its plans; its owner among the allowed signers stands in `approvals: programs`.
    `most_devices` and `most_schools` bound what one plan may change without a person. The approvals' rules hold beside
    them: what brings back an approved state needs no approval, everything else as many as they say.
    `line_moves_a_day` is how often a day it proposes another order of lines for one school; 0: never.
    """

    changes: DaemonChanges = DaemonChanges.REPORT
    key: TrustedPath | None = None
    drift_every_minutes: int = Field(default=60, ge=1, le=7 * 24 * 60)
    measure_every_minutes: int = Field(default=60, ge=1, le=7 * 24 * 60)
    most_devices: int = Field(default=4, ge=1, le=10_000)
    most_schools: int = Field(default=1, ge=1, le=5_000)
    line_moves_a_day: int = Field(default=2, ge=0, le=24)
    restore_after_seconds: int = Field(default=60, ge=20, le=3600)

    @model_validator(mode="after")
    def _key_for_plans(self) -> Self:
        if self.changes is not DaemonChanges.REPORT and self.key is None:
            message = f"with changes: {self.changes} the daemon signs its plans: name its SSH key in 'key'"
            raise ValueError(message)
        return self
