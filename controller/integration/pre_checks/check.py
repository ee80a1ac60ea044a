"""What a check before a change of stage is: it looks, and says what it saw. What nobody can judge has failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from controller.integration.computers.host_cells import ListedHost
from controller.integration.computers.issued_table import IssuedCount
from controller.integration.stage_policy import StagePolicy
from controller.measure.assessment.assess import SchoolAssessment
from controller.model.sites.schools import School
from controller.plan.build import ConsideredDevice
from controller.rollout.durable.gates.gate import GateVerdict, name_some


class CheckName(StrEnum):
    """The checks, by the name that `--pass` has for them."""

    REACHABLE = "reachable"
    CAPABLE = "capable"
    ADOPTED = "adopted"
    BACKED_UP = "backed-up"
    NO_DRIFT = "no-drift"
    SOCKETS = "sockets"
    LINE = "line"
    CALENDAR = "calendar"
    NOT_CUT_OFF = "not-cut-off"
    NO_ROLLOUT = "no-rollout"
    PRINTERS = "printers"
    ISSUED = "issued"


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What the checks ask for: as the operators' file says, or more.

    A backup and a measurement may be so many days old; so many percent of what is due must have been issued.
    """

    backup_days: int = 30
    measured_days: int = 30
    issued_percent: int = 95


@dataclass(frozen=True, slots=True)
class RunningRollout:
    """Whether a rollout has not ended: its id and its schools; `unknown` says why that cannot be told."""

    id: str = ""
    schools: frozenset[str] = frozenset()
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class CheckScene:
    """What the checks look at.

    `now` are the devices compared with the stage that they are in, `later` with the one that comes, in the same order.
    `asked`: over SSH, and not read from saved texts. `lines` are the lines of schools that were assessed, by their id.
    `printers` and `issued` are None where there is no such list; `state` is the folder with the backups that were
    kept before changes, `backups` one in which the backup playbook saved.
    """

    policy: StagePolicy
    at: datetime
    now: Sequence[ConsideredDevice]
    later: Sequence[ConsideredDevice]
    asked: bool
    state: Path | None = None
    backups: Path | None = None
    lines: Mapping[str, SchoolAssessment] = field(default_factory=lambda: MappingProxyType({}))
    rollout: RunningRollout = RunningRollout()
    printers: Sequence[ListedHost] | None = None
    issued: Sequence[IssuedCount] | None = None
    limits: CheckLimits = CheckLimits()

    @property
    def schools(self) -> tuple[School, ...]:
        """The schools that change their stage, as they are now."""
        return tuple(self.policy.before.school_by_id[name] for name in self.policy.schools)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How a check was judged; `key` and `marks` are the message that says what was seen."""

    verdict: GateVerdict
    key: str
    marks: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


class PreCheck(Protocol):
    """A check before a change of stage. It changes nothing."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """Return how the check is judged, and what was seen."""


def pass_check(key: str, **marks: object) -> CheckResult:
    """Return that all is as it must be."""
    return CheckResult(GateVerdict.PASSED, f"integration_plan.{key}", marks)


def fail_check(key: str, names: Sequence[str], **marks: object) -> CheckResult:
    """Return that something is not as it must be, with the first names of what is not."""
    return CheckResult(GateVerdict.FAILED, f"integration_plan.{key}", {"names": name_some(names), **marks})


def leave_unjudged(key: str, names: Sequence[str] = (), **marks: object) -> CheckResult:
    """Return that nobody can tell, with the first names of what nobody can tell of."""
    return CheckResult(GateVerdict.NOT_JUDGED, f"integration_plan.{key}", {"names": name_some(names), **marks})
