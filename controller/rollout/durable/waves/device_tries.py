"""Tries at devices: each is noted before it begins and after it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Lock

from controller.errors import DeviceBusy
from controller.plan.observe import observe_device
from controller.rollout.device_step import change_device
from controller.rollout.durable.records import RunPlace
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.waves.wave_undo import WaveUndo, undo_device
from controller.rollout.durable.workflow_engine import WorkerStopped
from controller.rollout.end_reading import RESTORE_MARGIN_SECONDS
from controller.rollout.outcome import NOT_ATTEMPTED, End, Outcome
from controller.telemetry.timeline import Level, Span

_MOST_LOOKS = 8
"""How often a device is asked whether its restore is still to come, once it must long have run."""


@dataclass(frozen=True)
class DeviceTries:
    """Tries of one process, the worker `name`, at the devices of a rollout.

    `ask_to_go_on` is asked before a second try, with the school whose windows it waits for ("" for none): it says why
    there is none, or raises WorkerStopped; so may `sleep`.
    """

    store: RolloutStore
    scene: RolloutScene
    span: Span
    name: str
    ask_to_go_on: Callable[[RunPlace, str], str]
    sleep: Callable[[float], None]
    _begun: set[str] = field(default_factory=set)
    _closing: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    @property
    def begun(self) -> frozenset[str]:
        """The devices whose change has begun in this process and has not ended."""
        with self._lock:
            return frozenset(self._begun)

    def begin_no_more(self) -> None:
        """Let no further device begin in this process: who gives its locks back then waits for those in `begun`."""
        with self._lock:
            self._closing.set()

    def try_change(self, place: RunPlace, device: str) -> Outcome:
        """Change a device; where its controller was lost in the middle before, once more if that does not end well."""
        broken_off = self.store.was_broken_off(place.rollout, device)
        outcome = self._change_once(place, device)
        if broken_off and not outcome.end.good and self._wait_for_restore(place, device, place.school):
            outcome = self._change_once(place, device)
        return outcome

    def leave_alone(self, place: RunPlace, device: str, why: str) -> str:
        """Note that a device was not attempted, unless it was tried before in this generation, or ended well.

        One that nobody knows the state of (lost in its change, or not seen) stays unknown.
        """
        last = self.store.find_last_run(place.rollout, device)
        if last is not None and last.end is not None and (last.end.good or last.generation == place.generation):
            return last.end
        end, told = End.FAILED, f"{NOT_ATTEMPTED}{why}"
        if last is not None and last.end in (None, End.UNKNOWN):
            before = last.reason or "its change had begun and nobody ended it"
            end, told = End.UNKNOWN, f"{before}; not looked at since: {why}"
        outcome = Outcome(device, place.school, end, told)
        self.store.note_not_attempted(place, self.name, outcome, self.scene.clock.now())
        return end

    def inspect_lost_device(self, place: RunPlace, device: str) -> None:
        """Read a device that was lost in its change; where it runs the change, keep that; else push nothing.

        What cut it off the first time would cut it off again.
        """
        with self._note_begun(device):
            self._inspect(place, device)

    def _inspect(self, place: RunPlace, device: str) -> None:
        change = self.scene.changes[device]
        observed = observe_device(change.device, change.transport, only_read=False)
        if observed.observation is not None and observed.observation.state == change.wanted:
            self._change(place, device)
            return
        end, why = End.UNKNOWN, "it was seen again in none of the states that the plan knows"
        if observed.observation is None:
            why = str(observed.refusal)
        elif observed.observation.state == change.seen:
            end, why = End.REVERTED, "its change was broken off; it was seen again in its old state"
        outcome = Outcome(device, place.school, end, why)
        now = self.scene.clock.now()
        self.store.end_run(self.store.begin_run(place, device, self.name, now), outcome, now)

    def try_undo(self, undo: WaveUndo, place: RunPlace, device: str) -> Outcome:
        """Bring a device back; where its controller was lost in the middle of that, once more if it is not back.

        At once, whatever the windows are.
        """
        broken_off = self.store.was_broken_off(place.rollout, device)
        outcome = self._undo_once(undo, place, device)
        if broken_off and outcome.end is not End.REVERTED and self._wait_for_restore(place, device, ""):
            outcome = self._undo_once(undo, place, device)
        return outcome

    def _change_once(self, place: RunPlace, device: str) -> Outcome:
        with self._note_begun(device):
            return self._change(place, device)

    def _change(self, place: RunPlace, device: str) -> Outcome:
        number = self.store.begin_run(place, device, self.name, self.scene.clock.now())
        with self.span.child(Level.SCHOOL, place.school) as span:
            outcome = change_device(self.scene.changes[device], span)
            if outcome.unreached:
                # Nobody knows how it is. It is tried again, see `controller.rollout.durable.waves.wave_end`.
                outcome = replace(outcome, end=End.UNKNOWN)
            span.outcome = "good" if outcome.end.good else "not good"
        self.store.end_run(number, outcome, self.scene.clock.now())
        return outcome

    def _undo_once(self, undo: WaveUndo, place: RunPlace, device: str) -> Outcome:
        with self._note_begun(device):
            number = self.store.begin_run(place, device, self.name, self.scene.clock.now())
            outcome = undo_device(undo, device, place.school, self.span)
            self.store.end_run(number, outcome, self.scene.clock.now())
        return outcome

    def _wait_for_restore(self, place: RunPlace, device: str, school: str) -> bool:
        """Wait until what a lost controller has armed or locked on a device has run out; tell if it may be tried again.

        A device that says that it is still at it has longer: the try before has prolonged its restore, and it may be
        slow. It says so for half a minute after the restore's time at most. `school` is as `ask_to_go_on` takes it.
        """
        change = self.scene.changes[device]
        self.sleep(change.count_busy_seconds() + RESTORE_MARGIN_SECONDS)
        for _ in range(_MOST_LOOKS):
            if self.ask_to_go_on(place, school):
                return False
            observed = observe_device(change.device, change.transport, only_read=False)
            if not isinstance(observed.refusal, DeviceBusy):
                break
            self.sleep(RESTORE_MARGIN_SECONDS)
        return True

    @contextmanager
    def _note_begun(self, device: str) -> Iterator[None]:
        with self._lock:
            # Under one lock with `begin_no_more`: a device is in `begun` before that returns, or never begins here.
            if self._closing.is_set():
                raise WorkerStopped
            self._begun.add(device)
        try:
            yield
        finally:
            with self._lock:
                self._begun.discard(device)
