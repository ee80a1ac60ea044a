"""What a gate is: it looks before a wave, and judges after it. One that cannot be judged is a failed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.gate_settings import GateRule
from controller.rollout.change import Change
from controller.rollout.durable.rollout_scene import GateScene

MOST_NAMED = 5


class GateVerdict(StrEnum):
    """How a gate was judged. Only `passed` lets the next wave begin."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class GateResult:
    """How a gate was judged, and what was seen, in words for people."""

    verdict: GateVerdict
    seen: str


@dataclass(frozen=True, slots=True)
class GateWave:
    """A wave as a gate sees it.

    `changes` are the plan's for its devices but those that were written off; `good` are those that ended as planned.
    `others` are the other devices of its schools. `began` and `ended` are its first and last device's; None where none
    was changed. `key` names the wave, and nothing else is named so. `whole` are those of its schools of which no device
    comes in a later wave: of the others packets still pass as before.
    """

    key: str
    city: City
    rule: GateRule
    schools: tuple[str, ...]
    whole: tuple[str, ...]
    changes: Mapping[str, Change]
    good: frozenset[str]
    others: tuple[Device, ...]
    began: datetime | None
    ended: datetime | None
    scene: GateScene

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices of the wave."""
        return tuple(one.device for one in self.changes.values())


class Gate(Protocol):
    """A gate after a wave. It changes nothing, and may be asked twice."""

    def judge(self, wave: GateWave, before: str) -> GateResult:
        """Return how the gate is judged after the wave; `before` is what it saw before it, "" where it needs nothing.

        Raises:
            TsunaguError: it cannot be judged.
        """


@runtime_checkable
class LookingGate(Gate, Protocol):
    """A gate that compares with the time before the wave."""

    def look_before(self, wave: GateWave) -> str:
        """Return what the gate must know of the time before the wave, as JSON."""


def name_some(names: Sequence[str]) -> str:
    """Return the first names of many, and how many more there are.

    >>> name_some(("a", "b", "c", "d", "e", "f"))
    'a, b, c, d, e and 1 others'
    """
    more = f" and {len(names) - MOST_NAMED} others" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
