"""The device step: lock, read, compare, arm, push, read back, reach, confirm, save.

From `arm` on the device goes back by itself unless `confirm` cancels that in time, so whatever kills us, at any
point, leaves the device in its old state or in the planned one. Nothing is retried blindly: a second run of the same
plan reads first, and pushes only what is missing. What a device says of its own success is not believed: after every
such word its state is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.errors import CommandFailed, DeviceError, DeviceUnreachable, StaleDevice, TsunaguError
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.review import describe_changes
from controller.platforms.base import Lock, Observation, Operable, Restore, Session, Step
from controller.platforms.common.understanding import understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Clock, Transport
from controller.rollout.change_guard import ChangeGuard
from controller.rollout.device_lock import hold_device_lock
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import Level, Span

POLL_SECONDS = 0.5
LOCK_MARGIN_SECONDS = 5
RESTORE_MARGIN_SECONDS = 15
DIFFERENCES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What a device step needs. `plan_digest` owns the device's lock; `run` names this run; seconds to the restore.

    `seen` is the state that the plan was made from, `wanted` the one that the policy wants, and `known` the digests of
    these and of all between them: a device in another one was changed by somebody else. `derive` derives and proves the
    steps from what the device holds when its turn comes.
    `refuse_expired` raises PlanExpired once an exception in the policy has expired; then nothing more may be written.
    `guard` is there where objects of others change hands.
    """

    device: Device
    system: Operable
    seen: DeviceState
    wanted: DeviceState
    known: frozenset[str]
    derive: Callable[[Observation], tuple[Step, ...]]
    plan_digest: str
    run: str
    restore_after: int
    state_folder: Path
    refuse_expired: Callable[[], None]
    transport: Transport
    clock: Clock
    guard: ChangeGuard | None = None

    @property
    def school(self) -> str:
        """The school that the device stands in."""
        return self.device.school.id

    @property
    def lock(self) -> Lock:
        """The hold on the device. An armed restore prolongs it, so nobody comes in between."""
        return Lock(self.plan_digest, self.run, self.restore_after + LOCK_MARGIN_SECONDS)

    @property
    def restore(self) -> Restore:
        """The device's way back."""
        return Restore(self.restore_after, self.run)

    def read(self, session: Session) -> Observation:
        """What the device runs now."""
        return self.understand(self.system.read(session))

    def understand(self, text: DeviceText) -> Observation:
        """What a text of the device means."""
        return understand(self.system, text, self.device.id)

    def read_saved(self, session: Session) -> DeviceState | None:
        """The state that the device would boot with; None when it would boot with none."""
        text = self.system.read_saved(session)
        return understand(self.system, text, f"{self.device.id} (boot)").state if text else None


class _Undecided(Exception):
    """A change began and did not get through; what the device is in now has to be read from it."""

    def __init__(self, cause: Exception, found: DeviceState) -> None:
        super().__init__(str(cause))
        self.found = found


class _NotSaved(Exception):
    """A change was confirmed, and the device did not save it; whether it still runs has to be read from it."""

    def __init__(self, cause: Exception, found: DeviceState) -> None:
        super().__init__(str(cause))
        self.found = found


def change_device(change: Change, parent: Span) -> Outcome:
    """Carry out a device's part of a plan; never raises for what can go wrong with a device."""
    about = {"platform": change.device.platform, "school": change.device.school.id}
    with parent.child(Level.DEVICE, change.device.id, **about) as span:
        began = change.clock.monotonic()
        try:
            change.refuse_expired()
            with hold_device_lock(change.state_folder / "locks", change.device.id):
                end, reason = _run_procedure(change, span)
        except TsunaguError as error:
            end, reason = End.FAILED, str(error)
        except Exception as error:  # noqa: BLE001 whatever it is, the device has one of the five ends
            end, reason = End.UNKNOWN, f"{change.device.id}: unexpected {type(error).__name__}: {error}"
        span.outcome, span.error = end, reason
    return Outcome(change.device.id, change.device.school.id, end, reason, change.clock.monotonic() - began)


def _run_procedure(change: Change, span: Span) -> tuple[End, str]:
    try:
        with change.transport.open_session(change.device, change.system.device_type, changing=True) as session:
            return Procedure(change, span, session).carry_out(), ""
    except _Undecided as undecided:
        return _wait_for_restore(change, span, undecided)
    except _NotSaved as unsaved:
        return _read_unsaved(change, span, unsaved)


