"""The device step: lock, read, compare, arm, push, read back, reach, confirm, save.

From `arm` on the device goes back by itself unless `confirm` cancels that in time, so whatever kills us, at any
point, leaves the device in its old state or in the planned one. Nothing is retried blindly: a second run of the same
plan reads first, and pushes only what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from controller.errors import CommandFailed, DeviceError, DeviceUnreachable, StaleDevice, TsunaguError
from controller.model.sites.devices import Device
from controller.plan.document import DevicePlan
from controller.plan.review import describe_changes
from controller.platforms.base import Command, Lock, Operable, Restore
from controller.platforms.transport.ssh import SshSession, session
from controller.rollout.device_lock import device_lock
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import Level, Span

POLL_SECONDS = 0.5
LOCK_MARGIN_SECONDS = 5
DIFFERENCES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What a device step needs. `plan_digest` owns the device's lock; `run` names this run; seconds to the restore.

    `still_in_force` raises PlanExpired once an exception in the plan has expired; then nothing more may be written.
    """

    device: Device
    system: Operable
    plan: DevicePlan
    plan_digest: str
    run: str
    restore_after: int
    state_folder: Path
    still_in_force: Callable[[], None]

    @property
    def lock(self) -> Lock:
        """The hold on the device. An armed restore prolongs it, so nobody comes in between."""
        return Lock(self.plan_digest, self.run, self.restore_after + LOCK_MARGIN_SECONDS)

    @property
    def restore(self) -> Restore:
        """The device's way back."""
        return Restore(self.restore_after, self.run)


class _Undecided(Exception):
    """A change began and did not get through; what the device is in now has to be read from it."""

    def __init__(self, cause: Exception, found: str) -> None:
        super().__init__(str(cause))
        self.found = found


def change_device(change: Change, parent: Span) -> Outcome:
    """Carry out a device's part of a plan; never raises for what can go wrong with a device."""
    about = {"platform": change.device.platform, "school": change.device.school.id}
    with parent.child(Level.DEVICE, change.device.id, **about) as span:
        began = time.monotonic()
        try:
            change.still_in_force()
            with device_lock(change.state_folder / "locks", change.device.id):
                end, reason = _procedure(change, span)
        except TsunaguError as error:
            end, reason = End.FAILED, str(error)
        except Exception as error:  # noqa: BLE001 whatever it is, the device has one of the five ends
            end, reason = End.UNKNOWN, f"{change.device.id}: unexpected {type(error).__name__}: {error}"
        span.outcome, span.error = end, reason
    return Outcome(change.device.id, change.device.school.id, end, reason, time.monotonic() - began)


def _procedure(change: Change, span: Span) -> tuple[End, str]:
    try:
        with session(change.device, change.system.device_type) as connection:
            end = _Steps(change, span, connection).carry_out()
    except _Undecided as undecided:
        return _wait_for_restore(change, span, undecided)
    return end, ""


