"""The device step: lock, read, compare, arm, push, read back, reach, confirm, save.

From `arm` on the device goes back by itself unless `confirm` cancels that in time, so whatever kills us, at any
point, leaves the device in its old state or in the planned one. Nothing is retried blindly: a second run of the same
plan reads first, and pushes only what is missing. What a device says of its own success is not believed: after every
such word its state is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from controller.errors import CommandFailed, ConfigRefused, DeviceError, DeviceUnreachable, StaleDevice, TsunaguError
from controller.model.network.device_state import DeviceState
from controller.plan.review import describe_changes
from controller.platforms.base import Observation, Session, Step
from controller.platforms.device_text.device_text import DeviceText
from controller.rollout.change import Change
from controller.rollout.device_lock import hold_device_lock
from controller.rollout.end_reading import (
    ChangeNotSaved,
    ChangeUndecided,
    advise_unrestored,
    read_unrestored,
    read_unsaved,
    release_lock,
    suggest_seconds,
    tell_error,
    wait_for_restore,
)
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import Level, Span

T = TypeVar("T")
DIFFERENCES_SHOWN = 5


@dataclass
class _Progress:
    """How far a device step came: whether its change has begun, and its end once it has one."""

    began: bool = False
    end: End | None = None

    def judge(self, said: str) -> tuple[End, str]:
        """Return the end where an error came out of the step: unknown only where a change had begun."""
        if self.end is not None:
            return self.end, ""
        return (End.UNKNOWN if self.began else End.FAILED), said


def change_device(change: Change, parent: Span) -> Outcome:
    """Carry out a device's part of a plan; never raises for what can go wrong with a device."""
    about = {"platform": change.device.platform, "school": change.device.school.id}
    progress = _Progress()
    with parent.child(Level.DEVICE, change.device.id, **about) as span:
        began, unreached = change.clock.monotonic(), False
        try:
            change.refuse_expired()
            change = change.begin_operation()
            with hold_device_lock(change.state_folder / "locks", change.device.id):
                end, reason = _run_procedure(change, span, progress)
        except TsunaguError as error:
            end, reason = progress.judge(tell_error(error))
            unreached = isinstance(error, DeviceUnreachable) and end is End.FAILED
        except Exception as error:  # noqa: BLE001 whatever it is, the device has one of the five ends
            left = "a change had begun" if progress.began else "nothing was changed"
            said = f"{change.device.id}: unexpected {type(error).__name__}: {error}; {left}"
            end, reason = progress.judge(said)
        span.outcome, span.error = end, reason
    seconds = change.clock.monotonic() - began
    device = change.device
    return Outcome(device.id, device.school.id, end, reason, seconds, unreached=unreached, began=progress.began)


def _run_procedure(change: Change, span: Span, progress: _Progress) -> tuple[End, str]:
    try:
        with ExitStack() as sessions:
            end = progress.end = Procedure(change, span, sessions, progress).carry_out()
    except ChangeUndecided as undecided:
        if not change.restores:
            return read_unrestored(change, span, undecided)
        return wait_for_restore(change, span, undecided)
    except ChangeNotSaved as unsaved:
        return read_unsaved(change, span, unsaved)
    return end, ""


