"""Reads from a device how a change ended that broke off: nothing is told of it that was not read.

What broke off is told by its cause. A command of the program on the device is left out: it stands in the timeline, and
says nothing to an operator. A line that was typed into a vendor's command line names itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

from controller.errors import CommandFailed, ConfigRefused, DeviceError, DeviceUnreachable, TsunaguError
from controller.model.network.device_state import DeviceState
from controller.platforms.base import Session
from controller.rollout.change import Change
from controller.rollout.outcome import End
from controller.telemetry.timeline import Level, Span

RESTORE_MARGIN_SECONDS = 15
LONGEST_RESTORE = 600
_LOCK_LOST = "does not hold the lock"
_OWN_VERBS = frozenset(
    (
        "read",
        "saved",
        "keys",
        "armed",
        "restored",
        "unconfirmed",
        "lock",
        "unlock",
        "arm",
        "push",
        "cancel",
        "save",
        "repair",
    )
)
"""The first words of what a device with a program of ours is sent."""


class ChangeUndecided(Exception):
    """A change began and did not get through; what the device is in now has to be read from it.

    `step` is where it broke off, `seconds` how long after the restore was armed, and a login takes `login_seconds`.
    """

    def __init__(self, cause: Exception, found: DeviceState, step: str, seconds: float, login_seconds: float) -> None:
        super().__init__(tell_error(cause))
        self.found = found
        self.step = step
        self.seconds = seconds
        self.login_seconds = login_seconds


class ChangeNotSaved(Exception):
    """A change was confirmed, and the device did not save it; whether it still runs has to be read from it."""

    def __init__(self, cause: Exception, found: DeviceState) -> None:
        super().__init__(tell_error(cause))
        self.found = found


def tell_error(error: Exception) -> str:
    """Return an error as an outcome tells it: what happened, without the command where that is one of our own program.

    >>> tell_error(DeviceError("s1", "it refused", command="push run1 ovs-ofctl"))
    's1: it refused'
    >>> tell_error(DeviceError("s1", "it refused", command="switchport mode trunk"))
    's1: it refused (command: switchport mode trunk)'
    """
    said = str(error)
    if isinstance(error, DeviceError):
        if error.command.partition(" ")[0] in _OWN_VERBS:
            said = said.removesuffix(f" (command: {error.command})")
        if _LOCK_LOST in said:
            return (
                f"{error.device}: another run has taken the device over meanwhile; its outcome tells what it made of it"
            )
    return said


def suggest_seconds(needed: float) -> int:
    """Return the time to the restore that is advised where a change needs so long: twice that, in tens of seconds.

    >>> suggest_seconds(101.0)
    210
    """
    return min(LONGEST_RESTORE, math.ceil(2 * needed / 10) * 10)


def release_lock(change: Change, session: Session, parent: Span) -> None:
    """Give the device's lock back; where that fails it runs out by itself, so it changes no end."""
    with parent.child(Level.STEP, "unlock") as span:
        try:
            change.operation.unlock(session, change.lock)
        except DeviceError as error:
            span.error = str(error)


def wait_for_restore(change: Change, span: Span, undecided: ChangeUndecided) -> tuple[End, str]:
    """Ask the device, until it answers that its restore has run, or must long have, what it is in."""

    def ask(session: Session) -> tuple[End, str] | None:
        try:
            restored = change.operation.has_restored(session, change.restore)
        except CommandFailed:
            # Another run of this plan may have taken it over, and have brought it to its end.
            if _is_as_planned(change, session):
                return End.APPLIED, ""
            raise
        if restored:
            return _read_restored(change, session, undecided)
        return _read_disarmed(change, session, undecided)

    with span.child(Level.STEP, "wait for the device's restore"):
        seconds = change.restore_after + change.settle_seconds + RESTORE_MARGIN_SECONDS
        answer = _ask_device(change, seconds, ask)
    if isinstance(answer, DeviceUnreachable):
        return End.UNKNOWN, f"{undecided}; whether the device went back could not be read from it: {tell_error(answer)}"
    if isinstance(answer, TsunaguError):
        return End.UNKNOWN, f"{undecided}; then: {tell_error(answer)}"
    return answer or _read_overdue(change, span, undecided)


def _read_restored(change: Change, session: Session, undecided: ChangeUndecided) -> tuple[End, str]:
    # The device goes back to before the plan, also where an earlier run of it had left a state in between.
    running = change.read(session).state
    if running in (undecided.found, change.seen):
        return End.REVERTED, f"{_explain_restore(change, undecided)}; the device put its old state back by itself"
    if running == change.wanted and not change.operation.is_restore_armed(session):
        # Its timer was stopped, so what broke off was the answer to the confirmation.
        return _save_confirmed(change, session, undecided)
    return End.UNKNOWN, f"{undecided}; the device's restore ran, but it is not in the state that it was found in"


def _is_as_planned(change: Change, session: Session) -> bool:
    if change.operation.is_restore_armed(session) or change.read(session).state != change.wanted:
        return False
    return change.read_saved(session) == change.wanted


def _read_disarmed(change: Change, session: Session, undecided: ChangeUndecided) -> tuple[End, str] | None:
    """Read what the device is in where nothing is armed on it any more; None where that is not sure yet.

    The answer to the confirmation was lost, or the record of a restore that ran.
    """
    if change.settle_seconds or change.operation.is_restore_armed(session):
        # A device that replaces its whole configuration has no timer any more while it does that.
        return None
    running = change.read(session).state
    if running == change.wanted:
        return _save_confirmed(change, session, undecided)
    return None