class Procedure:
    """The procedure over one session, each step a span."""

    def __init__(self, change: Change, span: Span, session: Session) -> None:
        self.change = change
        self.session = session
        self._span = span

    def carry_out(self) -> End:
        """Go through all steps.

        Raises:
            TsunaguError: nothing was changed.
            _Undecided, _NotSaved: the device has to be asked once more, over a session of its own.
        """
        change = self.change
        try:
            with self._span.child(Level.STEP, "lock"):
                change.system.lock(self.session, change.lock)
            with self._span.child(Level.STEP, "read"):
                text = change.system.read(self.session)
                seen = change.understand(text)
                found = seen.state
            with self._span.child(Level.STEP, "compare"):
                steps = derive_steps(change, seen)
                # Waiting for the device may have lasted over midnight, too.
                change.refuse_expired()
                if change.guard is not None:
                    change.guard.begin(text)
            if found == change.wanted:
                end = self.keep_state()
                self.release_lock()
                return end
            with self._span.child(Level.STEP, "arm"):
                self.arm_restore(found)
        except BaseException:
            # Also where the lock itself failed: a device may have taken it, and said that it did not.
            self.release_lock()
            raise
        try:
            self.change_state(steps)
        except Exception as error:  # noqa: BLE001 a change has begun: only the device can say what it is in
            raise _Undecided(error, found) from None
        try:
            self.save_state()
        except Exception as error:  # noqa: BLE001 confirmed: only the device can say whether it still runs
            raise _NotSaved(error, found) from None
        finally:
            self.release_lock()
        return End.APPLIED

    def keep_state(self) -> End:
        """Keep what the device runs, which is as wanted; all that may be missing is that it boots so."""
        # An earlier run of this plan may have been killed before it confirmed: what it armed must not fire any more.
        self.confirm_change()
        if self.change.read_saved(self.session) == self.change.wanted:
            self.note_confirmed()
            return End.UNCHANGED
        self.save_state()
        return End.APPLIED

    def arm_restore(self, found: DeviceState) -> None:
        """Arm the device's own way back."""
        change = self.change
        try:
            change.system.arm(self.session, change.restore)
            if not change.system.is_restore_armed(self.session):
                message = "the device says that its restore is armed, and it is not; nothing was changed"
                raise CommandFailed(change.device.id, message)
        except DeviceError:
            # Half armed is armed: nothing was touched, so the way back must go before the lock does. But where an
            # earlier run left its change half made, the way back is what mends it.
            if found == change.seen:
                change.system.cancel(self.session, change.restore)
            raise

    def change_state(self, steps: Sequence[Step]) -> None:
        """Push the steps, and confirm them once they are seen to be in force."""
        self.push_steps(steps)
        self.read_back()
        self.reach_device()
        self.confirm_change()

    def push_steps(self, steps: Sequence[Step]) -> None:
        """Send every command of the steps."""
        change = self.change
        with self._span.child(Level.STEP, "push") as push:
            for step in steps:
                for command in step.commands:
                    with push.child(Level.COMMAND, step.title, command=command.line):
                        change.system.push(self.session, change.restore, command)

    def read_back(self) -> None:
        """Compare what the device runs with what the plan leads to.

        Raises:
            CommandFailed: they differ; the message says in what.
        """
        change, name = self.change, self.change.device.id
        with self._span.child(Level.STEP, "read back"):
            found = change.read(self.session).state
            if found == change.wanted:
                return
            differences = describe_changes({}, found, change.wanted) or ["same meaning, other form"]
            message = f"what was read back is not what the plan leads to: {'; '.join(differences[:DIFFERENCES_SHOWN])}"
            raise CommandFailed(name, message)

    def reach_device(self) -> None:
        """Log in anew and read: the change must not have cut the way to the device."""
        change = self.change
        with (
            self._span.child(Level.STEP, "reach"),
            change.transport.open_session(change.device, change.system.device_type, changing=True) as again,
        ):
            change.system.read(again)

    def confirm_change(self) -> None:
        """Cancel the armed restore, and see that it is gone.

        Raises:
            CommandFailed: it was too late, or the device only says so.
        """
        change = self.change
        with self._span.child(Level.STEP, "confirm"):
            if not change.system.cancel(self.session, change.restore):
                message = (
                    "the device's own restore fired, or another run of the same plan took over, before the change was "
                    "confirmed"
                )
                raise CommandFailed(change.device.id, message)
            if change.system.is_restore_armed(self.session):
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
            change.system.save(self.session, change.lock)
            if change.read_saved(self.session) != change.wanted:
                message = "the device says that it saved its configuration, and would boot with another one"
                raise CommandFailed(change.device.id, message)
            self.note_confirmed()

    def release_lock(self) -> None:
        """Give the device's lock back."""
        _release_lock(self.change, self.session, self._span)


