"""The probe at work: measure, keep, send, wait; for ever, or until it is told to stop.

Throughput is tested in the slots that the monitor gives. A configuration with a rhythm of its own, for trials, goes by
that alone.
"""

from __future__ import annotations

import json
import math
import select
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.probe_agent.configuration import Configuration, ProbedPath
from controller.probe_agent.probing.measuring_round import (
    RoundRecorder,
    find_alive_paths,
    measure_heavy,
    measure_light,
    record_success,
)
from controller.probe_agent.probing.planned_slots import PlannedSlot
from controller.probe_agent.probing.planned_test import PlannedFindings, PlannedTest, choose_paths
from controller.probe_agent.probing.slot_keeper import SlotKeeper
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.probe_agent.problems import ProbeProblem, tell
from controller.probe_agent.result_store import Result, ResultStore
from controller.probe_agent.sender import Answer, ProbeStatus, Reception, Sender
from controller.probe_agent.version import VERSION
from controller.probe_agent.whole_file import write_file
from controller.telemetry.registry import PROBE_SLOT

STORE, REPORTED, UPDATE_WORD = "results.db", "reported.json", "update-word"
_BATCH = 500
_MOST_BATCHES = 40
"""How many requests a round sends at most: after a long time without the monitor it catches up over several rounds."""
_LONGEST_WORD = 20
_ASK_SECONDS = 900.0
"""How often the planned tests are asked for: so soon a change of them is known."""


