"""The operation of a device that keeps nothing for its controller: no lock of ours, no name of who armed a restore.

What such a device has is a timer of its own that puts an old state back (`DeviceTimer`). Who armed it, and for which
plan, stands in the controller's notes. So two controllers exclude one another only where they share these notes; any
other one finds a timer that it did not arm, and keeps away.

"Push only while the restore is armed" cannot be one act here. The device is asked before each block of commands, and
the remaining time is taken from the controller's clock before each line, with a margin. A line that is under way when
the timer fires, or a clock of the device that jumps, is therefore not excluded, but found: what is read back decides.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, TypeGuard, runtime_checkable

from controller.errors import CommandFailed, DeviceBusy
from controller.platforms.base import Command, Lock, Operable, Readable, Restore, Session
from controller.platforms.common.device_operation import ENTER, LEAVE, ArmedNote, DeviceOperation, OperationContext
from controller.platforms.device_text.device_text import DeviceText

MINUTE = 60
MARGIN_SECONDS = 10.0
"""Of the time to the restore; in the last of it nothing is pushed and nothing is cancelled."""


class RestoreWay(StrEnum):
    """How a device of a command line puts its old state back."""

    REVERT_TIMER = "revert-timer"
    RELOAD = "reload"


class DeviceTimer(Protocol):
    """A timer of a device that puts an old state back."""

    @property
    def way(self) -> str:
        """Its name in notes and messages."""

    @property
    def settle_seconds(self) -> float:
        """How long the device may need, once it has fired, until the old state is back and can be read."""

    def is_pending(self, session: Session) -> bool:
        """Tell if it is running now, whoever started it."""

    def start(self, session: Session, minutes: int, *, again: bool) -> None:
        """Start it; `again`: it is running, and goes on with a new length."""

    def stop(self, session: Session) -> bool:
        """Stop it; False where it was not running any more."""


@runtime_checkable
class Controlled(Readable, Protocol):
    """A platform whose devices keep nothing for a controller; its operation is given the controller's notes."""

    def begin_operation(self, context: OperationContext) -> DeviceOperation:
        """Return the operation of one device."""


@runtime_checkable
class TellsRestoreWay(Protocol):
    """A platform that knows from a configuration how its device would put its old state back."""

    def find_restore_way(self, text: DeviceText) -> RestoreWay:
        """Return how a device with this running configuration would do it."""


Changeable = Operable | Controlled


def is_changeable(system: object) -> TypeGuard[Changeable]:
    """Tell if a platform's devices can be changed over SSH."""
    return isinstance(system, Operable | Controlled)


