"""What a drill of a region saw; filled in as it goes, so that one that breaks off has what came before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from controller.lab.trials.region.rehearsed_stack import Deployment
from controller.lab.trials.region.row_accounting import RowAttempt, RowOutage


@dataclass(slots=True)
class RegionEvidence:
    """The figures. What is None was not measured.

    `lost` are rows that were acknowledged and that the new primary has not; `found_in_the_old` those of them that the old
    one still has. `turned` is the outage of the switchover, `turned_lost` what that lost.
    """

    application: str
    region: str
    standby: str
    person: str = ""
    steps: list[tuple[datetime, str]] = field(default_factory=list)
    acknowledged: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    outage: RowOutage | None = None
    parts: tuple[tuple[str, float], ...] = ()
    rpo_seconds: float | None = None
    lost: tuple[RowAttempt, ...] = ()
    found_in_the_old: tuple[int, ...] = ()
    unacknowledged: tuple[int, ...] = ()
    killed: int = 0
    calls_to_the_lost: int | None = None
    deployments: dict[str, Deployment] = field(default_factory=dict)
    rebuilt_seconds: float | None = None
    turned: RowOutage | None = None
    turned_lost: tuple[RowAttempt, ...] | None = None
    is_settled: bool = False

    @property
    def rto_seconds(self) -> float | None:
        """From the first failure to the first success."""
        return None if self.outage is None else self.outage.seconds
