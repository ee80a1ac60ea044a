"""What ends a wave: its failures are counted, and devices that do not answer are tried again before they count.

A device that stays `unknown` is tried again with growing pauses until it is seen, the rollout's own deadline passes, or
a named operator writes it off. Where the wave may do without it, the next wave begins meanwhile; the rollout itself
does not end before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from controller.rollout.durable.gates.gate import MOST_NAMED
from controller.rollout.durable.records import GOES_ON, WITHOUT_RESTORE, DeviceRun, RolloutState, RunPlace, Wave
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.waits import Waits, count_seconds_left
from controller.rollout.durable.waves.unknown_devices import (
    WaitingDevice,
    describe_waiting,
    find_deadline,
    list_waiting,
)
from controller.rollout.durable.waves.write_offs import WriteOffStore
from controller.rollout.outcome import describe_failures

GO, ENDED = "go", "ended"
"""How a wave ended: the next one begins, or none does. Else `LeftSchools` of it are begun now."""
_AGAIN = "again"
_SOAK = "soak"
_Wait = Callable[[Sequence[WaitingDevice]], None]


@dataclass(frozen=True, slots=True)
class LeftSchools:
    """Schools of a wave that were left out and may begin now, so many side by side."""

    wave: int
    together: int
    schools: tuple[str, ...]

    def format_step(self) -> str:
        """Return the text that a step of the workflow keeps of it.

        >>> LeftSchools(2, 8, ("as-e04", "as-e05")).format_step()
        'again 2 8 as-e04 as-e05'
        """
        return " ".join((_AGAIN, str(self.wave), str(self.together), *self.schools))


def split_left_schools(end: str) -> LeftSchools | None:
    """Return the schools that begin now by what a step kept of how a wave ended; None where none do.

    >>> split_left_schools("again 2 8 as-e04 as-e05")
    LeftSchools(wave=2, together=8, schools=('as-e04', 'as-e05'))
    >>> split_left_schools(GO)
    """
    word, *left = end.split()
    if word != _AGAIN:
        return None
    wave, together, *schools = left
    return LeftSchools(int(wave), int(together), tuple(schools))


@dataclass(frozen=True, slots=True)
class WaveEnd:
    """Judges how waves ended. `retry` tries a device again; the rest is asked of the worker.

    `explain_end` says why nothing more is done, `explain_wait` why a school is not changed now; `look_later` waits, the
    longer the more seconds were waited before. `waits` is told what is waited for.
    """

    store: RolloutStore
    write_offs: WriteOffStore
    scene: RolloutScene
    say: Callable[[str], None]
    explain_end: Callable[[str, int], str]
    explain_wait: Callable[[str], str]
    look_later: Callable[[float], None]
    retry: Callable[[int, WaitingDevice], None]
    waits: Waits

    def judge_wave(self, place: RunPlace, wave: Wave) -> str:
        """Return `GO`, `ENDED`, or the text of the `LeftSchools` of the wave."""
        with self._begin_waiting(f"the wave {wave.name}") as wait:
            return self._judge_until_decided(place, wave, wait)

    def _judge_until_decided(self, place: RunPlace, wave: Wave, wait: _Wait) -> str:
        while not self.explain_end(place.rollout, place.generation):
            self._retry_due(place.generation)
            runs, waiting = self.store.list_runs(place.rollout), self.list_waiting()
            names = {one.device for one in waiting}
            reason, over = self._count(place, wave, runs, names)
            if reason:
                return self.stop_rollout(place.rollout, reason)
            held = [one for one in waiting if one.wave == place.wave] if over else []
            if self._is_unrestored_next(place):
                held = waiting
            if held and not self._has_passed(held):
                wait(held)
                continue
            if over:
                return self.stop_rollout(place.rollout, f"{over}; nobody has seen {self._describe(held)}")
            left = self._list_left(place, wave, runs)
            if left:
                return self._format_left(place.wave, wave, left)
            unrestored = self._explain_unrestored(place, runs)
            return self.stop_rollout(place.rollout, unrestored) if unrestored else GO
        return ENDED

    def wait_for_unknown(self, rollout: str, generation: int) -> str:
        """Wait until no device is unknown, or nobody waits for them; return what `judge_wave` does, of any wave."""
        with self._begin_waiting("the rollout") as wait:
            return self._wait_until_seen(rollout, generation, wait)

    def _wait_until_seen(self, rollout: str, generation: int, wait: _Wait) -> str:
        while not self.explain_end(rollout, generation):
            self._retry_due(generation)
            runs, waiting = self.store.list_runs(rollout), self.list_waiting()
            names = {one.device for one in waiting}
            for number, wave in enumerate(self.scene.record.waves):
                place = RunPlace(rollout, generation, number, wave.schools[0].school)
                reason, over = self._count(place, wave, runs, names)
                if reason or (over and not names):
                    return self.stop_rollout(rollout, reason or over)
                left = self._list_left(place, wave, runs)
                if left:
                    return self._format_left(number, wave, left)
            if not waiting or self._has_passed(waiting):
                return GO
            wait(waiting)
        return ENDED

    def soak(self, place: RunPlace, minutes: int) -> None:
        """Wait until so many minutes after the wave's last device; who goes on in another process waits for the rest.

        The rest is counted by a clock that nobody puts back.
        """
        clock = self.scene.clock
        runs = [run for run in self.store.list_runs(place.rollout) if run.wave == place.wave and run.attempted]
        until = max((run.ended for run in runs if run.ended), default=clock.now()) + timedelta(minutes=minutes)
        left, began = count_seconds_left(until, clock.now(), minutes), clock.monotonic()
        if not left:
            return
        told = f"until {until:%Y-%m-%d %H:%M %Z} ({minutes} min) before the next wave"
        self.say(f"waits {told}")
        with self.waits.end_after(_SOAK):
            self.waits.begin_wait(_SOAK, told)
            while (waited := clock.monotonic() - began) < left:
                if self.explain_end(place.rollout, place.generation):
                    return
                self.look_later(waited)

    def end_rollout(self, rollout: str, generation: int) -> str:
        """Note that every wave has ended; names what nobody has seen."""
        if not self.explain_end(rollout, generation):
            waiting = self.list_waiting()
            reason = f"not seen until its deadline: {self._describe(waiting)}" if waiting else ""
            now = self.scene.clock.now()
            self.store.change_state(rollout, RolloutState.DONE, now, since=GOES_ON, reason=reason)
        return ENDED

    def stop_rollout(self, rollout: str, reason: str) -> str:
        """Stop the rollout, unless somebody ended it meanwhile, and return `ENDED`."""
        now = self.scene.clock.now()
        if self.store.change_state(rollout, RolloutState.STOPPED, now, since=GOES_ON, reason=reason):
            self.say(f"stopped: {reason}")
        else:
            state = self.store.load_status(rollout).state
            self.say(f"the rollout was {state} meanwhile; else it would have stopped: {reason}")
        return ENDED

    def list_waiting(self) -> list[WaitingDevice]:
        """Return the devices of the rollout that are waited for."""
        record, rule = self.scene.record, self.scene.operations.rollout.retry
        return list_waiting(record, self.store.list_runs(record.id), self._list_off(), rule)

    def list_bad(self, runs: Sequence[DeviceRun]) -> list[DeviceRun]:
        """Return those among tries that count as failures: written-off devices do not."""
        bad = [run for run in runs if run.attempted and run.end is not None and not run.end.good]
        off = self._list_off() if bad else frozenset()
        return [run for run in bad if run.device not in off]

    def _retry_due(self, generation: int) -> None:
        """Try the devices again whose pause is over, where their school may be changed now."""
        now = self.scene.clock.now()
        if now >= self._deadline and not any(one.broken_off for one in self.list_waiting()):
            return
        waiting = [one for one in self.list_waiting() if one.broken_off or now < self._deadline]
        held = self._explain_held(waiting)
        due = [one for one in waiting if one.next_try <= now and one.device not in held]
        for number, wave in enumerate(self.scene.record.waves):
            schools: dict[str, list[WaitingDevice]] = {}
            for one in due:
                if one.wave == number:
                    schools.setdefault(one.school, []).append(one)
            if schools:
                with ThreadPoolExecutor(self.scene.count_schools_at_once(wave)) as pool:
                    list(pool.map(partial(self._retry_school, generation), schools.values()))

    def _retry_school(self, generation: int, devices: Sequence[WaitingDevice]) -> None:
        """Try devices of a school again, one after the other."""
        for one in devices:
            self.retry(generation, one)

    def _count(self, place: RunPlace, wave: Wave, runs: Sequence[DeviceRun], waiting: set[str]) -> tuple[str, str]:
        """Return why the wave stops whatever is waited for, and why it stops unless who is waited for is seen."""
        last = {run.device: run for run in runs}
        named = [name for turn in wave.schools for name in turn.devices]
        missing = [name for name in named if name not in last or last[name].end is None]
        if missing:
            return f"{', '.join(missing[:MOST_NAMED])}: nothing says how it ended", ""
        limit = self.scene.find_rule(wave).maximum_failures
        bad = self.list_bad([last[name] for name in named if last[name].generation == place.generation])
        sure = [run for run in bad if run.device not in waiting]
        if len(sure) > limit:
            return explain_failures(sure, wave, limit), ""
        return "", explain_failures(bad, wave, limit) if len(bad) > limit else ""

    def _list_left(self, place: RunPlace, wave: Wave, runs: Sequence[DeviceRun]) -> list[str]:
        """Return the schools with devices that were not begun, though nothing of the school stands in their way now."""
        last = {run.device: run for run in runs if run.generation == place.generation}
        left = []
        for turn in wave.schools:
            mine = [last[name] for name in turn.devices if name in last]
            if any(not (run.attempted or run.end is None or run.end.good) for run in mine) and not self.list_bad(mine):
                left.append(turn.school)
        return left

    def _format_left(self, number: int, wave: Wave, left: Sequence[str]) -> str:
        return LeftSchools(number, self.scene.count_schools_at_once(wave), tuple(left)).format_step()

    def _is_unrestored_next(self, place: RunPlace) -> bool:
        waves = self.scene.record.waves
        return place.wave + 1 < len(waves) and waves[place.wave + 1].rule == WITHOUT_RESTORE

    def _explain_unrestored(self, place: RunPlace, runs: Sequence[DeviceRun]) -> str:
        """Return why devices without a restore of their own, if they are next, are not begun; "" where they may be."""
        if not self._is_unrestored_next(place):
            return ""
        last = {run.device: run for run in runs}
        ends = ((name, last[name].end) for name in self.scene.record.list_devices() if name in last)
        bad = next((name for name, end in ends if end is not None and not end.good), "")
        return (
            f"{bad} ended {last[bad].end}, and devices without a restore of their own come only after good ends"
            if bad
            else ""
        )

    @property
    def _deadline(self) -> datetime:
        return find_deadline(self.scene.record, self.scene.operations.rollout.retry)

    def _has_passed(self, waiting: Sequence[WaitingDevice]) -> bool:
        return self.scene.clock.now() >= self._deadline and not any(one.broken_off for one in waiting)

    def _describe(self, waiting: Sequence[WaitingDevice]) -> str:
        return describe_waiting(waiting, self._deadline, self.scene.clock.now(), self._explain_held(waiting))

    def _explain_held(self, waiting: Sequence[WaitingDevice]) -> Mapping[str, str]:
        """Return why devices that are due are not tried again now: outside the windows of their school, say."""
        now = self.scene.clock.now()
        held = {one.device: self.explain_wait(one.school) for one in waiting if one.next_try <= now}
        return {device: why for device, why in held.items() if why}

    @contextmanager
    def _begin_waiting(self, who: str) -> Iterator[_Wait]:
        """Yield what waits a moment for devices, and tells of each new thing that it is waited for."""
        clock = self.scene.clock
        known, began = "", clock.monotonic()

        def wait_a_moment(waiting: Sequence[WaitingDevice]) -> None:
            # Why one is held names the time of day: only that it is held is news.
            nonlocal known
            held, now = self._explain_held(waiting), self.scene.clock.now()
            found = describe_waiting(waiting, self._deadline, now, dict.fromkeys(held, "held"))
            if found != known:
                known, why = found, describe_waiting(waiting, self._deadline, now, held)
                self.say(f"{who} waits for {why}")
                self.waits.begin_wait(who, why)
            self.look_later(clock.monotonic() - began)

        with self.waits.end_after(who):
            yield wait_a_moment

    def _list_off(self) -> frozenset[str]:
        return frozenset(one.device for one in self.write_offs.list_write_offs(self.scene.record.id))


def explain_failures(bad: Sequence[DeviceRun], wave: Wave, limit: int) -> str:
    """Return which devices of a wave ended badly, where those are too many."""
    return describe_failures([(run.device, run.end) for run in bad], wave.name, limit)