class TimedOperation(DeviceOperation):
    """What `controller.platforms.base.Operable` promises, by a timer of the device and the controller's notes.

    A platform says which `timers` it knows, chooses one by `choose_timer` before each change, and how it saves.
    """

    def __init__(self, platform: Readable, context: OperationContext, timers: Sequence[DeviceTimer]) -> None:
        super().__init__(platform, context)
        self._timers = tuple(timers)
        self._inherited: tuple[DeviceTimer, ArmedNote] | None = None
        self._armed: DeviceTimer | None = None
        self._deadline = 0.0

    # --- what a platform has of its own ---

    @abstractmethod
    def choose_timer(self, session: Session, text: DeviceText) -> DeviceTimer:
        """Return the timer for a change from the configuration that was read.

        Raises:
            CommandFailed: there is none that would bring the old state back; says what is missing and what to do.
        """

    # --- what is the same for all ---

    def round_seconds(self, seconds: int) -> int:
        """Return the whole minutes that a time to the restore becomes, in seconds."""
        return math.ceil(max(seconds, MINUTE) / MINUTE) * MINUTE

    @property
    def settle_seconds(self) -> float:
        """How long after its time a restore may still be under way."""
        timer = self._armed or self._timers[0]
        return timer.settle_seconds

    @property
    def inherits(self) -> bool:
        """Whether an earlier run of the same plan has a restore armed on the device."""
        return self._inherited is not None

    def lock(self, session: Session, lock: Lock) -> None:
        """Take the device, by seeing that no restore runs on it but one of this plan.

        Raises:
            DeviceBusy: a restore is armed that no run of this plan armed from here.
        """
        self._lock, self._inherited = lock, None
        note = self._context.notes.load()
        pending = [one for one in self._timers if one.is_pending(session)]
        if not pending:
            self._context.notes.forget()
            return
        (timer, *more) = pending
        if note is None or note.owner != lock.owner or note.way != timer.way or more:
            whose = "another plan" if note is not None else "nobody from here"
            message = f"{timer.way} is armed on it, by {whose}; wait until it has fired, or look who configures it"
            raise DeviceBusy(session.device, message)
        self._inherited = timer, note
        self._start(session, timer, self.round_seconds(lock.seconds), again=True)

    def arm(self, session: Session, restore: Restore) -> None:
        """Start the device's timer; what an earlier run of the plan armed goes on, with its old state.

        Raises:
            CommandFailed: no timer can be started, or the configuration is no more the one that was read.
        """
        if self._lock is None or self._text is None:
            message = "nothing was read before a restore was to be armed"
            raise CommandFailed(session.device, message)
        seconds = self.round_seconds(restore.seconds)
        if self._inherited is None:
            timer = self.choose_timer(session, self._text)
            note = ArmedNote(self._lock.owner, restore.run, timer.way, self.digest(self._text), self._describe_before())
        else:
            timer, old = self._inherited
            note = ArmedNote(old.owner, restore.run, timer.way, old.text, old.state)
        self._context.notes.store(note)
        self._start(session, timer, seconds, again=self._inherited is not None)
        self._inherited = timer, note
        now = self._platform.read(session)
        if self.digest(now) != self.digest(self._text):
            message = "somebody else changed its configuration between reading it and arming its restore"
            raise CommandFailed(session.device, message)

    def push(self, session: Session, restore: Restore, command: Command) -> None:
        """Type one line, while there is time to the restore; at the head of a block the device is asked if it is armed.

        Raises:
            CommandFailed: the line was refused, or it was too late. What is typed after it is not typed.
        """
        del restore
        if command.line == ENTER and not self._is_pending(session):
            message = "late: its restore is not armed any more; nothing more was changed"
            raise CommandFailed(session.device, message, command=command.shown_line)
        left = self._deadline - self._context.clock.monotonic()
        if left < MARGIN_SECONDS and command.line != LEAVE:
            self._leave(session)
            message = f"late: {left:.0f} s are left to its restore; choose a longer --restore-after"
            raise CommandFailed(session.device, message, command=command.shown_line)
        self._type(session, command)

    def cancel(self, session: Session, restore: Restore) -> bool:
        """Stop the timer; False where it has fired, or is about to."""
        note = self._context.notes.load()
        if self._armed is None:
            # Nothing of this run; what an earlier run left was found by `lock`.
            return not self._is_pending(session)
        ours = note is not None and note.run in {restore.run, self._lock.run if self._lock else ""}
        inherited = self._inherited is not None
        if not (ours or inherited):
            return False
        if self._deadline - self._context.clock.monotonic() < MARGIN_SECONDS / 2:
            return False
        if not self._armed.stop(session):
            return False
        self._context.notes.forget()
        self._inherited = None
        return True

    def is_restore_armed(self, session: Session) -> bool:
        """Say if a restore is armed; it is read from the device."""
        return self._is_pending(session)

    def has_restored(self, session: Session, restore: Restore) -> bool:
        """Say if the restore has ended: the old text is back, or its time is over by more than it needs.

        Raises:
            CommandFailed: a later run of the same plan has replaced it.
        """
        note = self._context.notes.load()
        if note is not None and note.run != restore.run and self._lock is not None and note.run != self._lock.run:
            raise CommandFailed(session.device, "another run of the same plan has taken the device over")
        if self._is_pending(session):
            return False
        if note is not None and self.digest(self._platform.read(session)) == note.text:
            return True
        return self._context.clock.monotonic() > self._deadline + self.settle_seconds

    def _describe_before(self) -> tuple[str, ...]:
        return ()

    def _is_pending(self, session: Session) -> bool:
        return any(one.is_pending(session) for one in self._timers)

    def _start(self, session: Session, timer: DeviceTimer, seconds: int, *, again: bool) -> None:
        # Counted from before it is started: the device's own time ends later, never earlier.
        self._deadline = self._context.clock.monotonic() + seconds
        self._armed = timer
        timer.start(session, seconds // MINUTE, again=again)