def _save_confirmed(change: Change, session: Session, undecided: ChangeUndecided) -> tuple[End, str]:
    """Save a change that was confirmed, as the device says, though its answer was lost."""
    unsaved = ChangeNotSaved(undecided, undecided.found)
    try:
        change.operation.save(session, change.lock)
    except DeviceUnreachable:
        raise
    except DeviceError as error:
        unsaved = ChangeNotSaved(error, undecided.found)
    running, saved = change.read(session).state, change.read_saved(session)
    if running == saved == change.wanted and change.guard is not None:
        change.guard.confirm()
    # The step did not give it back: it left that to the restore.
    with suppress(DeviceError):
        change.operation.unlock(session, change.lock)
    return _judge_unsaved(change, running, saved, unsaved)


def _read_overdue(change: Change, span: Span, undecided: ChangeUndecided) -> tuple[End, str]:
    """Read what a device runs that never told that its restore ran; the word of it may be lost, the state is not."""

    def ask(session: Session) -> tuple[End, str]:
        running = change.read(session).state
        if running in (undecided.found, change.seen):
            return End.REVERTED, f"{_explain_restore(change, undecided)}; the device is in its old state"
        name = change.device.id
        what = (
            "runs the planned state"
            if running == change.wanted
            else "is neither in its old state nor in the planned one"
        )
        advice = f"look at it with: tsunagu drift; then: tsunagu repair {name}"
        return End.UNKNOWN, f"{undecided}; the device never ran its restore and {what}, unconfirmed; {advice}"

    with span.child(Level.STEP, "read what is left"):
        answer = _ask_device(change, RESTORE_MARGIN_SECONDS, ask)
    if isinstance(answer, TsunaguError):
        return End.UNKNOWN, f"{undecided}; the device never ran its restore; then: {tell_error(answer)}"
    return answer or (End.UNKNOWN, f"{undecided}; the device never ran its restore")


def _explain_restore(change: Change, undecided: ChangeUndecided) -> str:
    """Return why a device went back: that its time was over, where it was, before the symptom that came of that."""
    if undecided.seconds < change.restore_after:
        return str(undecided)
    reason = (
        f"{change.device.id}: its own restore fired {change.restore_after} s after it was armed, before the change was "
        f"confirmed: {undecided.step!r} had taken until {undecided.seconds:.0f} s"
    )
    if undecided.login_seconds * 6 < change.restore_after:
        return f"{reason} (its line was slow or cut)"
    wait = suggest_seconds(undecided.seconds)
    return f"{reason}; a login takes {undecided.login_seconds:.0f} s here: use --restore-after {wait}"


def read_unrestored(change: Change, span: Span, undecided: ChangeUndecided) -> tuple[End, str]:
    """Ask a device without a restore of its own what a change that broke off has left."""

    def ask(session: Session) -> tuple[End, str]:
        running = change.read(session).state
        release_lock(change, session, span)
        if running == undecided.found:
            return End.REVERTED, f"{undecided}; nothing of the change is in force"
        if running == change.wanted:
            return End.FAILED, f"{undecided}; the change runs, but was not saved for the next boot; apply again"
        ahead = "apply again" if running.compute_digest() in change.known else "make a new plan"
        return End.UNKNOWN, f"{undecided}; nothing puts its old state back: it stands between the two; {ahead}"

    with span.child(Level.STEP, "read what is left"):
        answer = _ask_device(change, RESTORE_MARGIN_SECONDS, ask)
    if isinstance(answer, ConfigRefused):
        return End.UNKNOWN, f"{undecided}; nothing puts its old state back. {advise_unrestored(answer)}"
    if isinstance(answer, TsunaguError):
        return End.UNKNOWN, f"{undecided}; what it left could not be read: {tell_error(answer)}"
    return answer or (End.UNKNOWN, str(undecided))


def advise_unrestored(refused: ConfigRefused) -> str:
    """Return what to do with a device that stands in the middle of a list or a port, and that nothing restores."""
    return (
        "It stands in the middle of a list or a port, which no plan can go on from. Take away by hand what is named "
        f"here, or restart it: it boots with what is saved. {refused}"
    )


def read_unsaved(change: Change, span: Span, unsaved: ChangeNotSaved) -> tuple[End, str]:
    """Ask the device what it runs and would boot with, now that saving a confirmed change went wrong."""

    def ask(session: Session) -> tuple[End, str]:
        running = change.read(session).state
        saved = change.read_saved(session)
        release_lock(change, session, span)
        return _judge_unsaved(change, running, saved, unsaved)

    with span.child(Level.STEP, "read what was not saved"):
        answer = _ask_device(change, RESTORE_MARGIN_SECONDS, ask)
    if isinstance(answer, TsunaguError):
        return End.UNKNOWN, f"the change was confirmed, but not seen to be saved: {unsaved}; then: {tell_error(answer)}"
    return answer or (End.UNKNOWN, str(unsaved))


def _judge_unsaved(
    change: Change, running: DeviceState, saved: DeviceState | None, unsaved: ChangeNotSaved
) -> tuple[End, str]:
    wanted = change.wanted
    if running == wanted and saved == wanted:
        return End.APPLIED, ""
    if running == wanted:
        message = "the change runs and is confirmed, but was not saved for the next boot; apply again"
        return End.FAILED, f"{change.device.id}: {message} ({unsaved})"
    if running in (unsaved.found, change.seen):
        return End.REVERTED, f"{unsaved}; the device is in its old state, so it started anew before it had saved"
    message = "the change was confirmed, and meanwhile another plan or somebody else changed the device"
    return (
        End.UNKNOWN,
        f"{change.device.id}: {message}: it is neither in its old state nor in the planned one ({unsaved})",
    )


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
        except (DeviceUnreachable, CommandFailed) as error:
            # One answer that was lost or refused says nothing of the next.
            last = error
        except TsunaguError as error:
            return error
        change.clock.sleep(change.poll_seconds)
    return last