class _Steps:
    """The procedure over one session, each step a span."""

    def __init__(self, change: Change, span: Span, connection: SshSession) -> None:
        self._change = change
        self._span = span
        self._connection = connection

    def carry_out(self) -> End:
        change, system, connection = self._change, self._change.system, self._connection
        with self._span.child(Level.STEP, "lock"):
            system.lock(connection, change.lock)
        try:
            with self._span.child(Level.STEP, "read"):
                found = self._digest()
            with self._span.child(Level.STEP, "compare"):
                done = _position(change.plan, found, change.device.id)
                # Waiting for the device may have lasted over midnight, too.
                change.still_in_force()
            remaining = change.plan.steps[done:]
            if not remaining:
                return self._keep()
            with self._span.child(Level.STEP, "arm"):
                self._arm(found)
        except (TsunaguError, KeyboardInterrupt):
            self._release()
            raise
        try:
            self._push(done)
        except Exception as error:  # noqa: BLE001 a change has begun: only the device can say what it is in
            raise _Undecided(error, found) from None
        self._finish()
        return End.APPLIED

    def _keep(self) -> End:
        """The device runs what is wanted; all that may be missing is that it boots so."""
        change, system = self._change, self._change.system
        # An earlier run of this plan may have been killed before it confirmed: what it armed must not fire any more.
        with self._span.child(Level.STEP, "confirm"):
            self._confirm()
        saved = system.read_saved(self._connection)
        boots = system.parse(saved, f"{change.device.id} (boot)").state.compute_digest() if saved else ""
        if boots != change.plan.states[-1]:
            with self._span.child(Level.STEP, "save"):
                system.save(self._connection, change.lock)
            self._release()
            return End.APPLIED
        self._release()
        return End.UNCHANGED

    def _arm(self, found: str) -> None:
        try:
            self._change.system.arm(self._connection, self._change.restore)
        except DeviceError:
            # Half armed is armed: nothing was touched, so the way back must go before the lock does. But where an
            # earlier run left its change half made, the way back is what mends it.
            if found == self._change.plan.seen:
                self._change.system.cancel(self._connection, self._change.restore)
            raise

    def _push(self, done: int) -> None:
        change = self._change
        with self._span.child(Level.STEP, "push") as push:
            for step in change.plan.steps[done:]:
                for command in step.commands:
                    with push.child(Level.COMMAND, step.title, command=command.line):
                        sent = Command(command.line, command.stdin)
                        change.system.push(self._connection, change.restore, sent)
        with self._span.child(Level.STEP, "read back"):
            self._compare_with_wanted()
        with self._span.child(Level.STEP, "reach"), session(change.device, change.system.device_type) as again:
            change.system.read(again)
        with self._span.child(Level.STEP, "confirm"):
            self._confirm()

    def _confirm(self) -> None:
        if not self._change.system.cancel(self._connection, self._change.restore):
            message = (
                "the device's own restore fired, or another run of the same plan took over, before the change was "
                "confirmed"
            )
            raise CommandFailed(self._change.device.id, message)

    def _compare_with_wanted(self) -> None:
        change, name = self._change, self._change.device.id
        found = change.system.parse(change.system.read(self._connection), name).state
        if found.compute_digest() == change.plan.states[-1]:
            return
        wanted = change.system.parse(change.plan.wanted, f"{name} (planned)").state
        differences = describe_changes({}, found, wanted) or ["same meaning, other form"]
        message = f"what was read back is not what the plan leads to: {'; '.join(differences[:DIFFERENCES_SHOWN])}"
        raise CommandFailed(name, message)

    def _finish(self) -> None:
        """Confirmed: from here on the device keeps the change, and what fails leaves something to mend."""
        change = self._change
        with self._span.child(Level.STEP, "save"):
            try:
                change.system.save(self._connection, change.lock)
            except DeviceError as error:
                message = (
                    f"the change runs and is confirmed, but was not saved for the next boot; apply again ({error})"
                )
                raise CommandFailed(change.device.id, message) from None
        self._release()

    def _release(self) -> None:
        """Give the device's lock back; where that fails it runs out by itself, so it changes no end."""
        with self._span.child(Level.STEP, "unlock") as span:
            try:
                self._change.system.unlock(self._connection, self._change.lock)
            except DeviceError as error:
                span.error = str(error)

    def _digest(self) -> str:
        change = self._change
        text = change.system.read(self._connection)
        return change.system.parse(text, change.device.id).state.compute_digest()


def _position(plan: DevicePlan, found: str, device: str) -> int:
    """How many of the plan's steps the device has behind it.

    Raises:
        StaleDevice: the device is in none of the states that the plan knows.
    """
    for index in range(len(plan.states) - 1, -1, -1):
        if plan.states[index] == found:
            return index
    message = (
        "stale: the device is in none of the states that the plan knows; it was changed since the plan was made. "
        "Look at it with `tsunagu drift`, then make a new plan"
    )
    raise StaleDevice(device, message)


def _wait_for_restore(change: Change, span: Span, undecided: _Undecided) -> tuple[End, str]:
    """Ask the device, until it answers that its restore has run, or must long have, what it is in."""
    deadline = time.monotonic() + change.restore_after + 15
    last = "it never ran its restore"
    with span.child(Level.STEP, "wait for the device's restore"):
        while time.monotonic() < deadline:
            try:
                with session(change.device, change.system.device_type) as connection:
                    if change.system.has_restored(connection, change.restore):
                        return _after_restore(change, connection, undecided)
            except DeviceUnreachable as error:
                last = str(error)
            except TsunaguError as error:
                return End.UNKNOWN, f"{undecided}; then: {error}"
            Event().wait(POLL_SECONDS)
    return End.UNKNOWN, f"{undecided}; whether the device went back could not be read from it: {last}"


def _after_restore(change: Change, connection: SshSession, undecided: _Undecided) -> tuple[End, str]:
    text = change.system.read(connection)
    # The device goes back to before the plan, also where an earlier run of it had left a state in between.
    if change.system.parse(text, change.device.id).state.compute_digest() in (undecided.found, change.plan.seen):
        return End.REVERTED, f"{undecided}; the device put its old state back by itself"
    return End.UNKNOWN, f"{undecided}; the device's restore ran, but it is not in the state that it was found in"
