"""Changes a Yamaha RTX over SSH: under its own rollback timer, line by line, kept by `confirm`, then saved.

Each line works at once, and nobody but the console that started it can ask for the timer. So it is counted here: a
session that breaks while it runs leaves a note, and no other change begins before the timer's time is over.

Sources: Yamaha command reference ed. 12.01, 56.7.31 (`rollback timer`: 120 s or more; the old settings come back when
it runs out; `save`, `quit`, `exit` and `restart` stop it and keep the change) and 56.7.32 (`confirm`); 56.7 names the
models and revisions that have it. Not found: what a cut session does to the timer before it runs out.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from controller.errors import CommandFailed, DeviceBusy
from controller.platforms.base import Command, Lock, Readable, Session
from controller.platforms.common.device_operation import OperationContext, ask_device
from controller.platforms.common.timed_operation import (
    MINUTE,
    DeviceTimer,
    TimedOperation,
)
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Clock
from controller.platforms.yamaha_rtx.models import find_timer_fault

SHORTEST_SECONDS = 120
_SAVED = re.compile(r"Saving \.\.\. .*Done *\.")
_UNTIL = "until "


class RollbackTimer:
    """`rollback timer`; see `controller.platforms.common.timed_operation.DeviceTimer`. It belongs to one console."""

    way = "rollback timer"
    settle_seconds = 30.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: float | None = None

    def is_pending(self, session: Session) -> bool:
        """Tell if it is running, by the controller's clock: a router has no command that tells it."""
        del session
        return self._ends is not None and self._clock.monotonic() < self._ends

    def start(self, session: Session, minutes: int, *, again: bool) -> None:
        """Start it; what it goes back to is what runs now.

        Raises:
            CommandFailed: it runs already, so its old state is not this one; or the router refuses it.
        """
        if again:
            message = "its rollback timer cannot be prolonged: what it goes back to would be what runs now"
            raise CommandFailed(session.device, message)
        session.run(Command(f"{self.way} {minutes * MINUTE}"))
        self._ends = self._clock.monotonic() + minutes * MINUTE

    def stop(self, session: Session) -> bool:
        """Keep what runs; False where the timer was over."""
        if not self.is_pending(session):
            return False
        try:
            session.run(Command("confirm"))
        except CommandFailed:
            return False
        self._ends = None
        return True


class RtxOperation(TimedOperation):
    """The operation of one router; see `controller.platforms.common.timed_operation.TimedOperation`."""

    volatile = re.compile(r"#|console (?:lines|columns) ")

    def __init__(self, platform: Readable, context: OperationContext) -> None:
        self._timer = RollbackTimer(context.clock)
        super().__init__(platform, context, [self._timer])

    def round_seconds(self, seconds: int) -> int:
        """Return the whole minutes that a time to the restore becomes, in seconds: two minutes or more."""
        return max(SHORTEST_SECONDS, super().round_seconds(seconds))

    def lock(self, session: Session, lock: Lock) -> None:
        """Take the router, by seeing that no timer of an earlier session can still run out.

        Raises:
            DeviceBusy: one can; says until when.
        """
        note = self._context.notes.load()
        until = next((text.removeprefix(_UNTIL) for text in note.state if text.startswith(_UNTIL)), "") if note else ""
        if until and self._context.clock.now() < datetime.fromisoformat(until):
            message = f"a rollback timer that was started on it from here runs until {until}; wait until it is over"
            raise DeviceBusy(session.device, message)
        super().lock(session, lock)

    def choose_timer(self, session: Session, text: DeviceText) -> DeviceTimer:
        """Return the rollback timer, where the model and its revision have it.

        Raises:
            CommandFailed: they have not, or the configuration does not tell them.
        """
        del text
        fault = find_timer_fault(self.reveal_configuration().partition("\n")[0])
        if fault:
            raise CommandFailed(session.device, f"{fault}, so it is not changed")
        return self._timer

    def save(self, session: Session, lock: Lock) -> None:
        """Save what runs into the file that the router boots with.

        Raises:
            CommandFailed: it does not say that it is done.
        """
        del lock
        said = ask_device(session, Command("save"))
        if not any(_SAVED.fullmatch(line.strip()) for line in said.split("\n")):
            message = "it does not say that it has saved its configuration"
            raise CommandFailed(session.device, message, command="save")

    def _describe_before(self) -> tuple[str, ...]:
        """Return until when the timer can run out, with time for the router to put everything back."""
        seconds = self.round_seconds(self._lock.seconds if self._lock else 0) + self._timer.settle_seconds
        return (f"{_UNTIL}{(self._context.clock.now() + timedelta(seconds=seconds)).isoformat()}",)