@dataclass
class MeasuringLoop:
    """A probe. `clock` dates results, `timer` never goes back; `run` names this start to who waits for its word."""

    configuration: Configuration
    state: Path
    clock: Callable[[], float]
    timer: Callable[[], float]
    run: str = ""

    def __post_init__(self) -> None:
        """Open what is kept."""
        self._store = ResultStore(self.state / STORE, self.configuration.keep_results)
        self._sender = Sender(self.configuration, self.clock)
        self._said = ""
        self._unkept: list[Result] = []
        lines = {one.line for one in self.configuration.paths}
        self._slots = SlotKeeper(self.state, lines, self.clock, self.timer)
        self._slots_said = ""
        self._asked = -math.inf
        self._alive: frozenset[ProbedPath] = frozenset(self.configuration.paths)
        self._throughput_due = self.timer() + self._spread(self.configuration.throughput.every_seconds)

    def work(self, parent: int) -> None:
        """Go on until a file descriptor can be read from, or has no other end any more."""
        due = self.timer()
        while True:
            if self.timer() >= due:
                self.measure()
                self.send()
                due = max(due + self.configuration.light.every_seconds, self.timer())
            self.test_planned()
            wait = min(due - self.timer(), self._slots.count_wait() if self._follows_slots else math.inf)
            if select.select([parent], [], [], max(0.0, wait))[0]:
                break
        self._store.close()

    @property
    def _follows_slots(self) -> bool:
        return not self.configuration.throughput.every_seconds

    def measure(self) -> list[Result]:
        """Measure what is due, keep it, and return it; nothing where this user may not measure, which is said."""
        results: list[Result] = []
        try:
            results += measure_light(self.configuration, self.clock)
            self._alive = find_alive_paths(self.configuration.paths, results)
            every = self.configuration.throughput.every_seconds
            if every and self.timer() >= self._throughput_due:
                self._throughput_due = self.timer() + every
                results += measure_heavy(self.configuration, self.state, self.clock)
        except ProbeProblem as problem:
            self._say(str(problem))
        self._keep(results)
        return results

    def test_planned(self) -> None:
        """Test throughput where a slot is open, and note the slots that went by without a test."""
        if not self._follows_slots:
            return
        passed, slot = self._slots.list_passed_slots(), self._slots.find_open_slot()
        results = [self._record_outcome(one, SlotOutcome.LATE) for one in passed]
        last = slot or (passed[-1] if passed else None)
        if last is None:
            return
        try:
            self._slots.claim_slots(last)
        except OSError as error:
            # A probe that ends in the middle of the test would make it again.
            self._say_slots(f"no throughput is tested: {error.filename or self.state}: {error.strerror or error}")
            return
        if slot is not None:
            results += self._test_slot(slot)
        self._keep(results)

    def _test_slot(self, slot: PlannedSlot) -> list[Result]:
        paths = choose_paths(self.configuration.paths, slot.line, self._slots.regions, self._alive)
        test = PlannedTest(self.configuration, self.state, self.clock, self._slots.tell_time)
        try:
            found = test.measure(slot, paths)
        except ProbeProblem as problem:
            self._say(str(problem))
            found = PlannedFindings((), SlotOutcome.UNABLE)
        return [*found.results, self._record_outcome(slot, found.outcome)]

    def _record_outcome(self, slot: PlannedSlot, outcome: SlotOutcome) -> Result:
        """What became of a slot, dated in it, so that nobody takes it for another's."""
        now = self._slots.tell_time()
        at = self.clock() - now + max(slot.begins + 1, min((slot.begins + slot.ends) / 2, now))
        recorder = RoundRecorder(self.configuration.school, lambda: at)
        return recorder.record(PROBE_SLOT, float(outcome), line=slot.line)

    def _keep(self, results: list[Result]) -> None:
        if results:
            results.append(record_success(self.configuration, self.clock))
            try:
                self._store.add(results)
            except sqlite3.Error as error:
                self._unkept += results
                self._say_unwritten(error)

    def ask_slots(self) -> None:
        """Ask for the planned tests now and then; those that are known stay where the monitor gives none."""
        if not self._follows_slots or self.timer() - self._asked < _ASK_SECONDS:
            return
        self._asked = self.timer()
        try:
            answer = self._sender.ask_slots()
            self._slots.take_answer(answer, self.timer() - self._asked)
            self._say_slots("")
        except ProbeProblem as problem:
            self._say_slots(str(problem))
        except OSError as error:
            self._say_slots(f"{error.filename or self.state}: the planned tests cannot be kept ({error.strerror})")

    def send(self) -> Answer:
        """Send what waits, the newest first, until all is sent or the monitor does not take it.

        What the disk did not take goes first, once: the present is told also while nothing can be kept.

        Raises:
            ProbeProblem: the file of results is damaged; the next start moves it aside.
        """
        try:
            if self._unkept:
                unkept, self._unkept = self._unkept, []
                self._sender.send(unkept, self._describe_status())
            answer = self._send_waiting()
        except (sqlite3.Error, OSError) as error:
            return Answer(Reception.LATER, self._say_unwritten(error))
        if answer.reception is Reception.TAKEN:
            self.ask_slots()
        return answer

    def _send_waiting(self) -> Answer:
        answer = Answer(Reception.TAKEN)
        for _ in range(_MOST_BATCHES):
            waiting = self._store.take_newest(_BATCH)
            if not waiting:
                break
            status = self._describe_status()
            answer = self._sender.send([one for _, one in waiting], status)
            if answer.reception is Reception.LATER:
                self._say(f"{answer.reason}; {status.waiting} results wait")
                break
            self._finish(waiting, answer)
        return answer

    def _finish(self, waiting: list[tuple[int, Result]], answer: Answer) -> None:
        """Forget what the monitor has, count what it does not want, and note that it was reached."""
        lost = len(waiting) if answer.reception is Reception.REFUSED else answer.refused
        if lost:
            self._say(f"{lost} results are not wanted: {answer.reason}")
            self._store.count_dropped(lost)
        self._store.remove([number for number, _ in waiting])
        if answer.reception is Reception.TAKEN and not lost:
            self._say("")
        if answer.reception is Reception.TAKEN:
            write_file(self.state / REPORTED, json.dumps({"run": self.run, "version": VERSION}).encode())

    def _describe_status(self) -> ProbeStatus:
        until = self._slots.until if self._follows_slots else None
        return ProbeStatus(self._store.count_waiting(), self._store.dropped, self._read_update_word(), until)

    def _say_unwritten(self, error: Exception) -> str:
        """Say that the disk does not take what it should.

        Raises:
            ProbeProblem: the file of results is damaged.
        """
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            message = f"{self.state / STORE} is damaged ({error}); the probe begins anew"
            raise ProbeProblem(message) from None
        reason = f"results cannot be written down ({error}); is the disk full?"
        self._say(reason)
        return reason

    def _say(self, text: str) -> None:
        """Tell what is wrong once, not in every round; and that it is over."""
        if text != self._said:
            tell(text or "the monitor has what was measured")
            self._said = text

    def _say_slots(self, text: str) -> None:
        """The same of the planned tests."""
        if text != self._slots_said:
            tell(text or "the planned tests are known")
            self._slots_said = text

    def _read_update_word(self) -> str:
        try:
            return (self.state / UPDATE_WORD).read_text("ascii")[:_LONGEST_WORD].strip() or "none"
        except (OSError, ValueError):
            return "none"

    def _spread(self, every: float) -> float:
        """When in an interval a school's turn is, so that not all of them begin at once."""
        return zlib.crc32(self.configuration.school.encode()) / 2**32 * every
