"""What is kept of a rollout: who answers for it, its waves, and how far it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from controller.inputs.character_classes import Sentence
from controller.model.sites.devices import EstateName
from controller.plan.document import Commit, Digest, Name
from controller.rollout.outcome import End

REST = "rest"
"""The wave of schools that no wave of the operators takes."""
WITHOUT_RESTORE = "without-restore"
"""The wave of devices that cannot put their old state back by themselves; always the last one."""


class RolloutState(StrEnum):
    """How far a rollout is.

    - running: it goes on, or waits for its window, as long as a process works on it;
    - paused: somebody paused it; devices that have begun end, no other begins;
    - stopped: too many devices of a wave ended badly; it goes on only if somebody resumes it;
    - cancelled: somebody ended it at a device's boundary;
    - superseded: a newer rollout took its place at a device's boundary; both name the other;
    - done: every wave has ended.
    """

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    DONE = "done"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can come of it."""
        return self in (RolloutState.CANCELLED, RolloutState.SUPERSEDED, RolloutState.DONE)

    @property
    def goes_on(self) -> bool:
        """Whether it goes on without anybody resuming it, as long as a process works on it; paused, it waits there."""
        return self in GOES_ON


GOES_ON = (RolloutState.RUNNING, RolloutState.PAUSED)
"""The states in which a process works on a rollout."""


_RolloutId = Annotated[str, Field(pattern=r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{8}$")]
_WaveName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SchoolTurn(_Kept):
    """A school in a wave, and its devices in the order in which they are changed."""

    school: Name
    devices: tuple[Name, ...]


class Wave(_Kept):
    """A wave of a rollout; `rule` is the operators' name of what says how it is carried out."""

    name: _WaveName
    rule: _WaveName
    schools: tuple[SchoolTurn, ...]


class RolloutRecord(_Kept):
    """What stays of a rollout as it was when it started; `approvers` grows by who approves it later.

    `plan` and `policy` are digests, `policy_before` the one of the policy that was applied last before ("" where none
    is known). `repair`: it only brings back what was approved before, and needed no approval. `forced` is why it may
    run outside its windows, in the words of who forced it; "" where nobody did. `supersedes` is the rollout whose place
    it took; "" where it took none.
    """

    id: _RolloutId
    city: Name
    estate: EstateName
    plan: Digest
    policy: Digest
    policy_before: Digest | Literal[""]
    undo: bool
    planner: Sentence
    approvers: tuple[Sentence, ...]
    applier: Sentence
    commit: Commit
    unrestored: tuple[Name, ...]
    repair: bool
    restore_after: int = Field(ge=1, le=3600)
    forced: Sentence
    supersedes: _RolloutId | Literal[""] = ""
    started: AwareDatetime
    waves: tuple[Wave, ...]

    def list_devices(self) -> tuple[str, ...]:
        """Return all devices, in the order of the waves."""
        return tuple(name for wave in self.waves for turn in wave.schools for name in turn.devices)


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """How far a rollout is; `by` is who brought it there, "" where nobody did. `generation` counts its resumptions."""

    state: RolloutState
    reason: str
    by: str
    changed: datetime
    generation: int


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where in a rollout a device is tried: in which generation of it, wave and school.

    `round` counts how often the wave is gone through for what it had left out.
    """

    rollout: str
    generation: int
    wave: int
    school: str
    round: int = 0


@dataclass(frozen=True, slots=True)
class DeviceRun:
    """One try at a device; `ended` and `end` are None while it lasts, or where its controller was lost in it.

    `attempted` is False where nothing was tried, and `reason` says why. `unreached`: the device did not answer, and
    nothing was begun.
    """

    device: str
    school: str
    generation: int
    wave: int
    worker: str
    attempted: bool
    begun: datetime
    ended: datetime | None
    end: End | None
    reason: str
    seconds: float
    unreached: bool = False


def describe_rollout_span(record: RolloutRecord, runs: Mapping[str, DeviceRun]) -> dict[str, str | int]:
    """Return what the span of a rollout says of it; `runs` are the last tries at its devices."""
    return {
        "city": record.city,
        "devices": len(record.list_devices()),
        "rollout": record.id,
        "waves": _name_waves(record, runs),
        "planner": record.planner,
        "approvers": ", ".join(record.approvers) or "nobody",
        "applier": record.applier,
    }


def _name_waves(record: RolloutRecord, runs: Mapping[str, DeviceRun]) -> str:
    """Return the devices of each wave and school that are left, as whoever watches is told them.

    Waves of one name are one there. What ended well in an earlier process is not done again, and not told again.
    """
    waves: dict[str, dict[str, list[str]]] = {}
    for wave in record.waves:
        for turn in wave.schools:
            left = [name for name in turn.devices if name not in runs or not ((end := runs[name].end) and end.good)]
            if left:
                waves.setdefault(wave.name, {}).setdefault(turn.school, []).extend(left)
    return json.dumps(waves)
