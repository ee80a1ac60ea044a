"""The daemon's one schedule: each duty at its own pace, none twice at once, and a broken one ends nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from controller.errors import TsunaguError
from controller.platforms.transport.base import Clock

LOOK_SECONDS = 0.2
"""How often it looks what is due, and whether it has to end."""
READ_PATIENCE_SECONDS = 0.5
"""How long a duty that only reads may take to end: afterwards it is left, nothing is lost by that."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What is done again and again.

    `run` does it once, hears from the event that it has to end, and returns what is to be said, "" for nothing.
    `changes_devices`: the end waits for it, since it brings devices that have begun to their ends. After
    `longest_seconds` one that only reads is told as hanging; 0: it may take as long as it likes.
    """

    name: str
    every_seconds: float
    run: Callable[[Event], str]
    changes_devices: bool = False
    longest_seconds: float = 0.0


@dataclass
class DutyState:
    """How a duty stands. `due` and `began` are of the monotonic clock; `fault` is how its last run broke off."""

    duty: Duty
    due: float
    began: float | None = None
    fault: str = ""
    thread: Thread | None = None


@dataclass
class Scheduler:
    """Runs duties until `stop` is set. `say` takes lines of the log, `on_fault` the name of a duty and its fault.

    `start` begins a thread; a test may run the duty at once instead.
    """

    duties: Iterable[Duty]
    clock: Clock
    say: Callable[[str], None]
    on_fault: Callable[[str, str], None]
    stop: Event = field(default_factory=Event)
    start: Callable[[Thread], None] = Thread.start

    def __post_init__(self) -> None:
        now = self.clock.monotonic()
        self._states = [DutyState(duty, now) for duty in self.duties]
        self._guard = Lock()
        self._said: dict[str, str] = {}

    def run(self) -> None:
        """Do what is due until `stop` is set; then wait for what changes devices, and leave what only reads."""
        while not self.stop.is_set():
            self.begin_due()
            self.stop.wait(LOOK_SECONDS)
        for one in self._states:
            if one.thread is not None:
                one.thread.join(None if one.duty.changes_devices else READ_PATIENCE_SECONDS)

    def begin_due(self) -> None:
        """Begin every duty that is due and does not run."""
        now = self.clock.monotonic()
        for one in self._states:
            with self._guard:
                if one.began is not None or one.due > now:
                    continue
                # From the beginning on: a duty that takes long has its pace, and one that hangs is not piled up.
                one.began, one.due = now, now + one.duty.every_seconds
            one.thread = Thread(target=self._run_duty, args=(one,), name=one.duty.name, daemon=True)
            self.start(one.thread)

    def find_faults(self) -> list[str]:
        """Return what is wrong now: duties whose last run broke off, and those that hang."""
        now, faults = self.clock.monotonic(), list[str]()
        with self._guard:
            for one in self._states:
                name, longest = one.duty.name, one.duty.longest_seconds
                if one.fault:
                    faults.append(f"{name}: {one.fault}")
                elif longest and one.began is not None and now - one.began > longest:
                    faults.append(f"{name}: hangs for {now - one.began:.0f} s")
        return faults

    def _run_duty(self, state: DutyState) -> None:
        name = state.duty.name
        try:
            words, fault = state.duty.run(self.stop), ""
        except TsunaguError as error:
            words, fault = "", str(error)
        except Exception as error:  # noqa: BLE001 one duty must not end the others
            # Only its kind: its words may quote what a device said.
            words, fault = "", f"a fault of this program ({error.__class__.__name__}); please report it"
        with self._guard:
            was, state.fault = state.fault, fault
        try:
            self._tell(name, words, fault, was)
        finally:
            with self._guard:
                state.began = None

    def _tell(self, name: str, words: str, fault: str, was: str) -> None:
        """Say what is new: the same again is no news, neither in the log nor in the record."""
        if fault and fault != was:
            self.say(f"{name}: broke off: {fault}")
            self._record(name, fault)
        elif was and not fault:
            self.say(f"{name}: works again")
        if words and words != self._said.get(name):
            self.say(f"{name}: {words}")
        self._said[name] = words

    def _record(self, name: str, fault: str) -> None:
        try:
            self.on_fault(name, fault)
        except TsunaguError as error:
            self.say(f"{name}: that stands in no record: {error}")
