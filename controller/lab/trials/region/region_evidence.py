"""What a drill of a region saw; filled in as it goes, so that one that breaks off has what came before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.lab.trials.region.rehearsed_stack import Deployment
from controller.lab.trials.region.row_accounting import RowAttempt, RowOutage
from controller.messages import Catalogue

SUBJECT = "drill."
"""Begins the messages that say what was done, and those of the report."""


@dataclass(frozen=True, slots=True)
class DrillStep:
    """A step that was done, as the message that says it."""

    at: datetime
    key: str
    marks: Mapping[str, object]

    def describe(self, words: Catalogue) -> str:
        """Return it in words."""
        return words.say(SUBJECT + self.key, **self.marks)


@dataclass(slots=True)
class RegionEvidence:
    """The figures. What is None was not measured.

    `lost` are rows that were acknowledged and that the new primary has not; `found_in_the_old` those of them that the
    old one still has. `turned` is the outage of the switchover, `turned_lost` what that lost.
    """

    application: str
    region: str
    standby: str
    person: str = ""
    cut: float | None = None
    steps: list[DrillStep] = field(default_factory=list)
    acknowledged: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    outage: RowOutage | None = None
    parts: tuple[tuple[str, float], ...] = ()
    rpo_seconds: float | None = None
    lost: tuple[RowAttempt, ...] = ()
    found_in_the_old: tuple[int, ...] | None = None
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

    def describe_old(self, row: int) -> str:
        """Tell in a word if the old database still has a lost row: there, gone, or unknown (nobody has looked)."""
        if self.found_in_the_old is None:
            return "unknown"
        return "there" if row in self.found_in_the_old else "gone"

    def find_failure(self) -> str:
        """Return why what came back is not what it must be; "" where it is."""
        wrong = []
        if self.calls_to_the_lost:
            wrong.append(f"the failover called the lost region {self.calls_to_the_lost} times")
        if self.found_in_the_old is not None and len(self.found_in_the_old) != len(self.lost):
            nowhere = [str(one.number) for one in self.lost if one.number not in self.found_in_the_old]
            wrong.append(f"acknowledged rows that are in no database any more: {', '.join(nowhere)}")
        if self.turned_lost:
            rows = ", ".join(str(one.number) for one in self.turned_lost)
            wrong.append(f"the switchover lost rows, and may lose none: {rows}")
        if self.turned_lost is not None and not self.is_settled:
            wrong.append("after the switchover the copy has other rows than the primary")
        return "; ".join(wrong)
