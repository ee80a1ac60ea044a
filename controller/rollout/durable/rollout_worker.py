"""The workflows of a rollout: its waves, the schools of a wave, and the steps that they consist of.

The workflows themselves only lead from step to step: everything that may turn out otherwise a second time (the time,
the database, a device) is asked in a step, so that a workflow that is carried on goes the way that it went before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from threading import Event

from controller.errors import StoreRefused
from controller.platforms.transport.base import Clock
from controller.rollout.durable.gates.gate_store import GateStore
from controller.rollout.durable.records import RolloutState, RolloutStatus, RunPlace, Wave
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.waits import Waits, WorkflowWatch, find_pause
from controller.rollout.durable.waves.device_tries import DeviceTries
from controller.rollout.durable.waves.gate_steps import GateSteps
from controller.rollout.durable.waves.time_windows import explain_closed_window
from controller.rollout.durable.waves.unknown_devices import WaitingDevice
from controller.rollout.durable.waves.wave_end import (
    ENDED,
    GO,
    LeftSchools,
    WaveEnd,
    explain_failures,
    split_left_schools,
)
from controller.rollout.durable.waves.wave_gates import WaveGates
from controller.rollout.durable.waves.wave_undo import WaveUndo
from controller.rollout.durable.waves.write_offs import WriteOffStore
from controller.rollout.durable.workflow_engine import WorkerStopped, WorkflowBody, WorkflowEngine, WorkflowStatus
from controller.rollout.durable.workflow_names import (
    LAST_ROUNDS,
    name_queue,
    name_school_workflow,
    name_undo_workflow,
    split_school_workflow,
)
from controller.rollout.outcome import End
from controller.telemetry.timeline import Span

ROLLOUT, SCHOOL, UNDO = "rollout", "school", "undo"
"""The names of the workflows."""
LOOK_SECONDS = 1.0
"""How soon a rollout that waits looks whether it may go on, and how often whether its process is to stop."""
_MOST_LOOK_SECONDS = 5.0
"""The longest pause between two such looks at the database."""
_POLL_SECONDS = 0.2
_WRITTEN_OFF = "written off"
_STORE_TRIES = 3  # of a step, until a shared database that fails in its middle stops this process


@dataclass
class RolloutWorker:
    """Carries out one rollout in this process. `name` is the worker's; `say` is told what it does, in words.

    Workflows of other rollouts, or of earlier generations, that were left are ended without touching a device.
    """

    engine: WorkflowEngine
    store: RolloutStore
    scene: RolloutScene
    span: Span
    name: str
    say: Callable[[str], None]
    stop: Event = field(default_factory=Event)
    waits: Waits = field(init=False)
    workflows: WorkflowWatch = field(init=False)
    _tries: DeviceTries = field(init=False)
    _waves: dict[str, tuple[Wave, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # One for all threads: whoever asks what has begun must see the tries of each.
        self._tries = DeviceTries(self.store, self.scene, self.span, self.name, self._ask_to_go_on, self._sleep)
        self.waits = Waits(self.span)
        self.workflows = WorkflowWatch(self.engine, self.stop)

    @property
    def bodies(self) -> Mapping[str, WorkflowBody]:
        """The workflows by their name."""
        bodies = {ROLLOUT: self.run_rollout, SCHOOL: self.run_school, UNDO: self.run_undo}
        return {name: partial(self._run_body, body) for name, body in bodies.items()}

    @property
    def queues(self) -> Mapping[str, int]:
        """The queues of schools that this rollout uses, and how many run side by side in each."""
        counts = {self.scene.count_schools_at_once(wave) for wave in self.scene.record.waves}
        return {name_queue(count): count for count in sorted(counts)}

    @property
    def begun(self) -> frozenset[str]:
        """The devices whose change has begun in this process and has not ended."""
        return self._tries.begun

    def wait_for_begun(self) -> None:
        """Let no further device begin in this process, and wait until those have ended that had begun."""
        self._tries.begin_no_more()
        while self.begun:
            Event().wait(_POLL_SECONDS)

    # --- the workflows ---

    def _run_body(self, body: WorkflowBody, key: str) -> None:
        """Run a workflow; where the engine cannot keep what it did, this process stops."""
        try:
            body(key)
        except StoreRefused as error:
            raise self._give_up(error) from error
        finally:
            self.workflows.note_returned(key)

    def run_rollout(self, key: str) -> None:
        """Carry out the waves one after the other, until one stops the rollout."""
        rollout, _, last = key.rpartition(".")
        generation = int(last)
        for number, wave in enumerate(self._list_waves(rollout)):
            if not self._run_wave(RunPlace(rollout, generation, number, wave.schools[0].school), wave):
                return
        turn = 0
        wait = partial(self._ends.wait_for_unknown, rollout, generation)
        while left := split_left_schools(end := self._run_step(f"wait for unknown devices {turn}", wait)):
            turn += 1
            place = RunPlace(rollout, generation, left.wave, left.schools[0], LAST_ROUNDS + turn)
            self._run_schools(place, left.schools, left.together)
        if end == GO:
            self._run_step("end", partial(self._ends.end_rollout, rollout, generation))

    def _run_wave(self, place: RunPlace, wave: Wave) -> bool:
        """Carry out a wave and ask its gates; tell if the next one may begin."""
        name = f"wave {place.wave}"
        together = self._run_step(f"begin {name}", partial(self._begin_wave, place, wave))
        if together == ENDED:
            return False
        self._run_step(f"look before {name}", partial(self._gate_steps.look_before, place, wave))
        left = LeftSchools(place.wave, int(together), tuple(turn.school for turn in wave.schools))
        while True:
            self._run_schools(place, left.schools, left.together)
            again = f" {place.round}" if place.round else ""
            end = self._run_step(f"end {name}{again}", partial(self._end_wave, place, wave))
            if (again_left := split_left_schools(end)) is None:
                break
            left, place = again_left, replace(place, round=place.round + 1)
        if end != GO:
            return False
        gates = self._run_step(f"list gates of {name}", partial(self._gate_steps.list_gates, wave))
        passed = [
            self._run_step(f"gate {kind} of {name}", partial(self._gate_steps.ask_gate, place, wave, kind)) == GO
            for kind in gates.split()
        ]
        if all(passed):
            return True
        together = self._run_step(f"stop after {name}", partial(self._gate_steps.stop_at_gate, place, wave))
        if together != ENDED:
            keys = [name_undo_workflow(replace(place, school=turn.school)) for turn in wave.schools]
            for key in keys:
                self.engine.start_workflow(UNDO, key, name_queue(int(together)))
            self._run_step(f"wait for undo of {name}", partial(self._wait_for_schools, keys))
            self._run_step(f"end undo of {name}", partial(self._gate_steps.end_undo, place, wave))
        return False

    def run_undo(self, key: str) -> None:
        """Bring the devices of a school back to the policy before its wave, the last one first."""
        place = split_school_workflow(key)
        wave = self._list_waves(place.rollout)[place.wave]
        for device in self._undo.list_devices(place.school, wave):
            self._run_step(f"undo {device}", partial(self._undo_device, place, device))

    def _run_schools(self, place: RunPlace, schools: Sequence[str], together: int) -> None:
        """Change schools of a wave side by side, and wait until all have ended."""
        keys = [name_school_workflow(replace(place, school=school)) for school in schools]
        for key in keys:
            self.engine.start_workflow(SCHOOL, key, name_queue(together))
        again = f" {place.round}" if place.round else ""
        self._run_step(f"wait for wave {place.wave}{again}", partial(self._wait_for_schools, keys))

    def run_school(self, key: str) -> None:
        """Change the devices of a school one after the other; after a bad end no further one is begun."""
        place = split_school_workflow(key)
        waves = self._list_waves(place.rollout)
        devices = next(turn.devices for turn in waves[place.wave].schools if turn.school == place.school)
        why = self._run_step("take turn", partial(self._take_turn, place))
        for device in devices:
            if why != GO:
                self._run_step(f"pass over {device}", partial(self._tries.leave_alone, place, device, why))
                continue
            end = self._run_step(f"change {device}", partial(self._change_device, place, device))
            if end != _WRITTEN_OFF and not End(end).good:
                why = f"{device} of the same school ended {end}"

    def _list_waves(self, rollout: str) -> tuple[Wave, ...]:
        """Return the waves, which stand in the record and never change: so this needs no step."""
        if rollout not in self._waves:
            self._waves[rollout] = self.store.load_record(rollout).waves
        return self._waves[rollout]

    def _run_step(self, name: str, work: Callable[[], str]) -> str:
        """Run a step; where the database fails, the step (which reads first) is done again, or by another process."""

        def run() -> str:
            for left in range(_STORE_TRIES if self.store.lease else 1, 0, -1):
                if self.stop.is_set():
                    raise WorkerStopped
                self.store.refuse_lost_lease()
                try:
                    return work()
                except StoreRefused as error:
                    if left == 1:
                        raise self._give_up(error) from error
                    self.say(f"{error} until the database answers again")
            raise WorkerStopped

        return self.engine.run_step(name, run)

    def _give_up(self, error: StoreRefused) -> WorkerStopped:
        self.say(str(error))
        self.stop.set()
        return WorkerStopped()

    # --- the steps ---

    def _begin_wave(self, place: RunPlace, wave: Wave) -> str:
        """Return how many schools of the wave are changed side by side, once the rollout may go on."""
        if self._wait_until_running(place.rollout, place.generation):
            return ENDED
        waves = self.scene.record.waves
        self.say(f"wave {place.wave + 1} of {len(waves)} ({wave.name}): {_count(len(wave.schools), 'school')}")
        return str(self.scene.count_schools_at_once(wave))

    def _wait_for_schools(self, keys: list[str]) -> str:
        began = time.monotonic()
        for key in keys:
            if self.workflows.wait_for_workflow(key, began) is WorkflowStatus.PENDING:
                raise WorkerStopped
        return GO

    def _take_turn(self, place: RunPlace) -> str:
        """Wait until the school may be changed; return why it may not, where it will not come to that."""
        if ended := self._wait_until_running(place.rollout, place.generation, place.school):
            return ended
        wave = self.scene.record.waves[place.wave]
        bad, limit = self._ends.list_bad(self.store.list_bad_runs(place)), self.scene.find_rule(wave).maximum_failures
        return explain_failures(bad, wave, limit) if len(bad) > limit else GO

    def _change_device(self, place: RunPlace, device: str) -> str:
        """Change a device, and return its end; what ended well before is not touched again."""
        last = self.store.find_last_run(place.rollout, device, only_attempted=True)
        if last is not None and last.end is not None and last.end.good:
            return last.end
        if last is not None and any(one.device == device for one in self.write_offs.list_write_offs(place.rollout)):
            return _WRITTEN_OFF
        if ended := self._wait_until_running(place.rollout, place.generation, place.school):
            return self._tries.leave_alone(place, device, ended)
        return self._tries.try_change(place, device).end

    def _retry(self, generation: int, one: WaitingDevice) -> None:
        """Try a device again that did not answer. One that was lost in a change is only looked at."""
        place = RunPlace(self.scene.record.id, generation, one.wave, one.school)
        # Asked for each one anew: what was tried before it may have lasted until its window closed.
        if self._ask_to_go_on(place) or self._explain_wait(one.school):
            return
        if one.untouched:
            self._tries.try_change(place, one.device)
        else:
            self._tries.inspect_lost_device(place, one.device)

    def _end_wave(self, place: RunPlace, wave: Wave) -> str:
        """Judge a wave, and wait as long as the operators say before its gates are asked and the next one begins."""
        found = self._ends.judge_wave(place, wave)
        rule = self.scene.find_rule(wave)
        followed = place.wave + 1 < len(self.scene.record.waves) or self.scene.operations.rollout.list_gates(rule)
        if found != GO:
            return found
        if followed and rule.soak_minutes:
            self._ends.soak(place, rule.soak_minutes)
        return ENDED if self._wait_until_running(place.rollout, place.generation) else GO

    def _undo_device(self, place: RunPlace, device: str) -> str:
        """Bring a device back that the wave has changed, and return its end."""
        last = self.store.find_last_run(place.rollout, device, only_attempted=True)
        if last is None:
            return End.FAILED
        if last.end is End.REVERTED:
            return last.end
        # For no window: a wave that did harm is not left as it is until the next evening.
        if ended := self._wait_until_running(place.rollout, place.generation):
            return ended
        return self._tries.try_undo(self._undo, place, device).end

    # --- what the steps ask ---

    def _wait_until_running(self, rollout: str, generation: int, school: str = "") -> str:
        """Wait while the rollout is paused, or a school outside its windows; return why it has ended, or ""."""
        said, who, began = "", school or "the rollout", self._clock.monotonic()
        with self.waits.end_after(who):
            while True:
                status = self.store.load_status(rollout)
                if ended := self._explain_ended(rollout, generation, status):
                    return ended
                waits = self._explain_closed(school, status)
                if not waits:
                    return ""
                if waits != said:
                    said = waits
                    self.say(f"{who} waits: {waits}")
                    self.waits.begin_wait(who, waits)
                self._look_later(self._clock.monotonic() - began)

    def _ask_to_go_on(self, place: RunPlace, school: str = "") -> str:
        """Wait while the rollout is paused, or a school outside its windows; return why nothing more is done, or ""."""
        self._refuse_stopped()
        return self._wait_until_running(place.rollout, place.generation, school)

    def _explain_end(self, rollout: str, generation: int) -> str:
        """Return why nothing more of a rollout is done here; "" where it goes on."""
        return self._explain_ended(rollout, generation, self.store.load_status(rollout))

    def _explain_ended(self, rollout: str, generation: int, status: RolloutStatus) -> str:
        if not status.state.goes_on:
            return f"the rollout was {status.state}" + (f" by {status.by}" if status.by else "")
        if rollout != self.scene.record.id:
            return "another rollout is carried out"
        return "" if status.generation == generation else "the rollout was resumed since"

    def _explain_wait(self, school: str) -> str:
        """Return why a school is not changed now; "" where it is."""
        return self._explain_closed(school, self.store.load_status(self.scene.record.id))

    def _explain_closed(self, school: str, status: RolloutStatus) -> str:
        scene = self.scene
        if status.state is RolloutState.PAUSED:
            return "it is paused"
        if self.store.lease is not None and (busy := self.store.find_unfinished(scene.record.id)) is not None:
            return f"{busy.worker} still ends {busy.device} of the rollout before"
        changed_school = scene.find_school(school)
        if changed_school is None or scene.record.forced:
            return ""
        windows = scene.operations.rollout.windows
        return explain_closed_window(scene.city, changed_school, windows, self._clock.now(), scene.longest_change)

    def _look_later(self, waited: float = 0.0) -> None:
        """Wait until the database is looked at again: the longer, the longer was `waited`; stop soon all the same."""
        self._sleep(max(LOOK_SECONDS, find_pause(waited, _MOST_LOOK_SECONDS)))

    def _sleep(self, seconds: float) -> None:
        """Wait, and hear meanwhile that this process is to stop."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            self._refuse_stopped()
            self._clock.sleep(min(left, LOOK_SECONDS))

    def _refuse_stopped(self) -> None:
        if self.stop.is_set():
            raise WorkerStopped

    @property
    def _ends(self) -> WaveEnd:
        return WaveEnd(
            self.store,
            self.write_offs,
            self.scene,
            self.say,
            self._explain_end,
            self._explain_wait,
            self._look_later,
            self._retry,
            self.waits,
        )

    @cached_property
    def _undo(self) -> WaveUndo:
        return WaveUndo(self.scene, self.store)

    @property
    def _gate_steps(self) -> GateSteps:
        asked = WaveGates(self.store, self.gates, self.write_offs, self.scene, self.say, self.waits)
        return GateSteps(asked, self._ends, self._undo, self.say, self._explain_end, self._look_later)

    @property
    def gates(self) -> GateStore:
        """What gates saw."""
        return GateStore(self.store)

    @property
    def write_offs(self) -> WriteOffStore:
        """Which devices were written off."""
        return WriteOffStore(self.store)

    @property
    def _clock(self) -> Clock:
        return self.scene.clock


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