def _release_lock(change: Change, session: Session, parent: Span) -> None:
    """Give the device's lock back; where that fails it runs out by itself, so it changes no end."""
    with parent.child(Level.STEP, "unlock") as span:
        try:
            change.system.unlock(session, change.lock)
        except DeviceError as error:
            span.error = str(error)


def derive_steps(change: Change, seen: Observation) -> tuple[Step, ...]:
    """Return what leads the device from what it holds now to what is wanted, derived and proved now.

    Raises:
        StaleDevice: it is in no state that the plan leads through.
        ProofFailed, ConfigRefused: what would be done is not proved, or something of others stands in the way.
    """
    if seen.state.compute_digest() not in change.known:
        message = (
            "stale: the device is in none of the states that the plan knows; it was changed since the plan was made. "
            "Look at it with `tsunagu drift`, then make a new plan"
        )
        raise StaleDevice(change.device.id, message)
    return change.derive(seen)


def _wait_for_restore(change: Change, span: Span, undecided: _Undecided) -> tuple[End, str]:
    """Ask the device, until it answers that its restore has run, or must long have, what it is in."""

    def ask(session: Session) -> tuple[End, str] | None:
        if change.system.has_restored(session, change.restore):
            return _read_restored(change, session, undecided)
        return None

    with span.child(Level.STEP, "wait for the device's restore"):
        answer = _ask_device(change, change.restore_after + RESTORE_MARGIN_SECONDS, ask)
    if isinstance(answer, DeviceUnreachable):
        return End.UNKNOWN, f"{undecided}; whether the device went back could not be read from it: {answer}"
    if isinstance(answer, TsunaguError):
        return End.UNKNOWN, f"{undecided}; then: {answer}"
    return answer or (End.UNKNOWN, f"{undecided}; the device never ran its restore")


def _read_restored(change: Change, session: Session, undecided: _Undecided) -> tuple[End, str]:
    # The device goes back to before the plan, also where an earlier run of it had left a state in between.
    if change.read(session).state in (undecided.found, change.seen):
        return End.REVERTED, f"{undecided}; the device put its old state back by itself"
    return End.UNKNOWN, f"{undecided}; the device's restore ran, but it is not in the state that it was found in"


def _read_unsaved(change: Change, span: Span, unsaved: _NotSaved) -> tuple[End, str]:
    """Ask the device what it runs and would boot with, now that saving a confirmed change went wrong."""

    def ask(session: Session) -> tuple[End, str]:
        running = change.read(session).state
        saved = change.read_saved(session)
        _release_lock(change, session, span)
        return _judge_unsaved(change, running, saved, unsaved)

    with span.child(Level.STEP, "read what was not saved"):
        answer = _ask_device(change, RESTORE_MARGIN_SECONDS, ask)
    if isinstance(answer, TsunaguError):
        return End.UNKNOWN, f"the change was confirmed, but not seen to be saved: {unsaved}; then: {answer}"
    return answer or (End.UNKNOWN, str(unsaved))


def _judge_unsaved(
    change: Change, running: DeviceState, saved: DeviceState | None, unsaved: _NotSaved
) -> tuple[End, str]:
    wanted = change.wanted
    if running == wanted and saved == wanted:
        return End.APPLIED, ""
    if running == wanted:
        message = "the change runs and is confirmed, but was not saved for the next boot; apply again"
        return End.FAILED, f"{change.device.id}: {message} ({unsaved})"
    if running in (unsaved.found, change.seen):
        return End.REVERTED, f"{unsaved}; the device is in its old state, so it started anew before it had saved"
    return End.UNKNOWN, f"{unsaved}; the device is neither in its old state nor in the planned one"


def _ask_device(
    change: Change, seconds: float, ask: Callable[[Session], tuple[End, str] | None]
) -> tuple[End, str] | TsunaguError | None:
    """The device's answer, asked for until it gives one; after `seconds` the last error, or None if it had none."""
    deadline = change.clock.monotonic() + seconds
    last: TsunaguError | None = None
    while change.clock.monotonic() < deadline:
        try:
            with change.transport.open_session(change.device, change.system.device_type, changing=True) as session:
                last, answer = None, ask(session)
            if answer is not None:
                return answer
        except DeviceUnreachable as error:
            last = error
        except TsunaguError as error:
            return error
        change.clock.sleep(POLL_SECONDS)
    return last
