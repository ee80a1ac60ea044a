"""Changes that a device runs or ran and that nobody confirmed: what it tells of them, and how that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from controller.errors import DeviceBusy, DeviceError, DeviceUnconfirmed
from controller.platforms.base import Session

LATE_SECONDS = 30
"""How long after its time a restore may still be under way."""
_SHOWN = 12


class RestoreState(StrEnum):
    """What became of a restore that was armed and has come to no end.

    - armed: it is still to come;
    - firing: it puts the old state back just now, or tries to;
    - failed: it tried for two minutes; the device's restore job tries on, if it lives;
    - lost: the device's folder has no word of it any more, and its restore job lives.
    """

    ARMED = "armed"
    FIRING = "firing"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A change that was armed and neither confirmed nor put back; `left` are the seconds until its restore fires."""

    state: RestoreState
    job_lives: bool
    owner: str
    run: str
    age: int
    left: int

    @property
    def settles(self) -> bool:
        """Whether it comes to its end by itself, within the time that it was given."""
        return self.state is not RestoreState.FAILED and self.job_lives and self.left > -LATE_SECONDS


@runtime_checkable
class TellsUnconfirmed(Protocol):
    """A platform whose devices tell of changes that nobody confirmed, and can be told what to do with them."""

    def list_unconfirmed(self, session: Session) -> tuple[Unconfirmed, ...]:
        """Return them, as the device tells them now."""

    def repair(self, session: Session, run: str, *, keep: bool) -> None:
        """Put the state from before a run back now, or keep what the device runs; then it is unconfirmed no more.

        Raises:
            CommandFailed: it could not be put back, or may still be confirmed; says what the device says.
        """


def refuse_unconfirmed(device: str, found: Sequence[Unconfirmed]) -> None:
    """Refuse a device whose state nobody has confirmed.

    Raises:
        DeviceUnconfirmed: it does not come out of that by itself; names the command that repairs it.
        DeviceBusy: it does, soon.
    """
    for one in sorted(found, key=lambda one: one.settles):
        raise build_refusal(device, one)


def build_refusal(device: str, one: Unconfirmed) -> DeviceError:
    """Return how a device with such a change is refused.

    >>> build_refusal("s1", Unconfirmed(RestoreState.FAILED, True, "p1", "r1", 312, -250)).temporary
    False
    >>> build_refusal("s1", Unconfirmed(RestoreState.ARMED, True, "p1", "r1", 20, 40)).temporary
    True
    """
    plan = f"plan {one.owner[:_SHOWN]}"
    if one.settles:
        when = f"in {one.left} s" if one.left > 0 else "just now"
        message = f"{plan} changes it and has not confirmed yet; unless it does, the device goes back by itself {when}"
        return DeviceBusy(device, f"{message}. Wait for that")
    return DeviceUnconfirmed(device, f"{plan} changed it and did not confirm, and {_explain(one)}", one.age)


def _explain(one: Unconfirmed) -> str:
    if one.state is RestoreState.FAILED or one.job_lives:
        return "it could not put its old state back"
    return "nothing on it puts its old state back any more"