class Procedure:
    """The procedure over one session, each step a span; a session that broke while reading is replaced by a new one."""

    def __init__(self, change: Change, span: Span, sessions: ExitStack, progress: _Progress) -> None:
        self.change = change
        self._span = span
        self._sessions = sessions
        self._progress = progress
        self._step = ""
        self._armed_at = 0.0
        began = change.clock.monotonic()
        self.session = self._open_session()
        self._login_seconds = change.clock.monotonic() - began

    def _open_session(self) -> Session:
        change = self.change
        opened = change.transport.open_session(change.device, change.system.device_type, changing=True)
        return self._sessions.enter_context(opened)

    @contextmanager
    def _begin_step(self, name: str) -> Iterator[Span]:
        """A step of the procedure, as a span; what breaks off tells its name."""
        self._step = name
        with self._span.child(Level.STEP, name) as step:
            yield step

    def carry_out(self) -> End:
        """Go through all steps.

        Raises:
            TsunaguError: nothing was changed.
            ChangeUndecided, ChangeNotSaved: the device has to be asked once more, over a session of its own.
        """
        change = self.change
        try:
            with self._span.child(Level.STEP, "lock"):
                change.operation.lock(self.session, change.lock)
            began = change.clock.monotonic()
            with self._span.child(Level.STEP, "read"):
                text = change.system.read(self.session)
                read_seconds = change.clock.monotonic() - began
                seen = self.understand_left(text)
                found = seen.state
            with self._span.child(Level.STEP, "compare"):
                steps = derive_steps(change, seen)
                # Waiting for the device may have lasted over midnight, too.
                change.refuse_expired()
                if change.guard is not None:
                    change.guard.begin(text)
            if found == change.wanted and not steps:
                end = self.keep_state()
                self.release_lock()
                return end
            if change.keep_text is not None:
                change.keep_text(text)
            if change.restores:
                self.refuse_slow_device(read_seconds)
                with self._span.child(Level.STEP, "arm"):
                    self.arm_restore(found)
        except BaseException:
            # Also where the lock itself failed: a device may have taken it, and said that it did not.
            self.release_lock()
            raise
        self._progress.began = True
        try:
            self.change_state(steps)
        except Exception as error:  # noqa: BLE001 a change has begun: only the device can say what it is in
            after = change.clock.monotonic() - self._armed_at
            raise ChangeUndecided(error, found, self._step, after, self._login_seconds) from None
        try:
            self.save_state()
        except Exception as error:  # noqa: BLE001 confirmed: only the device can say whether it still runs
            raise ChangeNotSaved(error, found) from None
        finally:
            self.release_lock()
        return End.APPLIED

    def understand_left(self, text: DeviceText) -> Observation:
        """Understand what the device runs; what an earlier run left in the middle of a step is told as that.

        Raises:
            StaleDevice: it stands between two states of the plan; says who brings it out of there.
            ConfigRefused: see `controller.platforms.base.Platform`.
        """
        change = self.change
        message = "an earlier run of this plan was broken off within a step; "
        if change.restores:
            message += (
                "the device's own restore is armed and brings the old state back. Wait for it (--restore-after, in "
                "whole minutes), then apply again"
            )
        else:
            message += "nothing on the device puts its old state back. "
        try:
            seen = change.understand(text)
        except ConfigRefused as refused:
            if not change.inherits:
                raise
            raise StaleDevice(
                change.device.id, message if change.restores else message + advise_unrestored(refused)
            ) from None
        if change.inherits and seen.state.compute_digest() not in change.known:
            ahead = "" if change.restores else "Make a new plan: it goes on from where it stands"
            raise StaleDevice(change.device.id, message + ahead)
        return seen

    def keep_state(self) -> End:
        """Keep what the device runs, which is as wanted; all that may be missing is that it boots so.

        Raises:
            TsunaguError: nothing was changed.
            ChangeNotSaved: the device has to be asked once more what it would boot with.
        """
        # An earlier run of this plan may have been killed before it confirmed: what it armed must not fire any more.
        if self.change.restores:
            self.confirm_change()
        if self.change.read_saved(self.session) == self.change.wanted:
            self.note_confirmed()
            return End.UNCHANGED
        self._progress.began = True
        try:
            self.save_state()
        except Exception as error:  # noqa: BLE001 it runs what is wanted: only the device can say what it boots with
            raise ChangeNotSaved(error, self.change.wanted) from None
        return End.APPLIED

    def refuse_slow_device(self, read_seconds: float) -> None:
        """Refuse to begin where the logins and readings that a change still needs take longer than the restore waits.

        Raises:
            CommandFailed: says how long they take here, and which time would do.
        """
        needed = 2 * self._login_seconds + 3 * read_seconds
        if needed <= self.change.restore_after:
            return
        message = (
            f"a login takes {self._login_seconds:.0f} s here, and reading {read_seconds:.0f} s: a change could not be "
            f"confirmed within the {self.change.restore_after} s to its restore; nothing was changed. "
            f"Use --restore-after {suggest_seconds(needed)}"
        )
        raise CommandFailed(self.change.device.id, message)

    def arm_restore(self, found: DeviceState) -> None:
        """Arm the device's own way back."""
        change = self.change
        self._armed_at = change.clock.monotonic()
        try:
            change.operation.arm(self.session, change.restore)
            if not change.operation.is_restore_armed(self.session):
                message = "the device says that its restore is armed, and it is not; nothing was changed"
                raise CommandFailed(change.device.id, message)
        except DeviceError:
            # Half armed is armed: nothing was touched, so the way back must go before the lock does. But where an
            # earlier run left its change half made, the way back is what mends it.
            if found == change.seen:
                change.operation.cancel(self.session, change.restore)
            raise

    def change_state(self, steps: Sequence[Step]) -> None:
        """Push the steps, and confirm them once they are seen to be in force."""
        self.push_steps(steps)
        self.read_back()
        self.reach_device()
        if self.change.restores:
            self.confirm_change()

    def push_steps(self, steps: Sequence[Step]) -> None:
        """Send every command of the steps."""
        change = self.change
        with self._begin_step("push") as push:
            for step in steps:
                for command in step.commands:
                    with push.child(Level.COMMAND, step.title, command=command.shown_line):
                        change.operation.push(self.session, change.restore, command)

    def read_back(self) -> None:
        """Compare what the device runs with what the plan leads to.

        Raises:
            CommandFailed: they differ; the message says in what.
        """
        change, name = self.change, self.change.device.id
        with self._begin_step("read back"):
            text = self._read_again(lambda: change.system.read(self.session))
            found = change.understand(text).state
            if found == change.wanted:
                if change.check_text is not None:
                    change.check_text(text)
                return
            differences = describe_changes({}, found, change.wanted) or ["same meaning, other form"]
            message = f"what was read back is not what the plan leads to: {'; '.join(differences[:DIFFERENCES_SHOWN])}"
            raise CommandFailed(name, message)

    def reach_device(self) -> None:
        """Log in anew and read: the change must not have cut the way to the device."""
        change = self.change

        def reach() -> None:
            with change.transport.open_session(change.device, change.system.device_type, changing=True) as again:
                change.system.read(again)

        with self._begin_step("reach"):
            self._read_again(reach)
            if change.prove_access is not None:
                self._read_again(change.prove_access)

    def _read_again(self, read: Callable[[], T]) -> T:
        """Read, again over a new session where the line broke, while half of the time to the restore is not over.

        Nothing is pushed twice: what only reads changes nothing, so a line that was cut for a moment ends no change.
        """
        change = self.change
        latest = self._armed_at + change.restore_after / 2 if change.restores else 0.0
        while True:
            try:
                return read()
            except DeviceUnreachable:
                if change.clock.monotonic() + change.poll_seconds >= latest:
                    raise
            change.clock.sleep(change.poll_seconds)
            with suppress(DeviceUnreachable):
                # Where it is not reached yet, the reading says so, and is tried again.
                self.session = self._open_session()

    def confirm_change(self) -> None:
        """Cancel the armed restore, and see that it is gone.

        Raises:
            CommandFailed: it was too late, or the device only says so.
        """
        change = self.change
        with self._begin_step("confirm"):
            if not change.operation.cancel(self.session, change.restore):
                message = (
                    "the device's own restore fired, or another run of the same plan took over, before the change was "
                    "confirmed"
                )
                raise CommandFailed(change.device.id, message)
            if change.operation.is_restore_armed(self.session):
                message = "the device says that its restore is cancelled, and it is still armed"
                raise CommandFailed(change.device.id, message)

    def note_confirmed(self) -> None:
        """Tell the guard that the change is confirmed and saved."""
        if self.change.guard is not None:
            self.change.guard.confirm()

    def save_state(self) -> None:
        """Make the device boot with what it runs, and read that from it.

        Raises:
            CommandFailed: it was refused, or the device only says so.
        """
        change = self.change
        with self._span.child(Level.STEP, "save"):
            change.operation.save(self.session, change.lock)
            if change.read_saved(self.session) != change.wanted:
                message = "the device says that it saved its configuration, and would boot with another one"
                raise CommandFailed(change.device.id, message)
            self.note_confirmed()

    def release_lock(self) -> None:
        """Give the device's lock back."""
        release_lock(self.change, self.session, self._span)


def derive_steps(change: Change, seen: Observation) -> tuple[Step, ...]:
    """Return what leads the device from what it holds now to what is wanted, derived and proved now.

    Raises:
        StaleDevice: it is in no state that the plan leads through.
        ProofFailed, ConfigRefused: what would be done is not proved, or something of others stands in the way.
    """
    if seen.state.compute_digest() not in change.known:
        message = (
            "stale: the device is in none of the states that the plan knows; it was changed since the plan was made. "
            "Look at it with: tsunagu drift; then make a new plan"
        )
        raise StaleDevice(change.device.id, message)
    return change.derive(seen)
